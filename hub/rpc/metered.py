"""Services as the guard of the port needs them: what is read of each call is counted, and inflated within bounds.

The C core would inflate a whole message before it looks at its size, on a thread that others wait for: a bomb of 60 KB
that inflates to 62 MiB held everybody up for 0.2 s. So the port leaves gzip to this door.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import TYPE_CHECKING, Any

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc

from hub.core.gzip_message import inflate, is_gzip
from hub.errors import BadRequestError, LoghubError, TooLargeError
from hub.rpc.peer import peer_address
from hub.rpc.status import abort

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from grpc.aio import ServicerContext

    from hub.rpc.guard import Guard, Line

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused

# What is larger is inflated in a thread: a kilobyte may become a megabyte, and take a millisecond.
_INLINE_BYTES = 1024
# Who gave up a call after this time, with half a message sent, is a client all the same.
_REAL_CALL_SECONDS = 1.0
_PLAIN_BYTES = 2**16
# The limit of headers is one that gRPC keeps only while they come in one piece; no client exceeds it so far.
_OFFENCE = 4


class MeteredHandler(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """The handlers of a service whose messages are bytes or small; calls of one message are served as streams.

    So the guard hears of such a call when it begins, and not only when its message is whole.

    most_bytes          size of the largest message
    under_way_bytes     what may come of a call before the service takes it
    """

    def __init__(
        self,
        inner: grpc.GenericRpcHandler,
        guard: Guard,
        *,
        most_bytes: int,
        under_way_bytes: int,
        max_metadata_bytes: int,
    ) -> None:
        self._inner = inner
        self._guard = guard
        self._most = most_bytes
        self._under_way = under_way_bytes
        self._max_headers = max_metadata_bytes * _OFFENCE
        self._oversized = grpc.stream_stream_rpc_method_handler(self._refuse)

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """Return what handles a call."""
        handler = self._inner.service(details)
        if handler is None:
            return None
        size = sum(len(name) + len(value) for name, value in details.invocation_metadata or ())
        if size > self._max_headers:
            return self._oversized
        serve = handler.stream_stream or _unary(handler.unary_unary)
        return grpc.stream_stream_rpc_method_handler(self._metered(serve, size))

    async def _refuse(self, _requests: object, context: ServicerContext[bytes, bytes]) -> None:
        line = self._guard.enter(peer_address(context))
        try:
            self._guard.offended(line)
            await abort(context, TooLargeError("the headers are too large"))
        finally:
            self._guard.leave(line)

    def _metered(
        self, serve: Callable[[object, Any], Awaitable[None]], header_bytes: int
    ) -> Callable[[object, ServicerContext[bytes, bytes]], Awaitable[None]]:
        async def served(requests: object, context: ServicerContext[bytes, bytes]) -> None:
            line = self._guard.enter(peer_address(context))
            line.identity = line.identity or _identity(context)
            line.account.began(header_bytes)
            metered = _MeteredContext(context, self._guard, line, self._most, self._under_way)
            try:
                await serve(requests, metered)
            except grpc.aio.AbortError:
                self._guard.answered(line, self._under_way)
                raise
            except BaseException:
                if metered.aborted:  # gRPC wants this very error, and a TaskGroup has wrapped it
                    raise metered.aborted from None
                raise
            finally:
                metered.end()
                self._guard.leave(line)

        return served


class _MeteredContext:
    """A call whose messages are counted, and inflated; all else is the context's own."""

    def __init__(
        self, context: ServicerContext[bytes, bytes], guard: Guard, line: Line, most: int, under_way: int
    ) -> None:
        self.aborted: grpc.aio.AbortError | None = None
        self._context = context
        self._guard = guard
        self._line = line
        self._most = most
        self._under_way = under_way
        self._asked_at = 0.0
        self._heard = False

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever a context has
        return getattr(self._context, name)

    async def read(self) -> Any:  # noqa: ANN401  bytes, or grpc's EOF
        """Return the next message."""
        if not self._asked_at:
            self._asked_at = monotonic()
            self._guard.asked(self._line, self._under_way)
        message = await self._context.read()
        if message is grpc.aio.EOF:
            return message
        self._line.account.took(len(message))
        if not self._heard:
            self._heard = True
            self._guard.answered(self._line, self._under_way)
        return await self._inflated(message) if is_gzip(message) else message

    async def _inflated(self, message: bytes) -> bytes:
        try:
            if len(message) <= _INLINE_BYTES:
                return inflate(message, self._most)
            return await asyncio.to_thread(inflate, message, self._most)
        except LoghubError as error:
            try:
                await abort(self._context, error)
            except grpc.aio.AbortError as aborted:
                self.aborted = aborted
                raise

    def end(self) -> None:
        """Take note of the call's end."""
        if not self._asked_at:
            return
        real = self._heard or monotonic() - self._asked_at >= _REAL_CALL_SECONDS
        if real and not self._heard:
            self._guard.answered(self._line, self._under_way)
        self._line.account.ended(self._under_way, empty=not real)


class PlainHandlers:
    """The server as health and reflection see it: their messages, which are small, are inflated within a bound."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, _handlers: object) -> None:
        """Leave them out: the registered ones are the same."""

    def add_registered_method_handlers(self, service: str, handlers: dict[str, Any]) -> None:
        """Add the handlers of a service."""
        inflating = {
            name: handler._replace(request_deserializer=_inflating(handler.request_deserializer))
            for name, handler in handlers.items()
        }
        self._server.add_registered_method_handlers(service, inflating)


def _inflating(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    return lambda raw: parse(inflate(raw, _PLAIN_BYTES) if is_gzip(raw) else raw)


def _unary(serve: Callable[[bytes, Any], Awaitable[bytes]]) -> Callable[[object, Any], Awaitable[None]]:
    async def served(_requests: object, context: Any) -> None:  # noqa: ANN401  a context, or one that counts
        raw = await context.read()
        if raw is grpc.aio.EOF:
            await abort(context, BadRequestError("the call has no message"))
        await context.write(await serve(raw, context))

    return served


def _identity(context: ServicerContext[bytes, bytes]) -> str:
    """Return what names the caller in the log: its SPIFFE id, unless the certificate has none."""
    return b", ".join(context.auth_context().get("peer_spiffe_id", ())).decode(errors="replace")
