"""hub.web.held: a session and a held connection, of which each ends the other, and no task that waits for either."""

from __future__ import annotations

import asyncio
import logging

import pytest

from hub.core.ending import Ending
from hub.pb.ingest_pb2 import GOODBYE_REASON_INTERNAL, GOODBYE_REASON_PROTOCOL, GOODBYE_REASON_SHUTDOWN
from hub.pb.tail_pb2 import ClientMessage, Ping
from hub.web.held import HeldSocket
from hub.web.tail import TailSocket
from hub.web.wire import PROTO
from tests.fakes import FakeConnection, FakeSession, settle

BYE = Ending(1001, GOODBYE_REASON_SHUTDOWN, "the hub is shutting down", reconnect=True)
PINGS = [ClientMessage(ping=Ping(payload=bytes([number]))) for number in range(5)]


class Line:
    """A session on a held connection."""

    def __init__(self) -> None:
        self.session = FakeSession()
        self.connection = FakeConnection()
        self.let_go = 0
        socket = TailSocket(self.session, self.connection, PROTO, lambda _: None)
        self.held = HeldSocket(self.session, socket, self.connection, self.count)

    def count(self) -> None:
        """Take note that it was let go."""
        self.let_go += 1

    async def say(self, *messages: ClientMessage) -> None:
        """Have messages come in one read of the network."""
        for message in messages:
            self.held.hear(message.SerializeToString())
        await settle()


@pytest.fixture
async def line() -> Line:
    """Return a line that has begun."""
    line = Line()
    line.held.begin()
    return line


async def test_an_idle_connection_has_no_task(line: Line) -> None:
    """Neither before a message nor after; it is opened once."""
    assert (line.session.said, line.connection.conversation) == (["open"], line.held)
    assert len(asyncio.all_tasks()) == 1
    await line.say(PINGS[0])
    assert line.session.messages == PINGS[:1]
    assert len(asyncio.all_tasks()) == 1


async def test_messages_are_acted_on_one_after_the_other(line: Line) -> None:
    """In the order in which they came; more are read only when all are done."""
    line.session.gate.clear()
    await line.say(*PINGS[:3])
    assert (len(line.session.messages), line.connection.listening) == (1, False)
    await line.say(PINGS[3])
    assert len(line.session.messages) == 1
    line.session.gate.set()
    await settle()
    assert (line.session.messages, line.connection.listening) == (PINGS[:4], True)
    await line.say(PINGS[4])
    assert line.session.messages == PINGS


async def test_a_peer_is_not_read_while_it_does_not_read(line: Line) -> None:
    """Its answers wait with it."""
    line.connection.fill()
    await line.say(PINGS[0])
    assert not line.connection.listening
    line.connection.read()
    await settle()
    assert line.connection.listening


async def test_the_end_of_the_session_closes_the_connection(line: Line) -> None:
    """With its code, and as much of its message as fits; then both are let go of, once."""
    line.session.end(Ending(4408, GOODBYE_REASON_SHUTDOWN, "é" * 100, reconnect=False))
    await settle()
    assert line.connection.closes == [(4408, "é" * 60)]
    assert (line.session.said[-1], line.let_go) == ("close", 1)
    line.held.lost()
    await settle()
    assert (line.session.said.count("close"), line.let_go) == (1, 1)


async def test_the_end_of_the_connection_closes_the_session(line: Line) -> None:
    """Also while it acts on a message, of which nothing is left."""
    line.session.gate.clear()
    await line.say(*PINGS)
    line.held.lost()
    await settle()
    assert (line.session.said[-1], line.let_go, line.connection.closes) == ("close", 1, [])
    assert len(asyncio.all_tasks()) == 1
    line.session.end(BYE)
    await settle()
    assert line.session.said.count("close") == 1


async def test_a_connection_that_is_gone_already_is_let_go_of() -> None:
    """Its session was opened, so that it can be closed."""
    line = Line()
    line.connection.hold = lambda conversation: conversation.lost()  # type: ignore[method-assign]
    line.held.begin()
    await settle()
    assert (line.session.said, line.let_go) == (["open", "close"], 1)


async def test_a_session_that_has_ended_before_is_let_go_of() -> None:
    """A hub that stops ends it when it hears of it."""
    line = Line()
    line.session.end(BYE)
    line.held.begin()
    await settle()
    assert (line.connection.closes, line.let_go) == ([(1001, BYE.message)], 1)


async def test_messages_behind_the_end_are_not_acted_on(line: Line) -> None:
    """Nor is there a fault."""
    line.session.gate.clear()
    await line.say(*PINGS)
    line.session.end(BYE)
    line.session.gate.set()
    await settle()
    assert len(line.session.messages) == 1


async def test_what_is_no_message_ends_the_session(line: Line) -> None:
    """As on any other server."""
    line.held.hear(b"\xff")
    await settle()
    [(code, reason)] = line.connection.closes
    assert code == 4500
    assert "not a ClientMessage" in reason


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (1009, "", "live.max_message_bytes"),
        (1007, "", "UTF-8"),
        (1002, "reserved bits", "reserved bits"),
        (1002, "", "keep to"),
    ],
)
async def test_a_broken_frame_is_said_in_the_goodbye(line: Line, code: int, reason: str, words: str) -> None:
    """With what to do."""
    line.held.broken(code, reason)
    ending = await line.session.ended
    assert (ending.close_code, ending.reason, ending.reconnect) == (code, GOODBYE_REASON_PROTOCOL, False)
    assert words in ending.message
    await settle()


async def test_a_fault_of_the_session_is_not_hidden(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the peer is told to come back."""

    async def fail(message: ClientMessage) -> None:  # noqa: ARG001
        raise RuntimeError

    line.session.receive = fail  # type: ignore[method-assign]
    with caplog.at_level(logging.ERROR):
        await line.say(PINGS[0])
    ending = await line.session.ended
    assert (ending.reason, ending.reconnect) == (GOODBYE_REASON_INTERNAL, True)
    assert [record.message for record in caplog.records] == ["session_failed"]
    await settle()


async def test_its_place_is_free_only_when_the_session_is_closed(line: Line) -> None:
    """What it holds is held until then."""
    seen = list[int]()

    async def close() -> None:
        await asyncio.sleep(0)
        seen.append(line.let_go)

    line.session.close = close  # type: ignore[method-assign]
    line.held.lost()
    await settle()
    assert (seen, line.let_go) == ([0], 1)
