"""uvicorn with ASGI extensions that no server offers today, on the `websockets-sansio` protocol.

    "tls"             the ASGI TLS extension: the peer's certificate, here as DER in `client_cert_der`
    "loghub.frames"   a `FrameWriter`: ready frames straight to the transport, without a task switch, a queue or an
                      encoder between; three times the frames a second of `websocket.send`
    "loghub.stream"   a `hub.web.http.StreamControl`: the connection of a response that lasts, to be held and cut

They stand in `scope["extensions"]`; an application that runs on another server does without them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from hub.errors import ConfigError
from hub.web.frames import Flusher, FrameWriter
from hub.web.http import LoghubHttp, tls_extension

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from websockets.frames import Frame
    from websockets.http11 import Request

FRAMES = "loghub.frames"
_LOW_WATER = 4
_TOO_LARGE = 1009
_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Where to listen, and the limits of a connection; `queue_bytes` may wait for a peer before it counts as slow.

    max_body_bytes    what may follow a request's head, trailers included
    max_fragments     frames of one fragmented message; clients send small messages whole
    gather_seconds    how long small frames to a busy connection are gathered
    close_seconds     for a peer to read what is left and answer a close
    """

    host: str
    port: int
    heartbeat_seconds: float
    heartbeat_misses: int
    queue_bytes: int
    max_message_bytes: int
    max_header_bytes: int
    max_body_bytes: int
    max_fragments: int
    handshake_seconds: float
    gather_seconds: float
    close_seconds: float
    reuse_port: bool = False


class LoghubWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol with our extensions."""

    queue_bytes = 0
    max_fragments = 0
    close_seconds = 0.0
    flusher: Flusher
    _frame_writer: FrameWriter | None = None
    _failed = False

    def handle_connect(self, event: Request) -> None:
        """Put the extensions into the scope before the application sees it."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.transport.set_write_buffer_limits(self.queue_bytes, self.queue_bytes // _LOW_WATER)
            extensions: dict[str, Any] = self.scope["extensions"]
            self._frame_writer = FrameWriter(self, self.flusher, self.queue_bytes)
            extensions[FRAMES] = self._frame_writer
            extensions["tls"] = tls_extension(self.transport)

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
        if len(self.frames) > self.max_fragments:
            self.conn.send_close(_TOO_LARGE, "too many fragments")
            self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """Let the application say goodbye before the connection is closed for what the peer sent."""
        writer, close = self._frame_writer, self.conn.close_sent
        if writer is not None and close is not None and not self.close_sent:
            writer.fail(close.code, close.reason)
            self._failed = True
        super().handle_parser_exception()

    def shutdown(self) -> None:
        """Let the connection go; one that is closing already, and whose peer does not read to the end, is cut."""
        if self.conn.state is State.CLOSING and not self.close_sent:
            self.transport.abort()
        else:
            super().shutdown()

    async def send(self, message: Any) -> None:  # noqa: ANN401  any ASGI event
        """Write frames before what comes behind them, such as a close.

        A refusal counts as the end of the handshake, which uvicorn takes for a fault of the application; so it does a
        close behind the one that a fault of the peer was answered by.
        """
        if self._failed and message["type"] == "websocket.close":
            return
        if self._frame_writer is not None:
            self._frame_writer.flush()
        if message["type"] == "websocket.close" and not await self._reads():
            self.transport.abort()
            return
        await super().send(message)
        if self.close_timer is not None:  # uvicorn's would wait on, for the peer to read what is left
            self.close_timer.cancel()
            self.close_timer = self.loop.call_later(self.close_seconds, self.transport.abort)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True

    async def _reads(self) -> bool:
        """Wait for the peer to have read most of what waits; false where it does not in the time for that."""
        try:
            async with asyncio.timeout(self.close_seconds):
                await self.writable.wait()
        except TimeoutError:
            return False
        return True


class WebServer(uvicorn.Server):
    """Serves an ASGI application over TLS inside the hub's own event loop; signals are the hub's business."""

    def __init__(self, app: Any, options: WebOptions, tls: ssl.SSLContext) -> None:  # noqa: ANN401  an ASGI application
        own = {
            "queue_bytes": options.queue_bytes,
            "max_fragments": options.max_fragments,
            "close_seconds": options.close_seconds,
            "flusher": Flusher(options.gather_seconds),
        }
        websocket = type("WebSocket", (LoghubWebSocket,), own)
        limits = {
            "max_header_bytes": options.max_header_bytes,
            "max_body_bytes": options.max_body_bytes,
            "handshake_seconds": options.handshake_seconds,
            "dead_seconds": options.heartbeat_seconds * options.heartbeat_misses,
        }
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
