"""A records message of Tail, put together from ready parts: its batches are encoded once for all who get them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from hub.core.tail_batch import places
from hub.core.wire import delimited, tag, varint
from hub.pb.record_pb2 import Batch
from hub.pb.tail_pb2 import COMPRESSION_UNSPECIFIED, Records, ServerMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core.ports import Wire
    from hub.core.tail_batch import TailBatch

# Looked up once: the hot path of every delivery.
_BATCHES, _ID, _CURSOR = Records.BATCHES_FIELD_NUMBER, Records.ID_FIELD_NUMBER, Records.CURSOR_FIELD_NUMBER
_RECORDS = ServerMessage.RECORDS_FIELD_NUMBER
_RECORD = Batch.RECORDS_FIELD_NUMBER
# What goes before most records, and says which one of its batch it is, by size and by place.
_SMALL = 2048
_RECORD_HEADS = tuple(delimited(_RECORD, size) for size in range(_SMALL))
_BATCH_HEADS = tuple(delimited(_BATCHES, size) for size in range(_SMALL))
_RECORDS_HEADS = tuple(delimited(_RECORDS, size) for size in range(_SMALL))
_PLACES = tuple(places(index) for index in range(_SMALL))
_SAMPLED_OUT = tag(Records.SAMPLED_OUT_FIELD_NUMBER, 0)


def batches_field(batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
    """Return a field `batches` of Records, in pieces; a whole batch goes out as it was stored."""
    if len(indexes) == batch.stored.records:
        return delimited(_BATCHES, sum(map(len, batch.whole))), *batch.whole
    part = batch.part(indexes)
    return delimited(_BATCHES, len(part)), part


def records_message(
    subscription: str, cursor: str, body: Sequence[bytes], sampled_out: int = 0
) -> tuple[int, Sequence[bytes]]:
    """Return the size and the pieces of a ServerMessage around encoded batches."""
    name, where = subscription.encode(), _cursor(cursor)
    left_out = _SAMPLED_OUT + varint(sampled_out) if sampled_out else b""
    named = delimited(_ID, len(name))
    size = len(named) + len(name) + len(where) + len(left_out) + sum(map(len, body))
    start = delimited(_RECORDS, size)
    return len(start) + size, (start, named, name, where, left_out, *body)


def record_message(batch: TailBatch, index: int, label: bytes) -> tuple[int, Sequence[bytes]]:
    """Return the same with one record of a batch for a subscription with this label, in one go.

    Of thousands of different filters each passes one record now and then: then this is most of what is to be done.
    """
    raw, head, where = batch.records[index], batch.head, _cursor(batch.cursor)
    place = _PLACES[index] if index < _SMALL else places(index)
    size = len(raw)
    before = _RECORD_HEADS[size] if size < _SMALL else delimited(_RECORD, size)
    size += len(head) + len(before) + len(place)
    around = _BATCH_HEADS[size] if size < _SMALL else delimited(_BATCHES, size)
    size += len(label) + len(where) + len(around)
    start = _RECORDS_HEADS[size] if size < _SMALL else delimited(_RECORDS, size)
    return len(start) + size, (start, label, where, around, head, before, raw, place)


def label_of(subscription: str) -> bytes:
    """Return the field `id` of Records."""
    name = subscription.encode()
    return delimited(_ID, len(name)) + name


@lru_cache(maxsize=64)  # of the batches that are on their way to everyone
def _cursor(cursor: str) -> bytes:
    raw = cursor.encode()
    return delimited(_CURSOR, len(raw)) + raw


class MessageWire:
    """Serialised ServerMessages, as gRPC carries them; implements `hub.core.ports.Wire`."""

    name = "message"
    compression: int = COMPRESSION_UNSPECIFIED

    def __init__(self, packed: Wire | None = None) -> None:
        self.packed = packed

    def body(self, batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
        """Return a field `batches` of Records."""
        return batches_field(batch, indexes)

    def label(self, subscription: str) -> bytes:
        """Return a subscription's name as it stands in a message."""
        return label_of(subscription)

    def record(self, batch: TailBatch, index: int, label: bytes) -> bytes:
        """Return a records message with one record of a batch."""
        return b"".join(record_message(batch, index, label)[1])

    def records(self, subscription: str, cursor: str, body: Sequence[bytes], sampled_out: int = 0) -> bytes:
        """Return a records message."""
        return b"".join(records_message(subscription, cursor, body, sampled_out)[1])

    def message(self, message: ServerMessage) -> bytes:
        """Return any other message."""
        return message.SerializeToString()
