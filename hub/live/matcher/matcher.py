"""All filters against a batch at once.

    texts, patterns   one Hyperscan pass over all texts of the batch; what it finds is looked at again, exactly
    equal values      a table of the values that filters ask for, against the values that occur
    all the rest      boolean arithmetic on masks, only for filters with an anchor that occurs (`hub.core.filter.plan`)

A leaf that is not compiled yet, or does not pay, is judged by itself: the result is the same, it only takes longer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from hub.core.filter.leaf import is_word, test_of
from hub.core.filter.nodes import BODY, EXCEPTION, TEXT, Edge, Match, Regex
from hub.core.filter.plan import Known, SharedLeaf, compute_of, is_equality, is_scannable, make_plan
from hub.live.matcher.database import BORDER, compile_literals, compile_patterns, fits
from hub.live.matcher.scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hub.core.filter import Filter
    from hub.core.filter.batch_view import Pieces
    from hub.core.filter.nodes import Leaf
    from hub.core.filter.plan import Plan
    from hub.core.tail_batch import TailBatch
    from hub.live.matcher.database import Hit
    from hub.live.matcher.scanner import Spawn

# A shorter text is found nearly everywhere; to look for it in each piece is cheaper than to be told each place.
_MIN_LITERAL_BYTES = 3
# A leaf that is found more often than this in a piece, on the average, is told too often: 0.4 µs each.
_CHATTY = 2
_UNLIMITED = 2**31
# Leaves that are judged by themselves take about 0.1 ms a batch each.
_MANY = 32


class _Texts:
    """The pieces of a batch put together for one pass, and where each ends."""

    def __init__(self, pieces: Pieces, *, fold: bool) -> None:
        whole = BORDER.join(pieces.texts) + BORDER
        text = whole.casefold() if fold else whole
        self.pieces = pieces
        self.data = text.encode()
        if len(self.data) == len(whole):  # so every character is a byte, folded or not
            sizes: Iterator[int] = map(len, pieces.texts)
        else:
            sizes = (len((piece.casefold() if fold else piece).encode()) for piece in pieces.texts)
        # A hit belongs to the piece before whose end it ends. One that ends right there has the border in it, or is of
        # no characters, such as that of `^`, and belongs to the next piece.
        self.ends = list(accumulate(size + len(BORDER) for size in sizes))


@dataclass(slots=True)
class _Sought:
    """A leaf that a pass finds, and what makes sure that it holds where it was found.

    test      the exact test of a piece
    size      bytes, where what was found need not be tested, but for the edges of a word; 0: always tested
    left      whether a word must begin there
    right     whether a word must end there
    anywhere  whether it may be in any piece
    """

    leaf: SharedLeaf
    test: Callable[[str], bool]
    size: int
    left: bool
    right: bool
    anywhere: bool


def _sought(shared: SharedLeaf) -> _Sought:
    leaf = shared.leaf
    assert isinstance(leaf, Match | Regex)  # noqa: S101  others are not looked for in texts
    test, anywhere = test_of(leaf), leaf.field == TEXT
    if isinstance(leaf, Regex) or not leaf.fold or Edge.ANCHOR in (leaf.left, leaf.right) or BORDER in leaf.value:
        return _Sought(shared, test, 0, left=False, right=False, anywhere=anywhere)
    left = leaf.left is Edge.WORD and is_word(leaf.value[0])
    right = leaf.right is Edge.WORD and is_word(leaf.value[-1])
    return _Sought(shared, test, len(leaf.value.encode()), left, right, anywhere)


class _Scan:
    """One kind of expression, and the leaves behind the numbers."""

    def __init__(self, scanner: Scanner, *, fold: bool) -> None:
        self.scanner = scanner
        self.fold = fold
        self.sought: dict[int, _Sought] = {}


# By the byte beside something that was found: no character of a word, one, or part of one that has to be looked at.
_APART, _WITHIN, _UNCERTAIN = 0, 1, 2
_BESIDE = bytes(
    _UNCERTAIN if byte >= 0x80 else _WITHIN if is_word(chr(byte)) else _APART  # noqa: PLR2004  ASCII ends there
    for byte in range(256)
)


class Matcher:
    """The filters of one tenant's channels, by their canonical form."""

    def __init__(self, spawn: Spawn) -> None:
        self.watched = 0
        self._plans: dict[str, Plan] = {}
        self._shared: dict[Leaf, SharedLeaf] = {}
        self._numbers: dict[SharedLeaf, int] = {}
        self._next = 0
        self._tables: dict[tuple[str, bool], dict[str, SharedLeaf]] = {}
        self._literals = _Scan(Scanner(compile_literals, self._literal_ready, spawn), fold=True)
        self._patterns = _Scan(Scanner(compile_patterns, self._pattern_ready, spawn), fold=False)
        # Plans that are judged for every batch, and the others: by gate (None: without one), then by anchor.
        self._always: set[Plan] = set()
        self._gated: dict[SharedLeaf | None, dict[SharedLeaf, tuple[Plan, ...]]] = {}

    # --- filters come and go -----------------------------------------------------------------------------------------

    def add(self, wanted: Filter, route: object) -> None:
        """Take a filter in, with what `match` shall return for it; it holds at once, and is fast after `settle`."""
        plan = self._plans[wanted.canonical] = make_plan(wanted.root, route, self._share)
        for leaf in plan.leaves:
            leaf.uses += 1
        for leaf in plan.anchors or ():
            leaf.plans.add(plan)
        self._place(plan)

    def remove(self, key: str) -> None:
        """Forget a filter."""
        plan = self._plans.pop(key)
        self._displace(plan)
        for leaf in plan.leaves:
            leaf.plans.discard(plan)
            leaf.uses -= 1
            if not leaf.uses:
                self._forget(leaf)

    def watch(self, key: str, change: int) -> None:
        """Count the watchers of a filter; one without any costs nothing."""
        plan = self._plans[key]
        self.watched -= plan.watchers > 0
        plan.watchers += change
        self.watched += plan.watchers > 0

    async def settle(self) -> None:
        """Wait while many filters are judged by themselves: to add one more would hold up the event loop."""
        for scan in (self._literals, self._patterns):
            if scan.scanner.pending > _MANY:
                await scan.scanner.settle()

    def _place(self, plan: Plan) -> None:
        if plan.anchors is None or not all(leaf.indexed for leaf in plan.anchors):
            self._always.add(plan)
            return
        gated = self._gated.setdefault(plan.gate, {})
        for leaf in plan.anchors:
            gated[leaf] = (*gated.get(leaf, ()), plan)

    def _displace(self, plan: Plan) -> None:
        self._always.discard(plan)
        gated = self._gated.get(plan.gate, {})
        for leaf in plan.anchors or ():
            gated[leaf] = tuple(one for one in gated.get(leaf, ()) if one is not plan)
            if not gated[leaf]:
                del gated[leaf]
        if not gated:
            self._gated.pop(plan.gate, None)

    def _share(self, leaf: Leaf) -> SharedLeaf:
        shared = self._shared.get(leaf)
        if shared is None:
            shared = self._shared[leaf] = SharedLeaf(leaf, compute_of(leaf))
            self._index(leaf, shared)
        return shared

    def _index(self, leaf: Leaf, shared: SharedLeaf) -> None:
        if isinstance(leaf, Match) and is_equality(leaf):
            self._tables.setdefault((leaf.field, leaf.fold), {})[leaf.value] = shared
            shared.indexed = True
        elif isinstance(leaf, Match) and is_scannable(leaf):
            text = leaf.value.casefold()
            if len(text.encode()) >= _MIN_LITERAL_BYTES:
                self._scan_for(self._literals, shared, text)
        elif isinstance(leaf, Regex) and is_scannable(leaf) and fits(leaf.pattern):
            self._scan_for(self._patterns, shared, leaf.pattern)

    def _scan_for(self, scan: _Scan, shared: SharedLeaf, expression: str) -> None:
        self._next += 1
        self._numbers[shared] = self._next
        scan.sought[self._next] = _sought(shared)
        scan.scanner.add(self._next, expression)

    def _forget(self, shared: SharedLeaf) -> None:
        leaf = shared.leaf
        del self._shared[leaf]
        if isinstance(leaf, Match) and is_equality(leaf):
            table = self._tables[leaf.field, leaf.fold]
            del table[leaf.value]
            if not table:
                del self._tables[leaf.field, leaf.fold]
        elif shared in self._numbers:
            self._unscan(self._literals if isinstance(leaf, Match) else self._patterns, shared)

    def _unscan(self, scan: _Scan, shared: SharedLeaf) -> None:
        """Take a leaf out of the pass: it is judged by itself from now on."""
        number = self._numbers.pop(shared)
        del scan.sought[number]
        scan.scanner.drop(number)
        self._set_indexed(shared, indexed=False)

    def _literal_ready(self, number: int) -> None:
        self._set_indexed(self._literals.sought[number].leaf, indexed=True)

    def _pattern_ready(self, number: int) -> None:
        self._set_indexed(self._patterns.sought[number].leaf, indexed=True)

    def _set_indexed(self, shared: SharedLeaf, *, indexed: bool) -> None:
        for plan in shared.plans:
            self._displace(plan)
        shared.indexed = indexed
        for plan in shared.plans:
            self._place(plan)

    # --- matching ----------------------------------------------------------------------------------------------------

    def match(self, batch: TailBatch) -> list[tuple[Any, int]]:
        """Return the route of each watched filter that passes records of the batch, and the mask of them."""
        known = Known(batch.view)
        self._look_up(known)
        for scan in (self._literals, self._patterns):
            if not scan.scanner.idle:
                self._look_through(known, scan)
        found, candidates = self._open(known)
        for plan in candidates:
            if plan.watchers and (mask := plan.judge(known)):
                found.append((plan.route, mask))
        return found

    def _open(self, known: Known) -> tuple[list[tuple[Any, int]], set[Plan]]:
        """Return what passes by anchor and gate alone, and the plans that have more to them.

        Of thousands of filters hardly any is in the processor's cache, so no more of each is touched than must be.
        """
        masks, found, candidates = known.masks, [], set(self._always)
        for gate in (None, *(self._gated.keys() & masks.keys())):
            open_to = known.view.all if gate is None else masks[gate]
            gated = self._gated.get(gate, {})
            for leaf in gated.keys() & masks.keys():
                if mask := masks[leaf] & open_to:
                    for plan in gated[leaf]:
                        if not plan.exact:
                            candidates.add(plan)
                        elif plan.watchers:
                            found.append((plan.route, mask))
        return found, candidates

    def _look_up(self, known: Known) -> None:
        for (name, fold), table in self._tables.items():
            column = (known.view.folded if fold else known.view.strings)(name)
            for value in column.keys() & table.keys():
                known.masks[table[value]] = column[value]

    def _look_through(self, known: Known, scan: _Scan) -> None:
        """Note what a pass finds; a step for each place, so nothing here is called that need not be."""
        pieces, masks, get = known.view.pieces, known.masks, scan.sought.get
        texts = _Texts(pieces, fold=scan.fold)
        data, ends, owners, beside = texts.data, texts.ends, pieces.owners, _BESIDE
        behind = len(ends)
        for number, end in self._hits(scan, texts):
            one = get(number)
            if one is None:  # dropped since it was compiled
                continue
            certain = one.size
            if one.right and (edge := beside[data[end]]):
                if edge == _WITHIN:
                    continue
                certain = 0
            if one.left and (begin := end - one.size) and (edge := beside[data[begin - 1]]):
                if edge == _WITHIN:
                    continue
                certain = 0
            piece = bisect_right(ends, end)
            if piece == behind or (not (certain and one.anywhere) and not self._holds(one, piece, known)):
                continue
            masks[one.leaf] = masks.get(one.leaf, 0) | 1 << owners[piece]

    def _holds(self, one: _Sought, piece: int, known: Known) -> bool:
        """Look at a piece again in which something was found."""
        pieces = known.view.pieces
        bit = 1 << pieces.owners[piece]
        return bool(known.masks.get(one.leaf, 0) & bit) or (
            _here(one.leaf.leaf, piece, known.view.count) and one.test(pieces.texts[piece])
        )

    def _hits(self, scan: _Scan, texts: _Texts) -> Sequence[Hit]:
        """Pass over the texts; leaves that are told too often are taken out of the pass, and it is made again."""
        limit = _CHATTY * len(texts.pieces.texts)
        hits = scan.scanner.scan(texts.data, 8 * limit)
        if len(hits) < 8 * limit:
            return hits
        for number, times in Counter(number for number, _ in hits).items():
            if times > limit and number in scan.sought:
                self._unscan(scan, scan.sought[number].leaf)
        return scan.scanner.scan(texts.data, _UNLIMITED)


def _here(leaf: Leaf, piece: int, records: int) -> bool:
    """Whether a piece is of the field that the leaf looks through: bodies come first, a piece for each record."""
    name = getattr(leaf, "field", "")
    return not ((name == BODY and piece >= records) or (name == EXCEPTION and piece < records))
