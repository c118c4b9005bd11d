"""The Quart application: page, WebSocket, identity, health."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, cast

from quart import Quart, Response, request
from werkzeug.exceptions import HTTPException, NotFound

from hub.errors import LoghubError, ShuttingDownError
from hub.observe.audit import Event
from hub.web.admin import AdminParts, serve_admin
from hub.web.answers import error_response, json_response
from hub.web.auth import Request
from hub.web.headers import HEADERS
from hub.web.http_tail import HttpTail
from hub.web.ports import PLANE
from hub.web.websocket_tail import BoundedWebsocket, WebSocketTail

if TYPE_CHECKING:
    from hub.core.principal import Principal
    from hub.core.revocation import Revocation
    from hub.web.front import FrontEnd

_PAGE = Path(__file__).with_name("static")
_SOURCE_PAGE = Path(__file__).resolve().parents[2] / "web" / "src"
_MIME_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def create_app(front: FrontEnd) -> Quart:
    """Return the application."""
    app = Quart("hub.web", static_folder=None)
    app.asgi_websocket_class = BoundedWebsocket
    _handle_errors(app)
    _serve_page(app)
    _serve_api(app, front)
    serve_admin(app, AdminParts(front.gate, front.revoker, front.refused, partial(_acted, front), json_response))
    return app


def _handle_errors(app: Quart) -> None:
    @app.errorhandler(LoghubError)
    async def refused(error: LoghubError) -> Response:
        return error_response(error)

    @app.errorhandler(NotFound)
    async def not_found(_error: NotFound) -> Response:
        return json_response({"error": "there is nothing here"}, HTTPStatus.NOT_FOUND)

    @app.errorhandler(HTTPException)
    async def other(error: HTTPException) -> Response:
        if error.response is not None:  # made by us
            return cast("Response", error.response)
        response = json_response({"error": error.description or error.name}, error.code or HTTPStatus.BAD_REQUEST)
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
        return json_response({"status": "ok"})

    @app.get("/v1/whoami")
    async def who() -> Response:
        asking = Request.of(request.headers, request.scope)
        try:
            principal = await front.gate.admit(asking)
        except LoghubError as error:
            front.refused(error, asking)
            raise
        front.audit.record(Event.REQUEST, principal, plane=PLANE, peer=asking.peer)
        return json_response(
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
            front.refused(error, asking)
            raise
        front.audit.record(Event.REQUEST, principal, plane=PLANE, peer=asking.peer)
        front.metrics.tickets.labels(principal.home).inc()
        return json_response({"ticket": given.text, "expires_in": given.expires_in})

    @app.get("/v1/tail")
    async def stream() -> Response:
        try:
            return await HttpTail(front).respond()
        except LoghubError as error:
            front.refused(error, Request.of(request.headers, request.scope))
            raise

    @app.websocket("/v1/tail")
    async def tail() -> None:
        await WebSocketTail(front).serve()


def _acted(front: FrontEnd, admin: Principal, asking: Request, entry: Revocation) -> None:
    target = f"{entry.kind}:{entry.id}"
    front.audit.record(Event.ADMIN, admin, plane=PLANE, peer=asking.peer, target=target, reason="revoke")
