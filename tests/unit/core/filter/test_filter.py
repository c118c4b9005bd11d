"""hub.core.filter: reading, the one spelling, cost, limits, and the errors of the filter language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.filter import Filter, FilterLimits, parse_filter
from hub.errors import BadFilterError, FilterTooCostlyError
from tests.fakes import filter_of
from tests.unit.core.filter.filters import BATCHES, FILTERS

if TYPE_CHECKING:
    from hub.pb.record_pb2 import Batch


def read(text: str) -> tuple[Filter, BadFilterError | None]:
    """Return the filter, or the error and the empty one."""
    try:
        return parse_filter(text, FilterLimits(2**20, 200)), None
    except BadFilterError as error:
        return Filter(), error


def mistake(text: str) -> BadFilterError:
    """Return the error of a filter."""
    with pytest.raises(BadFilterError) as caught:
        filter_of(text)
    return caught.value


@settings(deadline=None, max_examples=100)
@given(FILTERS, BATCHES)
def test_the_canonical_form_means_the_same_and_stays(text: str, batch: Batch) -> None:
    """It reads as a filter that passes the same records and is spelt the same."""
    first = filter_of(text)
    again = filter_of(first.canonical)
    assert again.canonical == first.canonical
    assert again.select(batch) == first.select(batch)


@settings(deadline=None)
@given(FILTERS, FILTERS, BATCHES)
def test_the_operators_are_those_of_logic(left: str, right: str, batch: Batch) -> None:
    """On any two filters and any records."""
    one, other = (set(filter_of(text).select(batch)) for text in (left, right))
    everyone = set(range(len(batch.records)))
    assert set(filter_of(f"({left}) ({right})").select(batch)) == one & other
    assert set((filter_of(left) & filter_of(right)).select(batch)) == one & other
    assert set(filter_of(f"({left}) OR ({right})").select(batch)) == one | other
    assert set(filter_of(f"-({left})").select(batch)) == everyone - one


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from([*'ab12 *"/\\():=<>-.&|!', "AND", "OR", "level", "attr."]), max_size=24).map("".join))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    """With a message and, but for the size of the whole, a column within the text or right behind it."""
    wanted, error = read(text)
    if error:
        assert 1 <= error.column <= len(text) + 1, error.message
        assert error.message.startswith(f"column {error.column}: ")
    assert filter_of(wanted.canonical).canonical == wanted.canonical


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
        ("*(*", '"("'),
    ],
    ids=lambda same: same[0] or "everything",
)
def test_equal_filters_are_spelt_the_same(same: tuple[str, ...]) -> None:
    """So they share a channel."""
    texts = [text if text != "*(*" else '*"("*' for text in same]
    assert len({filter_of(text).canonical for text in texts}) == 1, [filter_of(text).canonical for text in texts]


@pytest.mark.parametrize(
    ("text", "column", "part"),
    [
        ('a "b c', 3, "the quote is never closed"),
        ("a (b", 3, "never closed"),
        ('a ("(" b', 3, "never closed"),
        ("a) b", 2, "never opened"),
        ("a () b", 4, "nothing in the parentheses"),
        ("a level>=", 3, "a value is missing after 'level>='"),
        ("level>=loud", 8, "'loud' is no level"),
        ("level:25", 7, "no level"),
        ("level:/x/", 7, "no pattern"),
        ("service>5", 9, "service takes ':' or '='"),
        ("status>=high", 9, "no number"),
        ("x=/a/", 3, "takes ':'"),
        ("x==5", 3, "'=='"),
        ("level>fatal", 7, "no level is in the range"),
        ("level:error..warn", 7, "lower one first"),
        ("x:5..4", 3, "lower one first"),
        ("trace:xyz", 7, "32 hexadecimal digits"),
        ("span:0102", 6, "16 hexadecimal digits"),
        ("a /b(/", 3, "missing )"),
        (r"/\1/", 1, "invalid escape sequence"),
        ("servce:x", 1, "did you mean service?"),
        ("levle>=warn", 1, "did you mean level?"),
        ("attr.:x", 1, "a name is missing"),
        ("a AND", 6, "missing after AND"),
        ("a OR OR b", 6, "missing"),
        ("OR b", 1, "missing"),
        ("NOT", 4, "missing after NOT"),
        ("a && b", 3, "write AND"),
        ("a || b", 3, "write OR"),
        ("a != b", 3, "-field=value"),
        (">= 5", 1, "stands alone"),
        ("a - b", 3, "stands alone"),
        ("a \0", 3, "NUL"),
        ("x>(1 OR 2)", 1, "values in parentheses take ':'"),
        ('a ""', 3, "empty text"),
        ('x:*""*', 3, "empty text"),
    ],
)
def test_a_mistake_is_named_with_its_column(text: str, column: int, part: str) -> None:
    """Counted in characters from 1; what to do is said."""
    error = mistake(text)
    assert (error.column, error.message.startswith(f"column {column}: ")) == (column, True)
    assert part in error.message


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("", 0),
        ("service:a", 1),
        ("a", 2),
        ("a* -b", 6),
        ("x>1", 2),
        ("/ab/ OR level:warn", 11),
        ("/" + "a" * 80 + "/", 20),
    ],
)
def test_the_cost_is_the_sum_of_the_terms(text: str, cost: int) -> None:
    """In the units of the language's page."""
    assert filter_of(text).cost == cost
    assert parse_filter(text, FilterLimits(1000, cost)).cost == cost


def test_a_filter_that_is_too_costly_is_refused_with_both_figures() -> None:
    """So that one sees how far it is over."""
    with pytest.raises(FilterTooCostlyError, match="costs 4, the limit is 3"):
        parse_filter("a b", FilterLimits(1000, 3))


@pytest.mark.parametrize(("text", "column"), [("x" * 11, 11), ("ä" * 6, 6)])
def test_a_filter_that_is_too_long_is_refused(text: str, column: int) -> None:
    """Counted in bytes; the column is the first character that does not fit."""
    with pytest.raises(BadFilterError, match="longer than 10 bytes") as caught:
        parse_filter(text, FilterLimits(10, 1000))
    assert caught.value.column == column


@pytest.mark.parametrize(
    "text",
    [
        *("(" * 20_000 + "a", "(" * 20_000 + "a" + ")" * 20_000, "-" * 20_000 + "a", "NOT " * 10_000 + "a"),
        *("a " * 20_000, "a OR " * 10_000 + "b", "(a OR " * 5000 + "b" + ")" * 5000),
        *('"' * 20_001, "\\" * 20_001, "/" * 20_001, "*" * 20_000),
    ],
    ids=lambda text: text[:6],
)
@pytest.mark.timeout(5)
def test_large_nonsense_is_refused_in_no_time(text: str) -> None:
    """However deep or long; nothing overflows, nothing takes more than linear time."""
    _, error = read(text)
    if error:
        assert re.search("nested deeper|more than 1000|never|costs|empty|stands alone|backslash", error.message), (
            error.message
        )


def test_without_a_tree_everything_passes() -> None:
    """As for a token without a filter."""
    assert (Filter().canonical, Filter().everything, Filter().cost) == ("", True, 0)
