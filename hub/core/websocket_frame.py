"""Server-to-client WebSocket frames (RFC 6455 section 5.2): never masked, never fragmented."""

from __future__ import annotations

import struct

TEXT, BINARY = 0x1, 0x2
_FIN = 0x80
_SHORT, _MEDIUM = 125, 0xFFFF


def frame(opcode: int, *pieces: bytes) -> bytes:
    """Return the whole message as one frame, ready to be written to any number of connections.

    The payload comes in pieces, so that large ones are copied once.
    """
    size = sum(map(len, pieces))
    if size <= _SHORT:
        head = struct.pack(">BB", _FIN | opcode, size)
    elif size <= _MEDIUM:
        head = struct.pack(">BBH", _FIN | opcode, 126, size)
    else:
        head = struct.pack(">BBQ", _FIN | opcode, 127, size)
    return b"".join((head, *pieces))


def unframed(data: bytes) -> tuple[int, bytes]:
    """Return opcode and payload of a frame made by `frame`."""
    opcode, size = data[0] & 0x0F, data[1]
    start = 2 if size <= _SHORT else 4 if size == 126 else 10  # noqa: PLR2004  the lengths of RFC 6455
    return opcode, data[start:]
