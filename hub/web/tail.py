"""The WebSocket of `loghub.v1`: a `TailSession` between Quart's messages and a sink of ready frames."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import orjson
from google.protobuf.message import DecodeError

from hub.core.ending import Ending
from hub.core.ports import Sink
from hub.core.websocket_frame import TEXT, unframed
from hub.errors import BadRequestError
from hub.pb import ingest_pb2
from hub.pb.tail_pb2 import ClientMessage
from hub.web.canonical import client_message
from hub.web.wire import JSON

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.errors import LoghubError
    from hub.web.ports import Session

_log = logging.getLogger(__name__)
_PROTOCOL_CODE = 4500
_QUOTA_CODE = 4429
_PONG = b'{"type":"PONG"}'
_MAX_REASON_BYTES = 120


class TimedSink:
    """A writer whose peer must read within a time; implements `hub.core.ports.Sink`."""

    __slots__ = ("_timeout", "_writer", "abort", "offer", "write")

    def __init__(self, writer: Sink, write_timeout_seconds: float) -> None:
        self._writer = writer
        self._timeout = write_timeout_seconds
        self.write = writer.write
        self.offer = writer.offer
        self.abort = writer.abort

    @property
    def full(self) -> bool:
        """Whether too much waits for the peer."""
        return self._writer.full

    async def drain(self) -> None:
        """Wait until the peer has read; TimeoutError where it does not for too long."""
        if self._writer.full:
            async with asyncio.timeout(self._timeout):
                await self._writer.drain()
        else:
            await self._writer.drain()


class QueueWriter(Sink):
    """A writer for ASGI servers without ready frames: a queue, and a task that sends one message after the other."""

    def __init__(self, send: Callable[[bytes | str], Awaitable[None]], queue_bytes: int) -> None:
        self._send = send
        self._limit = queue_bytes
        # Holds queue_bytes and one frame; a full one sends live subscribers back to the log.
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._gone = False

    @property
    def full(self) -> bool:
        """Whether more than queue_bytes wait."""
        return self._bytes > self._limit

    def write(self, frame: bytes) -> None:
        """Queue a frame; dropped once the peer is gone."""
        if not self._gone:
            self._bytes += len(frame)
            self._queue.put_nowait(frame)
            self._empty.clear()
            if self.full:
                self._room.clear()

    async def drain(self) -> None:
        """Wait for room; raises ConnectionError once the peer is gone."""
        await self._room.wait()
        if self._gone:
            raise ConnectionError

    async def flush(self) -> None:
        """Wait until all is sent, or the peer is gone."""
        await self._empty.wait()

    def abort(self) -> None:
        """Write nothing more."""
        self._gone = True
        self._room.set()
        self._empty.set()

    async def run(self) -> None:
        """Send what is queued until cancelled."""
        try:
            while True:
                data = await self._queue.get()
                opcode, payload = unframed(data)
                await self._send(payload.decode() if opcode == TEXT else payload)
                self._bytes -= len(data)
                if not self.full:
                    self._room.set()
                if self._queue.empty():
                    self._empty.set()
        finally:
            self.abort()


class TailSocket:
    """Carries messages between a WebSocket and its session."""

    __slots__ = ("_json", "_renewed", "_session", "_sink")

    def __init__(
        self, session: Session, sink: Sink, encoding: str, renewed: Callable[[LoghubError | None], None]
    ) -> None:
        """Take a session and its transport; `renewed` is told of each fresh token, and why it was refused if it was."""
        self._session = session
        self._renewed = renewed
        self._sink = sink
        self._json = encoding == JSON

    async def serve(self, receive: Callable[[], Awaitable[bytes | str]]) -> Ending:
        """Serve until either side ends; return how to close. The session is closed whatever happens."""
        session = self._session
        reader = asyncio.create_task(self._read(receive), name="tail-read")
        try:
            session.open()
            await asyncio.wait((reader, session.ended), return_when=asyncio.FIRST_COMPLETED)
            if not session.ended.done():
                self.failed(reader.exception())
            return await session.ended
        finally:
            reader.cancel()
            try:
                await asyncio.wait((reader,))
            finally:  # a peer that goes just now cancels us here: what the session holds would be held for ever
                await session.close()

    async def _read(self, receive: Callable[[], Awaitable[bytes | str]]) -> None:
        while not self._session.ended.done():
            await self.hear(await receive())

    async def hear(self, data: bytes | str) -> None:
        """Act on a message, and wait until the peer has read the answers; what is no message ends the session."""
        try:
            message = self._parse(data)
        except BadRequestError as error:
            reason = ingest_pb2.GOODBYE_REASON_PROTOCOL
            self._session.end(Ending(_PROTOCOL_CODE, reason, error.message, reconnect=False))
            return
        if message is not None:
            await self._session.receive(message)
            if message.HasField("auth"):
                self._renewed(self._session.refused)
        try:
            await self._sink.drain()
        except (ConnectionError, TimeoutError):
            reason, text = ingest_pb2.GOODBYE_REASON_QUOTA, "answers are not read: read what the hub sends"
            self._sink.abort()
            self._session.end(Ending(_QUOTA_CODE, reason, text, reconnect=True))

    def failed(self, error: BaseException | None) -> None:
        """End after a fault of ours: it is said in the log and to the peer, who may try again."""
        _log.error("session_failed", exc_info=error)
        self._session.end(Ending.of_fault("the hub failed to serve the connection"))

    def _parse(self, data: bytes | str) -> ClientMessage | None:
        """Read a message; None where it was the seed's heartbeat, which is answered here."""
        if self._json != isinstance(data, str):
            wanted = "text frames on loghub.v1.json" if self._json else "binary frames on loghub.v1.proto"
            msg = f"only {wanted} are understood"
            raise BadRequestError(msg)
        if isinstance(data, str):
            if _is_seed_ping(data):
                self._sink.write(_seed_pong())
                return None
            return client_message(data)
        try:
            return ClientMessage.FromString(data)
        except DecodeError as error:
            msg = f"the message is not a ClientMessage: {error}"
            raise BadRequestError(msg) from error


def close_reason(message: str) -> str:
    """Return a close reason that fits into a close frame (RFC 6455 section 5.5)."""
    return message.encode()[:_MAX_REASON_BYTES].decode(errors="ignore")


def _is_seed_ping(text: str) -> bool:
    if '"PING"' not in text:
        return False
    try:
        return bool(orjson.loads(text) == {"type": "PING"})
    except orjson.JSONDecodeError:
        return False


def _seed_pong() -> bytes:
    return bytes([0x80 | TEXT, len(_PONG)]) + _PONG
