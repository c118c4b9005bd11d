"""hub.core.filter: what is written is what is meant, in one spelling, and each mistake is pointed at."""

from __future__ import annotations

import operator
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.filter import LEVELS, Filter, parse_filter
from hub.errors import BadFilterError
from hub.pb.record_pb2 import LogRecord

ENOUGH_BYTES = 10_000
RANKS = {name: rank for rank, name in enumerate(LEVELS)}
COMPARE = {":": operator.eq, "=": operator.eq, ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le}
quick = settings(deadline=None, max_examples=50)


@dataclass(frozen=True)
class Condition:
    """A term as it is meant; "text" is for what is not a field."""

    field: str
    op: str
    value: str
    negated: bool

    def spell(self) -> str:
        """Return the term with its value in quotes."""
        quoted = '"' + self.value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return "-" * self.negated + (quoted if self.field == "text" else f"{self.field}{self.op}{quoted}")

    def holds(self, record: LogRecord, service: str) -> bool:
        """Judge a record, slowly and plainly."""
        if self.field == "text":
            found = self.value.casefold() in record.body.casefold()
        elif self.field == "service":
            found = self.value == (record.service or service)
        else:
            found = COMPARE[self.op]((record.severity + 3) // 4 - 1, RANKS[self.value])
        return found != self.negated


values = st.text('aAbßSsİ "\\-:<>=\n', max_size=4)
conditions = st.one_of(
    st.builds(Condition, st.just("text"), st.just(""), values, st.booleans()),
    st.builds(Condition, st.just("service"), st.sampled_from(":="), st.sampled_from(["", "a", "b b"]), st.booleans()),
    st.builds(Condition, st.just("level"), st.sampled_from([*COMPARE]), st.sampled_from([*LEVELS]), st.booleans()),
)
records = st.builds(
    LogRecord,
    body=st.text('aAbßSsİ "\\-:<>=\n', max_size=8),
    service=st.sampled_from(["", "a", "b b"]),
    severity=st.integers(0, 24),
)


def parse(text: str) -> Filter:
    """Parse without a limit that matters."""
    return parse_filter(text, ENOUGH_BYTES)


def mistake(text: str, max_bytes: int = ENOUGH_BYTES) -> BadFilterError:
    """Return the error that parsing ends with."""
    with pytest.raises(BadFilterError) as caught:
        parse_filter(text, max_bytes)
    return caught.value


def passing(text: str, *some: LogRecord, service: str = "") -> list[int]:
    """Return the indexes of the records that pass."""
    return parse(text).select(some, service)


@settings(deadline=None, max_examples=100)
@given(st.lists(conditions, max_size=3), st.lists(records, max_size=8), st.sampled_from(["", "a"]))
def test_select_agrees_with_a_slow_plain_judge(wanted: list[Condition], some: list[LogRecord], service: str) -> None:
    """Every record that all conditions hold for, in order, and no other."""
    expected = [
        index for index, record in enumerate(some) if all(condition.holds(record, service) for condition in wanted)
    ]
    assert passing(" ".join(condition.spell() for condition in wanted), *some, service=service) == expected


@quick
@given(st.lists(conditions, max_size=5))
def test_the_canonical_form_parses_to_an_equal_filter(wanted: list[Condition]) -> None:
    """Nothing is lost in it, and it is its own canonical form."""
    first = parse(" ".join(condition.spell() for condition in wanted))
    again = parse(first.canonical)
    assert set(again.terms) == set(first.terms)
    assert again.canonical == first.canonical


@quick
@given(st.lists(conditions, max_size=5), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(wanted: list[Condition], chance: object) -> None:
    """Filters that say the same thing share one canonical form, and so one channel."""
    spelled = [condition.spell() for condition in wanted]
    other = spelled + spelled[:2]
    chance.shuffle(other)  # type: ignore[attr-defined]
    assert parse("  ".join(other)).canonical == parse(" ".join(spelled)).canonical


@quick
@given(
    st.lists(st.sampled_from(["service", "level", ":", ">=", "<", "=", "-", "warn", '"', "\\", " ", "x", "\n", "ß"]))
)
def test_whatever_is_written_is_read_or_pointed_at(pieces: list[str]) -> None:
    """A filter has a canonical form, or an error with a column inside the text."""
    text = "".join(pieces)
    try:
        canonical = parse(text).canonical
    except BadFilterError:
        error = mistake(text)
        assert 1 <= error.column <= len(text) + 1
        assert error.message.startswith(f"column {error.column}: ")
    else:
        assert parse(canonical).canonical == canonical


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("", ""),
        (" \t\n ", ""),
        ("Reset", "reset"),
        ('"reset"', "reset"),
        ('"Conn  Reset"', '"conn  reset"'),
        ("-reset", "-reset"),
        ("--x", '-"-x"'),
        ("service:Orders", "service:Orders"),
        ("SERVICE=orders", "service:orders"),
        ('service:"a b"', 'service:"a b"'),
        ('service:""', 'service:""'),
        ("level=WARN", "level:warn"),
        ("Level>=Warn", "level>=warn"),
        ("-level<error", "-level<error"),
        ('a\\b "a\\"b"', '"a\\"b" "a\\\\b"'),
        ("b a b", "a b"),
        ('"service:x"', '"service:x"'),
        ('"a\\\nb"', '"a\nb"'),
    ],
)
def test_each_filter_has_one_spelling(text: str, canonical: str) -> None:
    """Case where it does not count, quotes that are not needed, order and repetition go."""
    assert parse(text).canonical == canonical


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ('"open', 1, "never closed"),
        ('a service:"open', 11, "never closed"),
        ("service:", 1, "value is missing"),
        ("a level>= b", 3, "value is missing after 'level>='"),
        ('level>= "warn"', 1, "value is missing after 'level>='"),
        ("x -", 3, "value is missing after '-'"),
        ('a"b"', 2, "space is missing"),
        ('"a""b"', 4, "space is missing"),
        ("a path:/health", 3, "no field 'path'"),
        ("-path:/health", 2, "no field 'path'"),
        ("service>=a", 1, "service takes ':'"),
        ("level:loud", 7, "'loud' is no level"),
        ('x level>="loud"', 11, "'loud' is no level"),
    ],
)
def test_a_mistake_is_pointed_at(text: str, column: int, words: str) -> None:
    """The column counts from 1, and the message says what is wrong there."""
    error = mistake(text)
    assert (error.column, words in error.message) == (column, True)
    assert error.message.startswith(f"column {column}: ")


def test_the_length_is_limited_in_bytes() -> None:
    """What fits exactly is read; the column is that of the first character that does not fit."""
    assert parse_filter("ää", 4).canonical == "ää"
    error = mistake("ää", 3)
    assert (error.column, error.message) == (2, "the filter is longer than 3 bytes: shorten it")


def test_a_level_is_a_range_of_four() -> None:
    """WARN2 to WARN4 are warn; an unknown severity is below every level."""
    some = [LogRecord(severity=severity) for severity in range(25)]  # type: ignore[arg-type]
    assert passing("level:warn", *some) == [13, 14, 15, 16]
    assert passing("level>warn", *some) == list(range(17, 25))
    assert passing("level>=warn", *some) == list(range(13, 25))
    assert passing("level<warn", *some) == list(range(13))
    assert passing("level<=warn", *some) == list(range(17))
    assert passing("-level>=trace", *some) == [0]


def test_the_records_own_service_comes_first() -> None:
    """The batch's counts for records that name none."""
    some = [LogRecord(), LogRecord(service="pay")]
    assert passing("service:orders", *some, service="orders") == [0]
    assert passing("service:pay", *some, service="orders") == [1]


def test_text_is_found_in_any_case_in_the_body_alone() -> None:
    """Neither the logger nor the service is searched."""
    some = [LogRecord(body="Connection RESET"), LogRecord(logger="reset", service="reset"), LogRecord(body="STRASSE")]
    assert passing("reset", *some) == [0]
    assert passing('"n r"', *some) == [0]
    assert passing("straße", *some) == [2]
    assert passing("STRASSE", LogRecord(body="Straße")) == [0]


@quick
@given(st.lists(conditions, max_size=2), st.lists(conditions, max_size=2), st.lists(records, max_size=6))
def test_and_passes_what_both_pass(one: list[Condition], two: list[Condition], some: list[LogRecord]) -> None:
    """So a token's filter can only take away."""
    left, right = (parse(" ".join(condition.spell() for condition in wanted)) for wanted in (one, two))
    assert (left & right).select(some, "") == [
        index for index in left.select(some, "") if index in right.select(some, "")
    ]
