"""hub.ingest.formats.shape: the quick way makes the same record as the thorough one, of whatever is sent."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import FormatError
from hub.ingest.formats import application, ecs, logstash, shape
from hub.ingest.formats.attributes import flat
from hub.ingest.formats.layout import Layout, record
from hub.ingest.formats.shape import Encoder, Shape
from hub.pb.record_pb2 import LogRecord
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

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
# Names that lose their beginning, and those that they have then.
NAMES += ["contextMap.user", "mdc.user", "contextMap.trace_id", "mdc.", "contextMap.attribute"]
LAYOUTS = {"ecs": ecs.LAYOUT, "logstash": logstash.LAYOUT, "application": application.LAYOUT}
# What orjson makes of any integer.
INTEGERS = st.integers(-(2**63), 2**64 - 1)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    INTEGERS,
    st.floats(),
    st.text(max_size=20),
    st.sampled_from([value for value in GOOD.values() if isinstance(value, str)]),
    st.sampled_from(["0" * 32, "0" * 16, "abc", "1714558272", "ERROR", "20000"]),
    st.lists(INTEGERS, max_size=2),
    st.dictionaries(st.sampled_from(["level", "name", "x"]), st.text(max_size=5) | INTEGERS, max_size=3),
)


def slowly(fields: dict[str, Any], layout: Layout) -> LogRecord:
    """Return the record as the layout says it."""
    return record(flat(copy.deepcopy(fields)), layout)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@given(kinds=st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1, max_size=12), min_size=1, max_size=3))
@examples(60)
def test_both_ways_make_the_same_records(layout: Layout, kinds: list[dict[str, Any]]) -> None:
    """Of any fields with any values, several of a kind between others."""
    rows = [copy.deepcopy(fields) for fields in kinds * 4]
    try:
        expected = [slowly(fields, layout).SerializeToString(deterministic=True) for fields in rows]
    except FormatError:
        with pytest.raises(FormatError):
            Encoder(layout).encoded(copy.deepcopy(rows))
        return
    made = [LogRecord.FromString(raw) for raw in Encoder(layout).encoded(copy.deepcopy(rows))]
    assert [one.SerializeToString(deterministic=True) for one in made] == expected


@given(columns=st.lists(st.lists(VALUES, min_size=9, max_size=9), min_size=1, max_size=12), data=st.data())
@examples(100)
def test_a_column_may_hold_anything(columns: list[list[Any]], data: st.DataObject) -> None:
    """Text, numbers, nothing and objects in the same field of messages that follow each other."""
    names = data.draw(st.lists(st.sampled_from(NAMES), min_size=len(columns), max_size=len(columns), unique=True))
    rows = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    expected = [slowly(fields, ecs.LAYOUT).SerializeToString(deterministic=True) for fields in rows]
    made = [LogRecord.FromString(raw) for raw in Encoder(ecs.LAYOUT).encoded(copy.deepcopy(rows))]
    assert [one.SerializeToString(deterministic=True) for one in made] == expected


def quickly(rows: list[dict[str, Any]], layout: Layout = ecs.LAYOUT) -> tuple[list[bytes], AbstractSet[int]]:
    """Return the records that the shape of the first object makes, and the indexes of those that it leaves."""
    flattened = [flat(copy.deepcopy(fields)) for fields in rows]
    columns = list(zip(*(fields.values() for fields in flattened), strict=True))
    return Shape(tuple(flattened[0]), layout, lambda: True).encode(
        columns, [set(map(type, column)) for column in columns]
    )


def test_what_encoders_write_goes_the_quick_way() -> None:
    """Otherwise it would be of no use."""
    rows = [{**GOOD, "user": str(number)} for number in range(9)]
    made, uncommon = quickly(rows)
    assert not uncommon
    assert list(map(LogRecord.FromString, made)) == [slowly(fields, ecs.LAYOUT) for fields in rows]


@pytest.mark.parametrize(
    "changes",
    [{"@timestamp": "noon"}, {"message": 5}, {"message": ""}, {"trace.id": "x"}, {"log.level": None}],
)
def test_the_uncommon_is_left_to_the_thorough_way(changes: dict[str, Any]) -> None:
    """It alone, and comes out as that says."""
    rows = [GOOD, {**GOOD, **changes}, GOOD]
    made, uncommon = quickly(rows)
    assert uncommon == {1}
    assert LogRecord.FromString(made[2]) == slowly(GOOD, ecs.LAYOUT)
    assert list(map(LogRecord.FromString, Encoder(ecs.LAYOUT).encoded(copy.deepcopy(rows)))) == [
        slowly(fields, ecs.LAYOUT) for fields in rows
    ]


def test_attributes_that_lose_the_beginning_of_their_names_go_the_quick_way() -> None:
    """Unless two of them would be one then."""
    rows = [{"message": "m", "contextMap.user": "a", "mdc.region": "b", "region": "c"} for _ in range(3)]
    made, uncommon = quickly(rows, application.LAYOUT)
    assert not uncommon
    attributes = LogRecord.FromString(made[0]).attributes
    assert {name: value.string_value for name, value in attributes.items()} == {
        "user": "a",
        "mdc.region": "b",
        "region": "c",
    }
    assert quickly([{**fields, "mdc.user": "d"} for fields in rows], application.LAYOUT)[1] == {0, 1, 2}


def test_exceptions_are_left_to_the_thorough_way() -> None:
    """All that have one."""
    assert quickly([{**GOOD, "error.type": "E"}] * 3)[1] == {0, 1, 2}


def test_shapes_are_few_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends new fields all the time, or very many, makes the hub keep no more of them."""
    monkeypatch.setattr(shape, "_MOST", 3)
    encoder = Encoder(ecs.LAYOUT)
    for number in range(10):
        for raw in encoder.encoded([{"message": "m", f"f{number}": 1}] * 3):
            assert LogRecord.FromString(raw).body == "m"
        assert tuple(encoder.shapes)[-1] == ("message", f"f{number}")
        assert len(encoder.shapes) <= 3
    wide = {f"f{number}": 1 for number in range(65)}
    fresh = Encoder(ecs.LAYOUT)
    for fields in (wide, {"x" * 2049: 1}):
        for raw in fresh.encoded([dict(fields) for _ in range(3)]):
            assert len(LogRecord.FromString(raw).attributes) == len(fields)
    assert not fresh.shapes


def test_what_is_kept_of_values_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Values of every length in every field, and the records are right nevertheless."""
    monkeypatch.setattr(shape, "_MOST_HEADS", 10)
    encoder = Encoder(ecs.LAYOUT)
    for size in range(40):
        rows = [{"message": "m", "user": "x" * size + str(number)} for number in range(9)]
        made = [LogRecord.FromString(raw) for raw in encoder.encoded(copy.deepcopy(rows))]
        assert made == [slowly(fields, ecs.LAYOUT) for fields in rows]
        assert sum(map(len, heads_of(encoder))) <= 10


def heads_of(encoder: Encoder) -> list[dict[int, bytes]]:
    """Return what is kept of the attributes' values."""
    attributes = [one for found in encoder.shapes.values() for one in found._attributes]  # noqa: SLF001  nothing else tells
    return [heads for _, both in attributes for heads in both]


def test_layouts_do_not_share_their_shapes() -> None:
    """The same fields mean different things."""
    fields = {"level": "ERROR", "log.level": "INFO"}
    made = [Encoder(layout).encoded([dict(fields)] * 3)[0] for layout in (ecs.LAYOUT, logstash.LAYOUT)]
    assert [LogRecord.FromString(raw).severity_text for raw in made] == ["INFO", "ERROR"]


@pytest.mark.parametrize("form", [ecs, logstash], ids=["ecs", "logstash"])
def test_messages_are_read_by_their_shape(form: Any) -> None:
    """The formats' own ways in: a message with several objects, and several messages with one."""
    lines = [json.dumps({**GOOD, "user": str(number)}).encode() for number in range(5)]
    expected = [slowly(json.loads(line), form.LAYOUT) for line in lines]
    for made in (form.decode(b"\n".join(lines)), form.decode_run(lines)):
        assert list(map(LogRecord.FromString, made)) == expected


@pytest.mark.parametrize(
    "odd", [b"", b"{", b"{}", b"[]", b"7", b"[{}]", b'[{"a":1},{"a":2}]', b'{"a":1}\n{"a":2}', b"\xff"]
)
def test_a_run_of_messages_that_are_not_one_object_each_is_refused(odd: bytes) -> None:
    """So that each of them is read by itself, which says what of it."""
    with pytest.raises(FormatError):
        ecs.decode_run([b'{"message":"m"}', odd, b'{"message":"m"}'])


def test_a_run_may_hold_what_only_good_will_reads() -> None:
    """Halves of surrogate pairs, and numbers beside the standard."""
    made = ecs.decode_run([b'{"message":"\\ud800"}', b'{"message":"m","n":NaN}', b'{"message":"m"}'])
    assert [LogRecord.FromString(raw).body for raw in made] == ["\ufffd", "m", "m"]
