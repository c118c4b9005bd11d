"""A subscriber's connection without a network, and what its client makes of what it is told."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from hub.core.ports import Sink
from hub.core.principal import Principal, Scope
from hub.core.records_message import MessageWire
from hub.core.websocket_frame import unframed
from hub.live.session import TailSession
from hub.pb.tail_pb2 import (
    ERROR_CODE_BAD_CURSOR,
    ERROR_CODE_UNKNOWN_SUBSCRIPTION,
    ClientMessage,
    Error,
    ServerMessage,
    Subscribe,
)
from hub.web.tail import TailSocket
from hub.web.wire import PROTO, ProtoWire

if TYPE_CHECKING:
    from hub.core.ending import Ending
    from hub.live.engine import LiveEngine
    from hub.pb.tail_pb2 import Ledger
    from tests.integration.live.model import Place, Stream

_QUEUE_BYTES = 150
NAMES = ("a", "b")
WIRES = (ProtoWire(), MessageWire())


async def _never(_token: str) -> Principal:
    """Fail: nobody here has a token."""
    raise AssertionError


def _nothing(_refusal: object) -> None:
    """Record nothing."""


class Peer(Sink):
    """One connection, and its client; implements `hub.core.ports.Sink`. It reads all, unless it is `slow`."""

    def __init__(self, engine: LiveEngine, place: Place, *, wire: int, always: str) -> None:
        self.place = place
        self.wire = wire
        self.always = always
        self.slow = False
        self.streams: dict[str, Stream] = {}
        # Cursors that came, newest last, and accounts of subscriptions that have ended.
        self.cursors: list[str] = []
        self.ledgers: list[Ledger] = []
        self.goodbye = False
        self._unread: deque[tuple[ServerMessage, int]] = deque()
        self._unread_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._said: asyncio.Queue[bytes] = asyncio.Queue()
        principal = Principal(place.tenant, "desk", frozenset({Scope.READ}), filter=always)
        self._session = TailSession(engine, principal, self, WIRES[wire], _never)
        self._serving: asyncio.Task[Ending] | None = None

    async def serve(self) -> None:
        """Begin to serve the connection."""
        self._serving = asyncio.create_task(TailSocket(self._session, self, PROTO, _nothing).serve(self._said.get))

    # --- the connection ----------------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether too much waits."""
        return self.slow and self._unread_bytes > _QUEUE_BYTES

    def write(self, frame: bytes) -> None:
        """Have a frame wait for the client."""
        raw = frame if self.wire else unframed(frame)[1]
        self._unread.append((ServerMessage.FromString(raw), len(frame)))
        self._unread_bytes += len(frame)
        if self.full:
            self._room.clear()

    async def drain(self) -> None:
        """Wait until the client has read."""
        await self._room.wait()

    def abort(self) -> None:
        """Fail: whatever happens here, no peer is too slow for the hub."""
        raise AssertionError

    # --- what the client does ----------------------------------------------------------------------------------------

    def ask(self, **kind: Any) -> None:
        """Say something to the hub."""
        self._said.put_nowait(ClientMessage(**kind).SerializeToString())

    def subscribe(self, name: str, stream: Stream) -> None:
        """Ask for a subscription, as its model says."""
        asked = stream.asked
        request = Subscribe(id=name, filter=stream.wanted, credit=stream.given or 0, max_records_per_s=stream.rate)
        if asked.kind == "last":
            request.last = int(asked.value)
        elif asked.kind in {"cursor", "foreign"}:
            request.cursor = str(asked.value)
        elif asked.kind == "since":
            request.since.FromNanoseconds(int(asked.value))
        elif asked.kind == "oldest":
            request.oldest = True
        if not stream.follow:
            request.follow = False
        self.streams[name] = stream
        self.ask(subscribe=request)

    @property
    def standing(self) -> list[str]:
        """Names of the subscriptions that stand, as far as the client knows."""
        return [name for name, one in self.streams.items() if not (one.over or one.leaving)]

    @property
    def free(self) -> str | None:
        """A name for one more subscription."""
        names = (name for name in NAMES if name not in self.streams or self.streams[name].over)
        return next(names, None)

    def hasten(self) -> None:
        """Read all from now on."""
        self.slow = False
        self._room.set()

    def read(self, messages: int | None = None) -> None:
        """Read some of what waits, or all."""
        while self._unread and (messages is None or messages > 0):
            message, size = self._unread.popleft()
            self._unread_bytes -= size
            self._take(message)
            messages = None if messages is None else messages - 1
        if not self.full:
            self._room.set()

    def _take(self, message: ServerMessage) -> None:
        assert not self.goodbye, f"after the goodbye: {message}"
        kind = message.WhichOneof("kind") or ""
        body = getattr(message, kind)
        if kind == "welcome":
            assert body.tenant == self.place.tenant
        elif kind == "goodbye":
            self._take_goodbye(body.ledgers)
        elif kind == "error":
            self._take_error(body)
        else:
            self._take_news(kind, body)

    def _take_news(self, kind: str, body: Any) -> None:
        stream = self.streams[body.id]
        if kind == "subscribed":
            stream.subscribed(body.cursor)
        elif kind == "records":
            stream.records(body)
        elif kind == "position":
            stream.position(body.cursor)
        elif kind == "gap":
            stream.gap(body)
        else:
            assert kind == "unsubscribed"
            stream.end(body.ledger, body.cursor)
            self.ledgers.append(body.ledger)
        stream.cursor = body.cursor
        self.cursors.append(body.cursor)

    def _take_goodbye(self, ledgers: Any) -> None:
        standing = {name for name, stream in self.streams.items() if not stream.over}
        assert {ledger.id for ledger in ledgers} >= {name for name in standing if self.streams[name].begin is not None}
        for ledger in ledgers:
            if self.streams[ledger.id].begin is not None:
                self.streams[ledger.id].end(ledger, None)
                self.ledgers.append(ledger)
        self.goodbye = True

    def _take_error(self, error: Error) -> None:
        stream = self.streams[error.id]
        if error.code == ERROR_CODE_UNKNOWN_SUBSCRIPTION:  # a bounded read that had ended when it was to be changed
            assert stream.over
            stream.updates.clear()
            return
        assert error.code == ERROR_CODE_BAD_CURSOR, error
        assert stream.asked.kind == "foreign", error
        stream.refused = True

    # --- its end -----------------------------------------------------------------------------------------------------

    def shut_down(self) -> None:
        """Have the hub say goodbye."""
        self._session.shut_down(0.0)

    @property
    def over(self) -> bool:
        """Whether the connection is closed."""
        return self._serving is not None and self._serving.done()

    def cut(self) -> list[Ledger]:
        """Vanish; return the accounts of what stood."""
        subscriptions = self._session._subscriptions.values()  # noqa: SLF001  nobody else would be told
        ledgers = [] if self._session.ended.done() else [one.ledger for one in subscriptions]
        assert self._serving is not None
        self._serving.cancel()
        return ledgers

    def unread_ledgers(self) -> list[Ledger]:
        """Return the accounts that the hub told and the client did not read."""
        told = [message for message, _ in self._unread]
        return [
            *(message.unsubscribed.ledger for message in told if message.HasField("unsubscribed")),
            *(ledger for message in told for ledger in message.goodbye.ledgers),
        ]
