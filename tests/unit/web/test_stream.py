"""hub.web.stream: messages as lines and events, and what waits for a response's peer."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from hub.core.stored import StoredBatch
from hub.core.tail_batch import TailBatch
from hub.pb.record_pb2 import Batch, LogRecord
from hub.pb.tail_pb2 import Pong, Position, ServerMessage, TailGoodbye, TailWelcome
from hub.web.stream import EVENTS, LINES, WIRES, Chunks, NotAcceptableError, beat_of, kind_of
from tests.fakes import settle

BATCH = TailBatch(
    StoredBatch(5, 2, 0, Batch(records=[LogRecord(body="a\nb"), LogRecord(body="c")]).SerializeToString()), 1, "t"
)


def ignore() -> None:
    """Cut no connection."""


def test_a_line_is_one_message() -> None:
    """Line breaks in a record are escaped."""
    wire = WIRES[LINES]
    line = wire.records("s", "the-cursor", wire.body(BATCH, range(2)), 3)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    records = orjson.loads(line)["records"]
    assert (records["id"], records["cursor"], records["sampledOut"]) == ("s", "the-cursor", "3")
    assert [record["body"] for record in records["batches"][0]["records"]] == ["a\nb", "c"]


def test_an_event_has_kind_id_and_data() -> None:
    """The id is the cursor, so that a browser that comes back resumes there."""
    wire = WIRES[EVENTS]
    event = wire.records("s", "the-cursor", wire.body(BATCH, [1])).decode()
    kind, place, data, *end = event.split("\n")
    assert (kind, place, end) == ("event: records", "id: the-cursor", ["", ""])
    assert orjson.loads(data.removeprefix("data: "))["records"]["batches"][0]["indexes"] == [1]


@pytest.mark.parametrize(
    ("message", "head"),
    [
        (ServerMessage(position=Position(id="s", cursor="here")), "event: position\nid: here\ndata: "),
        (ServerMessage(pong=Pong()), "event: pong\ndata: "),
        (ServerMessage(position=Position(id="s")), "event: position\ndata: "),
    ],
)
def test_only_a_message_with_a_cursor_has_an_id(message: ServerMessage, head: str) -> None:
    """An empty one would make the browser forget where it was."""
    assert WIRES[EVENTS].message(message).decode().startswith(head)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [("text/event-stream", EVENTS), ("Text/Event-Stream, */*", EVENTS), ("", LINES), ("*/*", LINES), (LINES, LINES)],
)
def test_the_accept_header_decides(accept: str, kind: str) -> None:
    """Lines where it does not say, as for curl."""
    assert kind_of(accept) == kind


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/event-stream;q=0"])
def test_what_takes_neither_is_told_of_both(accept: str) -> None:
    """406 of HTTP."""
    with pytest.raises(NotAcceptableError, match="text/event-stream or application/x-ndjson"):
        kind_of(accept)


def test_an_event_source_is_told_when_to_come_back() -> None:
    """Soon after a break, later where the hub asks for it."""
    assert WIRES[EVENTS].message(ServerMessage(welcome=TailWelcome())).startswith(b"retry: 1000\nevent: welcome\n")
    goodbye = TailGoodbye()
    goodbye.retry_after.FromMilliseconds(2500)
    assert WIRES[EVENTS].message(ServerMessage(goodbye=goodbye)).startswith(b"retry: 2500\nevent: goodbye\n")
    assert WIRES[EVENTS].message(ServerMessage(goodbye=TailGoodbye())).startswith(b"event: goodbye\n")
    assert b"retry" not in WIRES[LINES].message(ServerMessage(welcome=TailWelcome()))


async def gather(chunks: Chunks, into: list[bytes], done: asyncio.Event, beat_seconds: float = 60.0) -> None:
    """Take chunks to the end."""
    async for chunk in chunks.take(done.is_set, beat_seconds, beat_of(LINES)):
        into += [chunk]


async def test_what_waits_is_one_chunk() -> None:
    """And the end comes when all is done and taken."""
    chunks, taken, done = Chunks(100, 60.0, ignore), list[bytes](), asyncio.Event()
    chunks.write(b"a")
    chunks.write(b"b")
    taking = asyncio.create_task(gather(chunks, taken, done))
    await settle()
    assert taken == [b"ab"]
    chunks.write(b"c")
    done.set()
    chunks.wake()
    await taking
    assert taken == [b"ab", b"c"]


async def test_a_full_one_drains_when_its_peer_reads() -> None:
    """Full is more than the limit."""
    chunks, taken, done = Chunks(2, 60.0, ignore), list[bytes](), asyncio.Event()
    chunks.write(b"ab")
    assert not chunks.full
    chunks.write(b"c")
    assert chunks.full
    draining = asyncio.create_task(chunks.drain())
    await settle()
    assert not draining.done()
    taking = asyncio.create_task(gather(chunks, taken, done))
    await draining
    assert (chunks.full, taken) == (False, [b"abc"])
    chunks.abort()
    await taking


async def test_a_peer_that_does_not_read_in_time_is_given_up() -> None:
    """Whoever waits for it is told."""
    chunks = Chunks(0, 0.01, ignore)
    chunks.write(b"x")
    with pytest.raises(TimeoutError):
        await chunks.drain()


async def test_a_peer_that_is_gone_gets_nothing() -> None:
    """What waited is dropped, and so is what comes."""
    cuts = list[int]()
    chunks, taken = Chunks(0, 60.0, lambda: cuts.append(1)), list[bytes]()
    chunks.write(b"x")
    draining = asyncio.create_task(chunks.drain())
    await settle()
    chunks.abort()
    assert cuts == [1]
    chunks.write(b"y")
    with pytest.raises(ConnectionError):
        await draining
    await gather(chunks, taken, asyncio.Event())
    assert taken == []


async def test_silence_has_a_heartbeat() -> None:
    """A line with nothing in it."""
    chunks, taken = Chunks(100, 60.0, ignore), list[bytes]()
    taking = asyncio.create_task(gather(chunks, taken, asyncio.Event(), beat_seconds=0.001))
    while len(taken) < 3:  # noqa: ASYNC110  the event loop's own clock decides
        await asyncio.sleep(0.001)
    assert set(taken) == {b"\n"}
    chunks.abort()
    await taking
