"""A record as a line of ECS JSON, the inverse of the hub's format `ecs`.

Fields: https://www.elastic.co/guide/en/ecs-logging/overview/current/intro.html
"""

from __future__ import annotations

import math
from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from hub.core.filter.levels import LEVELS

if TYPE_CHECKING:
    from hub.pb.record_pb2 import LogRecord, Resource, Value

_VERSION = "1.2.0"
_NAMES = {number: name.upper() for name, number in LEVELS.items()}
_NANOS = 10**9


def ecs_line(record: LogRecord, resource: Resource) -> bytes:
    """Return the line; what a record has none of is left out, and attributes keep their names."""
    fields: dict[str, Any] = {
        "@timestamp": _time(record.time_unix_nano),
        "log.level": record.severity_text or _NAMES.get(record.severity, ""),
        "message": record.body,
        "ecs.version": _VERSION,
        "service.name": record.service or resource.service,
        "host.name": record.host or resource.host,
        "process.thread.name": record.thread,
        "log.logger": record.logger,
        "trace.id": record.trace_id.hex(),
        "span.id": record.span_id.hex(),
        "error.type": record.exception.type,
        "error.message": record.exception.message,
        "error.stack_trace": record.exception.stacktrace,
    }
    line = {name: value for name, value in fields.items() if value or name == "message"}
    for name, value in record.attributes.items():
        line.setdefault(name, _plain(value))
    return orjson.dumps(line)


def _time(nanoseconds: int) -> str:
    """Return RFC 3339 with all nine digits."""
    seconds, rest = divmod(nanoseconds, _NANOS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z" if nanoseconds else ""


def _plain(value: Value) -> Any:  # noqa: ANN401  JSON is of any type
    kind = value.WhichOneof("kind")
    plain = getattr(value, kind) if kind else None
    if isinstance(plain, bytes):
        return b64encode(plain).decode()
    return str(plain) if isinstance(plain, float) and not math.isfinite(plain) else plain
