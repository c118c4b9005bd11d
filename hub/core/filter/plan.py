"""How a filter is judged for a whole batch: boolean arithmetic on the masks of its leaves.

A leaf is shared by all filters that have it. An index (words and patterns in one pass over the batch, equal values by
a table) may know its mask beforehand; then a leaf that the index does not name has none of the records.

Most filters pass nothing of most batches. So a plan names its anchors: leaves of which at least one must hold where the
filter does. Only filters with an anchor that occurs in the batch are looked at. Where a filter has two such leaves, as
`service:orders reset`, one is the anchor and the other its gate: both must occur, and in the same record.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from hub.core.filter import nodes
from hub.core.filter.batch_view import mask_of
from hub.core.filter.leaf import test_of
from hub.core.filter.nodes import And, Edge, Exists, Leaf, Match, Node, Not, Number, Or, Regex, Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hub.core.filter.batch_view import BatchView

K = TypeVar("K")
LOOKED_THROUGH = (nodes.TEXT, nodes.BODY, nodes.EXCEPTION)
# How many records a leaf of this kind is likely to leave, best first; the best of an And is its anchor.
_NARROWNESS = (
    *(nodes.TRACE, nodes.SPAN, nodes.TEXT, nodes.BODY, nodes.EXCEPTION),
    *(nodes.ATTRIBUTE, nodes.THREAD, nodes.LOGGER, nodes.HOST, nodes.SERVICE),
)


@dataclass(slots=True, eq=False)
class SharedLeaf:
    """A leaf of any number of plans; `plans` are those that have it as an anchor.

    indexed   an index names its records in every batch
    """

    leaf: Leaf
    compute: Callable[[BatchView], int]
    indexed: bool = False
    uses: int = 0
    plans: set[Plan] = field(default_factory=set)


@dataclass(slots=True)
class Known:
    """A batch, and the leaves that are known of it: by the mask of the records in which they hold, or by their indexes.

    Most words are in one record or two; to make a mask of them takes longer than all that is done with it.
    """

    view: BatchView
    masks: dict[SharedLeaf, int] = field(default_factory=dict)
    found: dict[SharedLeaf, list[int]] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Plan:
    """A filter that is ready to be judged; `anchors` is None where it may hold without any leaf that has an index.

    gate       must hold as well, where there is one; it always has an index
    exact      whether anchor and gate are all there is to it
    lead       whatever what passes leads to; None: the filter is not judged
    """

    root: Node
    leaves: tuple[SharedLeaf, ...]
    anchors: tuple[SharedLeaf, ...] | None
    gate: SharedLeaf | None
    exact: bool
    lead: Any = None
    _arithmetic: Callable[[Known], int] | None = None

    def judge(self, known: Known) -> int:
        """Return the mask of the records that the filter passes."""
        if self._arithmetic is None:  # most are found by anchor and gate alone, and never need any
            self._arithmetic = _judge(self.root, {leaf.leaf: leaf for leaf in self.leaves}.__getitem__)
        return self._arithmetic(known)


def make_plan(root: Node, share: Callable[[Leaf], SharedLeaf]) -> Plan:
    """Return the plan of a filter; `share` gives the one shared leaf for each leaf."""
    leaves = {leaf: share(leaf) for leaf in leaves_of(root)}
    chosen = anchors_of(root)
    if chosen is None:
        return Plan(root, tuple(leaves.values()), None, None, exact=False)
    anchors = tuple({leaf: leaves[leaf] for leaf in chosen[1]}.values())
    gate = _gate(root, chosen[1])
    terms = len(root.children) if isinstance(root, And) else 1
    exact = len(anchors) == 1 and not isinstance(root, Or) and terms == 1 + (gate is not None)
    return Plan(root, tuple(leaves.values()), anchors, None if gate is None else leaves[gate], exact)


def leaves_of(node: Node) -> Iterator[Leaf]:
    """Yield the leaves of a tree, in order; one that is there twice comes twice."""
    if isinstance(node, And | Or):
        for child in node.children:
            yield from leaves_of(child)
    elif isinstance(node, Not):
        yield from leaves_of(node.child)
    else:
        yield node


def _gate(root: Node, anchors: tuple[Leaf, ...]) -> Leaf | None:
    """Return the narrowest leaf beside the anchors that a table of values finds."""
    if not isinstance(root, And):
        return None
    gates = [
        child for child in root.children if isinstance(child, Match) and is_equality(child) and child not in anchors
    ]
    return min(gates, key=_rank, default=None)


def _judge(node: Node, shared: Callable[[Leaf], SharedLeaf]) -> Callable[[Known], int]:
    if isinstance(node, And):
        children = sorted(node.children, key=_dearness)
        leaves = [shared(child) for child in children if not isinstance(child, And | Or | Not)]
        others = [_judge(child, shared) for child in children if isinstance(child, And | Or | Not)]
        return _all_of(leaves, others)
    if isinstance(node, Or):
        return _any_of([_judge(child, shared) for child in node.children])
    if isinstance(node, Not):
        inner = _judge(node.child, shared)
        return lambda known: known.view.all & ~inner(known)
    return _leaf(shared(node))


def _all_of(leaves: list[SharedLeaf], others: list[Callable[[Known], int]]) -> Callable[[Known], int]:
    def judge(known: Known) -> int:
        mask, masks = known.view.all, known.masks
        for leaf in leaves:
            found = masks.get(leaf)
            mask &= _mask_of(leaf, known) if found is None else found
            if not mask:
                return 0
        for one in others:
            mask &= one(known)
            if not mask:
                return 0
        return mask

    return judge


def _any_of(judges: list[Callable[[Known], int]]) -> Callable[[Known], int]:
    def judge(known: Known) -> int:
        mask = 0
        for one in judges:
            mask |= one(known)
        return mask

    return judge


def _leaf(leaf: SharedLeaf) -> Callable[[Known], int]:
    def judge(known: Known) -> int:
        mask = known.masks.get(leaf)
        return _mask_of(leaf, known) if mask is None else mask

    return judge


def _mask_of(leaf: SharedLeaf, known: Known) -> int:
    """Return the mask of a leaf that is not known yet, and keep it."""
    found = known.found.get(leaf)
    if found is None:
        mask = known.masks[leaf] = 0 if leaf.indexed else leaf.compute(known.view)
    else:
        mask = known.masks[leaf] = mask_of(found)
    return mask


def _dearness(node: Node) -> int:
    """Cheap children of an And come first: they may spare the others."""
    if isinstance(node, Match | Regex) and node.field in LOOKED_THROUGH:
        return 1 if is_scannable(node) else 2
    return 3 if isinstance(node, And | Or | Not) else 0


def compute_of(leaf: Leaf) -> Callable[[BatchView], int]:
    """Return what computes a leaf's mask without any index."""
    if isinstance(leaf, Severity):
        return lambda view: _sum_where(view.severities, lambda number: leaf.low <= number <= leaf.high)
    if isinstance(leaf, Number):
        return lambda view: _sum_where(view.numbers(leaf.field), _within(leaf))
    if isinstance(leaf, Exists):
        return lambda view: view.present(leaf.field)
    test = test_of(leaf)
    if leaf.field in LOOKED_THROUGH:
        return lambda view: view.looked_through(leaf.field, test)
    if isinstance(leaf, Match) and is_equality(leaf):
        return lambda view: (view.folded if leaf.fold else view.strings)(leaf.field).get(leaf.value, 0)
    return lambda view: _sum_where(view.strings(leaf.field), test)


def _within(leaf: Number) -> Callable[[float], bool]:
    return lambda number: (
        (leaf.low <= number if leaf.low_included else leaf.low < number)
        and (number <= leaf.high if leaf.high_included else number < leaf.high)
    )


def is_equality(leaf: Leaf) -> bool:
    """Whether a table of values finds the leaf."""
    edges = (Edge.ANCHOR, Edge.ANCHOR)
    return isinstance(leaf, Match) and leaf.field not in LOOKED_THROUGH and (leaf.left, leaf.right) == edges


def is_scannable(leaf: Leaf) -> bool:
    """Whether a pass over the texts can find the leaf."""
    return isinstance(leaf, Regex | Match) and leaf.field in LOOKED_THROUGH


def anchors_of(node: Node) -> tuple[int, tuple[Leaf, ...]] | None:
    """Return leaves of which one must hold where the node does, with their rank, low is narrow; None: none."""
    if isinstance(node, And):
        found = [one for one in map(anchors_of, node.children) if one]
        return min(found, key=lambda one: (one[0], len(one[1])), default=None)
    if isinstance(node, Or):
        found = [one for one in map(anchors_of, node.children) if one]
        if len(found) < len(node.children) or not found:
            return None
        return max(rank for rank, _ in found), tuple(leaf for _, leaves in found for leaf in leaves)
    if not isinstance(node, Not) and (is_scannable(node) or is_equality(node)):
        return _rank(node), (node,)
    return None


def _rank(leaf: Leaf) -> int:
    if isinstance(leaf, Regex):
        return len(_NARROWNESS)
    name = getattr(leaf, "field", "")
    return _NARROWNESS.index(nodes.ATTRIBUTE if name.startswith(nodes.ATTRIBUTE) else name)


def _sum_where(masks: Mapping[K, int], test: Callable[[K], bool]) -> int:
    return sum(mask for value, mask in masks.items() if test(value))  # no record has two values: the masks are disjoint
