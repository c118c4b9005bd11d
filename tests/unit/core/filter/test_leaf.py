"""hub.core.filter.leaf: what one value of a field must be like."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.filter import leaf
from hub.core.filter.leaf import is_word
from hub.core.filter.nodes import TEXT, Edge, Match, Regex

ANCHOR, WORD, FREE = Edge.ANCHOR, Edge.WORD, Edge.FREE


def holds(value: str, text: str, left: Edge, right: Edge, *, fold: bool = True) -> bool:
    """Return whether a text has a value between two edges."""
    return leaf.test_of(Match(TEXT, value, left, right, fold=fold))(text)


@pytest.mark.parametrize(
    ("left", "right", "passing"),
    [
        (ANCHOR, ANCHOR, {"red"}),
        (ANCHOR, FREE, {"red", "redder", "red sky"}),
        (FREE, ANCHOR, {"red", "bored", "a red", "a redred red"}),
        (FREE, FREE, {"red", "redder", "bored", "a red", "red sky", "incredible", "_red_", "a redred red"}),
        (WORD, WORD, {"red", "a red", "red sky", "a redred red"}),
        (WORD, FREE, {"red", "redder", "a red", "red sky", "a redred red"}),
        (FREE, WORD, {"red", "bored", "a red", "red sky", "a redred red"}),
        (ANCHOR, WORD, {"red", "red sky"}),
        (WORD, ANCHOR, {"red", "a red", "a redred red"}),
    ],
)
def test_edges_say_what_may_stand_beside(left: Edge, right: Edge, passing: set[str]) -> None:
    """Every occurrence is looked at: the first may lie inside a word."""
    texts = {"red", "redder", "bored", "a red", "red sky", "incredible", "_red_", "a redred red", "re", ""}
    assert {text for text in texts if holds("red", text, left, right)} == passing


@pytest.mark.parametrize(
    ("value", "text", "passes"),
    [
        *(("strasse", "STRASSE", True), ("strasse", "Straße", True), ("strasse", "STRAẞE", True)),
        # A final sigma is a sigma.
        ("\u03b1\u03c3", "\u0391\u03c2", True),
        *(
            ("\u03c3\u03b1\u03c3", "\u03a3\u0391\u03a3", True),
            ("\u03c3\u03b1", "\u03a3\u0391", True),
            ("k", "\u212a", True),
            ("s", "\u017f", True),
        ),
        # A capital I is a small one with a dot; the dotted capital is an i and a dot of its own, the dotless i neither.
        *(("istanbul", "ISTANBUL", True), ("istanbul", "İSTANBUL", False), ("istanbul", "\u0131STANBUL", False)),
        *(("i\u0307stanbul", "İstanbul", True), ("\u0131", "I", False)),
        # Half of an expanded letter is none of its words.
        *(("s", "ß", False), ("ss", "ß", True), ("f", "ﬁ", False)),
    ],
)
def test_case_is_ignored_in_every_script(value: str, text: str, *, passes: bool) -> None:
    """By Unicode's full case folding, which knows no language."""
    assert holds(value, text, WORD, WORD) is passes


def test_without_folding_case_matters() -> None:
    """As for `=`."""
    assert holds("Red", "Red", ANCHOR, ANCHOR, fold=False)
    assert not holds("Red", "red", ANCHOR, ANCHOR, fold=False)


def test_the_empty_value_is_only_equal_to_an_empty_text() -> None:
    """`service:""` asks for records without a service."""
    assert holds("", "", ANCHOR, ANCHOR)
    assert not holds("", "a", ANCHOR, ANCHOR)


@pytest.mark.parametrize("value", [".red", "red.", "."])
def test_beside_what_is_no_word_anything_may_stand(value: str) -> None:
    """An edge is only where the sought text itself has a letter, digit or underscore."""
    assert holds(value, value, WORD, WORD)
    assert holds(value, f"x{value}x", WORD, WORD) is (value == ".")
    assert holds(value, f"x{value}" if value.startswith(".") else f"{value}x", WORD, WORD)


def test_a_pattern_is_asked_itself() -> None:
    """On the text as it is."""
    assert leaf.test_of(Regex(TEXT, "x", lambda text: text == "X"))("X")


@pytest.mark.parametrize(
    ("character", "word"),
    [*((one, True) for one in "aZ9_ßé٣字ª"), *((one, False) for one in " .-\n“\u0301\U0001f600")],
)
def test_words_are_letters_digits_and_underscores(character: str, *, word: bool) -> None:
    """Of any script."""
    assert is_word(character) is word


@given(st.text("ab_ .", max_size=8), st.text("ab_ .", min_size=1, max_size=3))
def test_edges_are_those_of_a_regular_expression(text: str, value: str) -> None:
    """For each pair of edges, the same written as a pattern."""
    before = {ANCHOR: r"\A", FREE: "", WORD: r"(?<!\w)" if is_word(value[0]) else ""}
    after = {ANCHOR: r"\Z", FREE: "", WORD: r"(?!\w)" if is_word(value[-1]) else ""}
    for left, right in itertools.product(Edge, Edge):
        wanted = re.search(before[left] + re.escape(value) + after[right], text) is not None
        assert holds(value, text, left, right) is wanted, (left, right)
