"""A TLS listener of the web port on a real socket of this machine, and what its protocols hear."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from hub.web.tls_listener import TlsListener

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable

PATIENCE = 10.0


class Heard(asyncio.Protocol):
    """Keeps what a transport tells it."""

    def __init__(self) -> None:
        self.transport: Any = None
        self.data = bytearray()
        self.calls: list[str] = []
        self.lost: list[Exception | None] = []
        self.changed = asyncio.Event()
        self.on_data: Callable[[bytes], None] = self.data.extend

    def _note(self, what: str) -> None:
        self.calls.append(what)
        self.changed.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = transport
        self._note("made")

    def data_received(self, data: bytes) -> None:
        """Keep the data."""
        self.on_data(data)
        self.changed.set()

    def eof_received(self) -> None:
        """Keep that."""
        self._note("eof")

    def pause_writing(self) -> None:
        """Keep that."""
        self._note("pause")

    def resume_writing(self) -> None:
        """Keep that."""
        self._note("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep why."""
        self.lost.append(exc)
        self._note("lost")

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        async with asyncio.timeout(PATIENCE):
            while not holds():
                self.changed.clear()
                await self.changed.wait()


async def until(true: Callable[[], bool]) -> None:
    """Wait for what nobody tells of."""
    async with asyncio.timeout(PATIENCE):
        while not true():  # noqa: ASYNC110  as said
            await asyncio.sleep(0.001)


def holds(connection: socket.socket) -> bool:
    """Whether something waits in a socket to be read."""
    try:
        return bool(socket.socket.recv(connection, 1, socket.MSG_PEEK))
    except BlockingIOError:
        return False


class Server:
    """A listener, and the protocols of those that it let in."""

    def __init__(self, context: ssl.SSLContext, handshake_seconds: float = PATIENCE) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.heard: asyncio.Queue[Heard] = asyncio.Queue()
        self.listener = TlsListener(self.socket, context, self._make, handshake_seconds)

    def _make(self) -> Heard:
        heard = Heard()
        self.heard.put_nowait(heard)
        return heard


@asynccontextmanager
async def serving(contexts: tuple[ssl.SSLContext, ssl.SSLContext], **options: float) -> AsyncIterator[Server]:
    """A server, closed at the end."""
    server = Server(contexts[0], **options)
    try:
        yield server
    finally:
        server.listener.close()
        server.socket.close()


@asynccontextmanager
async def connected(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> AsyncIterator[tuple[Heard, asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection: the server's protocol, and the client's streams."""
    async with serving(contexts) as server:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=contexts[1], server_hostname="localhost"
        )
        heard = await asyncio.wait_for(server.heard.get(), PATIENCE)
        try:
            yield heard, reader, writer
        finally:
            writer.transport.abort()
            heard.transport.abort()
            await heard.until(lambda: bool(heard.lost))
