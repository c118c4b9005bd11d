"""Format `otlp-protobuf`: an ExportLogsServiceRequest, or LogsData, which is the same on the wire."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

from hub.core.utf8 import repair
from hub.errors import BadRequestError, FormatError
from hub.ingest.formats.otlp import Group, Log, Scope, check_count, group_of, record_of, records_of
from hub.ingest.formats.payload import Budget, present

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs


def decode(payload: bytes) -> list[bytes]:
    """Return the records of a request, each with its resource; strings that are not UTF-8 are repaired with U+FFFD."""
    return records_of(read(present(payload)))


def read(payload: bytes) -> list[Group]:
    """Return the records of a request by resource; none of an empty one. FormatError where it is no such request."""
    found = _parsed(payload).resource_logs
    check_count(len(found))
    check_count(sum(len(logs.scope_logs) for logs in found))
    check_count(sum(len(scope.log_records) for logs in found for scope in logs.scope_logs))
    budget = Budget()
    return [_group(logs, budget) for logs in found]


def _parsed(payload: bytes) -> LogsData:
    try:
        return LogsData.FromString(payload)
    except DecodeError:
        pass
    try:
        return LogsData.FromString(repair(payload, LogsData.DESCRIPTOR)[0])
    except (BadRequestError, DecodeError) as error:
        msg = f"not an ExportLogsServiceRequest: {error}"
        raise FormatError(msg) from error


def _group(logs: ResourceLogs, budget: Budget) -> Group:
    records: list[bytes] = []
    for part in logs.scope_logs:
        scope = Scope(part.scope.name, part.scope.version, _plain_all(part.scope.attributes))
        records.extend(scope.around([record_of(_log(one)) for one in part.log_records], budget))
    return group_of(_plain_all(logs.resource.attributes), records, budget)


def _log(log: LogRecord) -> Log:
    return Log(
        log.time_unix_nano,
        log.observed_time_unix_nano,
        log.severity_number,
        log.severity_text,
        _plain(log.body, inner=True),
        _plain_all(log.attributes),
        log.dropped_attributes_count,
        log.trace_id,
        log.span_id,
        log.event_name,
    )


def _plain_all(pairs: Iterable[KeyValue], *, inner: bool = False) -> dict[str, Any]:
    return {pair.key: _plain(pair.value, inner=inner) for pair in pairs}


def _plain(value: AnyValue, *, inner: bool = False) -> Any:  # noqa: ANN401  a value is any
    """Return a value of Python; `inner`: it will stand in JSON, where bytes are base64."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    found = getattr(value, kind)
    if kind == "array_value":
        return [_plain(item, inner=True) for item in found.values]
    if kind == "kvlist_value":
        return _plain_all(found.values, inner=inner)
    if kind == "bytes_value" and inner:
        return b64encode(found).decode()
    return found
