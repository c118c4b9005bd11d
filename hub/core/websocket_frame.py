"""Server-to-client WebSocket frames (RFC 6455 section 5.2): never masked, never fragmented."""

from __future__ import annotations

import struct
from functools import lru_cache

TEXT, BINARY = 0x1, 0x2
_FIN = 0x80
_SHORT, _MEDIUM = 125, 0xFFFF


def frame(opcode: int, *pieces: bytes) -> bytes:
    """Return the whole message as one frame, ready to be written to any number of connections.

    The payload comes in pieces, so that large ones are copied once.
    """
    return b"".join((_head(opcode, sum(map(len, pieces))), *pieces))


@lru_cache(maxsize=16_384)  # sizes come again and again
def _head(opcode: int, size: int) -> bytes:
    if size <= _SHORT:
        return struct.pack(">BB", _FIN | opcode, size)
    if size <= _MEDIUM:
        return struct.pack(">BBH", _FIN | opcode, 126, size)
    return struct.pack(">BBQ", _FIN | opcode, 127, size)


def unframed(data: bytes) -> tuple[int, bytes]:
    """Return opcode and payload of a frame made by `frame`."""
    opcode, size = data[0] & 0x0F, data[1]
    start = 2 if size <= _SHORT else 4 if size == 126 else 10  # noqa: PLR2004  the lengths of RFC 6455
    return opcode, data[start:]
