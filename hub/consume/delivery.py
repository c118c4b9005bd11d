"""A delivery as bytes: records are taken over as they are stored, not made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.core.stored import HoleReason
from hub.core.wire import delimited
from hub.pb import tail_pb2
from hub.pb.consume_pb2 import ConsumerEvent, Delivery

if TYPE_CHECKING:
    from hub.consume.reader import Found
    from hub.core.consumer_group import Held

_REASONS = {
    HoleReason.RETENTION: tail_pb2.GAP_REASON_RETENTION,
    HoleReason.CORRUPT: tail_pb2.GAP_REASON_CORRUPT,
}


def delivery_message(held: Held, found: Found) -> bytes:
    """Return the serialised ConsumerEvent of a piece that a member holds."""
    head = Delivery(id=held.id, attempt=held.attempt, from_offset=held.first, to_offset=held.next)
    head.ack_by.FromNanoseconds(held.until)
    for hole in found.holes:
        count = hole.next_offset - hole.first_offset
        head.gaps.add(
            from_offset=hole.first_offset, to_offset=hole.next_offset, count=count, reason=_REASONS[hole.reason]
        )
    pieces = [head.SerializeToString()]
    for batch, indexes in found.parts:
        whole = len(indexes) == batch.stored.records
        body = b"".join(batch.whole) if whole else batch.part(indexes)
        pieces += (delimited(Delivery.BATCHES_FIELD_NUMBER, len(body)), body)
    size = sum(map(len, pieces))
    return b"".join((delimited(ConsumerEvent.DELIVERY_FIELD_NUMBER, size), *pieces))
