"""`POST /v1/logs`: OTLP over HTTPS, in protobuf or JSON, plain or gzip.

Answered before the web framework, which would hold a request's whole body in memory before anybody has looked at who
sends it. Here the body is read, and inflated, piece by piece, only for who may write, and only while there is room.

Protocol: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, field
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers

from hub.core.principal import Scope
from hub.errors import BadRequestError, LoghubError, MediaTypeError, ShuttingDownError, TooLargeError
from hub.observe.audit import Event
from hub.web.auth import Request
from hub.web.headers import HEADERS
from hub.web.ports import PLANE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from hub.core.principal import Principal
    from hub.web.front import FrontEnd
    from hub.web.ports import Exports

    Receive = Callable[[], Awaitable[Mapping[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]
    App = Callable[[Any, Any, Any], Awaitable[None]]

LOGS_PATH = "/v1/logs"
_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_RETRY_SECONDS = 1.0
_GZIP = zlib.MAX_WBITS | 16  # with the header of gzip, not of zlib
_PIECE_BYTES = 65_536
# Files of gzip may be put one behind the other; no exporter does, and empty ones would cost time for nothing.
_MAX_MEMBERS = 16


class PeerGoneError(Exception):
    """The peer went away before its request was whole: there is nobody to answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    body: bytes
    kind: str
    headers: dict[str, str] = field(default_factory=dict)

    async def send(self, send: Send) -> None:
        """Send it, with what every response says."""
        told = {**HEADERS, "content-type": self.kind, "content-length": str(len(self.body)), **self.headers}
        headers = [(name.lower().encode(), value.encode()) for name, value in told.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class OtlpDoor:
    """An ASGI application before another one, to which it leaves every other path."""

    def __init__(self, app: App, front: FrontEnd, exports: Exports) -> None:
        self._app = app
        self._front = front
        self._exports = exports

    async def __call__(self, scope: Any, receive: Receive, send: Any) -> None:  # noqa: ANN401  as ASGI has it
        """Serve a connection."""
        if scope["type"] != "http" or scope["path"] != LOGS_PATH:
            await self._app(scope, receive, send)
            return
        headers = Headers([(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]])
        asking = Request.of(headers, scope)
        said = headers.get("Content-Type", "").partition(";")[0].strip().lower()
        kind = said if said in (_PROTOBUF, _JSON) else _JSON
        try:
            if scope["method"] != "POST":
                answer = self._refusal(BadRequestError("send with POST"), kind, HTTPStatus.METHOD_NOT_ALLOWED)
            else:
                answer = await self._post(asking, receive, said)
        except LoghubError as error:
            answer = self._refusal(error, kind)
        except PeerGoneError:
            return
        await answer.send(send)

    async def _post(self, asking: Request, receive: Receive, kind: str) -> Answer:
        front, exports = self._front, self._exports
        principal: Principal | None = None
        try:
            principal = await self._principal(asking)
            front.audit.record(Event.REQUEST, principal, plane=PLANE, peer=asking.peer)
            unpacked = _unpacking(asking.headers, kind)
            with exports.holding(principal) as take:
                raw = await _body(receive, unpacked, exports.max_bytes, take)
                return Answer(HTTPStatus.OK, await exports.export(principal, raw, kind), kind)
        except LoghubError as error:
            front.refused(error, asking, principal)
            raise

    async def _principal(self, asking: Request) -> Principal:
        """Return who asks, by certificate or token; its tenant is the only one that records can get."""
        gate = self._front.gate
        if self._front.sessions.closing:
            raise ShuttingDownError
        gate.check_origin(asking.headers)
        principal = await gate.admit_call(asking.headers.getlist("Authorization"), asking.certificate_der)
        principal.check_alive(time())  # a connection may outlive the certificate that it began with
        principal.require(Scope.WRITE)
        return principal

    def _refusal(self, error: LoghubError, kind: str, status: int = 0) -> Answer:
        headers = {}
        if error.http_status == HTTPStatus.UNAUTHORIZED:
            headers["www-authenticate"] = "Bearer"
        if error.retry:
            headers["retry-after"] = str(math.ceil(error.retry_after_seconds or _RETRY_SECONDS))
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["allow"] = "POST"
        return Answer(status or error.http_status, self._exports.refusal(error, kind), kind, headers)


class Inflater:
    """Inflates gzip, a piece at a time: whoever asks for them decides how many there are."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP)
        self._members = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what the next bytes inflate to; BadRequestError where they are no gzip."""
        while data:
            if not self._members or self._stream.eof:
                self._begin()
            piece = b"full"
            while piece and not self._stream.eof:
                piece = self._inflate(data)
                data = self._stream.unconsumed_tail
                if piece:
                    yield piece
            data = self._stream.unused_data

    def end(self) -> None:
        """Take note that nothing comes any more; BadRequestError where something is missing."""
        if self._members and not self._stream.eof:
            msg = "the body is cut short: its gzip does not end"
            raise BadRequestError(msg)

    def _begin(self) -> None:
        self._members += 1
        if self._members > _MAX_MEMBERS:
            msg = f"the body is more than {_MAX_MEMBERS} files of gzip"
            raise BadRequestError(msg)
        self._stream = zlib.decompressobj(_GZIP)

    def _inflate(self, data: bytes) -> bytes:
        try:
            return self._stream.decompress(data, _PIECE_BYTES)
        except zlib.error as error:
            msg = f"the body is not gzip, as its Content-Encoding says: {error}"
            raise BadRequestError(msg) from error


def _unpacking(headers: Headers, kind: str) -> Inflater | None:
    """Return what inflates the body, if it is packed; MediaTypeError for a type or encoding that is not taken."""
    if kind not in (_PROTOBUF, _JSON):
        msg = f"Content-Type {kind[:64]!r} is not taken: send {_PROTOBUF} or {_JSON}"
        raise MediaTypeError(msg)
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("gzip", "identity", ""):
        msg = f"Content-Encoding {encoding[:64]!r} is not taken: send gzip or nothing"
        raise MediaTypeError(msg)
    return Inflater() if encoding == "gzip" else None


async def _body(receive: Receive, inflater: Inflater | None, most: int, take: Callable[[int], None]) -> bytes:
    """Return a request's body, inflated; raises TooLargeError as soon as it is, and what `take` raises."""
    pieces: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise PeerGoneError
        data, more = message.get("body", b""), message.get("more_body", False)
        for piece in inflater.feed(data) if inflater else (data,):
            size += len(piece)
            if size > most:
                msg = f"the request has more than {most} bytes: send less at once"
                raise TooLargeError(msg)
            take(len(piece))
            pieces.append(piece)
    if inflater:
        inflater.end()
    return b"".join(pieces)
