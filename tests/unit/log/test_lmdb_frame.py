"""hub.log.lmdb_frame: a stored batch comes back as it was, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hub.core.stored import StoredBatch
from hub.log.lmdb_frame import OVERHEAD_BYTES, Compression, CorruptFrameError, Packer, received_of, records_of, unpack
from tests.examples import examples
from tests.unit.log.disk import noise

COMPRESSIBLE = b"connection reset by peer " * 8
NONE = Compression(0, 0, 0)
LEVELS = [0, -5, 1, 3]
quick = examples(50)


def frame(data: bytes = COMPRESSIBLE, level: int = 1, tenant_id: int = 3, offset: int = 70) -> bytes:
    """Return the frame of a batch of 9 records received at 5."""
    return Packer(Compression(level, level, 0)).pack(data, 9, 5).seal(tenant_id, offset)


@quick
@given(
    data=st.binary(max_size=300) | st.text().map(lambda text: text.encode() * 20),
    level=st.sampled_from(LEVELS),
    records=st.integers(0, 2**32 - 1),
    received=st.integers(0, 2**64 - 1),
    key=st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1)),
)
def test_round_trip(data: bytes, level: int, records: int, received: int, key: tuple[int, int]) -> None:
    """Whatever is packed is unpacked, and its head can be read without unpacking."""
    packed = Packer(Compression(level, level, 0)).pack(data, records, received).seal(*key)
    assert unpack(packed, *key) == StoredBatch(key[1], records, received, data)
    assert unpack(memoryview(packed), *key).data == data
    assert (records_of(packed), received_of(packed)) == (records, received)


def test_the_compressed_batch_is_at_hand_where_there_is_one() -> None:
    """For whoever sends it on: as it was packed, and as it is read again; nothing where it is stored raw."""
    packed = Packer(Compression(1, 1, 0)).pack(COMPRESSIBLE, 9, 5)
    assert zstandard.decompress(packed.zstd) == COMPRESSIBLE
    assert unpack(packed.seal(3, 70), 3, 70).zstd == packed.zstd
    assert unpack(frame(level=0), 3, 70).zstd == Packer(NONE).pack(COMPRESSIBLE, 9, 5).zstd == b""


def test_a_busy_group_is_compressed_at_the_other_level() -> None:
    """More bytes in the group than `busy_bytes` is busy; as many is not."""
    packer = Packer(Compression(level=0, busy_level=1, busy_bytes=1000))
    calm, busy = (packer.pack(COMPRESSIBLE, 1, 1, busy_bytes=size) for size in (1000, 1001))
    assert (calm.payload, len(busy.payload) < len(COMPRESSIBLE)) == (COMPRESSIBLE, True)
    assert all(unpack(packed.seal(1, 0), 1, 0).data == COMPRESSIBLE for packed in (calm, busy))


def test_a_batch_is_compressed() -> None:
    """Log text takes less room than it has bytes."""
    assert len(frame()) < len(COMPRESSIBLE) // 2 + OVERHEAD_BYTES


@pytest.mark.parametrize("data", [b"", b"x", noise(500)])
def test_what_cannot_be_compressed_is_stored_raw(data: bytes) -> None:
    """It costs the overhead and nothing more."""
    assert len(frame(data, level=3)) == len(data) + OVERHEAD_BYTES
    assert unpack(frame(data, level=3), 3, 70).data == data


def test_level_zero_stores_raw() -> None:
    """Compression can be switched off."""
    assert frame(level=0).endswith(COMPRESSIBLE)


@pytest.mark.parametrize("level", LEVELS)
def test_every_prefix_is_refused(level: int) -> None:
    """A frame that was cut short is corrupt wherever the cut is."""
    whole = frame(level=level)
    for size in range(len(whole)):
        with pytest.raises(CorruptFrameError):
            unpack(whole[:size], 3, 70)


@pytest.mark.parametrize("level", LEVELS)
def test_every_flipped_byte_is_seen(level: int) -> None:
    """One changed byte, or one bit of it, anywhere in the frame makes it corrupt; so does one too many."""
    whole = frame(level=level)
    for at in range(len(whole)):
        for mask in (0x01, 0x80, 0xFF):
            with pytest.raises(CorruptFrameError):
                unpack(whole[:at] + bytes([whole[at] ^ mask]) + whole[at + 1 :], 3, 70)
    with pytest.raises(CorruptFrameError):
        unpack(whole + b"\0", 3, 70)


@pytest.mark.parametrize("key", [(4, 70), (3, 71), (70, 3)])
def test_a_frame_in_another_place_is_refused(key: tuple[int, int]) -> None:
    """The checksum covers the key, so a page that the disk put elsewhere is not taken for another batch."""
    with pytest.raises(CorruptFrameError):
        unpack(frame(), *key)


@pytest.mark.parametrize(("at", "value"), [(0, 2), (1, 7), (1, 1)], ids=["version", "codec", "no zstd"])
def test_a_sound_frame_of_another_make_is_refused(at: int, value: int) -> None:
    """A newer version, an unknown codec, or a payload that the codec cannot read: refused, though the check holds."""
    packed = Packer(NONE).pack(COMPRESSIBLE, 9, 5)
    head = packed.head[:at] + bytes([value]) + packed.head[at + 1 :]
    with pytest.raises(CorruptFrameError):
        unpack(replace(packed, head=head).seal(3, 70), 3, 70)
