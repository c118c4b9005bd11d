"""Attributes of a record out of JSON values, each with its type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from hub.errors import FormatError, FormatReason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.pb.record_pb2 import LogRecord, Resource, Value

_MAX_DEPTH = 16
# Ten thousand times what a record has; admission refuses far fewer, but after more work.
_MAX_FIELDS = 10_000
# A name longer than this is not written before each of the names that it holds.
_MAX_PREFIX = 128
_INT64 = range(-(2**63), 2**63)


def flat(value: dict[str, Any]) -> dict[str, Any]:
    """Return an object's fields with the names of nested ones joined by points; FormatError where they are too many.

    `{"log": {"level": "INFO"}}` becomes `{"log.level": "INFO"}`. What is nested deeper than 16, or below a
    very long name, stays an object.
    """
    if len(value) > _MAX_FIELDS:
        raise _too_many()
    if dict not in map(type, value.values()):
        return value
    fields: dict[str, Any] = {}
    _flatten(value, "", fields, _MAX_DEPTH)
    return fields


def _flatten(value: Mapping[str, Any], prefix: str, fields: dict[str, Any], depth: int) -> None:
    for name, item in value.items():
        if type(item) is dict and item and depth and len(prefix) + len(name) < _MAX_PREFIX:
            _flatten(item, f"{prefix}{name}.", fields, depth - 1)
        else:
            fields[prefix + name] = item
    if len(fields) > _MAX_FIELDS:
        raise _too_many()


def _too_many() -> FormatError:
    return FormatError(f"the message has a record of more than {_MAX_FIELDS} fields", reason=FormatReason.LIMIT)


def put(record: LogRecord | Resource, name: str, value: Any) -> None:  # noqa: ANN401  JSON is any
    """Set an attribute of a record or resource, as `fill`."""
    fill(record.attributes[name], value)


def fill(target: Value, value: Any) -> None:  # noqa: ANN401  as above
    """Set an empty value; arrays and objects become their JSON, longer integers their digits, null none."""
    kind = type(value)
    if kind is str:
        target.string_value = value
    elif kind is bool:
        target.bool_value = value
    elif kind is int and value in _INT64:
        target.int_value = value
    elif kind is float:
        target.double_value = value
    elif kind is bytes:
        target.bytes_value = value
    elif value is not None:
        target.string_value = text(value)


def text(value: Any) -> str:  # noqa: ANN401  as above
    """Return a string as it is, and anything else as its JSON; FormatError where it nests too deep for that."""
    if type(value) is str:
        return value
    try:
        return orjson.dumps(value).decode()
    except orjson.JSONEncodeError as error:
        msg = f"the message cannot be kept as JSON: {error}"
        raise FormatError(msg, reason=FormatReason.LIMIT) from error
