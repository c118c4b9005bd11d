"""hub.web.websocket: ready frames on the wire, held connections, and peers that are gone or say too much."""

from __future__ import annotations

import asyncio
import gc
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from uvicorn.server import ServerState
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.uri import parse_uri

from hub.core.websocket_frame import BINARY, TEXT, frame
from hub.web.websocket import FRAMES
from tests.fakes import settle
from tests.web_line import OPTIONS, App, Asking, Clock, FakeTls, FakeTransport, web_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.web.frames import FrameWriter
    from hub.web.server import WebOptions

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
        self.request = self.client.connect()
        self.client.send_request(self.request)
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


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /v1/tail HTTP/1.1\r\nauthorization: Bearer " + b"a" * 9000 + b"\r\n\r\n", b" 431 "),
        (b"GET /v1/tail?" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", b" 414 "),
        (b"GET /v1/tail HTTP/1.1\r\n" + b"x: y\r\n" * 200 + b"\r\n", b" 431 "),
        (b"GET /v1/tail HTTP/1.1\r\nx y\r\n\r\n", b""),
    ],
)
async def test_a_head_that_cannot_be_read_is_refused(head: bytes, status: bytes) -> None:
    """A line or list that is too long for the parser, or none at all: the connection does not stay."""
    app = App()
    line = Line(app)
    await line.feed(head)
    assert status in line.transport.written.partition(b"\r\n")[0]
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


# --- held connections ------------------------------------------------------------------------------------------------


class Talk:
    """Keeps what a held connection tells; implements `hub.web.frames.Conversation`."""

    def __init__(self) -> None:
        self.heard: list[bytes | str] = []
        self.faults: list[int] = []
        self.losses = 0
        self.frames: FrameWriter | None = None

    def hear(self, data: bytes | str) -> None:
        """Keep a message."""
        self.heard.append(data)

    def broken(self, code: int, reason: str) -> None:  # noqa: ARG002
        """Say goodbye."""
        self.faults.append(code)
        assert self.frames is not None
        self.frames.write(frame(TEXT, b"bye"))

    def lost(self) -> None:
        """Keep that it is gone."""
        self.losses += 1


async def accepting(scope: Any, receive: Any, send: Send) -> None:
    """Let the peer in, have the connection held by whoever the server's state names, and return."""
    await receive()
    await send({"type": "websocket.accept"})
    talk, frames = scope["state"]["talk"], scope["extensions"][FRAMES]
    talk.frames = frames
    frames.hold(talk)


async def held(options: WebOptions = OPTIONS) -> tuple[Line, Talk]:
    """Return a connection that its application has let go of."""
    talk = Talk()
    line = Line(accepting, options)
    line.protocol.app_state["talk"] = talk
    assert (await line.shake_hands()).status_code == 101
    line.transport.take()
    return line, talk


async def test_a_held_connection_outlives_its_application() -> None:
    """What the peer sends goes to whoever holds it, whole and in its kind; nothing waits in between."""
    line, talk = await held()
    assert not line.transport.closing
    line.client.send_text(b"text")
    line.client.send_binary(b"in ", fin=False)
    line.client.send_continuation(b"parts", fin=True)
    line.client.send_binary(b"")
    await line.flush()
    assert talk.heard == ["text", b"in parts", b""]
    assert not line.transport.paused
    await line.hang_up()
    assert talk.losses == 1


async def test_a_held_connection_is_read_when_its_holder_listens() -> None:
    """What is not read stays in the network."""
    line, talk = await held()
    assert talk.frames is not None
    for now in (False, False, True, True):
        talk.frames.listen(now=now)
        assert line.transport.paused is not now
    await line.hang_up()
    talk.frames.listen(now=False)
    assert not line.transport.paused


async def test_a_held_connection_has_its_heartbeat() -> None:
    """And is dead where it does not answer."""
    line, _ = await held()
    line.clock.advance(OPTIONS.heartbeat_seconds)
    assert line.transport.take()[0] == 0x89
    line.clock.advance(OPTIONS.heartbeat_seconds * OPTIONS.heartbeat_misses)
    assert line.transport.closing
    await line.hang_up()


async def test_a_held_connection_closes_behind_what_was_written() -> None:
    """Once; a peer that answers is let go, one that does not is cut in time."""
    line, talk = await held(replace(OPTIONS, close_seconds=5.0))
    assert talk.frames is not None
    talk.frames.write(frame(TEXT, b"bye"))
    talk.frames.listen(now=False)
    talk.frames.close(1001, "later")
    talk.frames.close(1002, "never")
    line.transport.paused = False
    assert line.transport.take() == frame(TEXT, b"bye") + bytes([0x88, 7]) + (1001).to_bytes(2, "big") + b"later"
    line.clock.advance(4.9)
    assert not line.transport.aborted
    line.clock.advance(0.2)
    assert line.transport.aborted
    await line.hang_up()


async def test_messages_behind_the_close_are_not_heard() -> None:
    """Its holder is done with them."""
    line, talk = await held()
    assert talk.frames is not None
    talk.frames.close(1000, "")
    line.client.send_text(b"late")
    await line.flush()
    assert talk.heard == []
    await line.hang_up()


@pytest.mark.parametrize("data", [b"\x82\x01x", b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff", b"\x81\x81\0\0\0\0\xff"])
async def test_a_peer_at_fault_hears_a_goodbye_before_the_close(data: bytes) -> None:
    """It is given the time to read it, and no more."""
    line, talk = await held()
    await line.feed(data)
    assert line.transport.take().startswith(frame(TEXT, b"bye") + b"\x88")
    assert len(talk.faults) == 1
    assert talk.frames is not None
    talk.frames.close(4500, "a second close")
    assert line.transport.take() == b""
    line.clock.advance(OPTIONS.close_seconds)
    assert line.transport.aborted
    await line.hang_up()


async def test_a_peer_that_closes_is_answered_and_not_waited_for() -> None:
    """Whether it reads the answer is its own affair."""
    line, talk = await held()
    line.client.send_close(1000)
    await line.flush()
    assert line.close_code == 1000
    assert line.transport.closing
    line.clock.advance(OPTIONS.close_seconds)
    assert line.transport.aborted
    await line.hang_up()
    assert talk.losses == 1


async def test_a_connection_that_is_gone_is_lost_at_once() -> None:
    """Its holder lets go in the moment in which it takes hold."""
    line, _ = await held()
    await line.hang_up()
    late = Talk()
    line.protocol.hold(late)
    assert late.losses == 1


async def test_frames_before_the_handshake_is_answered_cut_the_peer() -> None:
    """RFC 6455 section 4.1: it waits for the answer."""

    async def slow(_scope: Any, receive: Any, _send: Send) -> None:
        await receive()
        await receive()

    line = Line(slow)
    line.client.send_request(line.client.connect())
    await line.flush()
    await line.feed(bytes([0x82, 0x81, 0, 0, 0, 0]) + b"x")
    assert line.transport.aborted
    await line.hang_up()


async def test_a_held_connection_does_not_keep_its_request() -> None:
    """Headers and parser of the handshake are four times the size of what is left."""
    line, _ = await held()
    gc.collect()
    mine = [one for one in gc.get_objects() if isinstance(one, Request) and one is not line.request]
    assert not mine
    assert line.protocol.scope is None
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


@pytest.mark.parametrize(
    ("opcode", "fin"), [(Opcode.PING, True), (Opcode.PONG, True), (Opcode.BINARY, True), (Opcode.CONT, False)]
)
async def test_a_flood_of_frames_ends_the_connection(opcode: Opcode, fin: bool) -> None:  # noqa: FBT001
    """4429, in the middle of what was read at once, and it is told; as many as are allowed may come each second."""
    told: list[str] = []
    line = await connected(App(), replace(OPTIONS, max_frames_per_s=100, max_fragments=100_000))
    line.protocol.told = told.append
    small = Frame(opcode, b"", fin).serialize(mask=True)
    if not fin:
        await line.feed(Frame(Opcode.BINARY, b"", fin).serialize(mask=True))
    for _ in range(2):
        await line.feed(small * 99)
        assert not line.transport.closing
        line.clock.advance(1.0)
    line.transport.take()
    await line.feed(small * 100_000)
    assert told == ["frames"]
    assert line.transport.paused, "what a flood sends is not even read"
    answer = line.transport.take()
    assert (4429).to_bytes(2, "big") + b"over web.max_frames_per_s (100)" in answer
    assert len(answer) < 5000, "the pings of a flood are not all answered"
    await line.feed(small)
    line.clock.advance(0.3)
    assert line.transport.aborted
    assert line.transport.take() == b""


async def test_a_held_connection_that_floods_is_not_read_again() -> None:
    """Its session, which had its reading put off while it acted, is done with a message only afterwards."""
    line = await connected(App(), replace(OPTIONS, max_frames_per_s=100))
    line.protocol.told = lambda _limit: None
    line.protocol.listen(now=False)
    await line.feed(Frame(Opcode.BINARY, b"", fin=True).serialize(mask=True) * 1000)
    assert line.transport.paused
    line.protocol.listen(now=True)
    assert line.transport.paused


async def test_a_flood_behind_a_close_is_cut_at_once() -> None:
    """Whoever was told that it is over, and goes on instead of closing, is not read for ever."""
    told: list[str] = []
    line = await connected(App())
    line.protocol.told = told.append
    line.protocol.close(4000, "over")
    late = Frame(Opcode.BINARY, b"x" * 60).serialize(mask=True) * 1000
    for _ in range(3):
        line.clock.advance(1.0)
        await line.feed(late)
    assert not line.transport.aborted
    line.clock.advance(1.0)
    await line.feed(late)
    await line.feed(late)
    assert line.transport.aborted
    assert told == ["late"]


async def test_a_long_message_may_come_in_one_read() -> None:
    """It is read piece by piece."""
    app = App()
    line = await connected(app, replace(OPTIONS, max_message_bytes=100_000))
    await line.feed(Frame(Opcode.BINARY, b"x" * 90_000).serialize(mask=True))
    assert app.received == [b"x" * 90_000]
