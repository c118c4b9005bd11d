"""A batch on its way to subscribers: parsed at most once, however many channels look at it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from hub.core.cursor import Cursor
from hub.core.wire import varint
from hub.pb.record_pb2 import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core.filter import Filter
    from hub.core.stored import StoredBatch

_FIRST_OFFSET_TAG = varint(Batch.FIRST_OFFSET_FIELD_NUMBER << 3)


class TailBatch:
    """A stored batch of a tenant, with the cursor after it."""

    def __init__(self, stored: StoredBatch, epoch: int, tenant: str) -> None:
        self.stored = stored
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

    @cached_property
    def message(self) -> Batch:
        """The parsed Batch, with its first_offset; not to be changed."""
        return Batch.FromString(b"".join(self.whole))

    def indexes(self, wanted: Filter, from_offset: int) -> Sequence[int]:
        """Return the indexes of the records that pass the filter, from an offset on."""
        skip = max(0, from_offset - self.stored.first_offset)
        if not wanted.terms:
            return range(skip, self.stored.records)
        indexes = wanted.select(self.message.records, self.message.resource.service)
        return [index for index in indexes if index >= skip] if skip else indexes

    def part(self, indexes: Sequence[int]) -> Batch:
        """Return a Batch with only these records, which says which ones they were."""
        source = self.message
        part = Batch(
            seq=source.seq,
            received_time_unix_nano=source.received_time_unix_nano,
            producer_id=source.producer_id,
            first_offset=source.first_offset,
            indexes=indexes,
        )
        if source.HasField("resource"):
            part.resource.CopyFrom(source.resource)
        records = source.records
        part.records.extend([records[index] for index in indexes])
        return part
