"""The response to `GET /v1/tail`: lets the peer in as the WebSocket does, and streams a session to it."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, cast

from quart import Response, request

from hub.core.principal import Scope
from hub.errors import LoghubError
from hub.pb.tail_pb2 import ClientMessage
from hub.web.auth import TICKET, Request
from hub.web.http import STREAM
from hub.web.ports import PLANE, ended_by
from hub.web.query import subscribe_of
from hub.web.stream import WIRES, Chunks, beat_of, kind_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from hub.core.ending import Ending
    from hub.core.principal import Principal
    from hub.pb.tail_pb2 import Subscribe
    from hub.web.front import FrontEnd
    from hub.web.http import StreamControl
    from hub.web.ports import Session

# The name of the one subscription.
_NAME = "tail"


class HttpTail:
    """One request."""

    def __init__(self, front: FrontEnd) -> None:
        self._front = front
        self._control = cast("StreamControl | None", (request.scope.get("extensions") or {}).get(STREAM))
        self._kind = ""

    async def respond(self) -> Response:
        """Return the stream; what is wrong with the request is raised before it begins."""
        front = self._front
        front.gate.check_origin(request.headers)
        asking = Request.of(request.headers, request.scope, request.args.getlist(TICKET))
        principal = await front.gate.admit(asking)
        principal.require(Scope.READ)
        self._kind = kind_of(request.headers.get("Accept", ""))
        query = [item for item in request.args.items(multi=True) if item[0] != TICKET]
        wanted = subscribe_of(query, _NAME, request.headers.get("Last-Event-ID", ""))
        headers = {"X-Accel-Buffering": "no", "Connection": "close"}
        if request.method == "HEAD":
            return Response(b"", content_type=self._kind, headers=headers)
        stream = self._stream(principal, asking, wanted)
        # Begun here, so that errors have a status of their own; let go of, it closes what it holds.
        first = await anext(stream)
        if self._control is not None:
            self._control.begin()
        response = Response(_after(first, stream), content_type=self._kind, headers=headers)
        response.timeout = None
        return response

    async def _stream(self, principal: Principal, asking: Request, wanted: Subscribe) -> AsyncGenerator[bytes, None]:
        front = self._front
        front.sessions.admit(principal)
        try:
            chunks = Chunks(front.queue_bytes, front.write_timeout_seconds, self._cut)
            renew = partial(front.gate.renew, certificate_der=asking.certificate_der)
            session = front.open_session(principal, chunks, WIRES[self._kind], renew)
            session.ended.add_done_callback(lambda _: chunks.wake())
            session.ended.add_done_callback(self._bound_end)
            front.sessions.enter(session)
            visit = front.audit.enter(principal, plane=PLANE, peer=asking.peer)
            try:
                await _begin(session, wanted)
                async for chunk in chunks.take(session.ended.done, front.heartbeat_seconds, beat_of(self._kind)):
                    yield chunk
            finally:
                chunks.close()
                front.sessions.leave(session)
                visit.leave(ended_by(session))
                await session.close()
        finally:
            front.sessions.release(principal)

    def _cut(self) -> None:
        if self._control is not None:
            self._control.abort()

    def _bound_end(self, _ended: asyncio.Future[Ending]) -> None:
        """Give the peer the time of a write to read what is left; a connection that is over by then does not mind."""
        if self._control is not None and self._control.begun:
            asyncio.get_running_loop().call_later(self._front.write_timeout_seconds, self._control.abort)


async def _begin(session: Session, wanted: Subscribe) -> None:
    """Subscribe; an error is raised, and the session ends with its only subscription."""
    session.open()
    await session.receive(ClientMessage(subscribe=wanted))
    if isinstance(session.refused, LoghubError):
        raise session.refused
    session.no_more()


async def _after(first: bytes, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        yield first
        async for chunk in stream:
            yield chunk
    finally:
        await stream.aclose()
