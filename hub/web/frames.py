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
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence

    from hub.web.websocket import LoghubWebSocket

# What a turn of the event loop encrypts and writes: about half of a processor's second-level cache.
_TURN_BYTES = 256 * 1024
# What is worth a write of its own, however short ago the last one was: a record of TLS.
_LITTLE_BYTES = 16 * 1024
# Writes in a gather time that cost too little to be spared: 20 in 20 ms are 5 % of a processor.
_CALM_WRITES = 20


class Flusher:
    """Gives connections that have something to write their turn, in the order in which they came.

    While there is much to write, a connection that was written to less than `gather_seconds` ago and has little to
    write waits as long, so that many small frames are one write: of 10,000 filters over 100 connections each passes a
    record now and then, and a write costs five times what it takes to match and encode what is in it. While there is
    not, nobody waits: `calm_writes` in the same time are few.
    """

    def __init__(self, gather_seconds: float, calm_writes: int = _CALM_WRITES) -> None:
        self._gather_seconds = gather_seconds
        self._calm_writes = calm_writes
        # Writes in the running gather time and in the one before it, and when the running one began.
        self._writes = self._writes_before = 0
        self._began = 0.0
        self._calm = calm_writes > 0
        # Both hold each connection once, so they are bounded by their number.
        self._waiting: deque[FrameWriter] = deque()
        self._later: deque[tuple[float, FrameWriter]] = deque()

    def add(self, writer: FrameWriter) -> None:
        """Have a connection flushed: now where it has been quiet, else soon."""
        loop = asyncio.get_running_loop()
        if self._calm or writer.written + self._gather_seconds <= (now := loop.time()):
            if not self._waiting:  # as `hurry`: this is done for every delivery
                loop.call_soon(self._turn)
            self._waiting.append(writer)
            return
        due = now + self._gather_seconds
        if not self._later:
            loop.call_at(due, self._ripen)
        self._later.append((due, writer))

    def hurry(self, writer: FrameWriter) -> None:
        """Have a connection flushed in the next turn."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._turn)
        self._waiting.append(writer)

    def _ripen(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._later and self._later[0][0] <= now:
            self.hurry(self._later.popleft()[1])
        if self._later:
            loop.call_at(self._later[0][0], self._ripen)

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        written, writes, now = 0, 0, loop.time()
        while self._waiting and written < _TURN_BYTES:
            written += self._waiting.popleft().flush(now)
            writes += 1
        self._count(writes, now)
        if self._waiting:
            loop.call_soon(self._turn)

    def _count(self, writes: int, now: float) -> None:
        passed = now - self._began
        if passed >= self._gather_seconds:
            self._writes_before = self._writes if passed < 2 * self._gather_seconds else 0
            self._writes, self._began = 0, now
        self._writes += writes
        self._calm = max(self._writes, self._writes_before) < self._calm_writes


def _pieces(frames: Sequence[bytes]) -> Iterator[bytes]:
    """Yield little frames put together; a large one comes by itself, uncopied."""
    if max(map(len, frames)) <= _LITTLE_BYTES:  # as mostly, and then none needs a step of its own
        yield b"".join(frames)
        return
    some: list[bytes] = []
    size = 0
    for frame in frames:
        if some and size + len(frame) > _LITTLE_BYTES:
            yield some[0] if len(some) == 1 else b"".join(some)
            some, size = [], 0
        some.append(frame)
        size += len(frame)
    yield some[0] if len(some) == 1 else b"".join(some)


class Conversation(Protocol):
    """Whoever a held connection belongs to; `hub.web.held.HeldSocket`."""

    def hear(self, data: bytes | str) -> None:
        """Take a message of the peer; `listen` says whether more may come."""

    def broken(self, code: int, reason: str) -> None:
        """Say goodbye to a peer that broke the WebSocket protocol; the close follows."""

    def lost(self) -> None:
        """Let go: the connection is gone."""


class FrameWriter:
    """Writes ready WebSocket frames to one connection; implements `hub.core.ports.Sink` but for the write timeout.

    written   when it last wrote, by the event loop's clock
    paused    whether the transport has more than queue_bytes to write
    """

    __slots__ = (
        *("_bytes", "_flusher", "_frames", "_hurried", "_protocol", "_queue_bytes", "_transport"),
        *("paused", "written"),
    )

    def __init__(self, protocol: LoghubWebSocket, flusher: Flusher, queue_bytes: int) -> None:
        self.written = 0.0
        self.paused = False
        self._protocol = protocol
        self._transport = protocol.transport
        self._flusher = flusher
        self._queue_bytes = queue_bytes
        # Bounded by queue_bytes and one frame: a full writer gets nothing live.
        self._frames: list[bytes] = []
        self._bytes = 0
        self._hurried = False

    @property
    def full(self) -> bool:
        """Whether more than queue_bytes wait for the peer."""
        return self.paused or self._bytes > self._queue_bytes

    def write(self, frame: bytes) -> None:
        """Send a frame soon, or drop it where the connection is gone or closing."""
        waiting = self._bytes
        self._frames.append(frame)
        self._bytes = size = waiting + len(frame)
        if not waiting or size > _LITTLE_BYTES:
            self._wake()

    def _wake(self) -> None:
        """Have what waits written; again, and sooner, once it is more than little."""
        if self._bytes <= _LITTLE_BYTES:
            self._flusher.add(self)
        elif not self._hurried:
            self._hurried = True
            self._flusher.hurry(self)

    def offer(self, frame: bytes) -> bool:
        """Send a frame soon, unless the peer does not keep up; return whether it is sent."""
        waiting = self._bytes
        if self.paused or waiting > self._queue_bytes:
            return False
        self._frames.append(frame)
        self._bytes = size = waiting + len(frame)
        if not waiting or size > _LITTLE_BYTES:  # most find others waiting
            self._wake()
        return True

    def flush(self, now: float | None = None) -> int:
        """Write what waits; return how many bytes that was."""
        frames, size = self._frames, self._bytes
        if not frames:
            return 0
        self._frames, self._bytes, self._hurried = [], 0, False
        if now is not None:
            self.written = now
        protocol, write = self._protocol, self._transport.write
        if protocol.close_sent or protocol.disconnected or self._transport.is_closing():
            return size
        if len(frames) == 1:
            write(frames[0])
        else:
            for piece in _pieces(frames):
                write(piece)
        return size

    async def drain(self) -> None:
        """Wait until the peer has read most of what waits; raises ConnectionError when it is gone."""
        if self.full:
            self.flush()
        if self.paused:
            await self._protocol.writable.wait()
        if self._protocol.disconnected or self._transport.is_closing():
            raise ConnectionError

    def abort(self) -> None:
        """Cut the connection at once."""
        self._transport.abort()

    def hold(self, conversation: Conversation) -> None:
        """Have a conversation get what the peer sends from now on; the application may go."""
        self._protocol.hold(conversation)

    def listen(self, *, now: bool) -> None:
        """Read what the peer sends, or leave it in the network for now."""
        self._protocol.listen(now=now)

    def close(self, code: int, reason: str) -> None:
        """Close behind what was written; returns at once, and a peer that does not read is cut in time."""
        self.flush()
        self._protocol.close(code, reason)

    def start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """Run a task that the server waits for when it ends."""
        task = asyncio.create_task(work, name=name)
        self._protocol.tasks.add(task)
        task.add_done_callback(self._protocol.on_task_complete)
        return task
