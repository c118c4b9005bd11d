"""JSON formats as tables: which field of theirs is which of a record's. What no table names becomes an attribute."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from hub.ingest.formats.attributes import put, text
from hub.ingest.formats.levels import severity, syslog_severity
from hub.ingest.formats.moments import nanos
from hub.pb.record_pb2 import LogRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
# A field of the record, the names that it may have, and what makes a value of it; what is not true is none.
Column = tuple[str, tuple[str, ...], "Callable[[Any], Any]"]

# The first line of a Java stack trace, and what goes on after it: `com.example.Bad: message`, then the frames.
_HEAD = re.compile(r"(?:Exception in thread \"[^\"\n]*\" )?([A-Za-z_$][\w$.]*)(?::(?: (.*))?)?", re.ASCII | re.DOTALL)
_FRAMES = re.compile(r"\n[ \t]+at |\nCaused by: |\nWrapped by: ")
_HEAD_CHARACTERS = 16_384
_TRACE_DIGITS, _SHORT_TRACE_DIGITS, _SPAN_DIGITS = 32, 16, 16


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of a record's fields, those of nested objects joined by points; of several, the first that is there.

    `dropped` are fields that tell of the encoding, not of the event. `hoisted` are beginnings of names that attributes
    lose, such as that of the MDC's object.
    """

    time: tuple[str, ...] = ()
    observed: tuple[str, ...] = ()
    level: tuple[str, ...] = ()
    syslog: tuple[str, ...] = ()
    body: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    logger: tuple[str, ...] = ()
    thread: tuple[str, ...] = ()
    trace_id: tuple[str, ...] = ()
    span_id: tuple[str, ...] = ()
    error_type: tuple[str, ...] = ()
    error_message: tuple[str, ...] = ()
    stacktrace: tuple[str, ...] = ()
    dropped: frozenset[str] = frozenset()
    hoisted: tuple[str, ...] = ()
    # What `record` looks for, in one table: a third of the time of looking field by field.
    columns: tuple[Column, ...] = field(init=False, repr=False, compare=False)
    errors: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Lay out the table."""
        columns = (
            ("time_unix_nano", self.time, nanos),
            ("observed_time_unix_nano", self.observed, nanos),
            ("severity_text", self.level, text),
            ("body", self.body, text),
            ("service", self.service, text),
            ("host", self.host, text),
            ("logger", self.logger, text),
            ("thread", self.thread, text),
            ("trace_id", self.trace_id, trace_id),
            ("span_id", self.span_id, span_id),
        )
        object.__setattr__(self, "columns", tuple(column for column in columns if column[1]))
        object.__setattr__(self, "errors", frozenset((*self.error_type, *self.error_message, *self.stacktrace)))


def record(fields: dict[str, Any], layout: Layout) -> LogRecord:
    """Return the record that the fields make; they are used up.

    A field that is not what its name says, such as a time that is none, stays an attribute under its own name.
    """
    values = _values(fields, layout)
    if "severity_text" in values:
        values["severity"] = severity(values["severity_text"])
    made = LogRecord(**values)
    if layout.syslog and not made.severity:
        made.severity = take(fields, layout.syslog, syslog_severity, made.severity)
    if not layout.errors.isdisjoint(fields):
        _except(made, fields, layout)
    for name, value in fields.items():
        if name in layout.dropped:
            continue
        put(made, final_name(name, fields, layout), value)
    return made


def final_name(name: str, fields: Mapping[str, Any], layout: Layout) -> str:
    """Return the name of the attribute that a field becomes, beside the other `fields` that become some."""
    if not layout.hoisted or not name.startswith(layout.hoisted):
        return name
    short = next(name.removeprefix(one) for one in layout.hoisted if name.startswith(one))
    return name if short in fields else short


def _values(fields: dict[str, Any], layout: Layout) -> dict[str, Any]:
    """Take the columns' values out of the fields; see `take`."""
    values: dict[str, Any] = {}
    for column, names, convert in layout.columns:
        for name in names:
            value = fields.pop(name, None)
            if value is None or value == "":
                continue
            converted = value if convert is text and type(value) is str else convert(value)
            if converted:
                values[column] = converted
                break
            fields[name] = value
    return values


def take(fields: dict[str, Any], names: tuple[str, ...], convert: Callable[[Any], T | None], default: T) -> T:
    """Take the first field that is there and can be converted; null and "" are as if not there."""
    for name in names:
        value = fields.pop(name, None)
        if value is None or value == "":
            continue
        converted = convert(value)
        if converted:
            return converted
        fields[name] = value
    return default


def trace_id(value: object) -> bytes | None:
    """Return a trace id of 32 hexadecimal digits, or of the 16 of older tracers with zeros before them."""
    if type(value) is str and len(value) == _SHORT_TRACE_DIGITS:
        value = value.rjust(_TRACE_DIGITS, "0")
    return _id(value, _TRACE_DIGITS)


def span_id(value: object) -> bytes | None:
    """Return a span id of 16 hexadecimal digits."""
    return _id(value, _SPAN_DIGITS)


def _id(value: object, digits: int) -> bytes | None:
    if type(value) is not str or len(value) != digits:
        return None
    try:
        raw = bytes.fromhex(value)
    except ValueError:
        return None
    return raw if len(raw) * 2 == digits and raw.strip(b"\0") else None


def _except(made: LogRecord, fields: dict[str, Any], layout: Layout) -> None:
    """Set the exception; a stack trace alone says type and message in its first line."""
    stacktrace = take(fields, layout.stacktrace, lines, "")
    kind = take(fields, layout.error_type, text, "")
    message = take(fields, layout.error_message, text, "")
    if not (stacktrace or kind or message):
        return
    if stacktrace and not kind:
        kind, said = head(stacktrace)
        message = message or said
    made.exception.type = kind
    made.exception.message = message
    made.exception.stacktrace = stacktrace


def lines(value: Any) -> str:  # noqa: ANN401  JSON is any
    """Return text, or an array of its lines, as one."""
    if type(value) is list and all(type(line) is str for line in value):
        return "\n".join(value)
    return text(value)


def head(stacktrace: str) -> tuple[str, str]:
    """Return type and message of the exception that a stack trace begins with; ("", "") where it begins otherwise."""
    start = stacktrace[:_HEAD_CHARACTERS].lstrip()
    frames = _FRAMES.search(start)
    found = _HEAD.fullmatch(start[: frames.start()] if frames else start.partition("\n")[0])
    return (found[1], (found[2] or "").rstrip()) if found else ("", "")
