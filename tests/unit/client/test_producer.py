"""hub.client.producer: what it sends and when, against a hub whose every word the test says."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration
from grpc.aio import AioRpcError, Metadata

from hub.client.producer import Producer, Target
from hub.errors import BadRequestError, ForbiddenError, LoghubError, UnauthenticatedError
from hub.pb import ingest_pb2
from hub.pb.ingest_pb2 import Ack, HubGoodbye, HubMessage, Limits, Nack, ProducerMessage, RecordError, Welcome
from hub.pb.record_pb2 import LogRecord, Resource
from tests.fakes import settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

assert hub.grpc_tls.TLS13_ONLY

RESOURCE = Resource(service="orders")
REFUSED = (
    (grpc.StatusCode.PERMISSION_DENIED, ForbiddenError),
    (grpc.StatusCode.UNAUTHENTICATED, UnauthenticatedError),
    (grpc.StatusCode.INVALID_ARGUMENT, BadRequestError),
)


class FakeCall:
    """A stream as the producer holds it: the test says the hub's words and reads the producer's."""

    def __init__(self) -> None:
        self.sent: list[ProducerMessage] = []
        self.half_closed = False
        self._status = grpc.StatusCode.OK
        self._inbox: asyncio.Queue[HubMessage | Exception | None] = asyncio.Queue()

    async def write(self, message: bytes) -> None:
        """Take a message from the producer."""
        self.sent.append(ProducerMessage.FromString(message))

    async def read(self) -> Any:
        """Return the hub's next message."""
        message = await self._inbox.get()
        if isinstance(message, Exception):
            raise message
        return grpc.aio.EOF if message is None else message.SerializeToString()

    async def done_writing(self) -> None:
        """Take the end of what the producer sends."""
        self.half_closed = True

    async def code(self) -> grpc.StatusCode:
        """Return the status the hub ended the call with."""
        return self._status

    async def details(self) -> str:
        """Return the words that go with it."""
        return "because"

    async def say(self, **kind: Any) -> None:
        """Say something as the hub, and let the producer act on it."""
        self._inbox.put_nowait(HubMessage(**kind))
        await settle()

    async def welcome(self, last_seq: int = 0, batches: int = 100, size: int = 10**6) -> None:
        """Say welcome, with the window's limits."""
        limits = Limits(max_unacked_batches=batches, max_unacked_bytes=size)
        await self.say(welcome=Welcome(last_seq=last_seq, limits=limits))

    async def end(self, status: grpc.StatusCode = grpc.StatusCode.OK) -> None:
        """End the call with a status."""
        self._status = status
        self._inbox.put_nowait(None)
        await settle()

    async def break_off(self, status: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
        """Fail the call, as gRPC does when a connection is lost or refused."""
        self._inbox.put_nowait(AioRpcError(status, Metadata(), Metadata(), "because"))
        await settle()

    @property
    def batches(self) -> list[tuple[int, str]]:
        """Sequence number and first body of each batch that was sent."""
        sent = [message.batch for message in self.sent if message.HasField("batch")]
        return [(batch.seq, batch.records[0].body) for batch in sent]


class World:
    """A producer that runs, and the calls it has made."""

    def __init__(self, folder: Path, max_pending_bytes: int) -> None:
        self.calls: list[FakeCall] = []
        files = [folder / name for name in ("ca.pem", "cert.pem", "key.pem")]
        for file in files:
            file.write_bytes(b"PEM")
        self.producer = Producer(Target("hub:4317", *files), "p1", RESOURCE, max_pending_bytes)
        self.running = asyncio.create_task(self.producer.run())

    async def __aenter__(self) -> Self:
        """Be a channel."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Be closed."""

    def stream_stream(self, method: str) -> Any:
        """Return what opens a call."""
        assert method == "/loghub.v1.Ingest/Stream"
        self.calls.append(FakeCall())
        return lambda: self.calls[-1]

    @property
    def call(self) -> FakeCall:
        """The newest call."""
        return self.calls[-1]

    async def ended(self) -> None:
        """Wait for the end of `run`; its error is raised."""
        async with asyncio.timeout(5):
            await self.running

    async def send(self, *bodies: str) -> None:
        """Have the producer send each body as a batch of its own."""
        for body in bodies:
            await self.producer.send([LogRecord(body=body)])
        await settle()


@pytest_asyncio.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A producer that has opened its first call, and waits for nothing when it breaks."""
    made = World(tmp_path, 1000)
    monkeypatch.setattr(grpc.aio, "secure_channel", lambda *_: made)
    monkeypatch.setattr(random, "uniform", lambda *_: 0.0)
    await settle()
    yield made
    made.running.cancel()
    with suppress(asyncio.CancelledError, LoghubError, ExceptionGroup):
        await made.running


async def test_it_says_hello_and_waits_for_its_welcome(world: World) -> None:
    """Who it is and where it stands; no batch goes before the hub has said what it takes."""
    await world.send("1")
    (first,) = world.call.sent
    assert (first.hello.producer_id, first.hello.next_seq) == ("p1", 1)
    assert first.hello.client.startswith("loghub-python/")
    await world.call.welcome()
    await world.send("2")
    assert world.call.batches == [(1, "1"), (2, "2")]
    assert world.call.sent[1].batch.resource == RESOURCE


async def test_flush_returns_once_all_is_acknowledged(world: World) -> None:
    """Acknowledged records are counted; the rest is still ours."""
    await world.call.welcome()
    await world.send("1", "2")
    flushing = asyncio.create_task(world.producer.flush())
    await world.call.say(ack=Ack(up_to_seq=1))
    assert (world.producer.totals.acked, world.producer.unacked, flushing.done()) == (1, 1, False)
    await world.call.say(ack=Ack(up_to_seq=2))
    await flushing
    assert (world.producer.totals.acked, world.producer.unacked) == (2, 0)


async def test_no_more_is_sent_than_the_hub_allows(world: World) -> None:
    """An ack makes room in the window."""
    await world.call.welcome(batches=2)
    await world.send("1", "2", "3")
    assert world.call.batches == [(1, "1"), (2, "2")]
    await world.call.say(ack=Ack(up_to_seq=1))
    assert world.call.batches[2:] == [(3, "3")]


async def test_send_waits_while_too_much_is_not_acknowledged(world: World) -> None:
    """What is held in memory is bounded, connected or not."""
    await world.call.welcome()
    await world.send("x" * 1000)
    sending = asyncio.create_task(world.producer.send([LogRecord(body="late")]))
    await settle()
    assert not sending.done()
    await world.call.say(ack=Ack(up_to_seq=1))
    await sending
    await settle()
    assert world.call.batches[-1] == (2, "late")


async def test_closing_sends_everything_then_says_goodbye(world: World) -> None:
    """The goodbye follows the last ack; `run` returns when the hub has ended the call."""
    await world.call.welcome()
    await world.send("1")
    world.producer.close()
    await settle()
    assert not world.call.sent[-1].HasField("goodbye")
    await world.call.say(ack=Ack(up_to_seq=1))
    assert world.call.sent[-1].HasField("goodbye")
    assert world.call.half_closed
    await world.call.say(goodbye=HubGoodbye(reason=ingest_pb2.GOODBYE_REASON_DONE))
    await world.call.end()
    await world.ended()
    assert (world.producer.totals.acked, world.producer.totals.breaks) == (1, 0)


async def test_a_broken_stream_is_resumed_where_the_hub_stands(world: World) -> None:
    """What was stored without an ack is counted and not sent again, the rest is, with its old numbers."""
    await world.call.welcome()
    await world.send("1", "2", "3")
    await world.call.break_off()
    assert len(world.calls) == 2
    assert world.call.sent[0].hello.next_seq == 1
    await world.call.welcome(last_seq=2)
    assert world.call.batches == [(3, "3")]
    assert (world.producer.totals.acked, world.producer.totals.breaks) == (2, 1)


@pytest.mark.parametrize(
    "status", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL]
)
async def test_a_call_that_the_hub_cannot_serve_now_is_made_again(world: World, status: grpc.StatusCode) -> None:
    """Before the welcome and after it, by error or by status."""
    await world.send("1")
    await world.call.break_off(status)
    await world.call.end(status)
    await world.call.welcome()
    await world.call.end(status)
    await world.call.welcome()
    await world.call.break_off(status)
    assert (len(world.calls), world.producer.totals.breaks) == (5, 4)
    await world.call.welcome()
    assert world.call.batches == [(1, "1")]


@pytest.mark.parametrize(("status", "error"), REFUSED)
@pytest.mark.parametrize("by_error", [True, False], ids=["error", "status"])
async def test_a_producer_that_is_refused_gives_up(
    world: World, status: grpc.StatusCode, error: type[LoghubError], *, by_error: bool
) -> None:
    """No certificate or producer id gets better by trying again; the hub's words are passed on."""
    await (world.call.break_off(status) if by_error else world.call.end(status))
    with pytest.raises(error, match="because"):
        await world.ended()
    assert len(world.calls) == 1


async def test_a_stream_that_the_hub_ends_for_good_is_not_resumed(world: World) -> None:
    """Two producers of one id would push each other out for ever."""
    await world.call.welcome()
    goodbye = HubGoodbye(reason=ingest_pb2.GOODBYE_REASON_SUPERSEDED, message="a newer stream", reconnect=False)
    await world.call.say(goodbye=goodbye)
    await world.call.end()
    with pytest.raises(LoghubError, match="a newer stream"):
        await world.ended()


async def test_a_hub_that_restarts_is_connected_to_again(world: World) -> None:
    """Its goodbye says that this helps."""
    await world.call.welcome()
    await world.call.say(goodbye=HubGoodbye(reason=ingest_pb2.GOODBYE_REASON_SHUTDOWN, reconnect=True))
    await world.call.end()
    assert len(world.calls) == 2


async def test_a_refused_batch_is_sent_again_after_the_delay(world: World) -> None:
    """All behind it come again too, in order."""
    await world.call.welcome()
    await world.send("1", "2", "3")
    await world.call.say(ack=Ack(up_to_seq=1))
    await world.call.say(nack=Nack(seq=2, code=8, retry_after=Duration()))
    assert world.call.batches == [(1, "1"), (2, "2"), (3, "3"), (2, "2"), (3, "3")]
    assert world.producer.totals.rejected == 0


async def test_a_batch_refused_for_good_is_given_up(world: World) -> None:
    """Its records are counted as refused, and the next batch takes its number."""
    await world.call.welcome()
    await world.send("1", "2", "3")
    await world.call.say(nack=Nack(seq=2, code=3))
    assert world.call.batches[3:] == [(2, "3")]
    await world.call.say(ack=Ack(up_to_seq=2))
    assert (world.producer.totals.acked, world.producer.totals.rejected, world.producer.unacked) == (2, 1, 0)


async def test_refused_records_are_kept_for_the_caller(world: World) -> None:
    """They are not counted as acknowledged."""
    await world.call.welcome()
    await world.producer.send([LogRecord(body="good"), LogRecord(span_id=b"short")])
    error = RecordError(seq=1, index=1, field="span_id", reason="short")
    await settle()
    await world.call.say(ack=Ack(up_to_seq=1, rejected=[error]))
    assert world.producer.refusals == [error]
    assert (world.producer.totals.acked, world.producer.totals.rejected) == (1, 1)


async def test_an_error_that_is_no_broken_stream_is_raised(world: World) -> None:
    """A fault of our own is not taken for a lost connection."""
    await world.call.welcome()
    world.call._inbox.put_nowait(ZeroDivisionError())  # noqa: SLF001  a fault that the fake was not made for
    with pytest.raises(ExceptionGroup):
        await world.ended()


async def test_a_producer_closed_before_it_runs_connects_to_nothing(tmp_path: Path) -> None:
    """Without records there is nothing to say."""
    world = World(tmp_path, 1000)
    world.producer.close()
    await world.ended()
    assert world.calls == []
