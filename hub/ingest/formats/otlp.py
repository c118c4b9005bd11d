"""Log records of OpenTelemetry as ours, whatever door and encoding they came by.

    service.name, host.name of the resource   service, host
    everything else of the resource            attributes of the resource
    scope: name, version, attributes           logger, otel.scope.version, attributes
    thread.name, exception.* of a record       thread, exception
    event name, dropped attributes             attributes event.name, otel.dropped_attributes_count

Not kept: trace flags, schema addresses. Data model: https://opentelemetry.io/docs/specs/otel/logs/data-model/
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from hub.errors import FormatError, FormatReason
from hub.ingest.formats.attributes import flat, put, text
from hub.ingest.formats.layout import Layout, record
from hub.ingest.formats.levels import severity
from hub.ingest.formats.own import shared
from hub.ingest.formats.payload import MAX_RECORDS, Budget, headed
from hub.pb.record_pb2 import LogRecord, Resource, Severity

if TYPE_CHECKING:
    from collections.abc import Iterable

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
_LAYOUT = Layout(
    thread=("thread.name",),
    error_type=("exception.type",),
    error_message=("exception.message",),
    stacktrace=("exception.stacktrace",),
)


@dataclass(frozen=True, slots=True)
class Log:
    """A log record as OTLP has it; values are plain ones of Python, ids raw bytes, times nanoseconds."""

    time: int = 0
    observed: int = 0
    severity_number: int = 0
    severity_text: str = ""
    body: Any = None
    attributes: dict[str, Any] = field(default_factory=dict)
    dropped_attributes: int = 0
    trace_id: bytes = b""
    span_id: bytes = b""
    event_name: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """The records of one resource, serialised as LogRecord; they go into one batch with that resource."""

    resource: Resource
    records: list[bytes]


def group_of(attributes: dict[str, Any], records: list[bytes], budget: Budget) -> Group:
    """Return a group by the attributes of its resource, which are used up."""
    fields = flat(attributes)
    made = Resource(service=text(fields.pop("service.name", "")), host=text(fields.pop("host.name", "")))
    for name, value in fields.items():
        put(made, name, value)
    budget.spend(made.ByteSize(), len(records))
    return Group(made, records)


@dataclass(frozen=True, slots=True)
class Scope:
    """What the records of a scope share: the logger that they come from."""

    name: str = ""
    version: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)

    def around(self, records: list[bytes], budget: Budget) -> list[bytes]:
        """Return records with the scope's fields; a record's own attributes win."""
        head = LogRecord(logger=self.name)
        for key, value in flat(self.attributes).items():
            put(head, key, value)
        if self.version:
            put(head, "otel.scope.version", self.version)
        return headed(head.SerializeToString(deterministic=True), records, budget)


def record_of(log: Log) -> bytes:
    """Return a record, serialised; ids of a wrong length become attributes in hexadecimal, a wrong severity none."""
    fields = flat(log.attributes)
    more = (
        ("event.name", log.event_name),
        ("otel.dropped_attributes_count", log.dropped_attributes),
        ("trace_id", _misfit(log.trace_id, TRACE_ID_BYTES)),
        ("span_id", _misfit(log.span_id, SPAN_ID_BYTES)),
    )
    made = record({**fields, **{name: value for name, value in more if value}}, _LAYOUT)
    made.time_unix_nano = log.time
    made.observed_time_unix_nano = log.observed
    made.severity = _severity(log)
    made.severity_text = log.severity_text
    made.body = "" if log.body is None else text(log.body)
    made.trace_id = _fit(log.trace_id, TRACE_ID_BYTES)
    made.span_id = _fit(log.span_id, SPAN_ID_BYTES)
    return made.SerializeToString()


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
    if 0 < log.severity_number <= Severity.SEVERITY_FATAL4:
        return cast("Severity", log.severity_number)
    return severity(log.severity_text)


def _fit(identifier: bytes, size: int) -> bytes:
    return identifier if len(identifier) == size and any(identifier) else b""


def _misfit(identifier: bytes, size: int) -> str:
    return "" if len(identifier) == size else identifier.hex()
