"""A connection to the web server's protocols without a network, and an application behind it."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from uvicorn.server import ServerState

from hub.web.frames import FrameWriter
from hub.web.server import WebOptions, WebServer
from hub.web.websocket import FRAMES
from tests.fakes import settle

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    Send = Callable[[dict[str, Any]], Awaitable[None]]
    Script = Callable[["App", Send], Awaitable[None]]

OPTIONS = WebOptions(
    host="127.0.0.1",
    port=0,
    heartbeat_seconds=25.0,
    heartbeat_misses=3,
    queue_bytes=4000,
    max_message_bytes=100,
    max_header_bytes=500,
    max_body_bytes=65_536,
    max_fragments=1024,
    max_frames_per_s=2000,
    max_pipelined=8,
    handshake_seconds=10.0,
    gather_seconds=0.0,
    close_seconds=10.0,
)


class Clock:
    """A loop for the protocol whose time passes only when it is told to."""

    def __init__(self) -> None:
        self._now = 0.0
        self._timers: list[Timer] = []
        self.create_task = asyncio.create_task

    def time(self) -> float:
        """Return the seconds that have passed."""
        return self._now

    def call_later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Have something called in time."""
        self._timers.append(Timer(self._now + delay, call))
        return self._timers[-1]

    def advance(self, seconds: float) -> None:
        """Let time pass, and call what is due in its order."""
        end = self._now + seconds
        while due := sorted((one for one in self._timers if one.when <= end), key=lambda one: one.when):
            self._timers.remove(due[0])
            self._now = due[0].when
            if not due[0].cancelled:
                due[0].call()
        self._now = end


@dataclass(eq=False)
class Timer:
    """A call to come; what of `asyncio.TimerHandle` the protocol uses."""

    when: float
    call: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        """Forget it."""
        self.cancelled = True


@dataclass
class FakeTls:
    """A TLS connection whose peer has shown a certificate, or none."""

    certificate: bytes | None

    def getpeercert(self, binary_form: bool) -> bytes | None:  # noqa: FBT001  as in `ssl.SSLObject`
        """Return it in DER."""
        assert binary_form
        return self.certificate


class FakeTransport(asyncio.Transport):
    """Keeps what is written, and how it is closed."""

    def __init__(self, tls: FakeTls | None = None) -> None:
        super().__init__({"ssl_object": tls, "peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.written = bytearray()
        self.limits: tuple[int | None, int | None] | None = None
        self.closing = self.aborted = self.paused = False
        self.protocol: asyncio.BaseProtocol | None = None

    def write(self, data: Any) -> None:
        """Keep it."""
        self.written += data

    def take(self) -> bytes:
        """Return what was written since the last time."""
        data = bytes(self.written)
        self.written.clear()
        return data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Keep them."""
        self.limits = (high, low)

    def pause_reading(self) -> None:
        """Read nothing for now."""
        self.paused = True

    def resume_reading(self) -> None:
        """Read on."""
        self.paused = False

    def is_closing(self) -> bool:
        """Whether it is closed in any way."""
        return self.closing

    def close(self) -> None:
        """Close."""
        self.closing = True

    def abort(self) -> None:
        """Cut."""
        self.closing = self.aborted = True

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection over."""
        self.protocol = protocol


@dataclass
class App:
    """An ASGI application: runs a script after accepting, then keeps what it receives until the peer is gone."""

    script: Script | None = None
    scope: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        """Serve a connection."""
        self.scope = scope
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})
            return
        await receive()
        await send({"type": "websocket.accept"})
        if self.script:
            await self.script(self, send)
        while not self.events or self.events[-1]["type"] != "websocket.disconnect":
            self.events.append(await receive())

    @property
    def frames(self) -> FrameWriter:
        """The writer of the connection."""
        writer = self.scope["extensions"][FRAMES]
        assert isinstance(writer, FrameWriter)
        return writer

    @property
    def received(self) -> list[bytes | str]:
        """The messages of the peer."""
        found = [event for event in self.events if event["type"] == "websocket.receive"]
        return [event["text"] if event.get("bytes") is None else event["bytes"] for event in found]


@contextmanager
def web_server(app: Any, options: WebOptions = OPTIONS) -> Iterator[WebServer]:
    """Make a server that is never run."""
    server = WebServer(app, options, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    try:
        yield server
    finally:
        server._socket.close()  # noqa: SLF001  who does not run it cannot close it


class Asking:
    """A peer's connection to the HTTP protocol of a server."""

    def __init__(self, app: Any, options: WebOptions = OPTIONS, tls: FakeTls | None = None) -> None:
        self.clock = Clock()
        self.transport = FakeTransport(tls)
        with web_server(app, options) as server:
            made: Any = server.config.http_protocol_class
            self.protocol = made(server.config, ServerState(), {}, self.clock)
        self.protocol.connection_made(self.transport)

    async def feed(self, *pieces: bytes) -> bytes:
        """Send bytes, one piece after the other until the server closes; return the answer."""
        for data in pieces:
            if not self.transport.closing:
                self.protocol.data_received(data)
                await settle()
        return self.transport.take()
