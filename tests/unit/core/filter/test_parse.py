"""hub.core.filter.parse: how terms are put together, how deep and how many, and what is said where they cannot be."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.filter.nodes import EVERYTHING, NOTHING, And, Node, Not, Or
from hub.core.filter.parse import parse
from hub.core.filter.spell import spell
from hub.errors import BadFilterError
from tests.examples import examples

A, B, C = parse("a"), parse("b"), parse("c")
DEEPEST = 32


def read(text: str) -> tuple[Node, BadFilterError | None]:
    """Return the tree of a filter, or its error."""
    try:
        return parse(text), None
    except BadFilterError as error:
        return EVERYTHING, error


def mistake(text: str) -> BadFilterError:
    """Return the error of a filter."""
    _, error = read(text)
    assert error, text
    return error


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        *(("", EVERYTHING), ("  ", EVERYTHING), ("*", EVERYTHING), ("-*", NOTHING), ("NOT *", NOTHING)),
        *(("a b", And((A, B))), ("a AND b", And((A, B))), ("a OR b", Or((A, B))), ("-a", Not(A)), ("NOT a", Not(A))),
        *(("a OR b c", Or((A, And((B, C))))), ("a b OR c", Or((And((A, B)), C))), ("NOT a b", And((Not(A), B)))),
        *(("(a OR b) c", And((Or((A, B)), C))), ("a (b c)", And((A, B, C))), ("-(a b)", Not(And((A, B))))),
        *(("- a", None), ("--a", A), ("NOT NOT a", A), ("-(-a)", A), ("NOT-a", parse('"not-a"'))),
        *(("a and b", And((A, parse("and"), B))), ("a\tb\n c", And((A, B, C))), ("OR1", parse("or1"))),
        *(("(a)OR(b)", Or((A, B))), ("a OR(b)", Or((A, B))), ("aORb", parse("aorb"))),
    ],
)
def test_terms_are_put_together(text: str, tree: Node | None) -> None:
    """NOT binds closer than AND, AND closer than OR; the words are capitals, and stand alone."""
    if tree is None:
        mistake(text)
    else:
        assert parse(text) == tree


@pytest.mark.parametrize(
    ("grouped", "spread"),
    [
        ("x:(a OR b)", "x:a OR x:b"),
        ("x:(a b)", "x:a x:b"),
        ("x:(a -b)", "x:a -x:b"),
        ("x:(a OR (b -(c d)))", "x:a OR (x:b -(x:c x:d))"),
        ("x:(/a/ OR 1..2)", "x:/a/ OR x:1..2"),
        ("level:(warn OR error)", "level:warn OR level:error"),
        ("x=(a)", "x=a"),
        ("x!=(a)", "-x=a"),
        ("x!=(-a)", "x=a"),
    ],
)
def test_values_in_parentheses_are_the_fields(grouped: str, spread: str) -> None:
    """Each as if the field stood before it."""
    assert parse(grouped) == parse(spread)


@pytest.mark.parametrize(
    "term", ["service=orders", 'body="a b"', "level=warn", 'attr."odd name"=*', "x=-5", "trace=" + "ab" * 16]
)
def test_not_equal_is_the_opposite_of_equal(term: str) -> None:
    """In one spelling."""
    assert parse(term.replace("=", "!=", 1)) == parse(f"-{term}")
    assert spell(parse(term.replace("=", "!=", 1))) == spell(parse(f"NOT {term}"))


@pytest.mark.parametrize(
    ("text", "column", "part"),
    [
        ('a "b c', 3, "the quote is never closed"),
        ('a *"b', 4, "the quote is never closed"),
        ("a (b", 3, "never closed"),
        ('a ("(" b', 3, "never closed"),
        ("(a (/[(]/ b", 4, "never closed"),
        ("a) b", 2, "never opened"),
        ("a () b", 4, "nothing in the parentheses"),
        ("x:)", 3, "a value is missing after 'x:'"),
        ("a level>=", 3, "a value is missing after 'level>='"),
        ("a AND", 6, "missing after AND"),
        ("a OR OR b", 6, "missing"),
        ("a AND OR b", 7, "missing beside OR"),
        ("OR b", 1, "missing"),
        ("NOT", 4, "missing after NOT"),
        ("a \\", 3, "a backslash needs a character behind it"),
        ("a \0", 3, "NUL"),
        ("a \ud800", 3, "half a character"),
        ("x>(1 OR 2)", 1, "values in parentheses take ':'"),
        ("a x!=", 3, "a value is missing after 'x!='"),
        ("x!=(1 OR 2)", 1, "values in parentheses take ':', not '!='"),
        ("x!=/a/", 4, "a pattern takes ':', not '!=': write -attr.x:/a/"),
        ("x!==a", 4, "no operator '!=='"),
        ("a != b", 3, "'!=' means nothing here: write field!=value"),
        ("größe (b", 7, "never closed"),
    ],
)
def test_a_mistake_is_named_with_its_column(text: str, column: int, part: str) -> None:
    """Counted in characters from 1; what to do is said."""
    error = mistake(text)
    assert (error.column, error.message.startswith(f"column {column}: ")) == (column, True)
    assert part in error.message


def alternating(levels: int) -> str:
    """Return a filter of so many levels, each an OR of an AND that is not in parentheses."""
    text = "z"
    for level in range(levels):
        text = f"x (a{level} b{level} OR {text})"
    return text


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("(" * (DEEPEST - 1) + "a" + ")" * (DEEPEST - 1), True),
        ("(" * DEEPEST + "a" + ")" * DEEPEST, False),
        ("-" * (DEEPEST - 1) + "a", True),
        ("-" * DEEPEST + "a", False),
        ("x:" + "(" * (DEEPEST - 1) + "a" + ")" * (DEEPEST - 1), True),
        ("x:" + "(" * DEEPEST + "a" + ")" * DEEPEST, False),
        ("-" * (DEEPEST - 2) + "x!=a", True),
        ("-" * (DEEPEST - 1) + "x!=a", False),
        (alternating(15), True),
        (alternating(16), False),
    ],
    ids=[
        "groups",
        "a group more",
        "nots",
        "a not more",
        "values",
        "a value more",
        "not equal",
        "not equal, a not more",
        "ands in ors",
        "an and more",
    ],
)
def test_nesting_is_bounded(text: str, *, fits: bool) -> None:
    """Whatever makes it; an AND inside an OR counts, with parentheses or without."""
    if fits:
        parse(text)
    else:
        assert "nested deeper than 32" in mistake(text).message


@pytest.mark.parametrize("text", [alternating(15), "-(a b OR c)", "x:(a b OR -(c d OR e))"])
def test_the_deepest_filter_can_be_read_from_its_own_spelling(text: str) -> None:
    """The spelling has parentheses that the filter did without, and is nested no deeper than the bound all the same."""
    spelt = spell(parse(text))
    assert spell(parse(spelt)) == spelt


def test_terms_are_bounded() -> None:
    """However they are joined."""
    parse(" ".join("a" * 1000))
    for word in (" ", " OR "):
        assert "more than 1000 terms" in mistake(word.join("a" * 1001)).message
    assert "more than 1000 terms" in mistake(f"x:({' '.join('a' * 1001)})").message


@pytest.mark.parametrize("text", ["{}", "x:({})", "({}) b"])
def test_patterns_are_bounded(text: str) -> None:
    """To read one takes as long as a hundred words."""
    patterns = [f"/p{number}/" for number in range(101)]
    parse(text.format(" OR ".join(patterns[:100])))
    assert "more than 100 patterns" in mistake(text.format(" OR ".join(patterns))).message


@examples(100)
@given(st.lists(st.sampled_from([*'ab12 *"/\\():=<>-.&|!', "AND", "OR", "level", "attr."]), max_size=24).map("".join))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    """With a message and a column within the text or right behind it; what is read is spelt so that it can be again."""
    node, error = read(text)
    if error:
        assert 1 <= error.column <= len(text) + 1, error.message
        assert error.message.startswith(f"column {error.column}: ")
    assert spell(parse(spell(node))) == spell(node)


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 20_000 + "a", "(" * 20_000 + "a" + ")" * 20_000, "-" * 20_000 + "a", "NOT " * 10_000 + "a"),
        *("a " * 20_000, "a OR " * 10_000 + "b", "(a OR " * 2000 + "b" + ")" * 2000),
        *('"' * 20_001, "\\" * 20_001, "/" * 20_001, "*" * 20_000),
    ],
    ids=lambda text: text[:6],
)
@pytest.mark.timeout(5)
def test_large_nonsense_is_refused_in_no_time(text: str) -> None:
    """However deep or long; nothing overflows, nothing takes more than linear time."""
    _, error = read(text)
    said = "nested deeper|more than 1000|never|empty|stands alone|backslash"
    assert not error or re.search(said, error.message), error.message
