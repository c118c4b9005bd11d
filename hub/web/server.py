"""uvicorn in the hub's own event loop, on protocols with ASGI extensions that no server offers today.

    "tls"             the ASGI TLS extension: the peer's certificate, here as DER in `client_cert_der`
    "loghub.frames"   a WebSocket for an application that lets go of it: `hub.web.websocket`
    "loghub.stream"   the connection of a response that lasts: `hub.web.http`

They stand in `scope["extensions"]`; an application that runs on another server does without them.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from hub.errors import ConfigError
from hub.web.frames import Flusher
from hub.web.http import LoghubHttp
from hub.web.tls_listener import TlsListener
from hub.web.websocket import LoghubWebSocket

if TYPE_CHECKING:
    import asyncio
    import ssl
    from collections.abc import Callable, Iterator, Mapping

_BACKLOG = 2048


@dataclass(frozen=True, slots=True)
class WebOptions:
    """Where to listen, and the limits of a connection; `queue_bytes` may wait for a peer before it counts as slow.

    max_body_bytes    what may follow a request's head, trailers included
    body_bytes        the same by path, where one has a bound of its own
    max_fragments     frames of one fragmented message; clients send small messages whole
    max_frames_per_s  frames of any kind that a peer sends
    max_pipelined     requests behind one that is not answered yet
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
    max_frames_per_s: int
    max_pipelined: int
    handshake_seconds: float
    gather_seconds: float
    close_seconds: float
    reuse_port: bool = False
    body_bytes: Mapping[str, int] = field(default_factory=dict)


def _to_nobody(_limit: str) -> None:
    """Tell nobody."""


class WebServer(uvicorn.Server):
    """Serves an ASGI application over TLS inside the hub's own event loop; signals are the hub's business.

    told    called with the limit's kind for each connection that is cut for a flood
    """

    def __init__(
        self,
        app: Any,  # noqa: ANN401  an ASGI application
        options: WebOptions,
        tls: ssl.SSLContext,
        told: Callable[[str], None] = _to_nobody,
    ) -> None:
        own = {
            "queue_bytes": options.queue_bytes,
            "max_fragments": options.max_fragments,
            "max_frames_per_s": options.max_frames_per_s,
            "told": staticmethod(told),
            "close_seconds": options.close_seconds,
            "flusher": Flusher(options.gather_seconds),
        }
        websocket = type("WebSocket", (LoghubWebSocket,), own)
        limits = {
            "max_header_bytes": options.max_header_bytes,
            "max_body_bytes": options.max_body_bytes,
            "body_bytes": options.body_bytes,
            "max_pipelined": options.max_pipelined,
            "told": staticmethod(told),
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
        self._tls = tls
        self._handshake_seconds = options.handshake_seconds
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        logging.getLogger("uvicorn.access").disabled = True  # an address can have a ticket in it
        self._socket = _listen(options)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._socket.getsockname()[1])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, with TLS of our own in place of the event loop's."""
        kind = cast("type[LoghubHttp]", self.config.http_protocol_class)
        make = partial(kind, config=self.config, server_state=self.server_state, app_state={})
        listeners = [TlsListener(one, self._tls, make, self._handshake_seconds) for one in sockets or ()]
        self.servers = cast("list[asyncio.base_events.Server]", listeners)
        self.started = True

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
