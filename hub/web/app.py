"""The Quart application: page, WebSocket, identity, health."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, cast

import orjson
from quart import Quart, Response, abort, request, send_from_directory, websocket
from quart.asgi import ASGIWebsocketConnection
from werkzeug.exceptions import NotFound

from hub.core.principal import Scope
from hub.errors import ForbiddenError, LoghubError, QuotaError, ShuttingDownError, UnauthenticatedError
from hub.web.auth import Gate, Request
from hub.web.server import FRAMES
from hub.web.tail import QueueWriter, TailSocket, TimedSink, close_reason
from hub.web.wire import JSON, PROTO, JsonWire, ProtoWire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.core.ports import Wire
    from hub.observe.metrics import Metrics
    from hub.web.ports import OpenSession, Session
    from hub.web.tail import Writer

_log = logging.getLogger(__name__)
_WIRES: dict[str, Wire] = {PROTO: ProtoWire(), JSON: JsonWire()}
# Messages of one client that wait for the session; when it is full, the transport stops reading.
_INBOX = 8
_PAGE = Path(__file__).with_name("static")
_SOURCE_PAGE = Path(__file__).resolve().parents[2] / "web" / "src"
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Most WebSocket connections of this process, and of one tenant on it."""

    max_connections: int
    max_connections_per_tenant: int


@dataclass(slots=True)
class Sessions:
    """The open sessions of this process, by tenant."""

    limits: ConnectionLimits
    by_tenant: dict[str, set[Session]] = field(default_factory=dict)
    closing: bool = False

    def check_room(self, tenant: str) -> None:
        """Raise QuotaError where no more may come, ShuttingDownError while the hub ends."""
        if self.closing:
            raise ShuttingDownError
        total = sum(map(len, self.by_tenant.values()))
        own = len(self.by_tenant.get(tenant, ()))
        if total >= self.limits.max_connections or own >= self.limits.max_connections_per_tenant:
            msg = "too many connections (web.max_connections, web.max_connections_per_tenant): try again later"
            raise QuotaError(msg, retry_after_seconds=5.0)

    def enter(self, tenant: str, session: Session) -> None:
        """Count a session."""
        self.by_tenant.setdefault(tenant, set()).add(session)

    def leave(self, tenant: str, session: Session) -> None:
        """Forget a session."""
        sessions = self.by_tenant[tenant]
        sessions.discard(session)
        if not sessions:
            del self.by_tenant[tenant]

    def shut_down(self, spread_seconds: float) -> None:
        """Say goodbye to all, and let nobody in."""
        self.closing = True
        for sessions in list(self.by_tenant.values()):
            for session in list(sessions):
                session.shut_down(spread_seconds)


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """What the application is made of; `queue_bytes` may wait for a subscriber, who must read within the timeout."""

    open_session: OpenSession
    gate: Gate
    sessions: Sessions
    metrics: Metrics
    queue_bytes: int
    write_timeout_seconds: float


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
    return app


def _handle_errors(app: Quart) -> None:
    @app.errorhandler(LoghubError)
    async def refused(error: LoghubError) -> Response:
        return _error_response(error)

    @app.errorhandler(NotFound)
    async def not_found(_error: NotFound) -> Response:
        return _json_response({"error": "there is nothing here"}, HTTPStatus.NOT_FOUND)

    @app.after_request
    async def harden(response: Response) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        return response


def _serve_page(app: Quart) -> None:
    page = _PAGE if _PAGE.is_dir() else _SOURCE_PAGE

    @app.get("/")
    async def index() -> Response:
        return await send_from_directory(page, "index.html")

    @app.get("/static/<name>")
    async def static_file(name: str) -> Response:
        return await send_from_directory(page, name)


def _serve_api(app: Quart, front: FrontEnd) -> None:
    @app.get("/healthz")
    async def health() -> Response:
        if front.sessions.closing:
            raise ShuttingDownError
        return _json_response({"status": "ok"})

    @app.get("/v1/whoami")
    async def who() -> Response:
        try:
            principal = front.gate.principal(Request.of(request.headers, request.scope))
        except LoghubError as error:
            _refused(front.metrics, error)
            raise
        return _json_response(
            {
                "tenant": principal.tenant,
                "subject": principal.subject,
                "scopes": sorted(principal.scopes),
                "expires": principal.expires_at,
            }
        )

    @app.websocket("/v1/tail")
    async def tail() -> None:
        await _Tail(front).serve()


class _Tail:
    """One WebSocket connection."""

    def __init__(self, front: FrontEnd) -> None:
        self._front = front
        self._gate = front.gate
        self._sessions = front.sessions

    async def serve(self) -> None:
        """Let the peer in or refuse it before 101, then serve it until one side ends."""
        try:
            self._gate.check_origin(websocket.headers)
            asking = Request.of(websocket.headers, websocket.scope)
            principal = self._gate.principal(asking)
            principal.require(Scope.READ)
            encoding = self._encoding()
            self._sessions.check_room(principal.tenant)
        except LoghubError as error:
            _refused(self._front.metrics, error)
            abort(_error_response(error))
        await websocket.accept(subprotocol=encoding)
        verifier, certificate = self._gate.verifier, asking.certificate_der
        front = self._front
        writer, pump = self._writer(front.queue_bytes)
        sink = TimedSink(writer, front.write_timeout_seconds)
        wire = _WIRES[encoding or PROTO]
        session = front.open_session(principal, sink, wire, lambda token: verifier.verify(token, certificate))
        self._sessions.enter(principal.tenant, session)
        try:
            ending = await TailSocket(session, sink, wire.name).serve(websocket.receive)
            if pump:
                await sink.drain()
            with suppress(ConnectionError):
                await websocket.close(ending.close_code, close_reason(ending.message))
        finally:
            self._sessions.leave(principal.tenant, session)
            if pump:
                pump.cancel()

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

    def _writer(self, queue_bytes: int) -> tuple[Writer, asyncio.Task[None] | None]:
        """Return the server's frame writer, or a queue before `websocket.send` where it has none."""
        frames = (websocket.scope.get("extensions") or {}).get(FRAMES)
        if frames is not None:
            return cast("Writer", frames), None
        writer = QueueWriter(websocket.send, queue_bytes)
        return writer, asyncio.create_task(writer.run(), name="tail-write")


class _UnknownSubprotocolError(LoghubError):
    """None of the subprotocols is known."""

    http_status = 400


def _refused(metrics: Metrics, error: LoghubError) -> None:
    if isinstance(error, UnauthenticatedError | ForbiddenError):
        metrics.auth_refused.labels("web", type(error).__name__).inc()
        _log.warning("auth_refused", extra={"fields": {"plane": "web", "reason": error.message}})


def _error_response(error: LoghubError) -> Response:
    response = _json_response({"error": error.message}, error.http_status)
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    if error.retry_after_seconds:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
    return response


def _json_response(body: object, status: int = 200) -> Response:
    text = orjson.dumps(body)
    return Response(text, status=status, content_type="application/json", headers=dict(_HEADERS))
