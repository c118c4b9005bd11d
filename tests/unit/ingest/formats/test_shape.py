"""hub.ingest.formats.shape: the quick way makes the same record as the thorough one, of whatever is sent."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import FormatError
from hub.ingest.formats import ecs, logstash, shape
from hub.ingest.formats.attributes import flat
from hub.ingest.formats.layout import Layout, record
from hub.ingest.formats.shape import Shape, encoded
from hub.pb.record_pb2 import LogRecord

GOOD: dict[str, Any] = {
    "@timestamp": "2024-05-01T10:11:12.345Z",
    "log.level": "WARN",
    "message": "été " * 100,
    "ecs.version": "1.2.0",
    "service.name": "orders",
    "process.thread.name": "main",
    "log.logger": "com.example.A",
    "trace.id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span.id": "00f067aa0ba902b7",
    "user": "4711",
    "long": "x" * 5000,
    "labels": {"n": 2**40, "f": 0.5, "b": True, "none": None, "list": [1, "a"], "empty": ""},
}
NAMES = sorted({*GOOD, *(name for _, names, _ in (*ecs.LAYOUT.columns, *logstash.LAYOUT.columns) for name in names)})
NAMES += ["error.message", "stack_trace", "level_value", "log.syslog.severity.code", "attribute", "", "é"]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from([value for value in GOOD.values() if isinstance(value, str)]),
    st.sampled_from(["0" * 32, "0" * 16, "abc", "1714558272", "ERROR", "20000"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["level", "name", "x"]), st.text(max_size=5) | st.integers(), max_size=3),
)


def slowly(fields: dict[str, Any], layout: Layout) -> LogRecord:
    """Return the record as the layout says it."""
    return record(flat(copy.deepcopy(fields)), layout)


@pytest.mark.parametrize("layout", [ecs.LAYOUT, logstash.LAYOUT], ids=["ecs", "logstash"])
@given(fields=st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12))
@settings(max_examples=300, deadline=None)
def test_both_ways_make_the_same_record(layout: Layout, fields: dict[str, Any]) -> None:
    """Of any fields with any values, the first time and again."""
    try:
        expected = slowly(fields, layout).SerializeToString(deterministic=True)
    except FormatError:
        with pytest.raises(FormatError):
            encoded(copy.deepcopy(fields), layout)
        return
    for _ in range(2):
        made = LogRecord.FromString(encoded(copy.deepcopy(fields), layout))
        assert made.SerializeToString(deterministic=True) == expected


def test_what_encoders_write_goes_the_quick_way() -> None:
    """Otherwise it would be of no use."""
    fields = flat(copy.deepcopy(GOOD))
    made = Shape(tuple(fields), ecs.LAYOUT).encode(fields)
    assert made
    assert LogRecord.FromString(made) == slowly(GOOD, ecs.LAYOUT)


@pytest.mark.parametrize(
    "changes",
    [
        {"@timestamp": "noon"},
        {"message": 5},
        {"message": ""},
        {"trace.id": "x"},
        {"error.type": "E"},
        {"log.level": None},
    ],
)
def test_the_uncommon_is_left_to_the_thorough_way(changes: dict[str, Any]) -> None:
    """And comes out as that says."""
    fields = flat({**copy.deepcopy(GOOD), **changes})
    assert Shape(tuple(fields), ecs.LAYOUT).encode(fields) == b""
    assert LogRecord.FromString(encoded({**copy.deepcopy(GOOD), **changes}, ecs.LAYOUT)) == slowly(
        {**GOOD, **changes}, ecs.LAYOUT
    )


def test_shapes_are_few_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends new fields all the time, or very many, makes the hub keep no more of them."""
    monkeypatch.setattr(shape, "_MOST", 3)
    layout = replace(ecs.LAYOUT)
    for number in range(10):
        assert LogRecord.FromString(encoded({"message": "m", f"f{number}": 1}, layout)).body == "m"
    wide = {f"f{number}": 1 for number in range(65)}
    fresh = replace(ecs.LAYOUT)
    for fields in (wide, {"x" * 2049: 1}):
        assert len(LogRecord.FromString(encoded(dict(fields), fresh)).attributes) == len(fields)
    assert (len(layout.shapes), len(fresh.shapes)) == (3, 0)


def test_layouts_do_not_share_their_shapes() -> None:
    """The same fields mean different things."""
    fields = {"level": "ERROR", "log.level": "INFO"}
    made = [
        LogRecord.FromString(encoded(dict(fields), layout)).severity_text for layout in (ecs.LAYOUT, logstash.LAYOUT)
    ]
    assert made == ["INFO", "ERROR"]


def test_a_message_is_read_by_its_shape() -> None:
    """The format's own way in."""
    [raw] = ecs.decode(json.dumps(GOOD).encode())
    assert LogRecord.FromString(raw) == slowly(GOOD, ecs.LAYOUT)
