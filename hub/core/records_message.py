"""A records message of Tail, put together from ready parts: its batches are encoded once for all who get them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.core.tail_batch import BATCHES_HEADS, NUMBERS, PLACES_HEADS, RECORD_HEADS, cursor_field
from hub.core.wire import Heads, delimited, tag, varint
from hub.pb.tail_pb2 import COMPRESSION_UNSPECIFIED, Records, ServerMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.core.ports import Wire
    from hub.core.tail_batch import TailBatch

RECORDS_HEADS = Heads(lambda size: delimited(ServerMessage.RECORDS_FIELD_NUMBER, size))
POSITION_HEADS = Heads(lambda size: delimited(ServerMessage.POSITION_FIELD_NUMBER, size), limit=256)
_RECORD_HEADS, _BATCHES_HEADS = RECORD_HEADS.ready, BATCHES_HEADS.ready
# The field `indexes` of one record, by its index.
_PLACE = [PLACES_HEADS[len(number)] + number for number in NUMBERS.ready]
_SAMPLED_OUT = tag(Records.SAMPLED_OUT_FIELD_NUMBER, 0)


def batches_field(batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
    """Return a field `batches` of Records, in pieces; a whole batch goes out as it was stored."""
    if len(indexes) == batch.stored.records:
        return BATCHES_HEADS[sum(map(len, batch.whole))], *batch.whole
    part = batch.part(indexes)
    return BATCHES_HEADS[len(part)], part


def records_message(
    label: bytes, cursor: str, body: Sequence[bytes], sampled_out: int = 0
) -> tuple[int, Sequence[bytes]]:
    """Return the size and the pieces of a ServerMessage around encoded batches, for a subscription with this label."""
    where = cursor_field(cursor)
    left_out = _SAMPLED_OUT + varint(sampled_out) if sampled_out else b""
    size = len(label) + len(where) + len(left_out) + sum(map(len, body))
    start = RECORDS_HEADS[size]
    return len(start) + size, (start, label, where, left_out, *body)


def part_with(starts: Heads) -> Callable[[Wire, TailBatch, Sequence[int], bytes], bytes]:
    """Return the method `part` of a wire; `starts`: what goes before so many bytes of Records.

    Of thousands of different filters each passes a record now and then: then this is most of what is to be done, so it
    calls nothing but what joins the bytes.
    """
    ready = starts.ready

    def part(_wire: Wire, batch: TailBatch, indexes: Sequence[int], label: bytes) -> bytes:
        records, cursor, head = batch.ready
        if len(indexes) == 1:
            [index] = indexes
            try:
                raw, where = records[index], _PLACE[index]
                record_head = _RECORD_HEADS[len(raw)]
                size = len(head) + len(record_head) + len(raw) + len(where)
                batch_head = _BATCHES_HEADS[size]
                start = ready[len(label) + len(cursor) + len(batch_head) + size]
                return b"".join((start, label, cursor, batch_head, head, record_head, raw, where))
            except IndexError:  # it is larger than what is ready, and goes as several do
                pass
        size, pieces = batch.pieces(indexes)
        batch_head = _BATCHES_HEADS[size] if size < len(_BATCHES_HEADS) else BATCHES_HEADS[size]
        whole = len(label) + len(cursor) + len(batch_head) + size
        start = ready[whole] if whole < len(ready) else starts[whole]
        return b"".join((start, label, cursor, batch_head, *pieces))

    return part


def position_message(label: bytes, cursor: str, starts: Heads) -> bytes:
    """Return a message that says where a subscription stands; `starts`: what goes before so many bytes of Position."""
    where = cursor_field(cursor)
    return b"".join((starts[len(label) + len(where)], label, where))


def label_of(subscription: str) -> bytes:
    """Return the field `id` of Records, which is that of Position too; so is `cursor`."""
    name = subscription.encode()
    return delimited(Records.ID_FIELD_NUMBER, len(name)) + name


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

    part = part_with(RECORDS_HEADS)

    def position(self, label: bytes, cursor: str) -> bytes:
        """Return a position message."""
        return position_message(label, cursor, POSITION_HEADS)

    def records(self, subscription: str, cursor: str, body: Sequence[bytes], sampled_out: int = 0) -> bytes:
        """Return a records message."""
        return b"".join(records_message(label_of(subscription), cursor, body, sampled_out)[1])

    def message(self, message: ServerMessage) -> bytes:
        """Return any other message."""
        return message.SerializeToString()
