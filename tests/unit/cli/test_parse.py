"""Lines as records."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cli.parse import record_of
from tests.examples import examples


@pytest.mark.parametrize(
    ("line", "severity"),
    [
        ("hello", 9),
        ("WARN something odd", 13),
        ("2026-11-23 10:00:00,123 [main] ERROR c.e.Orders - failed", 17),
        ("level=WARNING disk", 13),
        ("all is well, no Error here", 9),
        ("ERRORS are not a level", 9),
        ("x" * 90 + " ERROR", 9),
    ],
)
def test_a_line_of_text_is_the_body_and_may_name_its_level(line: str, severity: int) -> None:
    """In capitals, as a word, near the beginning."""
    record = record_of(line, "info")
    assert (record.body, record.severity) == (line, severity)
    assert abs(record.time_unix_nano - time.time_ns()) < 60 * 10**9


def test_a_json_object_is_taken_apart() -> None:
    """The names of common loggers are known; what is left becomes attributes."""
    line = {
        "@timestamp": "2026-11-23T10:00:00.5+00:00",
        "level": "warning",
        "message": "slow",
        "logger": "com.example.A",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "nonsense",
        "stack_trace": "at a.b",
        "n": 7,
        "x": 0.5,
        "ok": True,
        "list": [1],
        "none": None,
        "big": 2**70,
    }
    record = record_of(json.dumps(line), "info")
    assert (record.body, record.severity, record.severity_text) == ("slow", 13, "warning")
    assert record.time_unix_nano == 1795428000500000000
    assert record.trace_id.hex() == line["trace_id"]
    assert record.exception.stacktrace == "at a.b"
    assert record.attributes["span_id"].string_value == "nonsense"
    assert record.attributes["n"].int_value == 7
    assert record.attributes["x"].double_value == 0.5
    assert record.attributes["ok"].bool_value is True
    assert record.attributes["list"].string_value == "[1]"
    assert record.attributes["big"].string_value == str(2**70)


VALUES = st.integers() | st.text(max_size=9)


@given(text=st.text(max_size=200) | st.dictionaries(st.text(max_size=9), VALUES).map(json.dumps))
@examples(100)
def test_every_line_makes_a_record(text: str) -> None:
    """Whatever it holds."""
    record_of(text, "info").SerializeToString()
