"""hub.core.websocket_frame: frames as the `websockets` library writes them."""

from __future__ import annotations

import pytest
from websockets.frames import Frame, Opcode

from hub.core.websocket_frame import BINARY, TEXT, frame, unframed


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 65_535, 65_536, 70_000])
def test_a_frame_is_what_another_implementation_writes(opcode: int, size: int) -> None:
    """On both sides of each length that RFC 6455 writes differently, and it is taken apart again."""
    payload = bytes(index % 251 for index in range(size))
    framed = frame(opcode, payload)
    assert framed == Frame(Opcode(opcode), payload).serialize(mask=False)
    assert unframed(framed) == (opcode, payload)


@pytest.mark.parametrize("size", [0, 20, 40, 30_000])
def test_the_payload_may_come_in_pieces(size: int) -> None:
    """The frame is that of the pieces put together; its length counts all of them."""
    pieces = (b"a" * size, b"", b"b" * size, b"c" * size)
    assert frame(BINARY, *pieces) == frame(BINARY, b"".join(pieces))
