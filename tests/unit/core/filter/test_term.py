"""hub.core.filter.term: what a field, an operator and a value mean."""

from __future__ import annotations

import math

import pytest

from hub.core.filter.nodes import Edge, Exists, Leaf, Match, Node, Number, Regex, Severity
from hub.core.filter.parse import parse
from hub.core.filter.term import Source, field_of, is_pattern
from hub.errors import BadFilterError

ANCHOR, WORD, FREE = Edge.ANCHOR, Edge.WORD, Edge.FREE


def match(field: str, value: str, left: Edge, right: Edge) -> Match:
    """Return what ignores case."""
    return Match(field, value, left, right, fold=True)


def exactly(field: str, value: str) -> Match:
    """Return what a whole value is equal to."""
    return Match(field, value, ANCHOR, ANCHOR, fold=False)


@pytest.mark.parametrize(
    ("text", "leaf"),
    [
        *(("red", match("text", "red", WORD, WORD)), ("RED", match("text", "red", WORD, WORD))),
        *(("red*", match("text", "red", WORD, FREE)), ("*red", match("text", "red", FREE, WORD))),
        *(("*red*", match("text", "red", FREE, FREE)), ('*"a b"*', match("text", "a b", FREE, FREE))),
        *(('"a b"', match("text", "a b", WORD, WORD)), (r"a\ b", match("text", "a b", WORD, WORD))),
        *((r"red\*", match("text", "red*", WORD, FREE)), (r"red\\*", match("text", "red\\", WORD, FREE))),
        *((r'"a\"b\\"', match("text", 'a"b\\', WORD, FREE)), ("(.)", match("text", ".", FREE, FREE))),
        *((".red", match("text", ".red", FREE, WORD)), ("Straße", match("text", "strasse", WORD, WORD))),
        *(("İ", match("text", "i\u0307", WORD, FREE)), ("**", None), ("a**b", match("text", "a**b", WORD, WORD))),
    ],
)
def test_a_word_is_looked_for_in_the_text(text: str, leaf: Leaf | None) -> None:
    """Without case, between the edges of words unless there are stars; a backslash takes a character as it is."""
    if leaf is None:
        with pytest.raises(BadFilterError, match="empty text"):
            parse(text)
    else:
        assert parse(text) == leaf


@pytest.mark.parametrize(
    ("text", "leaf"),
    [
        *(("service:Orders", match("service", "orders", ANCHOR, ANCHOR)), ("SERVICE:a", parse("service:a"))),
        *(("service:ord*", match("service", "ord", ANCHOR, FREE)), ("host:*ord", match("host", "ord", FREE, ANCHOR))),
        *(("service=Orders", exactly("service", "Orders")), ("service=ord*", exactly("service", "ord*"))),
        *(('service:""', match("service", "", ANCHOR, ANCHOR)), ('service=""', match("service", "", ANCHOR, ANCHOR))),
        *(("x=12", match("attr.x", "12", ANCHOR, ANCHOR)), ("x=1a", exactly("attr.x", "1a"))),
        *(("x=١٢", exactly("attr.x", "١٢")), ("body=12", exactly("body", "12"))),
        *(("body:Red", match("body", "red", WORD, WORD)), ("exception:*red", match("exception", "red", FREE, WORD))),
        *(
            ("path:/health", match("attr.path", "/health", ANCHOR, ANCHOR)),
            ("x://a/", match("attr.x", "//a/", ANCHOR, ANCHOR)),
        ),
        *(('x:"/a/"', match("attr.x", "/a/", ANCHOR, ANCHOR)), ("x:a=b", match("attr.x", "a=b", ANCHOR, ANCHOR))),
        *(("service:*", Exists("service")), ('service:"*"', match("service", "*", ANCHOR, ANCHOR))),
        *(("service=*", match("service", "*", ANCHOR, ANCHOR)), ("exception:*", Exists("exception"))),
    ],
)
def test_a_field_is_compared_as_a_whole(text: str, leaf: Leaf) -> None:
    """`:` ignores case and knows stars, `=` does neither; texts without letters are the same for both."""
    assert parse(text) == leaf


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *(("x:1", "attr.x"), ("attr.x:1", "attr.x"), ("ATTR.X:1", "attr.X"), ('attr."a b":1', "attr.a b")),
        *((r'attr."a\"b":1', 'attr.a"b'), ("attr.service:1", "attr.service"), ("Service:1", "service")),
        *(("k8s.pod/name:1", "attr.k8s.pod/name"), ("größe:1", "attr.größe"), ("a-b@c:1", "attr.a-b@c")),
    ],
)
def test_a_name_that_is_no_fields_is_an_attributes(text: str, name: str) -> None:
    """As it is written; the fields' own names in any case."""
    assert field_of(Source(text[:-1], 1)) == (name, ":")


@pytest.mark.parametrize(
    ("text", "leaf"),
    [
        *(("level>=warn", Severity(13, 24)), ("level>warn", Severity(17, 24)), ("level<warn", Severity(0, 12))),
        *(("level<=warn", Severity(0, 16)), ("level:warn", Severity(13, 16)), ("level=warn2", Severity(14, 14))),
        *(("level:*", Severity(1, 24)), ("level:debug..warn2", Severity(5, 14)), ("level:..info", Severity(0, 12))),
        *(("level:0", Severity(0, 0)), ('level:"warn"', Severity(13, 16))),
    ],
)
def test_levels(text: str, leaf: Leaf) -> None:
    """A name is four numbers; what is over it begins behind the last of them."""
    assert parse(text) == leaf


@pytest.mark.parametrize(
    ("text", "leaf"),
    [
        ("x>5", Number("attr.x", 5, math.inf, low_included=False)),
        ("x>=-5", Number("attr.x", -5, math.inf)),
        ("x<.5", Number("attr.x", -math.inf, 0.5, high_included=False)),
        ("x<=5e2", Number("attr.x", -math.inf, 500)),
        ("x:1..2", Number("attr.x", 1, 2)),
        ("x:..2", Number("attr.x", -math.inf, 2)),
        ("x:1..", Number("attr.x", 1, math.inf)),
        ("x:..", match("attr.x", "..", ANCHOR, ANCHOR)),
        ("x:a..b", match("attr.x", "a..b", ANCHOR, ANCHOR)),
        ('x:"1..2"', match("attr.x", "1..2", ANCHOR, ANCHOR)),
        ("x=1..2", match("attr.x", "1..2", ANCHOR, ANCHOR)),
        ("host:1..2", match("host", "1..2", ANCHOR, ANCHOR)),
    ],
)
def test_numbers(text: str, leaf: Leaf) -> None:
    """Of attributes; what is no range of numbers is text."""
    assert parse(text) == leaf


@pytest.mark.parametrize(
    ("text", "leaf"),
    [
        ("trace:" + "AB" * 16, exactly("trace", "ab" * 16)),
        ("trace=" + "ab" * 16, exactly("trace", "ab" * 16)),
        ("trace:AB*", Match("trace", "ab", ANCHOR, FREE, fold=False)),
        ("trace:" + "ab" * 16 + "*", exactly("trace", "ab" * 16)),
        ("span:0102030405060708", exactly("span", "0102030405060708")),
        ("span:*", Exists("span")),
    ],
)
def test_identifiers(text: str, leaf: Leaf) -> None:
    """All of their digits, or the first ones and a star."""
    assert parse(text) == leaf


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        *(("/a+/", "a+"), ("/A/i", "(?i)A"), (r"/a\/b/", "a/b"), ("/a b/", "a b"), (r"/\\/", r"\\"), ("/a/b/", "a/b")),
        ("/i/", "i"),
    ],
)
def test_patterns(text: str, pattern: str) -> None:
    """Between slashes; `i` behind them ignores case."""
    for prefix, field in (("", "text"), ("body:", "body"), ("x:", "attr.x")):
        node: Node = parse(prefix + text)
        assert node == Regex(field, pattern, lambda _text: False)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        *(("/a/", True), ("/a/i", True), ("/a/b/", True), ("//", False), ("//a/", False), ("/a", False)),
        *(("/a/x", False), ("a/b/", False)),
    ],
)
def test_what_is_a_pattern(text: str, *, pattern: bool) -> None:
    """A path is none."""
    assert is_pattern(text) is pattern


@pytest.mark.parametrize(
    ("text", "column", "part"),
    [
        ("level>=loud", 8, "'loud' is no level"),
        ("level:25", 7, "no level"),
        ("level:/x/", 7, "no pattern"),
        ("level>*", 7, "no level"),
        ("service>5", 9, "service takes ':' or '='"),
        ("status>=high", 9, "no number"),
        ("x=/a/", 3, "takes ':'"),
        ("x==5", 3, "'=='"),
        ("x:>5", 3, "':>'"),
        ("level>fatal", 7, "no level is in the range"),
        ("level<0", 7, "no level is in the range"),
        ("level:error..warn", 7, "lower one first"),
        ("x:5..4", 3, "lower one first"),
        ("x>1e400", 3, "'1e400' is too large"),
        ("x<=-1e999", 4, "'-1e999' is too large"),
        ("x:1..1e400", 3, "'1e400' is too large"),
        ("trace:xyz", 7, "32 hexadecimal digits"),
        ("trace:*ab", 7, "32 hexadecimal digits"),
        ("trace:" + "a" * 33, 7, "32 hexadecimal digits"),
        ("span:0102", 6, "16 hexadecimal digits"),
        ("a /b(/", 3, "missing )"),
        (r"/\1/", 1, "invalid escape sequence"),
        ("x:/(a{1000}){1000}/", 3, "invalid repetition size"),
        (r"/\pL{50}/", 1, "pattern too large"),
        ("servce:x", 1, "did you mean service?"),
        ("levle>=warn", 1, "did you mean level?"),
        ("attr.:x", 1, "a name is missing"),
        ('attr."":x', 1, "a name is missing"),
        ("a && b", 3, "write AND"),
        ("a || b", 3, "write OR"),
        ("a != b", 3, "write field!=value"),
        ("!a", 1, "write NOT or -"),
        (">= 5", 1, "stands alone"),
        ("a - b", 3, "stands alone"),
        ("a AND NOT AND", 11, "a term is missing beside AND"),
        ('a ""', 3, "empty text"),
        ('x:*""*', 3, "empty text"),
        ('body:""', 6, "empty text"),
    ],
)
def test_a_mistake_is_named_with_its_column(text: str, column: int, part: str) -> None:
    """Counted in characters from 1; what to do is said."""
    with pytest.raises(BadFilterError) as caught:
        parse(text)
    assert (caught.value.column, caught.value.message.startswith(f"column {column}: ")) == (column, True)
    assert part in caught.value.message
