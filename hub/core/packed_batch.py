"""Compressed batches on their way to subscribers, and back.

What the log has compressed goes out as it is: nothing is compressed for a subscriber of everything, and a frame that is
a third as long is encrypted and sent in half of the time (`docs/design/fanout.md`). Parts of batches are compressed
once for all who watch the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import zstandard
from google.protobuf.message import DecodeError

from hub.core.records_message import MessageWire, batches_field, records_message
from hub.core.tail_batch import BATCHES_HEADS
from hub.core.wire import delimited, tag, varint
from hub.errors import BadRequestError
from hub.pb.record_pb2 import Batch
from hub.pb.tail_pb2 import COMPRESSION_ZSTD, PackedBatch, Records

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hub.core.tail_batch import TailBatch

MAX_BATCH_BYTES = 64 * 2**20
_PACKED, _DATA = Records.PACKED_FIELD_NUMBER, PackedBatch.DATA_FIELD_NUMBER
_FIRST_OFFSET = tag(PackedBatch.FIRST_OFFSET_FIELD_NUMBER, 0)
# Less is not worth a frame of its own.
_WORTH_BYTES = 1024
_LEVEL = 1
_compressor = zstandard.ZstdCompressor(level=_LEVEL)
_decompressor = zstandard.ZstdDecompressor()


def packed_field(batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
    """Return a field `packed` of Records, in pieces; a field `batches` where compression is no gain."""
    whole = len(indexes) == batch.count
    if whole:
        raw, ready, first = batch.stored.data, batch.stored.zstd, batch.stored.first_offset
    else:
        raw, ready, first = batch.part(indexes), b"", 0
    if not ready and len(raw) >= _WORTH_BYTES:
        ready = _compressor.compress(raw)
    if not 0 < len(ready) < len(raw):
        return batches_field(batch, indexes) if whole else (BATCHES_HEADS[len(raw)], raw)
    head = delimited(_DATA, len(ready))
    where = _FIRST_OFFSET + varint(first) if first else b""
    return delimited(_PACKED, len(head) + len(ready) + len(where)), head, ready, where


class PackedMessageWire(MessageWire):
    """Serialised ServerMessages whose batches are compressed where it is a gain."""

    name = "message+zstd"
    compression = COMPRESSION_ZSTD

    def body(self, batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
        """Return a field `packed` of Records, or `batches`."""
        return packed_field(batch, indexes)

    def part(self, batch: TailBatch, indexes: Sequence[int], label: bytes) -> bytes:
        """Return a records message with some records of a batch."""
        return b"".join(records_message(label, batch.cursor, packed_field(batch, indexes))[1])


def unpacked(packed: Iterable[PackedBatch], max_batch_bytes: int = MAX_BATCH_BYTES) -> list[Batch]:
    """Return batches as they were before; BadRequestError for one that is larger, or not what was packed."""
    return [_unpacked(one, max_batch_bytes) for one in packed]


def _unpacked(packed: PackedBatch, max_batch_bytes: int) -> Batch:
    try:
        size = zstandard.frame_content_size(packed.data)
        if not 0 <= size <= max_batch_bytes:
            msg = f"a packed batch has {size} bytes, the limit is {max_batch_bytes}"
            raise BadRequestError(msg)
        batch = Batch.FromString(_decompressor.decompress(packed.data, max_output_size=size))
    except (zstandard.ZstdError, DecodeError) as error:
        msg = f"a packed batch cannot be read: {error}"
        raise BadRequestError(msg) from error
    if packed.first_offset:
        batch.first_offset = packed.first_offset
    return batch
