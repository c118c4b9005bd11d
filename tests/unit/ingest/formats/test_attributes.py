"""hub.ingest.formats.attributes: JSON values as typed attributes, whatever their shape and size."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from hub.errors import FormatError, FormatReason
from hub.ingest.formats.attributes import flat, put, text
from hub.pb.record_pb2 import LogRecord, Resource, Value


def test_names_of_nested_objects_are_joined() -> None:
    """An empty object stays, since otherwise nothing would be left of it."""
    nested = {"a": 1, "b": {"c": 2, "d": {"e": [{"f": 3}]}, "g": {}}, "b.c": 4}
    assert flat(nested) == {"a": 1, "b.c": 4, "b.d.e": [{"f": 3}], "b.g": {}}


def test_what_is_nested_very_deep_stays_an_object() -> None:
    """So that names stay short."""
    deep: dict[str, Any] = {"x": 1}
    for _ in range(20):
        deep = {"a": deep}
    ((name, value),) = flat(deep).items()
    assert name == ".".join("a" * 17)
    assert value == {"a": {"a": {"a": {"x": 1}}}}
    assert flat({"n" * 128: {"x": 1}}) == {"n" * 128: {"x": 1}}
    assert flat({"n" * 127: {"x": 1}}) == {"n" * 127 + ".x": 1}


def test_a_long_name_is_not_written_before_thousands() -> None:
    """A message of a MiB stays one of a few."""
    hostile = {"n" * 2**20: {str(index): 1 for index in range(10_000)}}
    tracemalloc.start()
    flat(hostile)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


@pytest.mark.parametrize(
    "fields", [dict.fromkeys(map(str, range(10_001)), 1), {"a": dict.fromkeys(map(str, range(10_001)))}]
)
def test_too_many_fields_are_refused(fields: dict[str, Any]) -> None:
    """Flat or nested."""
    with pytest.raises(FormatError) as caught:
        flat(fields)
    assert caught.value.reason is FormatReason.LIMIT


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("s", Value(string_value="s")),
        (True, Value(bool_value=True)),
        (False, Value(bool_value=False)),
        (0, Value(int_value=0)),
        (-(2**63), Value(int_value=-(2**63))),
        (2**63, Value(string_value=str(2**63))),
        (0.5, Value(double_value=0.5)),
        (b"\0", Value(bytes_value=b"\0")),
        (None, Value()),
        (["ü", 1, None], Value(string_value='["ü",1,null]')),
        ({}, Value(string_value="{}")),
    ],
)
def test_an_attribute_has_its_type(value: object, expected: Value) -> None:
    """Of records and of resources."""
    for holder in (LogRecord(), Resource()):
        put(holder, "name", value)
        assert dict(holder.attributes) == {"name": expected}


def test_what_cannot_be_json_again_is_refused() -> None:
    """A list that is nested too deep for the writer."""
    deep = json.loads("[" * 500 + "]" * 500)
    with pytest.raises(FormatError) as caught:
        text(deep)
    assert caught.value.reason is FormatReason.LIMIT
