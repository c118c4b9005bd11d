"""hub.core.filter.records: values of records as text and as numbers."""

from __future__ import annotations

import math

import pytest

from hub.core.filter import nodes
from hub.core.filter.records import PLAIN, number_of, number_text, read_number, text_of
from hub.pb.record_pb2 import LogRecord, Value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((Value(string_value="Größe"), "Größe"), (Value(string_value=""), ""), (Value(), "")),
        *((Value(int_value=-5), "-5"), (Value(int_value=2**62), str(2**62))),
        *((Value(double_value=12.0), "12"), (Value(double_value=0.1), "0.1"), (Value(double_value=1e300), "1e+300")),
        *(
            (Value(double_value=math.inf), "inf"),
            (Value(double_value=math.nan), "nan"),
            (Value(double_value=-0.0), "-0"),
        ),
        *((Value(bool_value=True), "true"), (Value(bool_value=False), "false")),
        *((Value(bytes_value=b"\x00\xff"), "00ff"), (Value(bytes_value=b""), "")),
    ],
)
def test_a_value_as_text(value: Value, text: str) -> None:
    """Each kind has one spelling; null is empty."""
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        *((None, None), (Value(), None), (Value(bool_value=True), None), (Value(bytes_value=b"1"), None)),
        *((Value(int_value=503), 503.0), (Value(double_value=404.5), 404.5), (Value(string_value="5e2"), 500.0)),
        *((Value(double_value=math.nan), None), (Value(double_value=math.inf), math.inf)),
        *((Value(string_value="nan"), None), (Value(string_value="inf"), None), (Value(string_value="high"), None)),
        (Value(int_value=2**53 + 1), 2.0**53),
    ],
)
def test_a_value_as_a_number(value: Value | None, number: float | None) -> None:
    """Integers, doubles, and text that reads as one; large integers lose their last digits."""
    assert number_of(value) == number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("5", 5.0), ("-5", -5.0), ("+5", 5.0), ("5.", 5.0), (".5", 0.5), ("5e2", 500.0), ("5E-1", 0.5)),
        *(("1e400", math.inf), ("9" * 64, float("9" * 64)), ("", None), (".", None), ("e5", None), ("9" * 65, None)),
        *(("1_000", None), (" 5", None), ("5 ", None), ("5\n", None), ("0x5", None), ("٣", None), ("1e12345", None)),
    ],
)
def test_only_a_whole_decimal_number_is_one(text: str, number: float | None) -> None:
    """Not all that Python takes for one; a bound on its digits bounds the time that reading takes."""
    assert read_number(text) == number


@pytest.mark.parametrize("number", [0.0, -5.0, 0.1, 1e22, 1.5e300, 5e-324, -1e-7, 2.0**53])
def test_the_shortest_form_of_a_number_reads_as_the_same(number: float) -> None:
    """So a filter that is spelt anew bounds the same numbers."""
    assert read_number(number_text(number)) == number


def test_plain_fields_are_texts_of_the_record_itself() -> None:
    """Identifiers are hexadecimal, in small letters."""
    record = LogRecord(logger="l", thread="t", trace_id=b"\xab" * 16, span_id=b"\x01" * 8)
    texts = {name: text(record) for name, text in PLAIN.items()}
    assert texts == {nodes.LOGGER: "l", nodes.THREAD: "t", nodes.TRACE: "ab" * 16, nodes.SPAN: "01" * 8}
