"""uvicorn with two ASGI extensions that no server offers today, on the `websockets-sansio` protocol.

    "tls"             the ASGI TLS extension: the peer's certificate, here as DER in `client_cert_der`
    "loghub.frames"   a `FrameWriter`: ready frames straight to the transport, without a task switch, a queue or an
                      encoder between; three times the frames a second of `websocket.send`

Both stand in `scope["extensions"]`; an application that runs on another server does without them.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from hub.errors import ConfigError
from hub.web.frames import Flusher, FrameWriter

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Iterator

    from websockets.frames import Frame
    from websockets.http11 import Request

FRAMES = "loghub.frames"
_LOW_WATER = 4
# What may follow a request's head: nothing here takes a body of more, and trailers count too.
_MAX_BODY_BYTES = 65_536
# Frames of one fragmented message; clients send small messages whole.
_MAX_FRAGMENTS = 1024
_TOO_LARGE = 1009
_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Where to listen, and the limits of a connection; `queue_bytes` may wait for a peer before it counts as slow."""

    host: str
    port: int
    heartbeat_seconds: float
    heartbeat_misses: int
    queue_bytes: int
    max_message_bytes: int
    max_header_bytes: int
    handshake_seconds: float
    gather_seconds: float
    reuse_port: bool = False


class LoghubWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol with our extensions."""

    queue_bytes = 0
    flusher: Flusher
    _frame_writer: FrameWriter | None = None

    def handle_connect(self, event: Request) -> None:
        """Put the extensions into the scope before the application sees it."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.transport.set_write_buffer_limits(self.queue_bytes, self.queue_bytes // _LOW_WATER)
            extensions: dict[str, Any] = self.scope["extensions"]
            self._frame_writer = FrameWriter(self, self.flusher, self.queue_bytes)
            extensions[FRAMES] = self._frame_writer
            extensions["tls"] = _tls(self.transport)

    def pause_writing(self) -> None:
        """Take note that the peer does not keep up."""
        super().pause_writing()
        if self._frame_writer is not None:
            self._frame_writer.paused = True

    def resume_writing(self) -> None:
        """Take note that the peer has read most of what waited."""
        super().resume_writing()
        if self._frame_writer is not None:
            self._frame_writer.paused = False

    def handle_ping(self) -> None:
        """Answer a ping, unless the peer does not read: RFC 6455 section 5.5.3 asks for the latest answer only."""
        output = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(output)

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment; empty ones cost memory too, so they are counted."""
        if self.close_sent:
            return
        super().handle_cont(event)
        if len(self.frames) > _MAX_FRAGMENTS:
            self.conn.send_close(_TOO_LARGE, "too many fragments")
            self.handle_parser_exception()

    async def send(self, message: Any) -> None:  # noqa: ANN401  any ASGI event
        """Write frames before what comes behind them, such as a close.

        A refusal counts as the end of the handshake, which uvicorn takes for a fault of the application.
        """
        if self._frame_writer is not None:
            self._frame_writer.flush()
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True


class LoghubHttp(HttpToolsProtocol):
    """uvicorn's HTTP protocol with the TLS extension, and with bounds on the size and time of every request."""

    max_header_bytes = 0
    handshake_seconds = 0.0
    _head_is_whole = False
    _request_bytes = 0
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
        """Cut a connection whose request is over the limit, in its head or as a whole."""
        if self._request_timer is not None:
            self._request_bytes += len(data)
            if not self._head_is_whole and self._request_bytes > self.max_header_bytes:
                self._cut(b"431 Request Header Fields Too Large")
                return
            if self._request_bytes > self.max_header_bytes + _MAX_BODY_BYTES:
                self._cut(b"413 Content Too Large")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Put the extensions into the scope, and begin to measure the request."""
        super().on_message_begin()
        extensions: dict[Any, Any] = {"tls": _tls(self.transport)}
        self.scope["extensions"] = extensions
        self._head_is_whole = False
        if self._request_timer is None:  # not the connection's first
            self._request_bytes = 0
            self._start_clock()

    def on_headers_complete(self) -> None:
        """Take note that the head is whole."""
        self._head_is_whole = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop the clock: the request is whole."""
        self._stop_clock()
        super().on_message_complete()

    def _start_clock(self) -> None:
        self._request_timer = self.loop.call_later(self.handshake_seconds, self.transport.abort)

    def _stop_clock(self) -> None:
        if self._request_timer is not None:
            self._request_timer.cancel()
            self._request_timer = None

    def _cut(self, status: bytes) -> None:
        self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\n\r\n")
        self.transport.close()


def _tls(transport: asyncio.Transport) -> dict[str, Any]:
    tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True) if tls else None
    return {"client_cert_der": certificate}


class WebServer(uvicorn.Server):
    """Serves an ASGI application over TLS inside the hub's own event loop; signals are the hub's business."""

    def __init__(self, app: Any, options: WebOptions, tls: ssl.SSLContext) -> None:  # noqa: ANN401  an ASGI application
        own = {"queue_bytes": options.queue_bytes, "flusher": Flusher(options.gather_seconds)}
        websocket = type("WebSocket", (LoghubWebSocket,), own)
        limits = {"max_header_bytes": options.max_header_bytes, "handshake_seconds": options.handshake_seconds}
        config = uvicorn.Config(
            app,
            http=type("Http", (LoghubHttp,), limits),
            ws=websocket,
            ws_per_message_deflate=False,
            ws_max_size=options.max_message_bytes,
            ws_ping_interval=options.heartbeat_seconds,
            ws_ping_timeout=options.heartbeat_seconds * (options.heartbeat_misses - 1),
            lifespan="off",
            server_header=False,
            proxy_headers=False,
            access_log=False,
            log_config=None,
            backlog=_BACKLOG,
        )
        config.load()
        config.ssl = tls
        super().__init__(config)
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        self._socket = _listen(options)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._socket.getsockname()[1])

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def run_in_loop(self) -> None:
        """Serve until `should_exit` is set."""
        await self._serve(sockets=[self._socket])


def _listen(options: WebOptions) -> socket.socket:
    host, port = options.host, options.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if options.reuse_port:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)  # here, since of two hubs that start at once both can bind
    except OSError as error:
        listener.close()
        msg = f"the web port {host}:{port} cannot be opened: {error.strerror}; set web.port or stop what uses it"
        raise ConfigError(msg) from error
    return listener
