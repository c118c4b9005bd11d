"""hub.core.filter.evaluate: the language on one record."""

from __future__ import annotations

import math

import pytest

from hub.core.filter.evaluate import passes, values_of
from hub.core.filter.parse import parse
from hub.pb.record_pb2 import Exception, LogRecord, Resource, Value  # noqa: A004  the contract's name

RESOURCE = Resource(service="orders", host="h1", attributes={"zone": Value(string_value="eu")})
BARE = LogRecord()
FULL = LogRecord(
    severity=13,  # type: ignore[arg-type]
    body="payment refused",
    service="billing",
    logger="com.example.Pay",
    thread="main",
    trace_id=b"\xab" * 16,
    attributes={
        "status": Value(int_value=503),
        "zone": Value(string_value="US"),
        "empty": Value(string_value=""),
        "null": Value(),
        "nan": Value(double_value=math.nan),
    },
    exception=Exception(type="java.lang.Error", message="no funds"),
)


def judged(text: str, record: LogRecord) -> bool:
    """Return whether a record of RESOURCE passes a filter."""
    return passes(parse(text))(record, RESOURCE)


@pytest.mark.parametrize(
    ("text", "bare", "full"),
    [
        *(("", True, True), ("-*", False, False), ("service:orders", True, False), ("service:billing", False, True)),
        *(("host:h1", True, True), ("zone:eu", True, False), ("zone:us", False, True), ("zone=US", False, True)),
        *(("refused", False, True), ("funds", False, True), ("java.lang.Error", False, True)),
        *(("body:funds", False, False), ("exception:funds", False, True), ("exception:refused", False, False)),
        *(('"refused java"', False, False), ("level>=warn", False, True), ("level:0", True, False)),
        *(
            ("status>=500", False, True),
            ("status<500", False, False),
            ("nan>0", False, False),
            ("nan<=0", False, False),
        ),
        *(("trace:abab*", False, True), ("logger:*pay", False, True), ("thread:main", False, True)),
        *(("refused funds", False, True), ("refused OR nothing", False, True), ("-refused", True, False)),
    ],
)
def test_a_filter_on_two_records(text: str, *, bare: bool, full: bool) -> None:
    """What a record lacks is its resource's; each text is looked through on its own."""
    assert (judged(text, BARE), judged(text, FULL)) == (bare, full)


@pytest.mark.parametrize(
    ("text", "bare", "full"),
    [
        *(
            ("/x*/", True, True),
            ("body:/x*/", True, True),
            ("exception:/x*/", False, True),
            ("logger:/x*/", True, True),
        ),
        *(("body:/^$/", True, False), ("exception:/^$/", False, False), ('logger:""', True, False)),
        *(('service:""', False, False), ('body=""', True, False), ('exception=""', False, False)),
        *(('empty:""', False, True), ('null:""', False, True), ('none:""', False, False), ("trace:*", False, True)),
        *(("logger:*", False, True), ("body:*", False, True), ("exception:*", False, True), ("service:*", True, True)),
        *(("empty:*", False, True), ("null:*", False, True), ("none:*", False, False), ("empty:/x*/", False, True)),
    ],
)
def test_what_is_empty(text: str, *, bare: bool, full: bool) -> None:
    """A body, and fields of one text, are empty where they are not there; an attribute or an exception is not there."""
    assert (judged(text, BARE), judged(text, FULL)) == (bare, full)


@pytest.mark.parametrize(
    ("low", "high", "passing"),
    [
        ("x>=5", "x<=7", {5, 6, 7}),
        ("x>5", "x<7", {6}),
        ("x:5..7", "", {5, 6, 7}),
        ("x>=5.5", "x<6.5", {6}),
        ("x>7", "x<5", set()),
    ],
)
def test_bounds_of_numbers(low: str, high: str, passing: set[int]) -> None:
    """Included or not."""
    records = {number: LogRecord(attributes={"x": Value(int_value=number)}) for number in range(4, 9)}
    assert {number for number, record in records.items() if judged(f"{low} {high}", record)} == passing


def test_texts_of_a_field() -> None:
    """Each on its own; the parts of an exception that are there."""
    assert values_of("text", FULL, RESOURCE) == ["payment refused", "java.lang.Error", "no funds"]
    assert values_of("exception", FULL, RESOURCE) == ["java.lang.Error", "no funds"]
    assert values_of("text", BARE, RESOURCE) == [""]
    assert values_of("attr.none", FULL, RESOURCE) == []
    assert values_of("attr.zone", BARE, RESOURCE) == ["eu"]
    assert values_of("span", FULL, RESOURCE) == [""]
