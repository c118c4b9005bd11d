"""What a leaf of a filter asks of one value of its field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.core.filter.nodes import Edge, Regex

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.core.filter.nodes import Match

    Test = Callable[[str], bool]


def test_of(leaf: Match | Regex) -> Test:
    """Return what says whether a value passes."""
    if isinstance(leaf, Regex):
        return leaf.found
    test = _BY_EDGES.get((leaf.left, leaf.right), _between_words)(leaf)
    if not leaf.fold:
        return test
    return lambda value: test(value.casefold())


def _equal(leaf: Match) -> Test:
    return leaf.value.__eq__


def _prefix(leaf: Match) -> Test:
    return lambda value: value.startswith(leaf.value)


def _suffix(leaf: Match) -> Test:
    return lambda value: value.endswith(leaf.value)


def _inside(leaf: Match) -> Test:
    return lambda value: leaf.value in value


def _between_words(leaf: Match) -> Test:
    """Return a test that looks at every occurrence, since the first may lie inside a word."""
    sought, size = leaf.value, len(leaf.value)
    left = leaf.left is Edge.WORD and sought[:1] != "" and is_word(sought[0])
    right = leaf.right is Edge.WORD and sought[:1] != "" and is_word(sought[-1])
    anchored_left, anchored_right = leaf.left is Edge.ANCHOR, leaf.right is Edge.ANCHOR

    def test(value: str) -> bool:
        at = value.find(sought)
        while at >= 0:
            end = at + size
            if not (
                (left and at and is_word(value[at - 1]))
                or (right and end < len(value) and is_word(value[end]))
                or (anchored_left and at)
                or (anchored_right and end < len(value))
            ):
                return True
            at = value.find(sought, at + 1)
        return False

    return test


def is_word(character: str) -> bool:
    """Whether a character belongs to words: a letter or digit of any script, or an underscore."""
    return character.isalnum() or character == "_"


_BY_EDGES: dict[tuple[Edge, Edge], Callable[[Match], Test]] = {
    (Edge.ANCHOR, Edge.ANCHOR): _equal,
    (Edge.ANCHOR, Edge.FREE): _prefix,
    (Edge.FREE, Edge.ANCHOR): _suffix,
    (Edge.FREE, Edge.FREE): _inside,
}
