"""Plans by what must hold where they do: by gate, then by anchor.

Of thousands of filters hardly any is in the processor's cache when its turn comes, so no more of each is touched than
must be: of one that has nothing but an anchor and a gate, only where it leads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from hub.core.filter.batch_view import indexes_of
from hub.live.matcher.lead import Lead

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.core.filter.plan import Known, Plan, SharedLeaf

T = TypeVar("T")
L = TypeVar("L", bound=Lead)
# By gate (None: without one), then by anchor.
_Places = dict["SharedLeaf | None", dict["SharedLeaf", tuple[T, ...]]]


class Gated(Generic[L]):
    """Plans whose anchors all have an index."""

    def __init__(self) -> None:
        # Where plans lead that are no more than anchor and gate, both of tables; and plans that have to be judged.
        self._exact: _Places[L] = {}
        self._others: _Places[Plan] = {}

    def add(self, plan: Plan, anchors: Iterable[SharedLeaf]) -> None:
        """Take a plan in, which is not there yet."""
        for anchor in anchors:
            if plan.exact:
                _put(self._exact, plan.gate, anchor, (plan.lead,))
            else:
                _put(self._others, plan.gate, anchor, (plan,))

    def discard(self, plan: Plan) -> None:
        """Forget a plan, where it is there."""
        for anchor in plan.anchors or ():
            if plan.exact:
                _take(self._exact, plan.gate, anchor, (plan.lead,))
            else:
                _take(self._others, plan.gate, anchor, (plan,))

    def open(self, known: Known, passed: list[L]) -> set[Plan]:
        """Add where records lead that a plan passes, and return plans that may pass some."""
        for places, open_to in _opened(self._exact, known):
            for leads, indexes in _passed(places, open_to, known):
                for lead in leads:
                    lead.indexes = indexes
                passed += leads
        candidates: set[Plan] = set()
        for others, open_to in _opened(self._others, known):
            candidates.update(plan for plans, _ in _passed(others, open_to, known) for plan in plans)
        return candidates


def _put(places: _Places[T], gate: SharedLeaf | None, anchor: SharedLeaf, more: tuple[T, ...]) -> None:
    gated = places.setdefault(gate, {})
    gated[anchor] = gated.get(anchor, ()) + more


def _take(places: _Places[T], gate: SharedLeaf | None, anchor: SharedLeaf, gone: tuple[T, ...]) -> None:
    gated = places.get(gate, {})
    rest = tuple(one for one in gated.pop(anchor, ()) if one not in gone)
    if rest:
        gated[anchor] = rest
    elif not gated:
        places.pop(gate, None)


def _opened(places: _Places[T], known: Known) -> Iterator[tuple[dict[SharedLeaf, tuple[T, ...]], int]]:
    """Yield what is behind each gate that occurs, and the mask of the records in which it does."""
    if None in places:
        yield places[None], known.view.all
    for gate in places.keys() & known.masks.keys():
        yield places[gate], known.masks[gate]  # type: ignore[index]  # None is in no masks


def _passed(
    places: dict[SharedLeaf, tuple[T, ...]], open_to: int, known: Known
) -> list[tuple[tuple[T, ...], list[int]]]:
    """Return what is behind the anchors that occur in records of a mask, and the indexes of those."""
    found = known.found
    passed: list[tuple[tuple[T, ...], list[int]]]
    # A step for each of the fewer ones, those that are here or those that occur.
    if len(places) < len(found):
        passed = [(behind, found[anchor]) for anchor, behind in places.items() if anchor in found]
    else:
        passed = [(places[anchor], indexes) for anchor, indexes in found.items() if anchor in places]
    if open_to != known.view.all:
        some = ((behind, [index for index in indexes if open_to >> index & 1]) for behind, indexes in passed)
        passed = [(behind, indexes) for behind, indexes in some if indexes]
    for anchor in places.keys() & known.masks.keys():
        if mask := known.masks[anchor] & open_to:
            passed.append((places[anchor], indexes_of(mask)))
    return passed
