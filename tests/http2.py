"""HTTP/2 by hand on TLS, as a peer that keeps no rule writes it (RFC 9113), and just enough of gRPC over it."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from hpack import Decoder

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Iterable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
_PADDED, _PRIORITY = 8, 32
_HEAD = 9
_SHORT = 127


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    """Return a frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def header(name: str, value: str) -> bytes:
    """Return a header as a literal that is not indexed (RFC 7541 section 6.2.2)."""
    return b"\0" + b"".join(_length(len(text)) + text.encode() for text in (name, value))


def _length(count: int) -> bytes:
    """Return a length in the form of RFC 7541 section 5.1, with a prefix of seven bits."""
    if count < _SHORT:
        return bytes([count])
    count -= _SHORT
    out = bytearray([_SHORT])
    while count > _SHORT:
        out.append(count & _SHORT | 128)
        count >>= 7
    return bytes([*out, count])


def call_headers(path: str, *more: tuple[str, str], method: str = "POST") -> bytes:
    """Return the header block of a gRPC call."""
    given = (
        (":method", method),
        (":scheme", "https"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        *more,
    )
    return b"".join(header(name, value) for name, value in given)


def message(raw: bytes, *, compressed: bool = False) -> bytes:
    """Return a message with gRPC's prefix."""
    return struct.pack(">BI", compressed, len(raw)) + raw


class Http2Peer:
    """A client's end of a connection; the preface and empty settings have been sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._decoder = Decoder()

    def send(self, *frames: bytes) -> None:
        """Write frames."""
        self.writer.write(b"".join(frames))

    def call(self, path: str, stream: int = 1, *bodies: bytes, more: Iterable[tuple[str, str]] = ()) -> None:
        """Begin a call and send its messages; the request stays open."""
        self.send(frame(HEADERS, END_HEADERS, stream, call_headers(path, *more)))
        self.send(*(frame(DATA, 0, stream, body) for body in bodies))

    async def frames(self) -> AsyncIterator[tuple[int, int, int, bytes]]:
        """Yield (kind, flags, stream, payload) up to the end of the connection; settings and pings are answered."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await self.reader.readexactly(_HEAD)
                kind, flags, stream = head[3], head[4], int.from_bytes(head[5:])
                payload = await self.reader.readexactly(int.from_bytes(head[:3]))
                if kind in {SETTINGS, PING} and not flags & ACK:
                    self.send(frame(kind, ACK, 0, payload if kind == PING else b""))
                yield kind, flags, stream, payload

    def headers(self, flags: int, payload: bytes) -> dict[str, str]:
        """Return what a HEADERS frame says; each must be asked for, in turn."""
        if flags & _PADDED:
            payload = payload[1 : -payload[0] or None]
        if flags & _PRIORITY:
            payload = payload[5:]
        return {str(name): str(value) for name, value in self._decoder.decode(payload)}

    async def outcome(self) -> tuple[int | None, bytes]:
        """Return the status with which the connection's only open call ends, or None and its first message."""
        async for kind, flags, _, payload in self.frames():
            if kind == HEADERS:
                status = self.headers(flags, payload).get("grpc-status")
                if status is not None:
                    return int(status), b""
            if kind == DATA and payload:
                return None, payload
        raise ConnectionError


@asynccontextmanager
async def connected(port: int, tls: ssl.SSLContext, settings: bytes = b"") -> AsyncIterator[Http2Peer]:
    """Connect to a port of this machine; the connection is cut in the end."""
    tls.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection("localhost", port, ssl=tls, limit=2**24)
    peer = Http2Peer(reader, writer)
    peer.send(PREFACE, frame(SETTINGS, payload=settings))
    try:
        yield peer
    finally:
        writer.transport.abort()
