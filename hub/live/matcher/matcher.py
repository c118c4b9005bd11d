"""All filters against a batch at once.

    texts, patterns   a Hyperscan pass over the texts of the batch (`hub.live.matcher.passes`)
    equal values      a table of the values that filters ask for, against the values that occur
    all the rest      boolean arithmetic on masks, only for filters with an anchor that occurs (`hub.core.filter.plan`)

A leaf that is not compiled yet, or does not pay, is judged by itself: the result is the same, it only takes longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from hub.core.filter.batch_view import indexes_of
from hub.core.filter.nodes import Match, Regex
from hub.core.filter.plan import Known, SharedLeaf, compute_of, is_equality, is_scannable, make_plan
from hub.live.matcher.database import compile_literals, compile_patterns, fits
from hub.live.matcher.gated import Gated
from hub.live.matcher.lead import Lead, forget
from hub.live.matcher.passes import Pass

if TYPE_CHECKING:
    from hub.core.filter import Filter
    from hub.core.filter.nodes import Leaf
    from hub.core.filter.plan import Plan
    from hub.core.tail_batch import TailBatch
    from hub.live.matcher.scanner import Spawn

L = TypeVar("L", bound=Lead)
# A shorter text is found nearly everywhere; to look for it in each piece is cheaper than to be told each place.
_MIN_LITERAL_BYTES = 3
# Leaves that are judged by themselves take about 0.1 ms a batch each.
_MANY = 32


class Matcher(Generic[L]):
    """The filters of one tenant's channels, by their canonical form."""

    def __init__(self, spawn: Spawn) -> None:
        self.watched = 0
        self._plans: dict[str, Plan] = {}
        self._shared: dict[Leaf, SharedLeaf] = {}
        self._tables: dict[tuple[str, bool], dict[str, SharedLeaf]] = {}
        self._literals: Pass[L] = Pass(self, compile_literals, spawn, fold=True)
        self._patterns: Pass[L] = Pass(self, compile_patterns, spawn, fold=False)
        # Plans that lead somewhere: those of which a pass finds all there is to them, those that are judged for every
        # batch, and the others by gate and anchor.
        self._found: dict[Plan, Pass[L]] = {}
        self._always: set[Plan] = set()
        self._gated: Gated[L] = Gated()
        # Where the batch leads that was looked at last, until it is published.
        self._passed: list[L] = []

    # --- filters come and go -----------------------------------------------------------------------------------------

    def add(self, wanted: Filter) -> None:
        """Take a filter in, which leads nowhere yet; it holds at once, and is fast after `settle`."""
        plan = self._plans[wanted.canonical] = make_plan(wanted.root, self._share)
        for leaf in plan.leaves:
            leaf.uses += 1
        for leaf in plan.anchors or ():
            leaf.plans.add(plan)

    def remove(self, key: str) -> None:
        """Forget a filter."""
        self.lead(key, None)
        plan = self._plans.pop(key)
        for leaf in plan.leaves:
            leaf.plans.discard(plan)
            leaf.uses -= 1
            if not leaf.uses:
                self._forget(leaf)

    def lead(self, key: str, lead: L | None) -> None:
        """Set what `match` returns for a filter; where that is None, the filter costs nothing.

        No two filters lead to the same.
        """
        plan = self._plans[key]
        self._displace(plan)
        self.watched += (lead is not None) - (plan.lead is not None)
        plan.lead = lead
        self._place(plan)

    async def settle(self) -> None:
        """Wait while many filters are judged by themselves: to add one more would hold up the event loop."""
        for one in (self._literals, self._patterns):
            if one.pending > _MANY:
                await one.settle()

    def _place(self, plan: Plan) -> None:
        if plan.lead is None:
            return
        if plan.anchors is None or not all(leaf.indexed for leaf in plan.anchors):
            self._tell(plan, 1)
            self._always.add(plan)
        elif plan.exact and (one := self._seeker(plan.anchors[0])):
            self._found[plan] = one
            one.lead(plan.gate, plan.anchors[0], plan.lead)
        else:
            self._tell(plan, 1)
            self._gated.add(plan, plan.anchors)

    def _displace(self, plan: Plan) -> None:
        if plan.lead is None:
            return
        one = self._found.pop(plan, None)
        if one and plan.anchors:
            one.lead(plan.gate, plan.anchors[0], None)
            return
        self._tell(plan, -1)
        self._always.discard(plan)
        self._gated.discard(plan)

    def _tell(self, plan: Plan, more: int) -> None:
        """Have the passes tell where the leaves of a plan are, for one plan more or fewer."""
        for leaf in plan.leaves:
            if one := self._seeker(leaf):
                one.tell(leaf, more)

    def _seeker(self, shared: SharedLeaf) -> Pass[L] | None:
        """Return the pass that finds a leaf, now or once it is compiled."""
        return next((one for one in (self._literals, self._patterns) if one.seeks(shared)), None)

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
                self._literals.seek(shared, text)
        elif isinstance(leaf, Regex) and is_scannable(leaf) and fits(leaf.pattern):
            self._patterns.seek(shared, leaf.pattern)

    def _forget(self, shared: SharedLeaf) -> None:
        leaf = shared.leaf
        del self._shared[leaf]
        if isinstance(leaf, Match) and is_equality(leaf):
            table = self._tables[leaf.field, leaf.fold]
            del table[leaf.value]
            if not table:
                del self._tables[leaf.field, leaf.fold]
        self._literals.leave(shared)
        self._patterns.leave(shared)

    def set_indexed(self, shared: SharedLeaf, *, indexed: bool) -> None:
        """Take note that a leaf is found by its pass from now on, or no more: it is judged by itself then."""
        for plan in shared.plans:
            self._displace(plan)
        shared.indexed = indexed
        for plan in shared.plans:
            self._place(plan)

    # --- matching ----------------------------------------------------------------------------------------------------

    def match(self, batch: TailBatch) -> list[L]:
        """Return where records of the batch lead that a filter passes, each with their indexes.

        Whoever publishes them has them forget those and empties the list; what is left there, since a batch could not
        be published, is forgotten before the next one is looked at.
        """
        passed = self._passed
        forget(passed)
        known = Known(batch.view)
        self._look_up(known)
        for one in (self._literals, self._patterns):
            if not one.idle:
                one.look(batch.view.pieces, known, passed)
        for plan in self._gated.open(known, passed) | self._always:
            if mask := plan.judge(known):
                plan.lead.indexes = indexes_of(mask)
                passed.append(plan.lead)
        return passed

    def _look_up(self, known: Known) -> None:
        for (name, fold), table in self._tables.items():
            column = (known.view.folded if fold else known.view.strings)(name)
            for value in column.keys() & table.keys():
                known.masks[table[value]] = column[value]
