"""`GET /v1/tail`: a session with one subscription, told as server-sent events or as lines of JSON.

    text/event-stream       an event for each message, its id the cursor: an EventSource that comes back resumes there
    application/x-ndjson    a line for each message

Both carry the messages of Tail in canonical JSON. https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from hub.core.ports import Sink
from hub.errors import BadRequestError
from hub.pb.tail_pb2 import COMPRESSION_UNSPECIFIED, Position, ServerMessage
from hub.web.canonical import message_json
from hub.web.wire import batches_json, records_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from hub.core.tail_batch import TailBatch

EVENTS, LINES = "text/event-stream", "application/x-ndjson"
_RETRY_MILLISECONDS = 1000
# What a stream says in its heartbeat: a comment, or an empty line.
_BEATS = {EVENTS: b": ping\n\n", LINES: b"\n"}


class NotAcceptableError(BadRequestError):
    """A tail comes as text/event-stream or application/x-ndjson: send one of them in Accept."""

    http_status = HTTPStatus.NOT_ACCEPTABLE


class LinesWire:
    """A line of JSON for each message; implements `hub.core.ports.Wire`."""

    name = LINES
    compression = COMPRESSION_UNSPECIFIED
    packed = None

    def body(self, batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
        """Return a batch in JSON."""
        return (batches_json(batch, indexes),)

    def label(self, subscription: str) -> bytes:
        """Return a subscription's name."""
        return subscription.encode()

    def part(self, batch: TailBatch, indexes: Sequence[int], label: bytes) -> bytes:
        """Return a records message with some records of a batch."""
        return self.records(label.decode(), batch.cursor, self.body(batch, indexes))

    def position(self, label: bytes, cursor: str) -> bytes:
        """Return a position message."""
        return self.message(ServerMessage(position=Position(id=label.decode(), cursor=cursor)))

    def records(self, subscription: str, cursor: str, body: Sequence[bytes], sampled_out: int = 0) -> bytes:
        """Return a records message."""
        return records_json(subscription, cursor, body, sampled_out) + b"\n"

    def message(self, message: ServerMessage) -> bytes:
        """Return any other message."""
        return message_json(message) + b"\n"


class EventsWire(LinesWire):
    """A server-sent event for each message."""

    name = EVENTS

    def records(self, subscription: str, cursor: str, body: Sequence[bytes], sampled_out: int = 0) -> bytes:
        """Return a records event."""
        return _event("records", cursor, records_json(subscription, cursor, body, sampled_out))

    def message(self, message: ServerMessage) -> bytes:
        """Return any other event."""
        kind = message.WhichOneof("kind") or "message"
        body = getattr(message, kind, None)
        event = _event(kind, getattr(body, "cursor", ""), message_json(message))
        return _again(message) + event


def _event(kind: str, cursor: str, data: bytes) -> bytes:
    place = b"id: " + cursor.encode() + b"\n" if cursor else b""
    return b"event: " + kind.encode() + b"\n" + place + b"data: " + data + b"\n\n"


def _again(message: ServerMessage) -> bytes:
    """Return when an EventSource is to come back: soon, or when the hub asks for it."""
    if message.HasField("welcome"):
        return b"retry: %d\n" % _RETRY_MILLISECONDS
    if message.HasField("goodbye") and message.goodbye.HasField("retry_after"):
        return b"retry: %d\n" % message.goodbye.retry_after.ToMilliseconds()
    return b""


WIRES = {EVENTS: EventsWire(), LINES: LinesWire()}


class Chunks(Sink):
    """What waits for a response's peer; implements `hub.core.ports.Sink`. The server takes it as fast as it sends.

    `cut` ends the connection at once, whatever the server holds for the peer.
    """

    def __init__(self, queue_bytes: int, timeout_seconds: float, cut: Callable[[], None]) -> None:
        self._limit = queue_bytes
        self._timeout = timeout_seconds
        self._cut = cut
        # Holds queue_bytes and one chunk; a full one sends live subscribers back to the log.
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._more = asyncio.Event()
        self._taken = asyncio.Event()
        self._gone = False

    @property
    def full(self) -> bool:
        """Whether more than queue_bytes wait."""
        return self._bytes > self._limit

    def write(self, frame: bytes) -> None:
        """Queue a chunk; dropped once the peer is gone."""
        if not self._gone:
            self._queue.append(frame)
            self._bytes += len(frame)
            self._more.set()

    async def drain(self) -> None:
        """Wait for room; ConnectionError once the peer is gone, TimeoutError where it does not read."""
        while self.full and not self._gone:
            self._taken.clear()
            async with asyncio.timeout(self._timeout):
                await self._taken.wait()
        if self._gone:
            raise ConnectionError

    def abort(self) -> None:
        """Cut the connection: the server itself waits without end for a peer that does not read."""
        self.close()
        self._cut()

    def close(self) -> None:
        """Write nothing more."""
        self._gone = True
        self._queue.clear()
        self._more.set()
        self._taken.set()

    def wake(self) -> None:
        """Have `take` look again whether it is done."""
        self._more.set()

    async def take(self, done: Callable[[], bool], beat_seconds: float, beat: bytes) -> AsyncIterator[bytes]:
        """Yield what waits, and a heartbeat where nothing did, until the peer is gone or all is done and taken."""
        while not self._gone:
            if self._queue:
                taken = b"".join(self._queue)
                self._queue.clear()
                self._bytes = 0
                self._taken.set()
                yield taken
                continue
            if done():
                return
            self._more.clear()
            try:
                async with asyncio.timeout(beat_seconds):
                    await self._more.wait()
            except TimeoutError:
                yield beat


def beat_of(kind: str) -> bytes:
    """Return the heartbeat of a stream."""
    return _BEATS[kind]


def kind_of(accept: str) -> str:
    """Return which of the two an Accept header asks for, or lines; NotAcceptableError where it takes neither."""
    wanted = parse_accept_header(accept or "*/*", MIMEAccept).best_match((LINES, EVENTS))
    if wanted is None:
        raise NotAcceptableError
    return wanted
