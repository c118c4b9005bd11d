"""hub.core.packed_batch: what goes out compressed comes back as it would have come plain."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hub.core.packed_batch import PackedMessageWire, packed_field, unpacked
from hub.core.records_message import MessageWire
from hub.core.stored import StoredBatch
from hub.core.tail_batch import TailBatch
from hub.errors import BadRequestError
from hub.pb.record_pb2 import Batch, LogRecord
from hub.pb.tail_pb2 import COMPRESSION_ZSTD, PackedBatch, Records, ServerMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXT = "the order of the customer was placed and paid for " * 4


def tail_batch(first_offset: int, bodies: Sequence[str], *, level: int | None = 1) -> TailBatch:
    """Return a batch as the log gives it, compressed or not."""
    data = Batch(seq=7, records=[LogRecord(body=body) for body in bodies]).SerializeToString()
    zstd = b"" if level is None else zstandard.ZstdCompressor(level=level).compress(data)
    return TailBatch(StoredBatch(first_offset, len(bodies), 0, data, zstd), 1, "acme")


def read(pieces: Sequence[bytes]) -> Records:
    """Return the message that the pieces make."""
    return Records.FromString(b"".join(pieces))


def plain(batch: TailBatch, indexes: Sequence[int]) -> list[Batch]:
    """Return what comes where nothing is compressed."""
    return list(read(MessageWire().body(batch, indexes)).batches)


@pytest.mark.parametrize("first_offset", [0, 1, 2**63])
@pytest.mark.parametrize("level", [1, -10, None])
@pytest.mark.parametrize("indexes", [range(20), [0], [3, 4, 5, 6, 7, 19], list(range(19))])
def test_a_packed_batch_is_the_plain_one(first_offset: int, level: int | None, indexes: Sequence[int]) -> None:
    """Whole or a part of it, as the log compressed it or not."""
    batch = tail_batch(first_offset, [f"{number} {TEXT}" for number in range(20)], level=level)
    message = read(packed_field(batch, indexes))
    found = unpacked(message.packed) if message.packed else list(message.batches)
    assert found == plain(batch, indexes)
    assert bool(message.packed) is (len(indexes) > 1)


@given(st.lists(st.text(), min_size=1, max_size=30), st.integers(0, 2**40), st.data())
def test_whatever_is_in_it(bodies: list[str], first_offset: int, data: st.DataObject) -> None:
    """Any texts, any part."""
    indexes = sorted(data.draw(st.sets(st.integers(0, len(bodies) - 1), min_size=1)))
    batch = tail_batch(first_offset, bodies)
    message = read(packed_field(batch, indexes))
    assert [*unpacked(message.packed), *message.batches] == plain(batch, indexes)


def test_what_the_log_compressed_goes_out_as_it_is() -> None:
    """Nothing is compressed again."""
    batch = tail_batch(5, [TEXT] * 20, level=3)
    [packed] = read(packed_field(batch, range(20))).packed
    assert packed == PackedBatch(data=batch.stored.zstd, first_offset=5)


def test_what_does_not_get_smaller_goes_out_plain() -> None:
    """A short batch, and one that is noise."""
    noise = LogRecord()
    noise.attributes["noise"].bytes_value = random.Random(1).randbytes(5000)  # noqa: S311  guards nothing
    for record in (LogRecord(body="short"), noise):
        batch = TailBatch(StoredBatch(0, 1, 0, Batch(records=[record]).SerializeToString()), 1, "acme")
        assert packed_field(batch, range(1)) == MessageWire().body(batch, range(1))


def test_the_wire_says_how_it_packs() -> None:
    """And has channels of its own."""
    wire = PackedMessageWire()
    assert (wire.compression, MessageWire().compression) == (COMPRESSION_ZSTD, 0)
    assert wire.name != MessageWire().name
    batch = tail_batch(0, [TEXT] * 20)
    message = ServerMessage.FromString(wire.records("s", "c", wire.body(batch, range(20))))
    assert unpacked(message.records.packed) == plain(batch, range(20))


def test_a_batch_that_inflates_too_far_is_refused() -> None:
    """By what its frame says, before anything is inflated; also where the frame does not say."""
    bomb = zstandard.ZstdCompressor(level=19).compress(bytes(2**20))
    streamed = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(2**20))
    for data in (bomb, streamed):
        with pytest.raises(BadRequestError, match="the limit is 1000"):
            unpacked([PackedBatch(data=data)], max_batch_bytes=1000)


def test_every_prefix_and_every_flipped_byte_is_an_error_or_a_batch() -> None:
    """Never anything else."""
    good = tail_batch(0, [TEXT] * 3).stored.zstd
    broken = [good[:size] for size in range(len(good))]
    broken += [good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :] for at in range(len(good))]
    refused = 0
    for data in broken:
        try:
            unpacked([PackedBatch(data=data)])
        except BadRequestError:
            refused += 1
    assert refused >= len(good)
