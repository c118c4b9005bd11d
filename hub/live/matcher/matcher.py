"""All filters against a batch at once.

    texts, patterns   one Hyperscan pass over all texts of the batch; what it finds is looked at again, exactly
    equal values      a table of the values that filters ask for, against the values that occur
    all the rest      boolean arithmetic on masks, only for filters with an anchor that occurs (`hub.core.filter.plan`)

A leaf that is not compiled yet, or does not pay, is judged by itself: the result is the same, it only takes longer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

from hub.core.filter.leaf import test_of
from hub.core.filter.nodes import BODY, EXCEPTION, Match, Regex
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
        self._ends = list(accumulate(size + len(BORDER) for size in sizes))

    def piece_at(self, end: int) -> int:
        """Return the number of the piece in which something that ends there began, or the one after it."""
        return min(bisect_left(self._ends, end), len(self._ends) - 1)


class _Scan:
    """One kind of expression, and the leaves behind the numbers."""

    def __init__(self, scanner: Scanner, *, fold: bool) -> None:
        self.scanner = scanner
        self.fold = fold
        self.leaves: dict[int, SharedLeaf] = {}


class Matcher:
    """The filters of one tenant's channels, by their canonical form."""

    def __init__(self, spawn: Spawn) -> None:
        self.watched = 0
        self._plans: dict[str, Plan] = {}
        self._shared: dict[Leaf, SharedLeaf] = {}
        self._tests: dict[SharedLeaf, Callable[[str], bool]] = {}
        self._numbers: dict[SharedLeaf, int] = {}
        self._next = 0
        self._tables: dict[tuple[str, bool], dict[str, SharedLeaf]] = {}
        self._literals = _Scan(Scanner(compile_literals, self._literal_ready, spawn), fold=True)
        self._patterns = _Scan(Scanner(compile_patterns, self._pattern_ready, spawn), fold=False)
        # Plans that are judged for every batch.
        self._always: set[Plan] = set()

    # --- filters come and go -----------------------------------------------------------------------------------------

    def add(self, wanted: Filter) -> None:
        """Take a filter in; it holds at once, and is fast when `settle` returns."""
        plan = make_plan(wanted.canonical, wanted.root, self._share)
        self._plans[plan.key] = plan
        for leaf in plan.leaves:
            leaf.uses += 1
        for leaf in plan.anchors or ():
            leaf.anchored.add(plan)
        self._place(plan)

    def remove(self, key: str) -> None:
        """Forget a filter."""
        plan = self._plans.pop(key)
        self._always.discard(plan)
        for leaf in plan.leaves:
            leaf.anchored.discard(plan)
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
        if plan.anchors is not None and all(leaf.indexed for leaf in plan.anchors):
            self._always.discard(plan)
        else:
            self._always.add(plan)

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
        self._tests[shared] = test_of(shared.leaf)  # type: ignore[arg-type]  # a Match or Regex
        scan.leaves[self._next] = shared
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
        del scan.leaves[number], self._tests[shared]
        scan.scanner.drop(number)
        self._set_indexed(shared, indexed=False)

    def _literal_ready(self, number: int) -> None:
        self._set_indexed(self._literals.leaves[number], indexed=True)

    def _pattern_ready(self, number: int) -> None:
        self._set_indexed(self._patterns.leaves[number], indexed=True)

    def _set_indexed(self, shared: SharedLeaf, *, indexed: bool) -> None:
        shared.indexed = indexed
        for plan in shared.anchored:
            self._place(plan)

    # --- matching ----------------------------------------------------------------------------------------------------

    def match(self, batch: TailBatch) -> list[tuple[str, int]]:
        """Return each watched filter that passes records of the batch, and the mask of them."""
        known = Known(batch.view)
        self._look_up(known)
        for scan in (self._literals, self._patterns):
            if not scan.scanner.idle:
                self._look_through(known, scan)
        candidates = set(self._always)
        for leaf in known.masks:
            candidates |= leaf.anchored
        judged = ((plan.key, plan.judge(known)) for plan in candidates if plan.watchers)
        return [(key, mask) for key, mask in judged if mask]

    def _look_up(self, known: Known) -> None:
        for (name, fold), table in self._tables.items():
            column = (known.view.folded if fold else known.view.strings)(name)
            for value in column.keys() & table.keys():
                known.masks[table[value]] = column[value]

    def _look_through(self, known: Known, scan: _Scan) -> None:
        pieces = known.view.pieces
        texts = _Texts(pieces, fold=scan.fold)
        for number, end in self._hits(scan, texts):
            leaf = scan.leaves.get(number)
            if leaf is None:  # dropped since it was compiled
                continue
            piece = texts.piece_at(end)
            owner = pieces.owners[piece]
            mask = known.masks.get(leaf, 0)
            if mask >> owner & 1 or _elsewhere(leaf.leaf, piece, known.view.count):
                continue
            if self._tests[leaf](pieces.texts[piece]):
                known.masks[leaf] = mask | 1 << owner

    def _hits(self, scan: _Scan, texts: _Texts) -> Sequence[Hit]:
        """Pass over the texts; leaves that are told too often are taken out of the pass, and it is made again."""
        limit = _CHATTY * len(texts.pieces.texts)
        hits = scan.scanner.scan(texts.data, 8 * limit)
        if len(hits) < 8 * limit:
            return hits
        for number, times in Counter(number for number, _ in hits).items():
            if times > limit and number in scan.leaves:
                self._unscan(scan, scan.leaves[number])
        return scan.scanner.scan(texts.data, _UNLIMITED)


def _elsewhere(leaf: Leaf, piece: int, records: int) -> bool:
    """Whether a piece is not of the field that the leaf looks through: bodies come first, a piece for each record."""
    name = getattr(leaf, "field", "")
    return (name == BODY and piece >= records) or (name == EXCEPTION and piece < records)
