"""uvicorn's HTTP protocol with bounds on requests, the TLS extension, and a hold on responses that last."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from hub.web.headers import RAW

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Callable, Mapping

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

STREAM = "loghub.stream"
# What is read at once, so that requests one behind the other are noticed after a hundred, not after thousands.
_SLICE_BYTES = 4096
_USER_TIMEOUT = getattr(socket, "TCP_USER_TIMEOUT", None)  # Linux only


class StreamControl:
    """The connection of one response, for an application that streams without end."""

    def __init__(self, protocol: LoghubHttp, cycle: RequestResponseCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self.begun = False

    def begin(self) -> None:
        """Have the connection for this response alone, up to its end."""
        self.begun = True
        self._protocol.begin_stream(self._cycle)

    def abort(self) -> None:
        """Cut the connection at once, whatever waits to be sent."""
        self._cycle.transport.abort()


class LoghubHttp(HttpToolsProtocol):
    """Bounds the size and time of every request.

    max_header_bytes    of a request's head
    max_body_bytes      of what follows it
    body_bytes          of what follows it where a path has a bound of its own, by path
    max_pipelined       requests behind one that is not answered yet; no client of today sends any
    handshake_seconds   for a request to be whole
    dead_seconds        for the peer of a stream to acknowledge what it was sent
    """

    max_header_bytes = 0
    max_body_bytes = 0
    body_bytes: Mapping[str, int] = {}
    max_pipelined = 0
    handshake_seconds = 0.0
    dead_seconds = 0.0
    told: Callable[[str], None]
    _streaming = False
    _upgraded = False
    _head_is_whole = False
    _request_bytes = 0
    _allowed_bytes = 0
    _request_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the peer a bounded time for its first request."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Cut a connection whose request is over the limit, in its head or as a whole.

        What comes behind the request of a stream is not looked at: nothing more is answered on the connection.
        """
        if self._streaming:
            self._request_bytes += len(data)
            if self._request_bytes > self.max_body_bytes:
                self.transport.abort()
            return
        step = max(min(_SLICE_BYTES, self.max_header_bytes), 1)
        for begin in range(0, len(data), step):
            piece = data[begin : begin + step] if len(data) > step else data
            if self._request_timer is not None and not self._bounded(len(piece)):
                return
            super().data_received(piece)
            if len(self.pipeline) > self.max_pipelined:
                self.told("pipelined")
                self.transport.abort()
            if self.transport.is_closing() or self._upgraded:
                return

    def _bounded(self, size: int) -> bool:
        """Count more of a request; cut the connection where that is too much."""
        self._request_bytes += size
        if not self._head_is_whole:
            if self._request_bytes <= self.max_header_bytes:
                return True
            self._cut(b"431 Request Header Fields Too Large")
        elif self._request_bytes <= self.max_header_bytes + self._allowed_bytes:
            return True
        else:
            self._cut(b"413 Content Too Large")
        return False

    def on_message_begin(self) -> None:
        """Put the extensions into the scope, and begin to measure the request."""
        super().on_message_begin()
        extensions: dict[Any, Any] = {"tls": tls_extension(self.transport)}
        self.scope["extensions"] = extensions
        self._head_is_whole = False
        if self._request_timer is None:  # not the connection's first
            self._request_bytes = 0
            self._start_clock()

    def on_headers_complete(self) -> None:
        """Take note that the head is whole."""
        self._head_is_whole = True
        before = self.cycle
        super().on_headers_complete()
        self._allowed_bytes = self.body_bytes.get(self.scope.get("path", ""), self.max_body_bytes)
        if self.cycle is not before:
            extensions: dict[Any, Any] = self.scope["extensions"] or {}
            extensions[STREAM] = StreamControl(self, self.cycle)

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over; what came behind the request is dropped, since nothing may."""
        self._upgraded = True
        super().handle_websocket_upgrade()

    def on_message_complete(self) -> None:
        """Stop the clock: the request is whole."""
        self._stop_clock()
        super().on_message_complete()

    def begin_stream(self, cycle: RequestResponseCycle) -> None:
        """Give the connection to one response until its end; requests behind it are dropped.

        uvicorn tells only the newest request that the peer is gone, so that must be the stream's. A peer that
        acknowledges nothing for as long as one of a WebSocket is waited for is dead: the kernel ends the connection.
        """
        self._stop_clock()
        self._streaming = True
        self._request_bytes = 0
        self.pipeline.clear()
        self.cycle = cycle
        cycle.keep_alive = False
        self.flow.resume_reading()
        connection = self.transport.get_extra_info("socket")
        if connection is not None and _USER_TIMEOUT is not None:
            connection.setsockopt(socket.IPPROTO_TCP, _USER_TIMEOUT, int(self.dead_seconds * 1000))
        if self.transport.is_closing():  # the peer was gone before, when another request was the newest
            cycle.disconnected = True
            cycle.message_event.set()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no request, and close the connection."""
        head = b"HTTP/1.1 400 Bad Request\r\n" + RAW + b"content-type: text/plain; charset=utf-8\r\n"
        self.transport.write(head + b"content-length: %d\r\nconnection: close\r\n\r\n" % len(msg) + msg.encode())
        self.transport.close()

    def _start_clock(self) -> None:
        self._request_timer = self.loop.call_later(self.handshake_seconds, self.transport.abort)

    def _stop_clock(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _cut(self, status: bytes) -> None:
        self.transport.write(b"HTTP/1.1 " + status + b"\r\n" + RAW + b"content-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()


def tls_extension(transport: asyncio.Transport) -> dict[str, Any]:
    """Return the ASGI TLS extension of a connection."""
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True) if tls else None
    return {"client_cert_der": certificate}
