"""Leaves that a pass over the texts of a batch finds, all of one kind: words and parts of words, or patterns.

What Hyperscan finds is looked at again, exactly. A leaf that is found too often is taken out of the pass: to be told of
each place costs more than to look for it in each text.

Most leaves are asked for together with another one, their gate: what is behind the gates that are open to a record is
all that is looked at. Of thousands of filters hardly any is in the processor's cache when its turn comes.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from hub.core.filter.batch_view import indexes_of
from hub.core.filter.nodes import Match
from hub.live.matcher.database import BORDER
from hub.live.matcher.lead import Lead, forget
from hub.live.matcher.scanner import Scanner
from hub.live.matcher.sought import BESIDE, Sought

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.core.filter.batch_view import Pieces
    from hub.core.filter.nodes import Leaf
    from hub.core.filter.plan import Known, SharedLeaf
    from hub.live.matcher.database import Hits
    from hub.live.matcher.scanner import Compile, Spawn

L = TypeVar("L", bound=Lead)
# A leaf that is found more often than this in a piece, on the average, is told too often: 0.4 µs each.
_CHATTY = 2
_UNLIMITED = 2**31


class Owner(Protocol):
    """Whoever has leaves sought; `hub.live.matcher.matcher.Matcher`."""

    def set_indexed(self, shared: SharedLeaf, *, indexed: bool) -> None:
        """Take note that a leaf is found by its pass from now on, or no more."""


class _Texts:
    """The pieces of a batch put together for one pass, and where each ends."""

    def __init__(self, pieces: Pieces, *, fold: bool) -> None:
        self.pieces = pieces
        whole = BORDER.join(pieces.texts) + BORDER
        sizes: Iterable[int]
        if whole.isascii():  # every character is a byte, and words are found in it whatever its case
            self.data = whole.encode()
            sizes = map(len, pieces.texts)
        else:
            self.data = (whole.casefold() if fold else whole).encode()
            sizes = (len((piece.casefold() if fold else piece).encode()) for piece in pieces.texts)
        # A hit belongs to the piece before whose end it ends. One that ends right there has the border in it, or is of
        # no characters, such as that of `^`, and belongs to the next piece.
        self.ends = list(accumulate(map(len(BORDER).__add__, sizes)))


class _Told(Lead):
    """A leaf that is to be made known where it is found."""

    __slots__ = ("leaf",)

    def __init__(self, sought: Sought) -> None:
        super().__init__()
        self.seek(sought)
        self.leaf = sought.leaf


class Pass(Generic[L]):
    """Leaves of one kind, each with a number that the scanner knows its expression by."""

    def __init__(self, owner: Owner, compile_all: Compile, spawn: Spawn, *, fold: bool) -> None:
        self._fold = fold
        self._owner = owner
        self._scanner = Scanner(compile_all, self._ready, spawn)
        self._sought: dict[int, Sought] = {}
        self._numbers: dict[SharedLeaf, int] = {}
        self._next = 0
        # What is behind gates, what needs none, and what others want to be told of, with how many they are.
        self._behind: dict[SharedLeaf, dict[int, L]] = {}
        self._ungated: dict[int, L] = {}
        self._told: dict[int, _Told] = {}
        self._listeners: Counter[int] = Counter()

    @property
    def idle(self) -> bool:
        """Whether it would find nothing."""
        return self._scanner.idle

    @property
    def pending(self) -> int:
        """How many leaves are not compiled yet, and so judged by themselves."""
        return self._scanner.pending

    async def settle(self) -> None:
        """Wait until all are compiled, or found unfit."""
        await self._scanner.settle()

    # --- leaves come and go ------------------------------------------------------------------------------------------

    def seek(self, shared: SharedLeaf, expression: str) -> None:
        """Have a leaf found, once its expression is compiled."""
        self._next += 1
        self._numbers[shared] = self._next
        self._sought[self._next] = Sought.of(shared)
        self._scanner.add(self._next, expression)

    def leave(self, shared: SharedLeaf) -> None:
        """Have a leaf found no more."""
        if shared not in self._numbers:
            return
        self._owner.set_indexed(shared, indexed=False)
        number = self._numbers.pop(shared)
        del self._sought[number]
        self._told.pop(number, None)
        self._listeners.pop(number, None)
        self._scanner.drop(number)

    def seeks(self, shared: SharedLeaf) -> bool:
        """Whether it has a leaf found, now or once it is compiled."""
        return shared in self._numbers

    def lead(self, gate: SharedLeaf | None, shared: SharedLeaf, lead: L | None) -> None:
        """Set where records lead in which a leaf is found and its gate holds, if there is one; None: nowhere."""
        number = self._numbers[shared]
        behind = self._ungated if gate is None else self._behind.setdefault(gate, {})
        if lead is not None:
            lead.seek(self._sought[number])
            behind[number] = lead
            return
        del behind[number]
        if gate is not None and not behind:
            del self._behind[gate]

    def tell(self, shared: SharedLeaf, more: int) -> None:
        """Have `look` make known where a leaf is found, for so many more who ask, or fewer."""
        number = self._numbers.get(shared)
        if number is None:
            return
        self._listeners[number] += more
        if self._listeners[number]:
            self._told[number] = _Told(self._sought[number])
        else:
            del self._told[number], self._listeners[number]

    def _ready(self, number: int) -> None:
        self._owner.set_indexed(self._sought[number].leaf, indexed=True)

    # --- looking -----------------------------------------------------------------------------------------------------

    def look(self, pieces: Pieces, known: Known, passed: list[L]) -> None:
        """Add where records lead that have a leaf behind an open gate, and have it known where others are."""
        texts = _Texts(pieces, fold=self._fold)
        hits = self._hits(texts)  # before the gates are looked at: leaves may leave
        for found in self._open(hits, texts, known):
            _look(found, hits.ends, texts, passed)
        if self._ungated:
            _look(map(self._ungated.get, hits.numbers), hits.ends, texts, passed)
        if self._told:
            told: list[_Told] = []
            try:
                _look(map(self._told.get, hits.numbers), hits.ends, texts, told)
                known.found.update((one.leaf, one.indexes) for one in told if one.indexes)
            finally:
                forget(told)

    def _open(self, hits: Hits, texts: _Texts, known: Known) -> Iterator[Iterable[L | None]]:
        """Yield what is behind the gate that is open to each hit, by table: a record has one value in each."""
        closed: dict[int, L] = {}
        layers: dict[tuple[str, bool], list[dict[int, L]]] = {}
        for gate in self._behind.keys() & known.masks.keys():
            behind, mask = self._behind[gate], known.masks[gate]
            if mask == known.view.all:  # as mostly: who sends a batch is one service, on one host
                yield map(behind.get, hits.numbers)
                continue
            layer = layers.setdefault(_table_of(gate.leaf), [closed] * known.view.count)
            for index in indexes_of(mask):
                layer[index] = behind
        if layers:
            owners = [*texts.pieces.owners, 0]  # what ends behind all pieces is in none
            hit = [owners[bisect_right(texts.ends, end)] for end in hits.ends]
            for layer in layers.values():
                yield (layer[owner].get(number) for owner, number in zip(hit, hits.numbers, strict=True))

    def _hits(self, texts: _Texts) -> Hits:
        """Pass over the texts; leaves that are told too often are taken out of the pass, and it is made again."""
        limit = _CHATTY * len(texts.ends)
        hits = self._scanner.scan(texts.data, 8 * limit)
        if len(hits.numbers) < 8 * limit:
            return hits
        for number, times in Counter(hits.numbers).items():
            if times > limit and number in self._sought:
                self.leave(self._sought[number].leaf)
        return self._scanner.scan(texts.data, _UNLIMITED)


def _table_of(leaf: Leaf) -> tuple[str, bool]:
    assert isinstance(leaf, Match)  # noqa: S101  a gate is an equality
    return leaf.field, leaf.fold


def _look(found: Iterable[L | None], ends: list[int], texts: _Texts, passed: list[L]) -> None:
    """Add the leads that hold where they were found: a step for each, so as little as may be is called."""
    data, piece_ends, owners, beside = texts.data, texts.ends, texts.pieces.owners, BESIDE
    # The piece of the last hit, and where it begins and ends: hits come in order, but for those of the next database.
    piece, piece_begin, piece_end, owner, behind_all = -1, 0, 0, 0, len(texts.data)
    for lead, end in zip(found, ends, strict=True):
        if lead is None or end >= behind_all:
            continue
        if not piece_begin <= end < piece_end:
            if end < piece_begin:
                piece, piece_end = -1, 0
            while piece_end <= end:
                piece += 1
                piece_begin, piece_end = piece_end, piece_ends[piece]
            owner = owners[piece]
        indexes, apart = lead.indexes, lead.apart
        # A word that stands apart, as most do; before the first one is the last border.
        sure = apart and not beside[data[end]] and not beside[data[end - apart]]
        if not sure and ((indexes and owner in indexes) or not lead.holds(data, end, piece, texts.pieces)):
            continue
        if indexes is None:
            lead.indexes = [owner]
            passed.append(lead)
        elif indexes[-1] < owner:
            indexes.append(owner)
        elif owner not in indexes:
            insort(indexes, owner)
