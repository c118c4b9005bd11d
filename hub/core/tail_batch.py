"""A batch on its way to subscribers: parsed at most once, however many channels look at it."""

from __future__ import annotations

from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from hub.core.cursor import Cursor
from hub.core.filter.batch_view import BatchView, columns_of
from hub.core.stored import Parts
from hub.core.views import opaque
from hub.core.wire import Heads, delimited, varint
from hub.pb.record_pb2 import Batch
from hub.pb.tail_pb2 import Records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.core.filter import Filter
    from hub.core.stored import StoredBatch

_OPAQUE = opaque(Batch)
BATCHES_HEADS = Heads(lambda size: delimited(Records.BATCHES_FIELD_NUMBER, size))
RECORD_HEADS = Heads(lambda size: delimited(Batch.RECORDS_FIELD_NUMBER, size))
PLACES_HEADS = Heads(lambda size: delimited(Batch.INDEXES_FIELD_NUMBER, size))
# An index as it is written.
NUMBERS = Heads(varint)
_FIRST_OFFSET_TAG = varint(Batch.FIRST_OFFSET_FIELD_NUMBER << 3)


class TailBatch:
    """A stored batch of a tenant, with the cursor after it."""

    def __init__(self, stored: StoredBatch, epoch: int, tenant: str) -> None:
        self.stored = stored
        self.count = stored.records
        self.next_offset = stored.next_offset
        self._epoch = epoch
        self._tenant = tenant

    @cached_property
    def cursor(self) -> str:
        """The cursor after the batch."""
        return Cursor(self._epoch, self.stored.next_offset).encode(self._tenant)

    @property
    def whole(self) -> tuple[bytes, bytes]:
        """The serialised Batch with its first_offset, in two pieces: the stored bytes, and one field behind them."""
        first = self.stored.first_offset
        return self.stored.data, _FIRST_OFFSET_TAG + varint(first) if first else b""  # proto3 leaves zeros out

    @property
    def message(self) -> Batch:
        """The parsed Batch, with its first_offset; not to be changed."""
        return self._message()

    @cached_property
    def _message(self) -> Callable[[], Batch]:
        """What parses the batch, once: the view has it too, and must not hold the batch that holds the view."""
        whole = self.whole
        return cache(lambda: Batch.FromString(b"".join(whole)))

    def indexes(self, wanted: Filter, from_offset: int) -> Sequence[int]:
        """Return the indexes of the records that pass the filter, from an offset on."""
        skip = max(0, from_offset - self.stored.first_offset)
        if wanted.everything:
            return range(skip, self.stored.records)
        indexes = wanted.select(self.message)
        return [index for index in indexes if index >= skip] if skip else indexes

    def part(self, indexes: Sequence[int]) -> bytes:
        """Return a serialised Batch with only these records, which says which ones they were.

        The records are taken over as they are stored: to make messages of them again would cost ten times as much.
        """
        return b"".join(self.pieces(indexes)[1])

    def pieces(self, indexes: Sequence[int]) -> tuple[int, Sequence[bytes]]:
        """Return the size of that Batch, and what it is joined of."""
        records, _, head = self.ready
        heads, numbers, places_heads = RECORD_HEADS.ready, NUMBERS.ready, PLACES_HEADS.ready
        end = len(heads)  # of all three
        pieces, where, size = [head], b"", len(head)
        for index in indexes:
            raw = records[index]
            length = len(raw)
            record_head = heads[length] if length < end else RECORD_HEADS[length]
            pieces += record_head, raw
            where += numbers[index] if index < end else NUMBERS[index]
            size += len(record_head) + length
        length = len(where)
        places_head = places_heads[length] if length < end else PLACES_HEADS[length]
        pieces += places_head, where
        return size + len(places_head) + length, pieces

    @cached_property
    def view(self) -> BatchView:
        """The batch by its fields."""
        parts = self.stored.parts
        columns = parts.columns if parts else None
        return BatchView(columns or columns_of(self.stored.data), self.stored.records, self._message)

    @cached_property
    def _parts(self) -> Parts:
        parts = self.stored.parts
        if parts is None:
            message: Any = _OPAQUE.FromString(self.stored.data)
            parts = Parts.of(message, message.records[:])
        return parts

    @cached_property
    def records(self) -> Sequence[bytes]:
        """The serialised records."""
        return self._parts.records

    @cached_property
    def ready(self) -> tuple[Sequence[bytes], bytes, bytes]:
        """What every part is made of: the serialised records, the field `cursor` of Records, and `head`."""
        return self.records, cursor_field(self.cursor), self.head

    @cached_property
    def head(self) -> bytes:
        """The serialised Batch without its records, with its first_offset."""
        return self._parts.head + self.whole[1]


@lru_cache(maxsize=64)  # of the batches that are on their way to everyone
def cursor_field(cursor: str) -> bytes:
    """Return a field `cursor` of Records."""
    raw = cursor.encode()
    return delimited(Records.CURSOR_FIELD_NUMBER, len(raw)) + raw
