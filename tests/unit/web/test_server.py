"""hub.web.server: ready frames on the wire, peers that are gone or say too much, and the port itself."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from uvicorn.server import ServerState
from websockets.asyncio.client import connect
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from hub.core.principal import Role, SpiffeId
from hub.core.websocket_frame import BINARY, TEXT, frame
from hub.errors import ConfigError
from hub.identity.server_tls import ClientCertificates, TlsFiles, web_context
from hub.pki.authority import Authority
from hub.web.server import WebOptions, WebServer
from tests.fakes import settle
from tests.web_line import OPTIONS, App, Asking, Clock, FakeTls, FakeTransport, web_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Send = Callable[[dict[str, Any]], Awaitable[None]]


class Line:
    """A peer's connection to the WebSocket protocol of a server, from the first byte on."""

    def __init__(self, app: Any, options: WebOptions = OPTIONS, tls: FakeTls | None = None) -> None:
        self.clock = Clock()
        self.transport = FakeTransport(tls)
        with web_server(app, options) as server:
            made: Any = server.config.ws_protocol_class
            self.protocol = made(server.config, ServerState(), {}, self.clock)
        self.protocol.connection_made(self.transport)
        self.client = ClientProtocol(parse_uri("ws://localhost/v1/tail"))

    async def shake_hands(self) -> Response:
        """Ask for a WebSocket; return the answer."""
        self.client.send_request(self.client.connect())
        await self.flush()
        [answer] = self.read()
        assert isinstance(answer, Response)
        return answer

    async def flush(self) -> None:
        """Deliver what the client has to say."""
        await self.feed(b"".join(self.client.data_to_send()))

    async def feed(self, data: bytes) -> None:
        """Deliver any bytes."""
        self.protocol.data_received(data)
        await settle()

    def read(self) -> list[Any]:
        """Let the client read; return its events."""
        self.client.receive_data(self.transport.take())
        return list(self.client.events_received())

    async def hang_up(self) -> None:
        """Be gone."""
        self.protocol.connection_lost(None)
        await settle()

    @property
    def close_code(self) -> int | None:
        """The code with which the server closes, None while it does not."""
        self.read()
        return self.client.close_rcvd.code if self.client.close_rcvd else None


async def connected(app: App, options: WebOptions = OPTIONS) -> Line:
    """Return a connection whose handshake is done."""
    line = Line(app, options)
    assert (await line.shake_hands()).status_code == 101
    return line


# --- ready frames ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a_ready_frame_is_what_the_server_itself_would_send(opcode: int, size: int) -> None:
    """Byte for byte, of however many pieces it was made."""
    pieces = (b"a" * (size // 2), b"", b"b" * (size - size // 2))

    async def ready(app: App, _send: Send) -> None:
        app.frames.write(frame(opcode, *pieces))

    async def standard(_app: App, send: Send) -> None:
        payload = b"".join(pieces)
        body = {"text": payload.decode()} if opcode == TEXT else {"bytes": payload}
        await send({"type": "websocket.send", **body})

    written = []
    for script in (ready, standard):
        line = Line(App(script))
        line.client.send_request(line.client.connect())
        await line.flush()
        _, _, after = line.transport.take().partition(b"\r\n\r\n")
        written.append(after)
        await line.hang_up()
    assert written[0] == written[1]
    assert written[0].endswith(b"".join(pieces))


async def test_ready_frames_and_others_keep_their_order() -> None:
    """They go the same way; a peer gets whole messages in the order of writing."""

    async def mixed(app: App, send: Send) -> None:
        for number in range(3):
            app.frames.write(frame(TEXT, b"ready %d" % number))
            await send({"type": "websocket.send", "text": f"sent {number}"})

    line = Line(App(mixed))
    line.client.send_request(line.client.connect())
    await line.flush()
    answer, *frames = line.read()
    assert answer.status_code == 101
    assert [one.data for one in frames] == [b"ready 0", b"sent 0", b"ready 1", b"sent 1", b"ready 2", b"sent 2"]
    assert all(one.fin and one.opcode is Opcode.TEXT for one in frames)
    await line.hang_up()


async def test_nothing_is_compressed() -> None:
    """A frame is made once for all, so no connection may have an extension of its own."""
    line = Line(App())
    request = line.client.connect()
    request.headers["Sec-WebSocket-Extensions"] = "permessage-deflate"
    line.client.send_request(request)
    await line.flush()
    assert b"101" in line.transport.written
    assert b"sec-websocket-extensions" not in line.transport.take().lower()
    await line.hang_up()


async def test_a_writer_is_full_while_its_peer_does_not_read() -> None:
    """From queue_bytes on until a quarter of them is left; drain waits as long."""
    app = App()
    line = await connected(app)
    assert line.transport.limits == (4000, 1000)
    assert not app.frames.full
    await app.frames.drain()
    line.protocol.pause_writing()
    assert app.frames.full
    draining = asyncio.create_task(app.frames.drain())
    await settle()
    assert not draining.done()
    line.protocol.resume_writing()
    await draining
    assert not app.frames.full
    await line.hang_up()


@pytest.mark.parametrize("error", [None, ConnectionResetError()], ids=["in peace", "with an error"])
async def test_a_peer_that_goes_ends_the_waiting_for_it(error: Exception | None) -> None:
    """With a ConnectionError, then and later; what is written for it is dropped, though the application goes on."""

    async def goes_on(_app: App, _send: Send) -> None:
        await gate.wait()

    gate = asyncio.Event()
    app = App(goes_on)
    line = await connected(app)
    line.protocol.pause_writing()
    draining = asyncio.create_task(app.frames.drain())
    await settle()
    line.protocol.connection_lost(error)
    with pytest.raises(ConnectionError):
        await draining
    with pytest.raises(ConnectionError):
        await app.frames.drain()
    app.frames.write(frame(TEXT, b"late"))
    assert not line.transport.written
    gate.set()
    await settle()


async def test_nothing_is_written_behind_a_close() -> None:
    """RFC 6455 section 5.5.1: a close frame is the last one."""

    async def closes(app: App, send: Send) -> None:
        await send({"type": "websocket.close", "code": 4408, "reason": "expired"})
        app.frames.write(frame(TEXT, b"late"))

    line = Line(App(closes))
    line.client.send_request(line.client.connect())
    await line.flush()
    assert b"late" not in line.transport.written
    assert line.close_code == 4408
    await line.hang_up()


async def test_an_aborted_connection_is_cut_at_once() -> None:
    """Whatever still waits for the peer."""
    app = App()
    line = await connected(app)
    app.frames.abort()
    assert line.transport.aborted
    app.frames.write(frame(TEXT, b"late"))
    assert not line.transport.written
    with pytest.raises(ConnectionError):
        await app.frames.drain()
    await line.hang_up()


@pytest.mark.parametrize("tls", [None, FakeTls(None), FakeTls(b"the certificate")])
async def test_the_peers_certificate_stands_in_the_scope(tls: FakeTls | None) -> None:
    """Of a WebSocket as of any other request; None where there is none."""
    app = App()
    line = Line(app, tls=tls)
    await line.shake_hands()
    certificate = tls.certificate if tls else None
    assert app.scope["extensions"]["tls"] == {"client_cert_der": certificate}
    assert "websocket.http.response" in app.scope["extensions"]
    await line.hang_up()
    asking = Asking(app, tls=tls)
    await asking.feed(b"GET / HTTP/1.1\r\nhost: h\r\n\r\n")
    assert (app.scope["type"], app.scope["extensions"]["tls"]) == ("http", {"client_cert_der": certificate})


# --- the handshake ---------------------------------------------------------------------------------------------------


async def test_a_refusal_is_delivered_whole_and_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    """With status, headers and all parts of the body; the log has no error of the application."""

    async def refuse(_scope: Any, _receive: Any, send: Any) -> None:
        headers = [(b"x-reason", b"none")]
        await send({"type": "websocket.http.response.start", "status": 429, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b"not ", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"now"})

    line = Line(refuse)
    with caplog.at_level(logging.ERROR):
        answer = await line.shake_hands()
    assert (answer.status_code, answer.headers["x-reason"], answer.body) == (429, "none", b"not now")
    assert line.transport.closing
    assert not caplog.records
    await line.hang_up()


@pytest.mark.parametrize("parts", [0, 1, 2])
async def test_an_application_that_does_not_answer_is_a_fault(parts: int, caplog: pytest.LogCaptureFixture) -> None:
    """Nor does half an answer count; the proof that the test above looks at the right log."""
    answer = [
        {"type": "websocket.http.response.start", "status": 429, "headers": []},
        {"type": "websocket.http.response.body", "body": b"half", "more_body": True},
    ]

    async def breaks_off(_scope: Any, _receive: Any, send: Any) -> None:
        for part in answer[:parts]:
            await send(part)

    line = Line(breaks_off)
    line.client.send_request(line.client.connect())
    with caplog.at_level(logging.ERROR):
        await line.flush()
    assert "without completing handshake" in caplog.text
    assert line.transport.closing
    await line.hang_up()


async def test_what_is_no_handshake_is_refused() -> None:
    """Without a key there is nothing to accept; the application never hears of it."""
    app = App()
    line = Line(app)
    await line.feed(b"GET /v1/tail HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
    assert b" 400 " in line.transport.written.partition(b"\r\n")[0] + b" "
    assert line.transport.closing
    assert not app.scope
    await line.hang_up()


# --- what peers say --------------------------------------------------------------------------------------------------


async def test_a_message_may_be_as_long_as_the_limit() -> None:
    """In one frame or in several."""
    app = App()
    line = await connected(app)
    line.client.send_text(b"x" * 100)
    line.client.send_binary(b"y" * 60, fin=False)
    line.client.send_continuation(b"z" * 40, fin=True)
    await line.flush()
    assert app.received == ["x" * 100, b"y" * 60 + b"z" * 40]
    await line.hang_up()


@pytest.mark.parametrize("sizes", [(101,), (60, 41), (100, 0, 1)])
async def test_a_message_over_the_limit_ends_the_connection(sizes: tuple[int, ...]) -> None:
    """1009, also where only all of its fragments are too much; the application hears that it is over, nothing else."""
    app = App()
    line = await connected(app)
    first, *others = sizes
    line.client.send_binary(b"x" * first, fin=not others)
    for number, size in enumerate(others, 1):
        line.client.send_continuation(b"x" * size, fin=number == len(others))
    await line.flush()
    assert line.close_code == 1009
    assert line.transport.closing
    assert (app.received, app.events[-1]["code"]) == ([], 1009)
    await line.hang_up()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", 1009),
        (b"\x82\x01x", 1002),
        (b"\xc2\x81\0\0\0\0x", 1002),
        (b"\x83\x81\0\0\0\0x", 1002),
        (b"\x80\x81\0\0\0\0x", 1002),
        (b"\x09\x80\0\0\0\0", 1002),
        (b"\x81\x81\0\0\0\0\xff", 1007),
    ],
    ids=[
        "a length of 2⁶⁴-1",
        "not masked",
        "a reserved bit",
        "an unknown opcode",
        "nothing to continue",
        "a ping in fragments",
        "text that is not UTF-8",
    ],
)
async def test_what_is_no_frame_ends_the_connection(data: bytes, code: int) -> None:
    """From its head on, before a byte of the payload is waited for (RFC 6455 sections 5.1 to 5.5 and 8.1)."""
    app = App()
    line = await connected(app)
    await line.feed(data)
    assert line.close_code == code
    assert not app.received
    await line.hang_up()


async def test_a_peer_is_not_read_while_its_message_waits() -> None:
    """What the application does not take stays in the network."""

    async def busy(_app: App, _send: Send) -> None:
        await gate.wait()

    gate = asyncio.Event()
    app = App(busy)
    line = await connected(app)
    line.client.send_text(b"one")
    await line.flush()
    assert line.transport.paused
    gate.set()
    await settle()
    assert not line.transport.paused
    assert app.received == ["one"]
    await line.hang_up()


# --- peers that are gone without a word ------------------------------------------------------------------------------


@pytest.mark.parametrize(("misses", "dead_after_seconds"), [(2, 50.0), (3, 75.0), (5, 125.0)])
async def test_a_peer_that_answers_no_ping_is_dead(misses: int, dead_after_seconds: float) -> None:
    """After so many heartbeats; the first ping comes after one."""
    line = await connected(App(), replace(OPTIONS, heartbeat_misses=misses))
    line.clock.advance(24.9)
    assert not line.transport.written
    line.clock.advance(0.2)
    [ping] = line.read()
    assert ping.opcode is Opcode.PING
    line.clock.advance(dead_after_seconds - 25.2)
    assert not line.transport.closing
    line.clock.advance(0.2)
    assert line.transport.closing
    assert line.close_code == 1011
    await line.hang_up()


async def test_a_peer_that_answers_its_pings_stays() -> None:
    """For ever, with a ping at each heartbeat."""
    line = await connected(App())
    for _ in range(10):
        line.clock.advance(25.0)
        [ping] = line.read()
        assert ping.opcode is Opcode.PING
        line.clock.advance(0.0)
        await line.flush()
    assert not line.transport.closing
    await line.hang_up()


async def test_a_pong_that_nobody_asked_for_proves_nothing() -> None:
    """Only the answer to the ping does."""
    line = await connected(App())
    line.clock.advance(25.0)
    line.transport.take()
    line.client.send_pong(b"some")
    await line.flush()
    line.clock.advance(50.0)
    assert line.transport.closing
    await line.hang_up()


async def test_a_peers_own_ping_is_answered() -> None:
    """With what it sent."""
    line = await connected(App())
    line.client.send_ping(b"there?")
    await line.flush()
    assert line.read() == [Frame(Opcode.PONG, b"there?")]
    await line.hang_up()


async def test_no_clock_runs_for_a_connection_that_is_over() -> None:
    """Neither ping nor cut comes afterwards."""
    line = await connected(App())
    line.clock.advance(25.0)
    await line.hang_up()
    line.transport.take()
    line.transport.closing = False
    line.clock.advance(1000.0)
    assert not line.transport.written
    assert not line.transport.closing


@pytest.mark.parametrize("data", [b"\x82\x01x", b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x81\x81\0\0\0\0\xff"])
async def test_the_application_says_goodbye_to_a_peer_at_fault(data: bytes) -> None:
    """Its last frame goes before the close; that it closes too is no fault of its own."""
    faults = list[int]()

    async def script(app: App, _send: Send) -> None:
        def say_goodbye(code: int, _reason: str) -> None:
            faults.append(code)
            app.frames.write(frame(TEXT, b"bye"))

        app.frames.on_fault = say_goodbye

    app = App(script)
    line = await connected(app)
    line.transport.take()
    await line.feed(data)
    assert line.transport.take().startswith(frame(TEXT, b"bye") + b"\x88")
    assert len(faults) == 1
    await line.protocol.send({"type": "websocket.close", "code": 4500})
    assert line.transport.take() == b""
    await line.hang_up()


async def test_a_peer_that_does_not_read_is_not_waited_for_to_close() -> None:
    """It is cut in the time to close, before or after the close was written."""
    line = Line(App(), replace(OPTIONS, close_seconds=0.01))
    await line.shake_hands()
    line.protocol.pause_writing()
    await line.protocol.send({"type": "websocket.close", "code": 1000})
    assert line.transport.aborted
    await line.hang_up()
    line = Line(App(), replace(OPTIONS, close_seconds=5.0))
    await line.shake_hands()
    await line.protocol.send({"type": "websocket.close", "code": 1000})
    line.clock.advance(4.9)
    assert not line.transport.aborted
    line.clock.advance(0.2)
    assert line.transport.aborted
    await line.hang_up()


async def test_a_closing_connection_is_cut_at_shutdown() -> None:
    """Its peer has said that it goes, and does not read to the end."""
    line = await connected(App())
    line.client.send_close(1000)
    await line.flush()
    line.protocol.shutdown()
    assert line.transport.aborted
    await line.hang_up()


async def test_pings_of_a_peer_that_does_not_read_are_not_answered() -> None:
    """Their answers would wait in memory; once it reads, pings are answered again."""
    line = await connected(App())
    line.protocol.pause_writing()
    line.transport.take()
    for _ in range(100):
        line.client.send_ping(b"x" * 90)
    line.protocol.data_received(b"".join(line.client.data_to_send()))
    assert line.transport.take() == b""
    line.protocol.resume_writing()
    line.client.send_ping(b"again")
    line.protocol.data_received(b"".join(line.client.data_to_send()))
    assert line.transport.take() == bytes([0x8A, 5]) + b"again"
    await line.hang_up()


async def test_fragments_without_end_end_the_connection() -> None:
    """Empty ones never reach the limit of a message's size."""
    line = await connected(App())
    line.transport.take()
    line.client.send_binary(b"", fin=False)
    for _ in range(5000):
        line.client.send_continuation(b"", fin=False)
    line.protocol.data_received(b"".join(line.client.data_to_send()))
    assert line.transport.take() == bytes([0x88, 20]) + (1009).to_bytes(2, "big") + b"too many fragments"
    assert line.transport.closing
    assert len(line.protocol.frames) < 2000
    await line.hang_up()


# --- the port --------------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_said() -> None:
    """With the setting to change; nothing is left open."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port} cannot be opened: .*web\.port"):
            WebServer(App(), replace(OPTIONS, port=port), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


def test_workers_share_a_port_and_others_do_not() -> None:
    """Only if both sides say so."""
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as other:
        port = other.getsockname()[1]
        with web_server(App(), replace(OPTIONS, port=port, reuse_port=True)) as server:
            assert server.port == port
        with pytest.raises(ConfigError), web_server(App(), replace(OPTIONS, port=port)):
            pass


def test_signals_are_left_alone() -> None:
    """They are the hub's business."""
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with web_server(App()) as server, server.capture_signals():
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


async def test_over_tls_the_peers_certificate_comes_in_and_ready_frames_go_out(tmp_path: Path) -> None:
    """On a real connection; a server that stops closes it, and its port."""
    authority = Authority.create(tmp_path, "loghub.test")
    mine = authority.issue_server("hub", ["localhost"])
    yours = authority.issue_client(SpiffeId("loghub.test", "acme", Role.SUBSCRIBER, "desk"))
    app = App()
    files = TlsFiles(authority.bundle, mine.cert, mine.key)
    server = WebServer(app, OPTIONS, web_context(files, ClientCertificates.OPTIONAL))
    serving = asyncio.create_task(server.run_in_loop())
    while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
        await asyncio.sleep(0)
    tls = ssl.create_default_context(cafile=authority.bundle)
    tls.load_cert_chain(yours.cert, yours.key)
    certificate = x509.load_pem_x509_certificate(yours.cert.read_bytes()).public_bytes(Encoding.DER)
    async with connect(f"wss://localhost:{server.port}/v1/tail", ssl=tls) as client:
        assert client.response
        assert "server" not in client.response.headers
        assert app.scope["extensions"]["tls"] == {"client_cert_der": certificate}
        app.frames.write(frame(TEXT, b"ready"))
        assert await client.recv() == "ready"
        server.should_exit = True
        with pytest.raises(ConnectionClosed):
            await client.recv()
    await serving
    with pytest.raises(OSError, match="Bad file descriptor"):
        assert server.port
