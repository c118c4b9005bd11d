"""hub.web.tls over real sockets of this machine, with the standard library's TLS on the other end."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from hub.identity.server_tls import ClientCertificates, TlsFiles, web_context
from hub.pki.authority import Authority
from hub.web.tls import TlsListener, TlsTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

PATIENCE = 10.0
LARGE = 8 * 2**20


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


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what nobody tells of."""
    async with asyncio.timeout(PATIENCE):
        while not holds():  # noqa: ASYNC110  as said
            await asyncio.sleep(0.001)


def _holds(connection: socket.socket) -> bool:
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


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The server's context, and a client's."""
    authority = Authority.create(tmp_path_factory.mktemp("pki"), "loghub.test")
    issued = authority.issue_server("hub", ["localhost"])
    files = TlsFiles(authority.bundle, issued.cert, issued.key)
    return web_context(files, ClientCertificates.OPTIONAL), ssl.create_default_context(cafile=authority.bundle)


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


async def test_both_ends_hear_what_the_other_says(contexts: Any) -> None:
    """And the transport knows its peer, its TLS and its own address."""
    async with connected(contexts) as (heard, reader, writer):
        writer.write(b"ping")
        await heard.until(lambda: heard.data == b"ping")
        heard.transport.write(b"pong")
        heard.transport.write(b"!")
        assert await reader.readexactly(5) == b"pong!"
        about = heard.transport.get_extra_info
        assert about("peername") == writer.get_extra_info("sockname")
        assert about("sockname") == writer.get_extra_info("peername")
        assert about("ssl_object").version() == "TLSv1.3"
        assert about("sslcontext") is contexts[0]


async def test_what_the_network_does_not_take_waits_in_order(contexts: Any) -> None:
    """The protocol is told to pause above the mark, and to go on below it; nothing is lost or changed."""
    async with connected(contexts) as (heard, reader, _):
        transport = heard.transport
        transport.set_write_buffer_limits(1000, 100)
        frames = [bytes([number]) * (LARGE // 16) for number in range(16)]
        for frame in frames:
            transport.write(frame)
        assert transport.get_write_buffer_size() > 1000
        assert heard.calls == ["made", "pause"]
        assert await reader.readexactly(LARGE) == b"".join(frames)
        await heard.until(lambda: heard.calls[-1] == "resume")
        assert transport.get_write_buffer_size() == 0
        transport.write(b"after")
        assert await reader.readexactly(5) == b"after"


def test_the_marks_are_as_asyncio_has_them() -> None:
    """One of them, or none, is enough."""
    transport = TlsTransport.__new__(TlsTransport)
    for asked, marks in ((({}), (16384, 65536)), ({"high": 4000}, (1000, 4000)), ({"low": 100}, (100, 400))):
        transport.set_write_buffer_limits(**asked)
        assert transport.get_write_buffer_limits() == marks


async def test_a_close_sends_what_waits_and_says_goodbye(contexts: Any) -> None:
    """The peer reads to a clean end; the protocol is told once, without an error."""
    async with connected(contexts) as (heard, reader, _):
        heard.transport.write(bytes(LARGE))
        heard.transport.close()
        heard.transport.write(b"too late")
        assert heard.transport.is_closing()
        assert await asyncio.wait_for(reader.read(-1), PATIENCE) == bytes(LARGE)
        await heard.until(lambda: bool(heard.lost))
        assert heard.lost == [None]


def _talk(port: int, context: ssl.SSLContext) -> tuple[bytes, int]:
    """Send, read to the end, and send once more; return what was read, and what the network says of the connection."""
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
    with context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as client:
        client.sendall(bytes(16_000))
        heard = b"".join(iter(lambda: client.recv(1000), b""))
        socket.socket.send(client, b"and on")
        return heard, client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


async def test_a_peer_that_goes_on_sending_can_read_the_last_word(contexts: Any) -> None:
    """Its data is passed over, not answered with a reset, which may take the last word from it."""
    async with serving(contexts) as server:
        talking = asyncio.create_task(asyncio.to_thread(_talk, server.port, contexts[1]))
        heard = await asyncio.wait_for(server.heard.get(), PATIENCE)
        heard.transport.pause_reading()
        await until(lambda: _holds(heard.transport.get_extra_info("socket")))  # else to close it would be no reset
        heard.transport.write(b"too much")
        heard.transport.close()
        assert await asyncio.wait_for(talking, PATIENCE) == (b"too much", 0)
        await heard.until(lambda: bool(heard.lost))


async def test_an_abort_cuts_at_once(contexts: Any) -> None:
    """What waits is dropped, and the protocol is told once."""
    async with connected(contexts) as (heard, reader, _):
        heard.transport.write(bytes(LARGE))
        heard.transport.abort()
        heard.transport.abort()
        heard.transport.close()
        await heard.until(lambda: bool(heard.lost))
        assert heard.calls.count("lost") == 1
        with suppress(OSError):
            assert len(await asyncio.wait_for(reader.read(-1), PATIENCE)) < LARGE


@pytest.mark.parametrize("how", ["close", "abort"])
async def test_a_peer_that_ends_is_let_go_of(contexts: Any, how: str) -> None:
    """In order or not."""
    async with connected(contexts) as (heard, _, writer):
        getattr(writer.transport, how)()
        await heard.until(lambda: bool(heard.lost))
        assert heard.transport.is_closing()
        assert ("eof" in heard.calls) or heard.lost[0] is not None


async def test_nothing_is_read_while_paused(contexts: Any) -> None:
    """Also not what came with what has been read, which comes when reading goes on though the network is silent."""
    async with connected(contexts) as (heard, _, writer):
        heard.transport.pause_reading()
        assert not heard.transport.is_reading()

        def once(data: bytes) -> None:
            heard.data.extend(data)
            heard.transport.pause_reading()

        heard.on_data = once
        sent = b"".join(bytes([number]) * 16_384 for number in range(4))
        writer.write(sent)
        await writer.drain()
        await asyncio.sleep(0)
        assert not heard.data
        for _ in range(64):
            heard.transport.resume_reading()
            before = len(heard.data)
            await heard.until(lambda before=before: len(heard.data) > before)  # type: ignore[misc]
            if len(heard.data) == len(sent):
                break
        assert heard.data == sent


async def test_a_fault_of_the_protocol_ends_the_connection_alone(
    contexts: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in the log, and the listener goes on."""
    async with connected(contexts) as (heard, reader, writer):

        def fail(_data: bytes) -> None:
            message = "a bug"
            raise ValueError(message)

        heard.on_data = fail
        writer.write(b"x")
        await heard.until(lambda: bool(heard.lost))
        assert "web_protocol_failed" in caplog.text
        with suppress(OSError):
            assert await asyncio.wait_for(reader.read(-1), PATIENCE) == b""


@pytest.mark.parametrize("words", [b"GET / HTTP/1.1\r\n\r\n" * 10, b"\x16\x03\x01\x00\x05hello" * 10])
async def test_who_does_not_speak_tls_is_not_let_in(contexts: Any, words: bytes) -> None:
    """The connection is closed, and no protocol ever hears of it."""
    async with serving(contexts) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(words)
        with suppress(OSError):
            await asyncio.wait_for(reader.read(-1), PATIENCE)
        writer.close()
        assert server.heard.empty()
        assert not server.listener.shaking


async def test_a_silent_peer_is_cut_in_time(contexts: Any) -> None:
    """A handshake that is not done is not waited for for ever."""
    async with serving(contexts, handshake_seconds=0.05) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        with suppress(OSError):
            assert await asyncio.wait_for(reader.read(-1), PATIENCE) == b""
        writer.close()
        assert server.heard.empty()
        assert not server.listener.shaking


async def test_many_handshakes_leave_turns_to_everything_else(contexts: Any) -> None:
    """Of forty that come at once, and take 10 ms or more in all, a few are done in each turn of the loop."""
    async with serving(contexts) as server:
        steps: list[int] = []
        turn = server.listener._turn  # noqa: SLF001  how long it takes is what is looked at

        def counted() -> None:
            before = len(server.listener._ready)  # noqa: SLF001  as above
            turn()
            steps.append(before - len(server.listener._ready))  # noqa: SLF001  as above

        server.listener._turn = counted  # type: ignore[method-assign]  # noqa: SLF001
        connecting = [
            asyncio.open_connection("127.0.0.1", server.port, ssl=contexts[1], server_hostname="localhost")
            for _ in range(40)
        ]
        streams = await asyncio.wait_for(asyncio.gather(*connecting), PATIENCE)
        assert sum(steps) >= 40
        assert max(steps) < 20
        for _, writer in streams:
            writer.transport.abort()
        for _ in streams:
            heard = await server.heard.get()
            await heard.until(lambda heard=heard: bool(heard.lost))  # type: ignore[misc]


async def test_a_closed_listener_lets_nobody_in(contexts: Any) -> None:
    """Nor those whose handshake is not done."""
    async with serving(contexts) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await until(lambda: bool(server.listener.shaking))
        server.listener.close()
        server.listener.close()
        await server.listener.wait_closed()
        with suppress(OSError):
            assert await asyncio.wait_for(reader.read(-1), PATIENCE) == b""
        writer.close()


async def test_at_the_end_of_the_server_nobody_is_waited_for(contexts: Any) -> None:
    """A peer that never ends by itself is let go of; otherwise its socket would outlive the event loop."""
    async with serving(contexts) as server:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=contexts[1], server_hostname="localhost"
        )
        heard = await asyncio.wait_for(server.heard.get(), PATIENCE)
        heard.transport.pause_reading()
        inner = heard.transport.get_extra_info("socket")
        heard.transport.close()
        await heard.until(lambda: bool(heard.lost))
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        server.listener.close()
        await server.listener.wait_closed()
        assert inner.fileno() == -1
        writer.transport.abort()
        del reader


class Exhausted:
    """A listening socket that fails once, as where too many files are open, and then works."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner
        self.failures = 1

    def accept(self) -> tuple[socket.socket, Any]:
        """Fail, or accept."""
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return self._inner.accept()

    def __getattr__(self, name: str) -> Any:
        """Be the socket in all else."""
        return getattr(self._inner, name)


async def test_without_files_to_open_it_rests_and_goes_on(contexts: Any, caplog: pytest.LogCaptureFixture) -> None:
    """The peer that came meanwhile is served then."""
    inner = socket.create_server(("127.0.0.1", 0))
    heard: list[Heard] = []

    def make() -> Heard:
        heard.append(Heard())
        return heard[-1]

    listener = TlsListener(Exhausted(inner), contexts[0], make, PATIENCE)  # type: ignore[arg-type]
    try:
        _, writer = await asyncio.wait_for(
            asyncio.open_connection(*inner.getsockname(), ssl=contexts[1], server_hostname="localhost"), PATIENCE
        )
        writer.transport.abort()
        assert "web_accept_postponed" in caplog.text
    finally:
        listener.close()
        inner.close()
    await until(lambda: bool(heard and heard[0].lost))
