"""Ready WebSocket frames on their way to TLS: gathered for each connection, and written a few connections at a time.

A record that goes to 500 subscribers is one frame, and 500 times encrypted. To encrypt for all and only then to write
what came out of it would put megabytes between the two: each would have left the processor's cache when its turn
comes. So a turn of the event loop encrypts and writes no more than fits there, and whatever else waits (batches that
come in, peers that join) gets its turn in between. Frames of one connection that come together are one write.

`loghub bench fanout`, 500 subscribers, batches of 100: 0.58 µs a delivered record before, see docs/design/fanout.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.web.server import LoghubWebSocket

# What a turn of the event loop encrypts and writes: about half of a processor's second-level cache.
_TURN_BYTES = 256 * 1024


class Flusher:
    """Gives connections that have something to write their turn, in the order in which they came."""

    def __init__(self) -> None:
        # Holds each connection once, so it is bounded by their number.
        self._waiting: deque[FrameWriter] = deque()

    def add(self, writer: FrameWriter) -> None:
        """Have a connection flushed soon."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)
        self._waiting.append(writer)

    def _turn(self) -> None:
        written = 0
        while self._waiting and written < _TURN_BYTES:
            written += self._waiting.popleft().flush()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)


class FrameWriter:
    """Writes ready WebSocket frames to one connection; implements `hub.core.ports.Sink` but for the write timeout."""

    def __init__(self, protocol: LoghubWebSocket, flusher: Flusher, queue_bytes: int) -> None:
        self._protocol = protocol
        self._transport = protocol.transport
        self._flusher = flusher
        self._queue_bytes = queue_bytes
        # Bounded by queue_bytes and one frame: a full writer gets nothing live.
        self._frames: list[bytes] = []
        self._bytes = 0

    @property
    def full(self) -> bool:
        """Whether more than queue_bytes wait for the peer."""
        return self._bytes > self._queue_bytes or not self._protocol.writable.is_set()

    def write(self, frame: bytes) -> None:
        """Send a frame soon, or drop it where the connection is gone or closing."""
        if not self._frames:
            self._flusher.add(self)
        self._frames.append(frame)
        self._bytes += len(frame)

    def flush(self) -> int:
        """Write what waits; return how many bytes that was."""
        frames, size = self._frames, self._bytes
        if not frames:
            return 0
        self._frames, self._bytes = [], 0
        protocol = self._protocol
        if not (protocol.close_sent or protocol.disconnected or self._transport.is_closing()):
            self._transport.write(frames[0] if len(frames) == 1 else b"".join(frames))
        return size

    async def drain(self) -> None:
        """Wait until the peer has read most of what waits; raises ConnectionError when it is gone."""
        self.flush()
        if not self._protocol.writable.is_set():
            await self._protocol.writable.wait()
        if self._protocol.disconnected or self._transport.is_closing():
            raise ConnectionError

    def abort(self) -> None:
        """Cut the connection at once."""
        self._transport.abort()
