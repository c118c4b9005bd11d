"""Log records of OpenTelemetry as ours, whatever door and encoding they came by.

    service.name, host.name of the resource   service, host
    everything else of the resource            attributes of the resource
    scope: name, version, attributes           logger, otel.scope.version, attributes
    thread.name, exception.* of a record       thread, exception
    event name, dropped attributes             attributes event.name, otel.dropped_attributes_count

Not kept: trace flags, schema addresses. Data model: https://opentelemetry.io/docs/specs/otel/logs/data-model/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from hub.errors import FormatError, FormatReason
from hub.ingest.formats.attributes import flat, put, text
from hub.ingest.formats.layout import Layout, record
from hub.ingest.formats.levels import severity
from hub.ingest.formats.own import shared
from hub.ingest.formats.payload import MAX_RECORDS, Budget, headed
from hub.pb.record_pb2 import LogRecord, Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hub.pb.record_pb2 import Severity

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
_EXCEPTION = frozenset({"exception.type", "exception.message", "exception.stacktrace"})
_MOST_SEVERE = 24
# What is read of a request before its reader lets others have their turn: a few milliseconds.
_PART_RECORDS, _PART_BYTES = 256, 2**18
_LAYOUT = Layout(
    thread=("thread.name",),
    error_type=("exception.type",),
    error_message=("exception.message",),
    stacktrace=("exception.stacktrace",),
)


class Log(NamedTuple):
    """A log record as OTLP has it; values are plain ones of Python, ids raw bytes, times nanoseconds.

    A tuple, since one is made for each record: 0.5 µs instead of 2.3 for a frozen dataclass.
    """

    time: int
    observed: int
    severity_number: int
    severity_text: str
    body: Any
    attributes: dict[str, Any]
    dropped_attributes: int
    trace_id: bytes
    span_id: bytes
    event_name: str


@dataclass(frozen=True, slots=True)
class Group:
    """Records of one resource, serialised as LogRecord; they go into a batch with that resource."""

    resource: Resource
    records: list[bytes]


def resource_of(attributes: dict[str, Any]) -> Resource:
    """Return a resource by its attributes, which are used up."""
    fields = flat(attributes)
    made = Resource(service=text(fields.pop("service.name", "")), host=text(fields.pop("host.name", "")))
    for name, value in fields.items():
        put(made, name, value)
    return made


def scope_of(name: str, version: str, attributes: dict[str, Any]) -> bytes:
    """Return what the records of a scope share, as the head of each: the logger that they come from."""
    head = LogRecord(logger=name)
    for key, value in flat(attributes).items():
        put(head, key, value)
    if version:
        put(head, "otel.scope.version", version)
    return head.SerializeToString(deterministic=True)


def parts_of(resource: Resource, scope: bytes, records: Iterable[bytes], budget: Budget) -> Iterator[Group]:
    """Yield the records of a scope, a few at a time and made only then; a record's own attributes win.

    So whoever reads a long request can let others have their turn between two parts.
    """
    shared_bytes = resource.ByteSize()
    made: list[bytes] = []
    size = 0
    for one in records:
        made.append(one)
        size += len(one)
        if len(made) == _PART_RECORDS or size >= _PART_BYTES:
            budget.spend(shared_bytes, len(made))
            yield Group(resource, headed(scope, made, budget))
            made, size = [], 0
    if made:
        budget.spend(shared_bytes, len(made))
        yield Group(resource, headed(scope, made, budget))


def record_of(log: Log) -> bytes:
    """Return a record, serialised; ids of a wrong length become attributes in hexadecimal, a wrong severity none."""
    fields = flat(log.attributes)
    if log.event_name or log.dropped_attributes:
        fields = {**fields, **_more(log)}
    trace, span = log.trace_id, log.span_id
    if len(trace) != TRACE_ID_BYTES or not any(trace):
        trace = _misfit(fields, "trace_id", trace, TRACE_ID_BYTES)
    if len(span) != SPAN_ID_BYTES or not any(span):
        span = _misfit(fields, "span_id", span, SPAN_ID_BYTES)
    made = record(fields, _LAYOUT) if not _EXCEPTION.isdisjoint(fields) else _without_exception(fields)
    made.time_unix_nano = log.time
    made.observed_time_unix_nano = log.observed
    made.severity = _severity(log)
    made.severity_text = log.severity_text
    made.body = "" if log.body is None else text(log.body)
    made.trace_id = trace
    made.span_id = span
    return made.SerializeToString()


def _without_exception(fields: dict[str, Any]) -> LogRecord:
    """Return a record of attributes as most are, which need not be looked through for all that a layout names."""
    made = LogRecord()
    thread = fields.pop("thread.name", None)
    if thread is not None:
        made.thread = text(thread)
    attributes = made.attributes
    for name, value in fields.items():
        if type(value) is str:
            attributes[name].string_value = value
        else:
            put(made, name, value)
    return made


def _more(log: Log) -> dict[str, Any]:
    more = (("event.name", log.event_name), ("otel.dropped_attributes_count", log.dropped_attributes))
    return {name: value for name, value in more if value}


def _misfit(fields: dict[str, Any], name: str, identifier: bytes, size: int) -> bytes:
    """Return no id, and keep one of a wrong length as an attribute; zeros are none."""
    if identifier and len(identifier) != size:
        fields[name] = identifier.hex()
    return b""


def records_of(groups: Iterable[Group]) -> list[bytes]:
    """Return the records of all groups, each with its resource's fields; FormatError where there are none."""
    found = [one for group in groups for one in shared(group.resource, group.records)]
    if not found:
        msg = "the request has no log records"
        raise FormatError(msg, reason=FormatReason.EMPTY)
    return found


def check_count(count: int) -> None:
    """Refuse a request of more records than a hub should read at once, or more resources or scopes, empty ones too."""
    if count > MAX_RECORDS:
        msg = f"the request has {count} resources, scopes or log records, more than {MAX_RECORDS}: send less at once"
        raise FormatError(msg, reason=FormatReason.LIMIT)


def _severity(log: Log) -> Severity:
    number = log.severity_number
    return cast("Severity", number) if 0 < number <= _MOST_SEVERE else severity(log.severity_text)
