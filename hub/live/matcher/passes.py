"""Leaves that a pass over the texts of a batch finds, all of one kind: words and parts of words, or patterns.

What Hyperscan finds is looked at again, exactly. A leaf that is found too often is taken out of the pass: to be told of
each place costs more than to look for it in each text.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

from hub.core.filter.leaf import is_word, test_of
from hub.core.filter.nodes import BODY, EXCEPTION, TEXT, Edge, Match, Regex
from hub.live.matcher.database import BORDER
from hub.live.matcher.scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hub.core.filter.batch_view import Pieces
    from hub.core.filter.nodes import Leaf
    from hub.core.filter.plan import SharedLeaf
    from hub.live.matcher.database import Hits
    from hub.live.matcher.scanner import Compile, Spawn

# A leaf that is found more often than this in a piece, on the average, is told too often: 0.4 µs each.
_CHATTY = 2
_UNLIMITED = 2**31
# By the byte beside something that was found: no character of a word, one, or part of one that has to be looked at.
_APART, _WITHIN, _UNCERTAIN = 0, 1, 2
_BESIDE = bytes(
    _UNCERTAIN if byte >= 0x80 else _WITHIN if is_word(chr(byte)) else _APART  # noqa: PLR2004  ASCII ends there
    for byte in range(256)
)


class Owner(Protocol):
    """Whoever has leaves sought; `hub.live.matcher.matcher.Matcher`."""

    def set_indexed(self, shared: SharedLeaf, *, indexed: bool) -> None:
        """Take note that a leaf is found by its pass from now on, or no more."""


class _Texts:
    """The pieces of a batch put together for one pass, and where each ends."""

    def __init__(self, pieces: Pieces, *, fold: bool) -> None:
        whole = BORDER.join((*pieces.texts, ""))
        text = whole.casefold() if fold else whole
        self.data = text.encode()
        if len(self.data) == len(whole):  # so every character is a byte, folded or not
            sizes: Iterable[int] = map(len, pieces.texts)
        else:
            sizes = (len((piece.casefold() if fold else piece).encode()) for piece in pieces.texts)
        # A hit belongs to the piece before whose end it ends. One that ends right there has the border in it, or is of
        # no characters, such as that of `^`, and belongs to the next piece.
        self.ends = list(accumulate(map(len(BORDER).__add__, sizes)))


@dataclass(slots=True)
class _Sought:
    """A leaf that a pass finds, and what makes sure that it holds where it was found.

    test      the exact test of a piece
    size      bytes, where what was found need not be tested, but for the edges of a word; 0: always tested
    left      whether a word must begin there
    right     whether a word must end there
    anywhere  whether it may be in any piece
    word      whether it holds wherever it is found with no part of a word beside it
    """

    leaf: SharedLeaf
    test: Callable[[str], bool]
    size: int
    left: bool
    right: bool
    anywhere: bool
    word: bool = False


def _sought(shared: SharedLeaf) -> _Sought:
    leaf = shared.leaf
    assert isinstance(leaf, Match | Regex)  # noqa: S101  others are not looked for in texts
    test, anywhere = test_of(leaf), leaf.field == TEXT
    if isinstance(leaf, Regex) or not leaf.fold or Edge.ANCHOR in (leaf.left, leaf.right) or BORDER in leaf.value:
        return _Sought(shared, test, 0, left=False, right=False, anywhere=anywhere)
    left = leaf.left is Edge.WORD and is_word(leaf.value[0])
    right = leaf.right is Edge.WORD and is_word(leaf.value[-1])
    return _Sought(shared, test, len(leaf.value.encode()), left, right, anywhere, anywhere and left and right)


class Pass:
    """Leaves of one kind, each with a number that the scanner knows its expression by."""

    def __init__(self, owner: Owner, compile_all: Compile, spawn: Spawn, *, fold: bool) -> None:
        self._fold = fold
        self._owner = owner
        self._scanner = Scanner(compile_all, self._ready, spawn)
        self._sought: dict[int, _Sought] = {}
        self._numbers: dict[SharedLeaf, int] = {}
        self._next = 0

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

    def seek(self, shared: SharedLeaf, expression: str) -> None:
        """Have a leaf found, once its expression is compiled."""
        self._next += 1
        self._numbers[shared] = self._next
        self._sought[self._next] = _sought(shared)
        self._scanner.add(self._next, expression)

    def leave(self, shared: SharedLeaf) -> None:
        """Have a leaf found no more."""
        number = self._numbers.pop(shared, None)
        if number is not None:
            del self._sought[number]
            self._scanner.drop(number)
            self._owner.set_indexed(shared, indexed=False)

    def _ready(self, number: int) -> None:
        self._owner.set_indexed(self._sought[number].leaf, indexed=True)

    def look(self, pieces: Pieces, found: dict[SharedLeaf, list[int]]) -> None:
        """Note the records in which leaves hold, in order: a step for each place, so as little as may be is called."""
        texts, get = _Texts(pieces, fold=self._fold), self._sought.get
        data, ends, owners, beside = texts.data, texts.ends, pieces.owners, _BESIDE
        # The piece of the last hit, and where it begins and ends: mostly hits come in order, and several in one piece.
        piece, piece_begin, piece_end = 0, 0, ends[0]
        for number, end in zip(*self._hits(texts), strict=True):
            one = get(number)
            if one is None:  # dropped since it was compiled
                continue
            if not piece_begin <= end < piece_end:
                piece = bisect_right(ends, end)
                if piece == len(ends):
                    continue
                piece_begin, piece_end = ends[piece - 1] if piece else 0, ends[piece]
            # A word that stands apart, as most do; before the first one is the last border.
            if not one.word or beside[data[end]] or beside[data[end - one.size - 1]]:
                known = found.get(one.leaf)
                if (known and owners[piece] in known) or not _holds(one, data, end, piece, pieces):
                    continue
            owner = owners[piece]
            known = found.get(one.leaf)
            if known is None:
                found[one.leaf] = [owner]
            elif known[-1] < owner:
                known.append(owner)
            elif owner not in known:
                insort(known, owner)

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


def _holds(one: _Sought, data: bytes, end: int, piece: int, pieces: Pieces) -> bool:
    """Look again where something was found: at what stands beside it, and where that is not enough at the piece."""
    edges = {_BESIDE[data[end]]} if one.right else set()
    if one.left and (begin := end - one.size):
        edges.add(_BESIDE[data[begin - 1]])
    if _WITHIN in edges:
        return False
    if one.size and one.anywhere and _UNCERTAIN not in edges:
        return True
    return _here(one.leaf.leaf, piece, pieces.bodies) and one.test(pieces.texts[piece])


def _here(leaf: Leaf, piece: int, bodies: int) -> bool:
    """Whether a piece is of the field that the leaf looks through: bodies come first."""
    name = getattr(leaf, "field", "")
    return not ((name == BODY and piece >= bodies) or (name == EXCEPTION and piece < bodies))
