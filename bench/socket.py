"""A WebSocket client that costs next to nothing: it shares the machine with what is measured.

It reads frames as they come off TLS and hands on their payload; whatever is in it is the caller's business.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    OnMessage = Callable[[memoryview], None]

_BINARY, _PING, _PONG = 0x2, 0x9, 0xA
_FIN = _MASKED = 0x80
# RFC 6455 section 5.2: lengths of a head, and the values that say that a longer length follows.
_HEAD, _MEDIUM_HEAD, _LARGE_HEAD = 2, 4, 10
_MEDIUM, _LARGE = 126, 127
_REQUEST = (
    "GET /v1/tail HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    "Sec-WebSocket-Protocol: loghub.v1.proto\r\nAuthorization: Bearer {token}\r\n\r\n"
)
_REASON = 200


class Socket(asyncio.Protocol):
    """One connection; `opened` is done when the hub has answered with 101."""

    def __init__(self, token: str, on_message: OnMessage) -> None:
        self._request = _REQUEST.format(token=token).encode()
        self._on_message = on_message
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's has the methods, and is no subclass
        self._write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note where it was never open; a hub that cuts an open one is seen by what does not come."""
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("closed before it was open"))

    def data_received(self, data: bytes) -> None:
        """Read whole frames, and keep what is left."""
        data = self._rest + data if self._rest else data
        at = 0
        if not self.opened.done():
            head, end, _ = data.partition(b"\r\n\r\n")
            if not end:
                self._rest = data
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.opened.set_exception(ConnectionError(data[:_REASON].decode(errors="replace")))
                return
            self.opened.set_result(None)
            at = len(head) + len(end)
        for opcode, start, stop in frames(data, at):
            self._take(opcode, memoryview(data)[start:stop])
            at = stop
        self._rest = data[at:]

    def _take(self, opcode: int, payload: memoryview) -> None:
        if opcode == _BINARY:
            self._on_message(payload)
        elif opcode == _PING:
            self._write(masked(_PONG, bytes(payload)))

    def send(self, message: bytes) -> None:
        """Send a binary message."""
        self._write(masked(_BINARY, message))

    def _write(self, data: bytes) -> None:
        if self._transport:
            self._transport.write(data)


def frames(data: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Yield opcode, begin and end of the payload of each whole frame; a server's are never masked."""
    while (left := len(data) - at) >= _HEAD:
        opcode, length, start = data[at] & 0x0F, data[at + 1], at + _HEAD
        if length >= _MEDIUM:
            head, form = (_MEDIUM_HEAD, ">H") if length == _MEDIUM else (_LARGE_HEAD, ">Q")
            if left < head:
                return
            length, start = struct.unpack_from(form, data, start)[0], at + head
        if len(data) - start < length:
            return
        at = start + length
        yield opcode, start, at


def masked(opcode: int, payload: bytes) -> bytes:
    """Return a client's frame, masked by zeros: here the mask guards nothing."""
    size = len(payload)
    if size < _MEDIUM:
        head = struct.pack(">BB", _FIN | opcode, _MASKED | size)
    else:
        head = struct.pack(">BBH", _FIN | opcode, _MASKED | _MEDIUM, size)
    return head + bytes(4) + payload


def tls_context(ca: str) -> ssl.SSLContext:
    """Return the client side of TLS 1.3."""
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


async def connect(port: int, context: ssl.SSLContext, token: str, on_message: OnMessage) -> Socket:
    """Open a connection; ConnectionError where the hub refuses it."""
    _, socket = await asyncio.get_running_loop().create_connection(
        lambda: Socket(token, on_message), "127.0.0.1", port, ssl=context, server_hostname="localhost"
    )
    await socket.opened
    return socket
