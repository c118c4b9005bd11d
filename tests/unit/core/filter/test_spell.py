"""hub.core.filter.spell: one spelling for what is equal, which reads as the same filter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.filter.nodes import EVERYTHING, NOTHING, Edge, Match, Node, Number
from hub.core.filter.parse import parse
from hub.core.filter.simplify import all_of, any_of
from hub.core.filter.spell import spell
from tests.examples import examples


@pytest.mark.parametrize(
    "same",
    [
        ("", " ", "*", "* AND *", "a OR *", "-(-*)"),
        ("a b", "b a", "a AND b", "(a) b", "a b a", "A B", '"a" b', "NOT -a b", "((a) AND (b))"),
        ("a OR b", "b OR a", "(b OR a OR b)", "-(-b) OR a"),
        (
            "level>=warn",
            "level>=WARN",
            "level>=13",
            "level:warn..fatal",
            "LEVEL>=warning",
            "level>info",
            "level:warn..",
        ),
        ("service:orders", "Service:ORDERS", 'service:"orders"', "service:(orders)", "service: orders"),
        ("attr.x:12", "x:12", "x=12", 'attr."x":12'),
        ("x>=5", "attr.x>=5.0", "x>=+5", "x:5.."),
        ("service:(a OR b)", "service:a OR service:b", "service:(b OR a)"),
        ("service:(a -b)", "service:a -service:b"),
        ("trace:ABCD*", "trace:abcd*", "trace=abcd*"),
        ("/a/i", "/(?i)a/"),
        (r"/a\/b/", "/a/b/"),
        ('*"("*', '"("', r"\("),
        ("a b OR c", "(a b) OR c", "c OR b a"),
        ("a b", "a b OR b a", "(a b) (b a)", "-(-(b a))"),
        ("x (a OR b)", "x ((a OR b) OR b OR a)", "(a OR b) (b OR a) x"),
    ],
    ids=lambda same: same[0] or "everything",
)
def test_equal_filters_are_spelt_the_same(same: tuple[str, ...]) -> None:
    """So they share a channel."""
    assert len({spell(parse(text)) for text in same}) == 1, [spell(parse(text)) for text in same]


@pytest.mark.parametrize(
    "different",
    [
        ("a b", "a OR b", "a -b", '"a b"'),
        ("a*", "*a", "*a*", "a", r"a\*"),
        ("service:a", "service=a", "body:a", "x:a", "a"),
        ("x>5", "x>=5", "x<5", "x<=5", "x:5..5", "x:5", "x:5..6"),
        ("a (b OR c)", "a b OR c", "(a OR b) c"),
        ("service:ß", "service=ß"),
        ("/a/", '"/a/"', "/A/"),
        ('attr."a b":c', '"a b:c"'),
        ("attr.service:a", "service:a"),
        ("", "-*"),
        ("trace:ab*", "x:ab*"),
    ],
    ids=lambda different: different[0] or "everything",
)
def test_what_differs_is_spelt_differently(different: tuple[str, ...]) -> None:
    """Watchers of one channel get the same records."""
    assert len({spell(parse(text)) for text in different}) == len(different)


@pytest.mark.parametrize(
    ("text", "spelt"),
    [
        *(("b a", "a b"), ("a OR b c", "(b c) OR a"), ("NOT (a b)", "-(a b)"), ("-a", "-a"), ("-*", "-*"), ("*", "")),
        *(('"a b"', '"a b"'), (r'"a\"b\\"', r'"a\"b\\"'), ('"OR"', "or"), ('service="OR"', 'service="OR"')),
        *(("x:-5", 'attr.x:"-5"'), ('x="1..2"', 'attr.x:"1..2"'), ('service=""', 'service:""'), ("a.b", "a.b")),
        *(('attr."a b":*', 'attr."a b":*'), (r'attr."a\"b":*', r'attr."a\"b":*'), ("größe:5", "attr.größe:5")),
        *(("x>5.0", "attr.x>5"), ("x<.5", "attr.x<0.5"), ("x:1..2e3", "attr.x:1..2000"), ("x:..5", "attr.x<=5")),
        *(("/A/i", "/(?i)A/"), (r"body:/a\/b\\/", r"body:/a\/b\\/"), ("trace:AB*", "trace:ab*")),
        *(("*a.", "*a."), ("a.*", "a."), ("Straße", "strasse")),
    ],
)
def test_the_spelling(text: str, spelt: str) -> None:
    """Sorted, small, and in quotes where it must be."""
    assert spell(parse(text)) == spelt
    assert parse(spelt) == parse(text) or spell(parse(spelt)) == spelt


VALUES = st.text(st.sampled_from([*'a1_ "\\*/().:=<>-+@', "ß", "\u0301", "\n", "\u00a0", "“"]), min_size=1, max_size=5)
NAMES = st.text(st.sampled_from([*'a1_ "\\/().:=-@*', "ß", "\n"]), min_size=1, max_size=4).map("attr.{}".format)
EDGES = st.sampled_from([Edge.ANCHOR, Edge.FREE])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@examples(60)
@given(st.one_of(NAMES, st.sampled_from(["service", "host", "logger", "thread"])), VALUES, EDGES, EDGES)
def test_any_value_survives_its_spelling(field: str, value: str, left: Edge, right: Edge) -> None:
    """Whatever characters it and the attribute's name are made of."""
    folded = Match(field, value.casefold(), left, right, fold=True)
    assert parse(spell(folded)) == folded
    if any(map(str.isalpha, value)):
        exact = Match(field, value, Edge.ANCHOR, Edge.ANCHOR, fold=False)
        assert parse(spell(exact)) == exact


@examples(60)
@given(NAMES, NUMBERS, NUMBERS, st.booleans())
def test_any_number_survives_its_spelling(field: str, one: float, other: float, included: bool) -> None:  # noqa: FBT001
    """In its shortest form."""
    inf = float("inf")
    low, high = sorted((one, other))
    for number in (
        Number(field, low, high),
        Number(field, one, inf, low_included=included),
        Number(field, -inf, one, high_included=included),
    ):
        assert parse(spell(number)) == number


@pytest.mark.parametrize(
    "node", [EVERYTHING, NOTHING, all_of((parse("a OR b"), parse("c OR d"))), any_of((parse("a b"), NOTHING))]
)
def test_a_tree_that_was_put_together_is_read_as_itself(node: Node) -> None:
    """As those of a token and its bearer are."""
    assert spell(parse(spell(node))) == spell(node)
