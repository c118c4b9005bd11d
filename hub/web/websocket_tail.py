"""The WebSocket at `/v1/tail`: who is let in before 101, and what is spoken then."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

from quart import abort, websocket
from quart.asgi import ASGIWebsocketConnection

from hub.core.principal import Scope
from hub.errors import LoghubError
from hub.web.answers import error_response
from hub.web.auth import TICKET, Request
from hub.web.held import HeldSocket
from hub.web.ports import PLANE, ended_by
from hub.web.tail import QueueWriter, TailSocket, TimedSink, close_reason
from hub.web.websocket import FRAMES
from hub.web.wire import JSON, PROTO, JsonWire, PackedProtoWire, ProtoWire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.core.ports import Sink, Wire
    from hub.core.principal import Principal
    from hub.observe.audit import Visit
    from hub.web.frames import FrameWriter
    from hub.web.front import FrontEnd
    from hub.web.ports import Session
    from hub.web.sessions import Sessions

_WIRES: dict[str, Wire] = {PROTO: ProtoWire(PackedProtoWire()), JSON: JsonWire()}
# Messages of one client that wait for the session; when it is full, the transport stops reading.
_INBOX = 8


class BoundedWebsocket(ASGIWebsocketConnection):
    """Quart's own inbox has no bound, and takes an empty binary message for a broken one."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.queue = asyncio.Queue(_INBOX)

    async def handle_messages(self, receive: Callable[[], Awaitable[dict[str, object]]]) -> None:  # type: ignore[override]
        """Keep what comes, and wait while there is too much."""
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            if event["type"] == "websocket.receive":
                data = event.get("bytes")
                await self.queue.put(event["text"] if data is None else data)


@dataclass(frozen=True, slots=True)
class _Guest:
    """Whoever was let in, by which certificate, and what is spoken."""

    principal: Principal
    asking: Request
    encoding: str


class _NoSessionError(Exception):
    """No session can be opened: how to close the connection."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class WebSocketTail:
    """One WebSocket connection."""

    def __init__(self, front: FrontEnd) -> None:
        self._front = front
        self._gate = front.gate
        self._sessions = front.sessions

    async def serve(self) -> None:
        """Let the peer in or refuse it before 101; serve it to its end, or hand it over to a server that holds it."""
        asking = Request.of(websocket.headers, websocket.scope, websocket.args.getlist(TICKET))
        try:
            self._gate.check_origin(websocket.headers)
            principal = await self._gate.admit(asking)
            principal.require(Scope.READ)
            encoding = self._encoding()
            self._sessions.admit(principal)
        except LoghubError as error:
            self._front.refused(error, asking)
            abort(error_response(error))
        held = False
        try:
            await websocket.accept(subprotocol=encoding)
            guest = _Guest(principal, asking, encoding or PROTO)
            connection = (websocket.scope.get("extensions") or {}).get(FRAMES)
            if connection is None:
                await self._converse(guest)
            else:
                # In a context of its own: timers and callbacks would keep the request alive with the one of Quart.
                held = Context().run(self._hand_over, guest, cast("FrameWriter", connection))
        finally:
            if not held:
                self._sessions.release(principal)

    def _hand_over(self, guest: _Guest, connection: FrameWriter) -> bool:
        """Have the connection held by its server; return whether it is. It must not wait: messages may come."""
        try:
            session, sink = self._open(guest, connection)
        except _NoSessionError as refusal:
            connection.close(refusal.code, close_reason(refusal.reason))
            return False

        visit = self._visit(guest)
        let_go = partial(_let_go, self._sessions, session, visit)
        HeldSocket(session, TailSocket(session, sink, guest.encoding, visit.renewed), connection, let_go).begin()
        return True

    async def _converse(self, guest: _Guest) -> None:
        """Serve a connection of another server, message by message."""
        writer = QueueWriter(websocket.send, self._front.queue_bytes)
        pump = asyncio.create_task(writer.run(), name="tail-write")
        try:
            code, reason = await self._serve(guest, writer)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._front.write_timeout_seconds):
                    await writer.flush()
        finally:
            pump.cancel()
        with suppress(ConnectionError):
            await websocket.close(code, close_reason(reason))

    async def _serve(self, guest: _Guest, writer: Sink) -> tuple[int, str]:
        """Serve a session to its end; return the close code and reason."""
        try:
            session, sink = self._open(guest, writer)
        except _NoSessionError as refusal:
            return refusal.code, refusal.reason
        visit = self._visit(guest)
        try:
            ending = await TailSocket(session, sink, guest.encoding, visit.renewed).serve(websocket.receive)
        finally:
            self._sessions.leave(session)
            visit.leave(ended_by(session))
        return ending.close_code, ending.message

    def _open(self, guest: _Guest, writer: Sink) -> tuple[Session, TimedSink]:
        """Open a session, which is known from now on; raises _NoSessionError where the token's own filter is bad."""
        sink = TimedSink(writer, self._front.write_timeout_seconds)
        renew = partial(self._gate.renew, certificate_der=guest.asking.certificate_der)
        try:
            session = self._front.open_session(guest.principal, sink, _WIRES[guest.encoding], renew)
        except LoghubError as error:
            self._front.refused(error, guest.asking, guest.principal)
            raise _NoSessionError(error.close_code, error.message) from error
        self._sessions.enter(session)
        return session, sink

    def _visit(self, guest: _Guest) -> Visit:
        return self._front.audit.enter(guest.principal, plane=PLANE, peer=guest.asking.peer)

    def _encoding(self) -> str | None:
        """Return the subprotocol to speak; None (and protobuf) for a client that names none."""
        asked = [name for name in websocket.requested_subprotocols if not name.startswith("bearer.")]
        if not asked:
            return None
        known = next((name for name in asked if name in _WIRES), None)
        if known is None:
            msg = f"the subprotocols are {PROTO} and {JSON}"
            raise _UnknownSubprotocolError(msg)
        return known


def _let_go(sessions: Sessions, session: Session, visit: Visit) -> None:
    sessions.leave(session)
    sessions.release(visit.principal)
    visit.leave(ended_by(session))


class _UnknownSubprotocolError(LoghubError):
    """None of the subprotocols is known."""

    http_status = 400
