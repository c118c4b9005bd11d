"""The Quart application: page, WebSocket, identity, health."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, cast

import orjson
from quart import Quart, Response, abort, request, websocket
from quart.asgi import ASGIWebsocketConnection
from werkzeug.exceptions import HTTPException, NotFound

from hub.core.principal import Scope
from hub.errors import BadFilterError, ForbiddenError, LoghubError, ShuttingDownError, UnauthenticatedError
from hub.observe.audit import Event
from hub.web.admin import AdminParts, serve_admin
from hub.web.auth import TICKET, Gate, Request
from hub.web.headers import HEADERS
from hub.web.held import HeldSocket
from hub.web.http_tail import HttpTail
from hub.web.ports import PLANE, ended_by
from hub.web.tail import QueueWriter, TailSocket, TimedSink, close_reason
from hub.web.websocket import FRAMES
from hub.web.wire import JSON, PROTO, JsonWire, ProtoWire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.core.ports import Wire
    from hub.core.principal import Principal
    from hub.core.revocation import Revocation
    from hub.observe.audit import Audit, Visit
    from hub.observe.metrics import Metrics
    from hub.web.admin import Revoker
    from hub.web.frames import FrameWriter
    from hub.web.ports import OpenSession, Session
    from hub.web.sessions import Sessions
    from hub.web.tail import Writer

_log = logging.getLogger(__name__)
_WIRES: dict[str, Wire] = {PROTO: ProtoWire(), JSON: JsonWire()}
# Messages of one client that wait for the session; when it is full, the transport stops reading.
_INBOX = 8
_PAGE = Path(__file__).with_name("static")
_SOURCE_PAGE = Path(__file__).resolve().parents[2] / "web" / "src"
_MIME_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """What the application is made of; `queue_bytes` may wait for a subscriber, who must read within the timeout."""

    open_session: OpenSession
    gate: Gate
    sessions: Sessions
    metrics: Metrics
    queue_bytes: int
    write_timeout_seconds: float
    heartbeat_seconds: float
    revoker: Revoker
    audit: Audit


class _BoundedWebsocket(ASGIWebsocketConnection):
    """Quart's own inbox has no bound, and takes an empty binary message for a broken one."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.queue = asyncio.Queue(_INBOX)

    async def handle_messages(self, receive: Callable[[], Awaitable[dict[str, object]]]) -> None:  # type: ignore[override]
        while True:
            event = await receive()
            if event["type"] == "websocket.disconnect":
                return
            if event["type"] == "websocket.receive":
                data = event.get("bytes")
                await self.queue.put(event["text"] if data is None else data)


def create_app(front: FrontEnd) -> Quart:
    """Return the application."""
    app = Quart("hub.web", static_folder=None)
    app.asgi_websocket_class = _BoundedWebsocket
    _handle_errors(app)
    _serve_page(app)
    _serve_api(app, front)
    serve_admin(
        app, AdminParts(front.gate, front.revoker, partial(_refused, front), partial(_acted, front), _json_response)
    )
    return app


def _handle_errors(app: Quart) -> None:
    @app.errorhandler(LoghubError)
    async def refused(error: LoghubError) -> Response:
        return _error_response(error)

    @app.errorhandler(NotFound)
    async def not_found(_error: NotFound) -> Response:
        return _json_response({"error": "there is nothing here"}, HTTPStatus.NOT_FOUND)

    @app.errorhandler(HTTPException)
    async def other(error: HTTPException) -> Response:
        if error.response is not None:  # made by us
            return cast("Response", error.response)
        response = _json_response({"error": error.description or error.name}, error.code or HTTPStatus.BAD_REQUEST)
        response.headers.extend({name: value for name, value in error.get_headers() if name == "Allow"})
        return response

    @app.after_request
    async def harden(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


def _serve_page(app: Quart) -> None:
    """Serve the files of the page, which are few and small, from memory: no request reaches the file system."""
    folder = _PAGE if _PAGE.is_dir() else _SOURCE_PAGE
    files = {path.name: (path.read_bytes(), _mime_type(path)) for path in folder.iterdir() if path.is_file()}

    @app.get("/")
    async def index() -> Response:
        return await static_file("index.html")

    @app.get("/static/<name>")
    async def static_file(name: str) -> Response:
        if name not in files:
            raise NotFound
        content, kind = files[name]
        return Response(content, content_type=kind)


def _mime_type(path: Path) -> str:
    return _MIME_TYPES.get(path.suffix, "application/octet-stream")


def _serve_api(app: Quart, front: FrontEnd) -> None:
    @app.get("/healthz")
    async def health() -> Response:
        if front.sessions.closing:
            raise ShuttingDownError
        return _json_response({"status": "ok"})

    @app.get("/v1/whoami")
    async def who() -> Response:
        asking = Request.of(request.headers, request.scope)
        try:
            principal = await front.gate.admit(asking)
        except LoghubError as error:
            _refused(front, error, asking)
            raise
        front.audit.record(Event.REQUEST, principal, plane=PLANE, peer=asking.peer)
        return _json_response(
            {
                "tenant": principal.tenant,
                "tenants": principal.readable,
                "subject": principal.subject,
                "scopes": sorted(principal.scopes),
                "expires": principal.expires_at,
            }
        )

    @app.post("/v1/tickets")
    async def ticket() -> Response:
        asking = Request.of(request.headers, request.scope)
        try:
            front.gate.check_origin(request.headers)
            principal, given = await front.gate.give_ticket(asking)
        except LoghubError as error:
            _refused(front, error, asking)
            raise
        front.audit.record(Event.REQUEST, principal, plane=PLANE, peer=asking.peer)
        front.metrics.tickets.labels(principal.home).inc()
        return _json_response({"ticket": given.text, "expires_in": given.expires_in})

    @app.get("/v1/tail")
    async def stream() -> Response:
        try:
            return await HttpTail(front).respond()
        except LoghubError as error:
            _refused(front, error, Request.of(request.headers, request.scope))
            raise

    @app.websocket("/v1/tail")
    async def tail() -> None:
        await _Tail(front).serve()


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


class _Tail:
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
            _refused(self._front, error, asking)
            abort(_error_response(error))
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

    async def _serve(self, guest: _Guest, writer: Writer) -> tuple[int, str]:
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

    def _open(self, guest: _Guest, writer: Writer) -> tuple[Session, TimedSink]:
        """Open a session, which is known from now on; raises _NoSessionError where the token's own filter is bad."""
        sink = TimedSink(writer, self._front.write_timeout_seconds)
        renew = partial(self._gate.renew, certificate_der=guest.asking.certificate_der)
        try:
            session = self._front.open_session(guest.principal, sink, _WIRES[guest.encoding], renew)
        except LoghubError as error:
            _refused(self._front, error, guest.asking, guest.principal)
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


def _refused(front: FrontEnd, error: LoghubError, asking: Request, principal: Principal | None = None) -> None:
    front.audit.refuse(error, principal, plane=PLANE, peer=asking.peer)
    if isinstance(error, UnauthenticatedError | ForbiddenError):
        front.metrics.auth_refused.labels("web", type(error).__name__).inc()
        _log.warning("auth_refused", extra={"fields": {"plane": "web", "reason": error.message}})


def _acted(front: FrontEnd, admin: Principal, asking: Request, entry: Revocation) -> None:
    target = f"{entry.kind}:{entry.id}"
    front.audit.record(Event.ADMIN, admin, plane=PLANE, peer=asking.peer, target=target, reason="revoke")


def _error_response(error: LoghubError) -> Response:
    column = {"column": error.column} if isinstance(error, BadFilterError) and error.column else {}
    response = _json_response({"error": error.message, **column}, error.http_status)
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_seconds:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
    return response


def _json_response(body: object, status: int = 200) -> Response:
    text = orjson.dumps(body)
    return Response(text, status=status, content_type="application/json", headers=dict(HEADERS))
