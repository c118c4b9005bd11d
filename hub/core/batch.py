"""What the hub makes of a producer's batch before it is stored: read it, check it, stamp it, serialise it once.

It is read in two views (`hub.core.views`). The checks are one C-level pass over a column; only where a column shows a
bad value, or a record is so large that it may have too many attributes, are records looked at one by one.

Unknown fields inside records stay, so that a newer producer and a newer reader can meet through an older hub. Unknown
fields of the batch itself go: that is the level where the hub writes its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from google.protobuf.message import DecodeError
from google.protobuf.unknown_fields import UnknownFieldSet

from hub.core.columns import Columns
from hub.core.stored import Parts
from hub.core.utf8 import repair
from hub.core.views import COLUMNS, columns, opaque
from hub.core.wire import delimited
from hub.errors import BadRequestError, TooLargeError
from hub.pb.record_pb2 import LogRecord

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

MAX_SEVERITY = 24
TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8
# The shortest attribute on the wire: tag, length, key tag, key length, one character of key. Two fewer for one with an
# empty key, of which a map holds one.
_SHORTEST_ATTRIBUTE_BYTES = 5
_GOOD_SEVERITIES = frozenset(range(MAX_SEVERITY + 1))
_GOOD_BYTES = bytes(range(MAX_SEVERITY + 1))
_WITHOUT_RULES = tuple(name for name in LogRecord.DESCRIPTOR.fields_by_name if name not in COLUMNS)


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """What a batch may hold; bytes are as serialised."""

    max_batch_bytes: int
    max_batch_records: int
    max_record_bytes: int
    max_attributes: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that is refused for good: its index in the batch, the field at fault, and why."""

    index: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """A batch ready to be stored: `data` is the serialised Batch, without first_offset, of `records` records.

    parts     the same taken apart, where that was asked for
    """

    data: bytes
    records: int
    rejected: tuple[Rejected, ...] = ()
    parts: Parts | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A producer's batch in the views `opaque` and `columns`."""

    batch: Any
    columns: Any


@dataclass(frozen=True, slots=True)
class Incoming:
    """A producer's message in both views, and how many of its strings were not UTF-8 and were repaired with U+FFFD."""

    message: Any
    columns: Any
    repaired: int = 0

    @property
    def offer(self) -> Offer:
        """The message's batch."""
        return Offer(self.message.batch, self.columns.batch)


class Reader:
    """Reads messages of one kind that carry a batch: ProducerMessage or PushRequest."""

    def __init__(self, kind: type[Message]) -> None:
        self._descriptor = cast("Descriptor", kind.DESCRIPTOR)
        self._opaque = opaque(kind)
        self._columns = columns(kind)

    def read(self, raw: bytes) -> Incoming:
        """Read a message; BadRequestError where it is not protobuf of this kind."""
        try:
            return Incoming(self._opaque.FromString(raw), self._columns.FromString(raw))
        except DecodeError:
            pass
        repaired, strings = repair(raw, self._descriptor)
        try:
            return Incoming(self._opaque.FromString(repaired), self._columns.FromString(repaired), strings)
        except DecodeError as error:
            msg = f"the message is not a {self._descriptor.full_name}: {error}"
            raise BadRequestError(msg) from error


def admit(
    offer: Offer, limits: BatchLimits, *, producer_id: str, received_time_unix_nano: int, in_parts: bool = False
) -> Admitted:
    """Check and stamp a batch, taking refused records out of it; with `in_parts` also take it apart.

    Raises BadRequestError for a batch with nothing in it, and TooLargeError for one over the limits.
    """
    batch = offer.batch
    count = len(batch.records)
    if not count:
        msg = "the batch has no records: send at least one"
        raise BadRequestError(msg)
    if count > limits.max_batch_records:
        msg = f"the batch has {count} records, the limit is {limits.max_batch_records}: split it"
        raise TooLargeError(msg)
    if len(batch.resource.attributes) > limits.max_attributes:
        msg = f"the resource has {len(batch.resource.attributes)} attributes, the limit is {limits.max_attributes}"
        raise BadRequestError(msg)
    if len(UnknownFieldSet(batch)):
        batch.DiscardUnknownFields()
    batch.received_time_unix_nano = received_time_unix_nano
    batch.producer_id = producer_id
    batch.ClearField("first_offset")
    batch.ClearField("indexes")
    data = batch.SerializeToString()
    if len(data) > limits.max_batch_bytes:
        msg = f"the batch has {len(data)} bytes, the limit is {limits.max_batch_bytes}: split it"
        raise TooLargeError(msg)
    records: list[bytes] = batch.records[:]
    fields = Columns.of_merged(offer.columns) if in_parts else None  # before the judge takes the columns apart
    rejected = _rejected(records, offer.columns.records, limits)
    if rejected:
        refused = {one.index for one in rejected}
        records = [record for index, record in enumerate(records) if index not in refused]
        del batch.records[:]
        batch.records.extend(records)
        data = batch.SerializeToString()
        fields = None  # they have what was refused
    return Admitted(data, len(records), rejected, Parts.of(batch, records, fields) if in_parts else None)


def _rejected(records: list[bytes], merged: Any, limits: BatchLimits) -> tuple[Rejected, ...]:  # noqa: ANN401  as below
    """Judge by columns, then look at those records that the columns cannot clear."""
    harmless_bytes = min(limits.max_record_bytes, limits.max_attributes * _SHORTEST_ATTRIBUTE_BYTES)
    if not _columns_good(merged):
        suspects = list(range(len(records)))
    elif max(map(len, records)) > harmless_bytes:
        suspects = [index for index, record in enumerate(records) if len(record) > harmless_bytes]
    else:
        return ()
    faults = ((index, _fault(records[index], limits)) for index in suspects)
    return tuple(Rejected(index, *fault) for index, fault in faults if fault)


def _columns_good(merged: Any) -> bool:  # noqa: ANN401  a class made at run time
    return _evidently_good(merged) or (
        _GOOD_SEVERITIES.issuperset(merged.severity)
        and {0, TRACE_ID_BYTES}.issuperset(map(len, merged.trace_id))
        and {0, SPAN_ID_BYTES}.issuperset(map(len, merged.span_id))
    )


def _evidently_good(merged: Any) -> bool:  # noqa: ANN401  as above
    """Judge the common case, where every id that is set has its length, without an object for each value.

    The columns are serialised, which lays them out as: tag, length and severities of a byte each, then tag, length and
    16 bytes for each trace id, then tag, length and 8 bytes for each span id. Every part that is as expected says where
    the next one begins, so nothing else can look like it. 0.02 µs a record, against 0.2 with the values as objects.
    """
    traces, spans = len(merged.trace_id), len(merged.span_id)
    severities = len(merged.severity)
    for name in _WITHOUT_RULES:
        merged.ClearField(name)
    text = merged.SerializeToString()
    head = delimited(LogRecord.SEVERITY_FIELD_NUMBER, severities) if severities else b""
    at_traces = len(head) + severities
    at_spans = at_traces + traces * (2 + TRACE_ID_BYTES)
    return (
        text.startswith(head)
        and not text[len(head) : at_traces].translate(None, _GOOD_BYTES)
        and _all_of(text[at_traces:at_spans], delimited(LogRecord.TRACE_ID_FIELD_NUMBER, TRACE_ID_BYTES), traces)
        and _all_of(text[at_spans:], delimited(LogRecord.SPAN_ID_FIELD_NUMBER, SPAN_ID_BYTES), spans)
    )


def _all_of(text: bytes, head: bytes, count: int) -> bool:
    """Whether the text is `count` fields that all begin with `head`, tag and length of a byte each."""
    stride = len(head) + head[1]
    return len(text) == count * stride and all(text[at::stride] == head[at : at + 1] * count for at in (0, 1))


def _fault(raw: bytes, limits: BatchLimits) -> tuple[str, str] | None:
    """Return the first field at fault and the reason, or None."""
    record = LogRecord.FromString(raw)
    if not 0 <= record.severity <= MAX_SEVERITY:
        return "severity", f"{record.severity} is not 0 to {MAX_SEVERITY}"
    if len(record.trace_id) not in (0, TRACE_ID_BYTES):
        return "trace_id", f"has {len(record.trace_id)} bytes, must have {TRACE_ID_BYTES} or none"
    if len(record.span_id) not in (0, SPAN_ID_BYTES):
        return "span_id", f"has {len(record.span_id)} bytes, must have {SPAN_ID_BYTES} or none"
    if len(record.attributes) > limits.max_attributes:
        return "attributes", f"are {len(record.attributes)}, the limit is {limits.max_attributes}"
    if len(raw) > limits.max_record_bytes:
        return "record", f"has {len(raw)} bytes, the limit is {limits.max_record_bytes}"
    return None
