"""Lines of text or JSON as records, for `loghub send`."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from typing import Any

from hub.core.filter.levels import LEVELS
from hub.pb.record_pb2 import Exception as RecordException
from hub.pb.record_pb2 import LogRecord

_BODY = ("body", "message", "msg")
_LEVEL = ("severity", "level", "log.level")
_TIME = ("time", "@timestamp", "timestamp")
_STACK = ("stack_trace", "stacktrace", "exception")
_ALIASES = {"warning": "warn", "err": "error", "critical": "fatal", "notice": "info"}
_LEVEL_WORD = re.compile(r"\b(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERR|ERROR|CRITICAL|FATAL)\b")
_LEVEL_WITHIN = 80
_INT64 = 2**63


def record_of(line: str, level: str) -> LogRecord:
    """Return the record of a line; a JSON object is taken apart, anything else is the body.

    A level in capitals near the beginning of a line of text is the record's; else it is `level`.
    """
    if line.startswith("{"):
        try:
            fields = json.loads(line)
        except ValueError:
            fields = None
        if isinstance(fields, dict):
            return _of_fields(fields, level)
    word = _LEVEL_WORD.search(line, 0, _LEVEL_WITHIN)
    severity = _severity(word[0] if word else level)
    return LogRecord(time_unix_nano=time.time_ns(), severity=severity, body=line)  # type: ignore[arg-type]


def _of_fields(fields: dict[str, Any], level: str) -> LogRecord:
    name = str(_take(fields, _LEVEL) or level)
    stamp = _nanoseconds(_take(fields, _TIME))
    body = _take(fields, _BODY)
    record = LogRecord(
        time_unix_nano=stamp,
        severity=_severity(name),  # type: ignore[arg-type]  # the enum's numbers
        severity_text=name,
        body="" if body is None else str(body),
    )
    for field in ("logger", "thread", "service", "host"):
        value = fields.pop(field, None)
        if isinstance(value, str):
            setattr(record, field, value)
    for field, size in (("trace_id", 16), ("span_id", 8)):
        raw = _hex(fields.get(field), size)
        if raw:
            setattr(record, field, raw)
            del fields[field]
    stack = _take(fields, _STACK)
    if isinstance(stack, str):
        record.exception.CopyFrom(RecordException(stacktrace=stack))
    for key, value in fields.items():
        _set(record, key, value)
    return record


def _take(fields: dict[str, Any], names: tuple[str, ...]) -> Any:  # noqa: ANN401  JSON is of any type
    found = [fields.pop(name) for name in names if name in fields]
    return found[0] if found else None


def _severity(name: str) -> int:
    lower = name.lower()
    return LEVELS.get(_ALIASES.get(lower, lower), 0)


def _nanoseconds(value: object) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return int(value * 1e9) if value < 1e11 else int(value * 1e6) if value < 1e14 else int(value)  # noqa: PLR2004
    if isinstance(value, str):
        try:
            return int(datetime.fromisoformat(value).timestamp() * 1e6) * 1000
        except ValueError:
            pass
    return time.time_ns()


def _hex(value: object, size: int) -> bytes:
    if isinstance(value, str) and len(value) == 2 * size:
        try:
            return bytes.fromhex(value)
        except ValueError:
            pass
    return b""


def _set(record: LogRecord, key: str, value: object) -> None:
    attribute = record.attributes[key]
    if isinstance(value, bool):
        attribute.bool_value = value
    elif isinstance(value, int) and -_INT64 <= value < _INT64:
        attribute.int_value = value
    elif isinstance(value, float):
        attribute.double_value = value
    elif isinstance(value, str):
        attribute.string_value = value
    elif value is not None:
        attribute.string_value = json.dumps(value, ensure_ascii=False)
