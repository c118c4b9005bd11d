"""A batch on its way to subscribers: parsed at most once, however many channels look at it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from hub.core.cursor import Cursor
from hub.core.filter.batch_view import BatchView
from hub.core.views import opaque
from hub.core.wire import delimited, varint
from hub.pb.record_pb2 import Batch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core.filter import Filter
    from hub.core.stored import StoredBatch

_OPAQUE = opaque(Batch)
_RECORDS = Batch.RECORDS_FIELD_NUMBER
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
        if wanted.everything:
            return range(skip, self.stored.records)
        indexes = wanted.select(self.message)
        return [index for index in indexes if index >= skip] if skip else indexes

    def part(self, indexes: Sequence[int]) -> bytes:
        """Return a serialised Batch with only these records, which says which ones they were.

        The records are taken over as they are stored: to make messages of them again would cost ten times as much.
        """
        records = self.records
        pieces = [self.head]
        for index in indexes:
            raw = records[index]
            pieces += (delimited(_RECORDS, len(raw)), raw)
        pieces.append(places(*indexes))
        return b"".join(pieces)

    @cached_property
    def view(self) -> BatchView:
        """The batch by its fields."""
        return BatchView(b"".join(self.whole), self.stored.records, lambda: self.message)

    @cached_property
    def _opaque(self) -> Any:  # noqa: ANN401  a class made at run time
        return _OPAQUE.FromString(b"".join(self.whole))

    @cached_property
    def records(self) -> Sequence[bytes]:
        """The serialised records."""
        return list(self._opaque.records)

    @cached_property
    def head(self) -> bytes:
        """The serialised Batch without its records."""
        head = _OPAQUE()
        head.CopyFrom(self._opaque)
        head.ClearField("records")
        return head.SerializeToString()


def places(*indexes: int) -> bytes:
    """Return a field `indexes` of Batch."""
    numbers = b"".join(map(varint, indexes))
    return delimited(Batch.INDEXES_FIELD_NUMBER, len(numbers)) + numbers
