"""Format `otlp-json`: an ExportLogsServiceRequest in OTLP's own JSON, where ids are hexadecimal and enums numbers.

Encoding: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING, Any

from hub.errors import FormatError, FormatReason
from hub.ingest.formats.json_objects import objects
from hub.ingest.formats.levels import severity
from hub.ingest.formats.otlp import Group, Log, check_count, parts_of, record_of, records_of, resource_of, scope_of
from hub.ingest.formats.payload import Budget

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_DEPTH = 32
_UINT64, _INT64, _UINT32 = range(2**64), range(-(2**63), 2**63), range(2**32)


def decode(payload: bytes) -> list[bytes]:
    """Return the records of a request, or of one a line, each with its resource."""
    return records_of(parts(payload))


def parts(payload: bytes) -> Iterator[Group]:
    """Yield the records of requests, a few at a time; FormatError where they are none."""
    found = [logs for request in objects(payload) for logs in _objects(request, "resourceLogs")]
    check_count(len(found))
    check_count(sum(len(_objects(logs, "scopeLogs")) for logs in found))
    check_count(sum(len(_objects(scope, "logRecords")) for logs in found for scope in _objects(logs, "scopeLogs")))
    budget = Budget()
    for logs in found:
        resource = resource_of(_attributes(_object(logs, "resource"), budget))
        for part in _objects(logs, "scopeLogs"):
            said = _object(part, "scope")
            scope = scope_of(_text(said, "name"), _text(said, "version"), _attributes(said, budget))
            records = (record_of(_log(one, budget)) for one in _objects(part, "logRecords"))
            yield from parts_of(resource, scope, records, budget)


def _log(log: dict[str, Any], budget: Budget) -> Log:
    return Log(
        _integer(log, "timeUnixNano", _UINT64),
        _integer(log, "observedTimeUnixNano", _UINT64),
        _severity_number(log),
        _text(log, "severityText"),
        _plain(_object(log, "body"), budget, inner=True),
        _attributes(log, budget),
        _integer(log, "droppedAttributesCount", _UINT32),
        _identifier(log, "traceId"),
        _identifier(log, "spanId"),
        _text(log, "eventName"),
    )


def _severity_number(log: dict[str, Any]) -> int:
    number = log.get("severityNumber")
    if type(number) is str and number.startswith("SEVERITY_NUMBER_"):
        return severity(number.removeprefix("SEVERITY_NUMBER_"))
    return _integer(log, "severityNumber", _INT64)


def _attributes(holder: dict[str, Any], budget: Budget) -> dict[str, Any]:
    return _pairs(_objects(holder, "attributes"), budget, inner=False, depth=0)


def _pairs(pairs: list[dict[str, Any]], budget: Budget, *, inner: bool, depth: int) -> dict[str, Any]:
    return {_text(pair, "key"): _plain(_object(pair, "value"), budget, inner=inner, depth=depth) for pair in pairs}


def _plain(value: dict[str, Any], budget: Budget, *, inner: bool, depth: int = 0) -> Any:  # noqa: ANN401  any
    """Return a value of Python; `inner`: it will stand in JSON, where bytes are base64."""
    if depth > _MAX_DEPTH:
        msg = f"a value of the request nests deeper than {_MAX_DEPTH}"
        raise FormatError(msg, reason=FormatReason.LIMIT)
    for kind, found in value.items():
        if found is None:
            continue
        if kind == "stringValue":
            return _text(value, kind)
        if kind == "intValue":
            return _integer(value, kind, _INT64)
        if kind == "arrayValue":
            items = _values(value, kind, budget)
            return [_plain(item, budget, inner=True, depth=depth + 1) for item in items]
        if kind == "kvlistValue":
            return _pairs(_values(value, kind, budget), budget, inner=inner, depth=depth + 1)
        if kind in ("boolValue", "doubleValue", "bytesValue"):
            return _scalar(kind, found, inner=inner)
    return None


def _values(value: dict[str, Any], kind: str, budget: Budget) -> list[dict[str, Any]]:
    found = _objects(_object(value, kind), "values")
    budget.count(len(found))
    return found


def _scalar(kind: str, found: Any, *, inner: bool) -> Any:  # noqa: ANN401  as above
    try:
        if kind == "doubleValue" and type(found) in (int, float, str):
            return float(found)  # NaN, Infinity and -Infinity among them
        if kind == "bytesValue" and type(found) is str:
            raw = b64decode(found, validate=True)
            return found if inner else raw
        if kind == "boolValue" and type(found) is bool:
            return found
    except (ValueError, OverflowError, binascii.Error):
        pass
    raise _wrong(kind, found)


def _text(holder: dict[str, Any], name: str) -> str:
    value = holder.get(name)
    if value is None:
        return ""
    if type(value) is not str:
        raise _wrong(name, value)
    return value


def _integer(holder: dict[str, Any], name: str, allowed: range) -> int:
    """Return an integer, which may stand as a string: 64 bits are more than JavaScript's numbers hold."""
    value = holder.get(name)
    if value is None:
        return 0
    if type(value) is float and value.is_integer():
        value = int(value)
    try:
        number = int(value) if type(value) in (int, str) else None
    except ValueError:
        number = None
    if number is None or number not in allowed:
        raise _wrong(name, value)
    return number


def _identifier(holder: dict[str, Any], name: str) -> bytes:
    try:
        return bytes.fromhex(_text(holder, name))
    except ValueError as error:
        raise _wrong(name, holder[name]) from error


def _object(holder: dict[str, Any], name: str) -> dict[str, Any]:
    value = holder.get(name)
    if value is None:
        return {}
    if type(value) is not dict:
        raise _wrong(name, value)
    return value


def _objects(holder: dict[str, Any], name: str) -> list[dict[str, Any]]:
    value = holder.get(name)
    if value is None:
        return []
    if type(value) is not list or not all(type(item) is dict for item in value):
        raise _wrong(name, value)
    return value


def _wrong(name: str, value: object) -> FormatError:
    msg = f"{name} of the request is not what OTLP has there: a value of type {type(value).__name__}"
    return FormatError(msg, reason=FormatReason.SHAPE)
