"""A stored batch on disk: a header, then the compressed batch, both under one checksum.

Layout, big endian: check u64 (XXH3 over tenant id, offset and all that follows) · version u8 · codec u8 · records u32 ·
received u64 (ns) · raw size u32 · payload. The checksum covers the key, so that a page in the wrong place shows too.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import xxhash
import zstandard

from hub.core.stored import StoredBatch

_CHECK = struct.Struct(">Q")
_HEAD = struct.Struct(">BBIQI")
_KEY = struct.Struct(">IQ")
_VERSION = 1
_RAW, _ZSTD = 0, 1
OVERHEAD_BYTES = _CHECK.size + _HEAD.size


class CorruptFrameError(Exception):
    """The bytes are not what was written."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A frame but for its checksum, which needs the offset."""

    head: bytes
    payload: bytes
    records: int

    @property
    def zstd(self) -> bytes:
        """The compressed batch, where it is compressed."""
        return self.payload if self.head[1] == _ZSTD else b""

    def seal(self, tenant_id: int, offset: int) -> bytes:
        """Return the frame as stored under this key."""
        check = _CHECK.pack(_checksum(tenant_id, offset, self.head, self.payload))
        return b"".join((check, self.head, self.payload))


@dataclass(frozen=True, slots=True)
class Compression:
    """zstd's level, below 0 the fast ones, 0: none; `busy_level` is for when more than `busy_bytes` are at the disk.

    So much there says that time is short: the fast levels take half of it, and two thirds more disk
    (`docs/design/compression.md`).
    """

    level: int
    busy_level: int
    busy_bytes: int


def raw_bytes(frame: bytes) -> int:
    """Return how large a frame's batch will be once it is read, as far as its header can be believed."""
    if len(frame) < OVERHEAD_BYTES:
        return len(frame)
    size: int = _HEAD.unpack_from(frame, _CHECK.size)[4]
    return max(size, len(frame))


class Packer:
    """Compresses batches; one for each thread that writes."""

    def __init__(self, compression: Compression) -> None:
        self._busy_bytes = compression.busy_bytes
        self._usual, self._fast = _compressor(compression.level), _compressor(compression.busy_level)

    def pack(self, data: bytes, records: int, received_unix_nano: int, *, busy_bytes: int = 0) -> Packed:
        """Return the frame of a serialised batch, one of `busy_bytes` at the disk; raw where compression is no gain."""
        payload, codec = data, _RAW
        compressor = self._fast if busy_bytes > self._busy_bytes else self._usual
        if compressor:
            compressed = compressor.compress(data)
            if len(compressed) < len(data):
                payload, codec = compressed, _ZSTD
        return Packed(_HEAD.pack(_VERSION, codec, records, received_unix_nano, len(data)), payload, records)


def _compressor(level: int) -> zstandard.ZstdCompressor | None:
    return zstandard.ZstdCompressor(level=level) if level else None


def unpack(frame: bytes | memoryview, tenant_id: int, offset: int) -> StoredBatch:
    """Return the batch; CorruptFrameError where the checksum does not hold or the layout is not known."""
    if len(frame) < OVERHEAD_BYTES:
        raise CorruptFrameError
    body = memoryview(frame)[_CHECK.size :]
    if _CHECK.unpack_from(frame)[0] != _checksum(tenant_id, offset, body):
        raise CorruptFrameError
    version, codec, records, received, size = _HEAD.unpack_from(body)
    if version != _VERSION or codec not in (_RAW, _ZSTD):
        raise CorruptFrameError
    payload = bytes(body[_HEAD.size :])
    if codec == _RAW:
        return StoredBatch(offset, records, received, payload)
    return StoredBatch(offset, records, received, _decompress(payload, size), payload)


def received_of(frame: bytes | memoryview) -> int:
    """Return when the batch was received, in ns since the epoch, without checking the frame."""
    return int(_HEAD.unpack_from(frame, _CHECK.size)[3])


def records_of(frame: bytes | memoryview) -> int:
    """Return the number of records, without checking the frame."""
    return int(_HEAD.unpack_from(frame, _CHECK.size)[2])


def _decompress(payload: bytes, size: int) -> bytes:
    try:
        return zstandard.ZstdDecompressor().decompress(payload, max_output_size=size)
    except zstandard.ZstdError as error:
        raise CorruptFrameError from error


def _checksum(tenant_id: int, offset: int, *pieces: bytes | memoryview) -> int:
    hasher = xxhash.xxh3_64(_KEY.pack(tenant_id, offset))
    for piece in pieces:
        hasher.update(piece)
    return hasher.intdigest()
