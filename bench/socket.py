"""A WebSocket client that costs next to nothing: it shares the machine with what is measured.

It reads frames as they come off TLS and hands on their payload; whatever is in it is the caller's business.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import struct
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    OnMessage = Callable[["Socket", memoryview], None]

_BINARY, _CLOSE, _PING, _PONG = 0x2, 0x8, 0x9, 0xA
_AT_ONCE = 32
_REQUEST = (
    "GET /v1/tail HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    "Sec-WebSocket-Protocol: loghub.v1.proto\r\nAuthorization: Bearer {token}\r\n\r\n"
)


class Socket(asyncio.Protocol):
    """One connection; `opened` is done when the hub has answered with 101."""

    def __init__(self, token: str, on_message: OnMessage) -> None:
        self._request = _REQUEST.format(token=token).encode()
        self._on_message = on_message
        self._rest = b""
        self._head = True
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a WebSocket."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note."""
        self.lost = True
        if not self.opened.done():
            self.opened.set_exception(exc or ConnectionError("closed before it was open"))

    def data_received(self, data: bytes) -> None:
        """Read whole frames, and keep what is left."""
        data = self._rest + data if self._rest else data
        at = 0
        if self._head:
            at = data.find(b"\r\n\r\n") + 4
            if at < 4:  # noqa: PLR2004  not found
                self._rest = data
                return
            self._head = False
            if data.startswith(b"HTTP/1.1 101"):
                self.opened.set_result(None)
            else:
                self.opened.set_exception(ConnectionError(data[:200].decode(errors="replace")))
        self._rest = data[self._frames(data, at) :]

    def _frames(self, data: bytes, at: int) -> int:
        view, size = memoryview(data), len(data)
        while size - at >= 2:  # noqa: PLR2004  the shortest head
            length, start = data[at + 1], at + 2
            if length == 126:  # noqa: PLR2004  RFC 6455 section 5.2
                if size - start < 2:  # noqa: PLR2004
                    break
                length, start = struct.unpack_from(">H", data, start)[0], start + 2
            elif length == 127:  # noqa: PLR2004
                if size - start < 8:  # noqa: PLR2004
                    break
                length, start = struct.unpack_from(">Q", data, start)[0], start + 8
            if size - start < length:
                break
            self._take(data[at] & 0x0F, view[start : start + length])
            at = start + length
        return at

    def _take(self, opcode: int, payload: memoryview) -> None:
        if opcode == _BINARY:
            self._on_message(self, payload)
        elif opcode == _PING:
            self._write(_PONG, bytes(payload))

    def send(self, message: bytes) -> None:
        """Send a binary message."""
        self._write(_BINARY, message)

    def _write(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        head = bytes((0x80 | opcode, 0x80 | size)) if size < 126 else struct.pack(">BBH", 0x80 | opcode, 0xFE, size)  # noqa: PLR2004
        if self.transport:
            self.transport.write(head + bytes(4) + payload)  # masked by zeros


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


async def connect_many(count: int, port: int, ca: str, token: str, on_message: OnMessage) -> list[Socket]:
    """Open connections, some at a time; those that fail are left out."""
    context, room = tls_context(ca), asyncio.Semaphore(_AT_ONCE)
    sockets: list[Socket] = []

    async def one() -> None:
        async with room:
            sockets.append(await connect(port, context, token, on_message))

    await asyncio.gather(*(one() for _ in range(count)), return_exceptions=True)
    return sockets


def cpu_seconds() -> float:
    """Return the CPU time of this process."""
    times = os.times()
    return times.user + times.system
