"""Batches in Avro, field for field by `batch.avsc`, as io.loghub.compat.AvroBatch makes them in Java."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastavro

from hub.pb.record_pb2 import Batch, Value
from tests.compat.contract import is_map

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA_FILE = Path(__file__).parent / "batch.avsc"
_SCHEMA = fastavro.parse_schema(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
_INT64 = 1 << 63
_UNSIGNED = {"seq", "first_offset", "time_unix_nano", "observed_time_unix_nano", "received_time_unix_nano"}
_KINDS = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value", bytes: "bytes_value"}


def encode(batch: dict[str, Any]) -> bytes:
    """Return a batch, as a record of Avro, in bytes."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, _SCHEMA, batch)
    return out.getvalue()


def decode(content: bytes) -> dict[str, Any]:
    """Return the record of Avro."""
    found: Any = fastavro.schemaless_reader(io.BytesIO(content), _SCHEMA, None)
    record: dict[str, Any] = found
    return record


def of_batch(batch: Batch) -> dict[str, Any]:
    """Return a batch as a record of Avro, attributes in the order of their names."""
    return _record(batch)


def to_batch(record: Mapping[str, Any]) -> Batch:
    """Return the batch that a record of Avro stands for."""
    batch = Batch()
    _fill(batch, record)
    return batch


def _record(message: Any) -> dict[str, Any]:
    return {field.name: _field(message, field) for field in message.DESCRIPTOR.fields}


def _field(message: Any, field: Any) -> Any:
    value = getattr(message, field.name)
    if is_map(field):
        return {name: _kind(value[name]) for name in sorted(value)}
    if field.message_type:
        if field.is_repeated:
            return [_record(one) for one in value]
        return _record(value) if message.HasField(field.name) else None
    if field.is_repeated:
        return list(value)
    return value - 2 * _INT64 if field.name in _UNSIGNED and value >= _INT64 else value


def _kind(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    return getattr(value, kind) if kind else None


def _fill(message: Any, record: Mapping[str, Any]) -> None:
    for field in message.DESCRIPTOR.fields:
        value = record[field.name]
        if is_map(field):
            for name, one in value.items():
                _fill_kind(getattr(message, field.name)[name], one)
        elif field.message_type and field.is_repeated:
            for one in value:
                _fill(getattr(message, field.name).add(), one)
        elif field.message_type:
            if value is not None:
                getattr(message, field.name).SetInParent()
                _fill(getattr(message, field.name), value)
        elif field.is_repeated:
            getattr(message, field.name).extend(value)
        else:
            setattr(message, field.name, value % (2 * _INT64) if field.name in _UNSIGNED else value)


def _fill_kind(value: Value, one: Any) -> None:
    if one is not None:
        setattr(value, _KINDS[type(one)], one)
