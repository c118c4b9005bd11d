"""hub.web.tail: messages between a WebSocket and its session, and ways out that never hold more than they may."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.ending import Ending
from hub.core.websocket_frame import BINARY, TEXT, frame
from hub.errors import ForbiddenError
from hub.pb.ingest_pb2 import GOODBYE_REASON_INTERNAL, GOODBYE_REASON_PROTOCOL, GOODBYE_REASON_SHUTDOWN
from hub.pb.tail_pb2 import Auth, ClientMessage, Ping, Subscribe
from hub.web.tail import QueueWriter, TailSocket, TimedSink, close_reason
from hub.web.wire import JSON, PROTO
from tests.examples import examples
from tests.fakes import FakeSession, FakeSink, settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.errors import LoghubError

LIMIT = 100
BYE = Ending(1001, GOODBYE_REASON_SHUTDOWN, "the hub is shutting down", reconnect=True)
SUBSCRIBE = ClientMessage(subscribe=Subscribe(id="s"))
SEED_PONG = bytes([0x81, 15]) + b'{"type":"PONG"}'


# --- a writer with a clock -------------------------------------------------------------------------------------------


async def test_a_timed_sink_writes_and_aborts_by_its_writer() -> None:
    """And is as full as it is."""
    writer = FakeSink()
    sink = TimedSink(writer, 60.0)
    sink.write(b"frame")
    assert (writer.frames, sink.full) == ([b"frame"], False)
    writer.fill()
    assert sink.full
    sink.abort()
    assert writer.gone


async def test_a_peer_that_reads_in_time_is_waited_for() -> None:
    """The sink drains once it has read, not before."""
    writer = FakeSink()
    writer.fill()
    draining = asyncio.create_task(TimedSink(writer, 60.0).drain())
    await settle()
    assert not draining.done()
    writer.read()
    await draining


async def test_a_peer_that_does_not_read_in_time_is_an_error() -> None:
    """Whoever drains cuts it then."""
    writer = FakeSink()
    writer.fill()
    with pytest.raises(TimeoutError):
        await TimedSink(writer, 0.01).drain()


async def test_a_writer_with_room_is_not_waited_for() -> None:
    """Even where no time is given at all; but a peer that is gone is said."""
    writer = FakeSink()
    await TimedSink(writer, 0.0).drain()
    writer.abort()
    with pytest.raises(ConnectionError):
        await TimedSink(writer, 60.0).drain()


# --- the queue before servers without ready frames -------------------------------------------------------------------


class Peer:
    """Reads what a QueueWriter sends, one message for each permission."""

    def __init__(self) -> None:
        self.got: list[bytes | str] = []
        self.may_read = asyncio.Semaphore(0)
        self.writer = QueueWriter(self.send, LIMIT)

    async def send(self, data: bytes | str) -> None:
        """Take a message."""
        await self.may_read.acquire()
        self.got.append(data)

    async def read(self, count: int = 1) -> None:
        """Let so many messages through."""
        for _ in range(count):
            self.may_read.release()
        await settle()


@asynccontextmanager
async def pumping(peer: Peer) -> AsyncIterator[QueueWriter]:
    """Run the writer's task."""
    task = asyncio.create_task(peer.writer.run())
    await settle()
    yield peer.writer
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
async def peer() -> Peer:
    """A peer that reads nothing yet."""
    return Peer()


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
async def test_a_queued_frame_arrives_as_its_message(peer: Peer, size: int) -> None:
    """Text as text and bytes as bytes, in the order of writing."""
    async with pumping(peer) as writer:
        writer.write(frame(TEXT, b"t" * size))
        writer.write(frame(BINARY, b"b" * size))
        writer.write(frame(TEXT, '"é\u2028"'.encode()))
        await peer.read(3)
    assert peer.got == ["t" * size, b"b" * size, '"é\u2028"']


async def test_the_queue_is_full_over_its_limit_until_enough_was_sent(peer: Peer) -> None:
    """A frame counts until the server has taken it, not only until it is on its way."""
    async with pumping(peer) as writer:
        writer.write(frame(BINARY, b"x" * (LIMIT // 2 - 2)))
        writer.write(frame(BINARY, b"x" * (LIMIT // 2 - 2)))
        await settle()
        assert not writer.full
        await writer.drain()
        writer.write(frame(BINARY, b""))
        assert writer.full
        draining = asyncio.create_task(writer.drain())
        await settle()
        assert not draining.done()
        await peer.read()
        assert not writer.full
        await draining


async def test_a_writer_whose_peer_is_gone_takes_and_keeps_nothing(peer: Peer) -> None:
    """Neither what comes now nor a drain that waited already."""
    writer = peer.writer
    writer.write(frame(BINARY, b"x" * LIMIT))
    draining = asyncio.create_task(writer.drain())
    await settle()
    writer.abort()
    with pytest.raises(ConnectionError):
        await draining
    with pytest.raises(ConnectionError):
        await writer.drain()
    writer.write(frame(BINARY, b"late"))
    async with pumping(peer):
        await peer.read(2)
    assert peer.got == [b"x" * LIMIT]


async def test_a_send_that_fails_ends_the_writer() -> None:
    """The pump says what it met; who drains sees that the peer is gone."""

    async def send(_: bytes | str) -> None:
        raise BrokenPipeError

    writer = QueueWriter(send, LIMIT)
    writer.write(frame(BINARY, b"x" * LIMIT))
    draining = asyncio.create_task(writer.drain())
    with pytest.raises(BrokenPipeError):
        await writer.run()
    with pytest.raises(ConnectionError):
        await draining


async def test_a_pump_that_is_cancelled_ends_the_writer(peer: Peer) -> None:
    """In the middle of a message; nobody waits for room that cannot come."""
    async with pumping(peer) as writer:
        writer.write(frame(BINARY, b"x" * LIMIT))
        await settle()
    with pytest.raises(ConnectionError):
        await writer.drain()


# --- messages in -----------------------------------------------------------------------------------------------------


class Line:
    """A WebSocket, its session, and the task between them."""

    def __init__(self, encoding: str = PROTO) -> None:
        self.session = FakeSession()
        self.sink = FakeSink()
        self.inbox: asyncio.Queue[bytes | str] = asyncio.Queue()
        self.renewals: list[LoghubError | None] = []
        socket = TailSocket(self.session, self.sink, encoding, self.renewals.append)
        self.task = asyncio.create_task(socket.serve(self.inbox.get))

    async def say(self, *messages: bytes | str) -> None:
        """Send messages as a client."""
        for message in messages:
            self.inbox.put_nowait(message)
        await settle()

    async def ended(self) -> Ending:
        """Return how the connection ends; nothing of it may be left."""
        ending = await asyncio.wait_for(self.task, 5)
        assert self.session.said[-1] == "close"
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "tail-read"]
        return ending


@pytest.mark.parametrize(
    ("encoding", "data"),
    [(PROTO, SUBSCRIBE.SerializeToString()), (JSON, '{"subscribe":{"id":"s"}}'), (JSON, ' {"subscribe": {"id":"s"}}')],
)
async def test_a_message_reaches_the_session_in_either_encoding(encoding: str, data: bytes | str) -> None:
    """After the session was opened; and the ending of the session is that of the connection."""
    line = Line(encoding)
    await line.say(data, data)
    assert line.session.messages == [SUBSCRIBE, SUBSCRIBE]
    assert line.session.said == ["open"]
    line.session.end(BYE)
    assert await line.ended() is BYE


async def test_fresh_tokens_are_told_of_and_nothing_else_is() -> None:
    """With the reason where one was refused."""
    line = Line()
    await line.say(SUBSCRIBE.SerializeToString(), ClientMessage(auth=Auth(token="t")).SerializeToString())
    line.session.refused = refusal = ForbiddenError()
    await line.say(ClientMessage(auth=Auth(token="t")).SerializeToString())
    assert line.renewals == [None, refusal]
    line.session.end(BYE)
    await line.ended()


async def test_messages_are_taken_one_after_the_other() -> None:
    """What a slow session has not asked for stays where the server's flow control sees it."""
    line = Line()
    line.session.gate.clear()
    await line.say(*[SUBSCRIBE.SerializeToString()] * 3)
    assert (len(line.session.messages), line.inbox.qsize()) == (1, 2)
    line.session.gate.set()
    await settle()
    assert len(line.session.messages) == 3
    line.session.end(BYE)
    await line.ended()


@pytest.mark.parametrize("data", [b"", b"\x98\x06\x01"], ids=["empty", "unknown field"])
async def test_a_message_of_no_known_kind_is_the_sessions_to_answer(data: bytes) -> None:
    """It is a message all the same, perhaps of a newer client."""
    line = Line()
    await line.say(data)
    [message] = line.session.messages
    assert message.WhichOneof("kind") is None
    line.session.end(BYE)
    await line.ended()


@pytest.mark.parametrize(
    ("encoding", "data", "words"),
    [
        (PROTO, '{"subscribe":{"id":"s"}}', "only binary frames on loghub.v1.proto"),
        (PROTO, "", "only binary frames on loghub.v1.proto"),
        (PROTO, '{"type":"PING"}', "only binary frames on loghub.v1.proto"),
        (PROTO, b"\xff\xff", "not a ClientMessage"),
        (PROTO, SUBSCRIBE.SerializeToString()[:-1], "not a ClientMessage"),
        (PROTO, b'{"subscribe":{"id":"s"}}', "not a ClientMessage"),
        (JSON, SUBSCRIBE.SerializeToString(), "only text frames on loghub.v1.json"),
        (JSON, b"", "only text frames on loghub.v1.json"),
        (JSON, b'{"subscribe":{"id":"s"}}', "only text frames on loghub.v1.json"),
        (JSON, "", "not a ClientMessage in proto3 JSON"),
        (JSON, "not json", "not a ClientMessage in proto3 JSON"),
        (JSON, '{"unknown":{}}', "not a ClientMessage in proto3 JSON"),
        (JSON, '{"subscribe":{"id":"\\ud800"}}', "not a ClientMessage in proto3 JSON"),
    ],
)
async def test_who_breaks_the_protocol_is_sent_away(encoding: str, data: bytes | str, words: str) -> None:
    """With a goodbye that says why and not to come back; nothing behind it is looked at."""
    line = Line(encoding)
    good = '{"subscribe":{"id":"s"}}' if encoding == JSON else SUBSCRIBE.SerializeToString()
    await line.say(data, good)
    ending = await line.ended()
    assert (ending.close_code, ending.reason, ending.reconnect) == (4500, GOODBYE_REASON_PROTOCOL, False)
    assert words in ending.message
    assert not line.session.messages
    assert line.session.said == ["open", "end", "close"]


@pytest.mark.parametrize("text", ['{"type":"PING"}', ' {\n"type" : "PING" }', '{"\\u0074ype":"PING"}'])
async def test_the_seeds_heartbeat_is_answered_here(text: str) -> None:
    """The session hears nothing of it, and goes on."""
    line = Line(JSON)
    await line.say(text, '{"subscribe":{"id":"s"}}')
    assert line.sink.frames == [SEED_PONG]
    assert line.session.messages == [SUBSCRIBE]
    line.session.end(BYE)
    await line.ended()


@pytest.mark.parametrize(
    "text", ['{"type":"PING","more":1}', '{"type":"PONG"}', '["PING"]', '{"type":"PING"', '"PING"']
)
async def test_nothing_but_the_seeds_heartbeat_is_taken_for_it(text: str) -> None:
    """What only looks like it breaks the protocol."""
    line = Line(JSON)
    await line.say(text)
    assert (await line.ended()).close_code == 4500
    assert not line.sink.frames


async def test_a_filter_may_speak_of_the_heartbeat() -> None:
    """It is still a subscription."""
    line = Line(JSON)
    await line.say('{"subscribe":{"id":"s","filter":"\\"PING\\""}}', '{"subscribe":{"id":"PING"}}')
    assert [message.subscribe.id for message in line.session.messages] == ["s", "PING"]
    assert not line.sink.frames
    line.session.end(BYE)
    await line.ended()


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_a_session_that_has_ended_before_it_began_is_closed() -> None:
    """As one that comes while the hub stops."""
    line = Line()
    line.session.end(BYE)
    assert await line.ended() is BYE
    assert line.session.said == ["end", "open", "close"]


async def test_a_session_that_ends_while_it_works_does_not_wait_for_the_work() -> None:
    """The message that is under way is given up."""
    line = Line()
    line.session.gate.clear()
    await line.say(SUBSCRIBE.SerializeToString())
    line.session.end(BYE)
    assert await line.ended() is BYE


async def test_a_connection_that_is_cut_closes_the_session() -> None:
    """The server cancels; cancelled in the middle of a message, the session still lets go of everything."""
    line = Line()
    line.session.gate.clear()
    await line.say(SUBSCRIBE.SerializeToString())
    line.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await line.ended()
    assert line.session.said == ["open", "close"]


async def test_a_fault_of_the_session_is_not_hidden(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log gets to see it; the peer is told that it was the hub, and to come again; nothing is left behind."""
    line = Line()

    async def broken(_: ClientMessage) -> None:
        message = "a fault"
        raise RuntimeError(message)

    monkeypatch.setattr(line.session, "receive", broken)
    await line.say(ClientMessage(ping=Ping()).SerializeToString())
    ending = await line.ended()
    assert (ending.close_code, ending.reason, ending.reconnect) == (1011, GOODBYE_REASON_INTERNAL, True)
    assert line.session.said == ["open", "end", "close"]
    assert "a fault" in caplog.text


async def test_a_peer_that_sends_but_does_not_read_is_not_read_either() -> None:
    """Its answers would gather without end; past the write timeout it is cut."""
    line = Line(JSON)
    line.sink.fill()
    for _ in range(100):
        await line.say('{"type":"PING"}')
    assert len(line.sink.frames) == 1
    line.sink.read()
    await settle()
    assert len(line.sink.frames) == 100
    line.sink.fill()
    line.sink.never_reads = True
    await line.say('{"type":"PING"}')
    ending = await line.ended()
    assert (ending.close_code, ending.reconnect) == (4429, True)
    assert line.sink.gone
    assert line.session.said == ["open", "end", "close"]


async def test_half_a_character_in_a_message_is_an_error_like_any_other() -> None:
    """JSON can spell it, UTF-8 cannot, and the error quotes it."""
    line = Line(JSON)
    await line.say('{"\\ud800":1,"\\ud800":2}')
    ending = await line.ended()
    assert (ending.close_code, ending.reconnect) == (4500, False)
    assert ending.message.encode()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("", ""),
        ("x" * 120, "x" * 120),
        ("x" * 121, "x" * 120),
        ("é" * 60, "é" * 60),
        ("x" + "é" * 60, "x" + "é" * 59),
        ("x" * 117 + "\U0001f41f", "x" * 117),
    ],
)
def test_a_close_reason_is_cut_between_characters(message: str, reason: str) -> None:
    """At 120 bytes; a control frame has room for 123 and the code (RFC 6455 section 5.5)."""
    assert close_reason(message) == reason


@examples(40)
@given(st.text(max_size=200))
def test_a_close_reason_always_fits(message: str) -> None:
    """It is how the message begins, and as much of it as there is room for."""
    reason = close_reason(message)
    assert message.startswith(reason)
    assert len(reason.encode()) <= 120
    rest = message[len(reason) :]
    assert not rest or len((reason + rest[0]).encode()) > 120
