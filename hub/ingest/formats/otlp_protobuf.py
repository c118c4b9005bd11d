"""Format `otlp-protobuf`: an ExportLogsServiceRequest, or LogsData, which is the same on the wire.

A request is read in a view of the contract in which resources, scopes and records are bytes, and those one after the
other: a request made to be large in memory (a byte of wire can be twenty of objects) is so only in its largest part.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, TypeVar, cast

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, LogsData
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from hub.core.utf8 import repair
from hub.errors import BadRequestError, FormatError, FormatReason
from hub.ingest.formats.otlp import Group, Log, check_count, parts_of, record_of, records_of, resource_of, scope_of
from hub.ingest.formats.payload import MAX_BYTES, Budget, present

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from google.protobuf.descriptor import Descriptor
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    _Message = TypeVar("_Message", bound=Message)

# A resource or scope of more says nothing that a service has to say of itself.
_MAX_SHARED_BYTES = 2**20


def _opaque() -> Any:  # noqa: ANN401  a class made at run time
    """Return LogsData with its resources, scopes and records as bytes."""
    pool = DescriptorPool()
    for module in (common_pb2, resource_pb2, logs_pb2):
        file = FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        if module is logs_pb2:
            fields = {f"{message.name}.{field.name}": field for message in file.message_type for field in message.field}
            for name in ("ResourceLogs.resource", "ScopeLogs.scope", "ScopeLogs.log_records"):
                fields[name].type = FieldDescriptorProto.TYPE_BYTES
                fields[name].ClearField("type_name")
        pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName(LogsData.DESCRIPTOR.full_name))


_REQUEST = _opaque()


def decode(payload: bytes) -> list[bytes]:
    """Return the records of a request, each with its resource; strings that are not UTF-8 are repaired with U+FFFD."""
    return records_of(parts(present(payload)))


def parts(payload: bytes, max_record_bytes: int = MAX_BYTES) -> Iterator[Group]:
    """Yield the records of a request, a few at a time; none of an empty one. FormatError where it is no such request.

    A record of more than `max_record_bytes` is not read: it comes as the bytes that it is, for whoever bounds records
    to refuse.
    """
    found = _parsed(_REQUEST, payload).resource_logs
    check_count(len(found))
    check_count(sum(len(logs.scope_logs) for logs in found))
    check_count(sum(len(scope.log_records) for logs in found for scope in logs.scope_logs))
    budget = Budget()
    for logs in found:
        resource = resource_of(_plain_all(_shared(Resource, logs.resource).attributes, budget))
        for part in logs.scope_logs:
            scope = _shared(InstrumentationScope, part.scope)
            head = scope_of(scope.name, scope.version, _plain_all(scope.attributes, budget))
            records = (_record(raw, max_record_bytes, budget) for raw in part.log_records)
            yield from parts_of(resource, head, records, budget)


def _parsed(kind: type[_Message], payload: bytes) -> _Message:
    try:
        return kind.FromString(payload)
    except DecodeError:
        pass
    try:
        return kind.FromString(repair(payload, cast("Descriptor", kind.DESCRIPTOR))[0])
    except (BadRequestError, DecodeError) as error:
        msg = f"not an ExportLogsServiceRequest: {error}"
        raise FormatError(msg) from error


def _shared(kind: type[_Message], raw: bytes) -> _Message:
    if len(raw) > _MAX_SHARED_BYTES:
        msg = f"the {kind.__name__} of records has {len(raw)} bytes, more than {_MAX_SHARED_BYTES}"
        raise FormatError(msg, reason=FormatReason.LIMIT)
    return _parsed(kind, raw)


def _record(raw: bytes, max_record_bytes: int, budget: Budget) -> bytes:
    if len(raw) > max_record_bytes:
        return raw
    log = _parsed(LogRecord, raw)
    return record_of(
        Log(
            log.time_unix_nano,
            log.observed_time_unix_nano,
            log.severity_number,
            log.severity_text,
            _plain(log.body, budget, inner=True),
            _plain_all(log.attributes, budget),
            log.dropped_attributes_count,
            log.trace_id,
            log.span_id,
            log.event_name,
        )
    )


def _plain_all(pairs: Iterable[KeyValue], budget: Budget, *, inner: bool = False) -> dict[str, Any]:
    found = {}
    for pair in pairs:
        value = pair.value
        kind = value.WhichOneof("value")
        # Most values are strings, and most records have a few: a call less for each.
        found[pair.key] = value.string_value if kind == "string_value" else _plain(value, budget, inner=inner)
    return found


def _plain(value: AnyValue, budget: Budget, *, inner: bool = False) -> Any:  # noqa: ANN401  a value is any
    """Return a value of Python; `inner`: it will stand in JSON, where bytes are base64."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind is None:
        return None
    found = getattr(value, kind)
    if kind == "array_value":
        budget.count(len(found.values))
        return [_plain(item, budget, inner=True) for item in found.values]
    if kind == "kvlist_value":
        budget.count(len(found.values))
        return _plain_all(found.values, budget, inner=inner)
    if kind == "bytes_value" and inner:
        return b64encode(found).decode()
    return found
