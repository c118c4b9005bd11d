"""What a pass over texts looks for, and what makes sure that it is there where something was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.core.filter.leaf import is_word, test_of
from hub.core.filter.nodes import BODY, EXCEPTION, TEXT, Edge, Match, Regex
from hub.live.matcher.database import BORDER

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.core.filter.batch_view import Pieces
    from hub.core.filter.nodes import Leaf
    from hub.core.filter.plan import SharedLeaf

# By the byte beside something that was found: no character of a word, one, or part of one that has to be looked at.
_APART, _WITHIN, _UNCERTAIN = 0, 1, 2
BESIDE = bytes(
    _UNCERTAIN if byte >= 0x80 else _WITHIN if is_word(chr(byte)) else _APART  # noqa: PLR2004  ASCII ends there
    for byte in range(256)
)


@dataclass(slots=True)
class Sought:
    """A leaf that a pass finds.

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

    @classmethod
    def of(cls, shared: SharedLeaf) -> Sought:
        """Take a leaf that looks through texts."""
        leaf = shared.leaf
        assert isinstance(leaf, Match | Regex)  # noqa: S101  others are not looked for in texts
        test, anywhere = test_of(leaf), leaf.field == TEXT
        if isinstance(leaf, Regex) or not leaf.fold or Edge.ANCHOR in (leaf.left, leaf.right) or BORDER in leaf.value:
            return cls(shared, test, 0, left=False, right=False, anywhere=anywhere)
        left = leaf.left is Edge.WORD and is_word(leaf.value[0])
        right = leaf.right is Edge.WORD and is_word(leaf.value[-1])
        return cls(shared, test, len(leaf.value.encode()), left, right, anywhere)

    @property
    def apart(self) -> int:
        """How far before the end of a word the byte is that stands before it; 0 for others.

        A word that may be in any piece holds wherever neither that byte nor the one at its end is part of a word.
        """
        return self.size + 1 if self.anywhere and self.left and self.right else 0

    def holds(self, data: bytes, end: int, piece: int, pieces: Pieces) -> bool:
        """Look again where something was found: at what stands beside it, and where that is not enough at the piece."""
        edges = {BESIDE[data[end]]} if self.right else set()
        if self.left and (begin := end - self.size):
            edges.add(BESIDE[data[begin - 1]])
        if _WITHIN in edges:
            return False
        if self.size and self.anywhere and _UNCERTAIN not in edges:
            return True
        return _here(self.leaf.leaf, piece, pieces.bodies) and self.test(pieces.texts[piece])


def _here(leaf: Leaf, piece: int, bodies: int) -> bool:
    """Whether a piece is of the field that the leaf looks through: bodies come first."""
    name = getattr(leaf, "field", "")
    return not ((name == BODY and piece >= bodies) or (name == EXCEPTION and piece < bodies))
