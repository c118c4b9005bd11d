"""hub.ingest.stream: the talk between a producer and the hub, from hello to goodbye, as a dialogue."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from hub.core.batch import BatchLimits
from hub.core.principal import Principal, Scope
from hub.core.quota import Rate, RateLimits, RateQuotas
from hub.core.stored import StoredBatch
from hub.errors import (
    BadRequestError,
    GrpcCode,
    LoghubError,
    RevokedError,
    ShuttingDownError,
    StorageFailedError,
    StorageFullError,
    UnauthenticatedError,
)
from hub.ingest.admission import Admission, Source
from hub.ingest.stream import Farewell, Ingest, ProducerStream, StreamLimits, Streams
from hub.log.memory import MemoryLog
from hub.log.model import Entry
from hub.observe.metrics import Metrics
from hub.pb import ingest_pb2
from hub.pb.ingest_pb2 import Hello, HubMessage, ProducerGoodbye, ProducerMessage
from hub.pb.record_pb2 import Batch, LogRecord
from tests.fakes import FOREVER, nothing_is_revoked, settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hub.log.model import Outcome

BATCHES = BatchLimits(max_batch_bytes=1000, max_batch_records=3, max_record_bytes=100, max_attributes=2)
STREAMS = StreamLimits(max_unacked_batches=4, max_unacked_bytes=10_000, hello_seconds=5.0, producer_memory_seconds=60.0)
# Tenant "b" may send 4 records a second, 8 at once; nobody waits longer than 50 ms before being refused.
RATES = RateLimits(Rate(), Rate(), 2.0, 0.05, {"b": Rate(records_per_s=4.0)})
PRINCIPAL = Principal("a", "spiffe://loghub/tenant/a/producer/p1", frozenset({Scope.WRITE}))
SUPERSEDED, SHUTDOWN = ingest_pb2.GOODBYE_REASON_SUPERSEDED, ingest_pb2.GOODBYE_REASON_SHUTDOWN
DONE, PROTOCOL = ingest_pb2.GOODBYE_REASON_DONE, ingest_pb2.GOODBYE_REASON_PROTOCOL
INVALID, FULL, GO_BACK = GrpcCode.INVALID_ARGUMENT, GrpcCode.RESOURCE_EXHAUSTED, GrpcCode.FAILED_PRECONDITION


class HeldLog(MemoryLog):
    """A log that stores what is submitted when the test says so, as a disk does when it is ready."""

    def __init__(self) -> None:
        super().__init__(FOREVER)
        self.held = False
        self.waiting: list[tuple[Sequence[Entry], asyncio.Future[list[Outcome]]]] = []
        self.roomy = asyncio.Event()
        self.roomy.set()

    def submit(self, entries: Sequence[Entry]) -> asyncio.Future[list[Outcome]]:
        """Keep the entries until `commit`, or store them at once."""
        if not self.held:
            return super().submit(entries)
        done: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self.waiting.append((entries, done))
        return done

    async def room(self) -> None:
        """Wait until there is room."""
        await self.roomy.wait()

    async def commit(self, count: int = 2**31) -> None:
        """Store the first of what is held."""
        chosen, self.waiting = self.waiting[:count], self.waiting[count:]
        for entries, done in chosen:
            try:
                done.set_result(await self.append(entries))
            except LoghubError as error:
                done.set_exception(error)
        await settle()

    async def bodies(self, tenant: str = "a") -> list[str]:
        """Return the bodies of all records that are stored."""
        items = [item for item in await self.read(tenant, 0, 2**30) if isinstance(item, StoredBatch)]
        return [record.body for item in items for record in Batch.FromString(item.data).records]


class FakePeer:
    """A producer: what it says is read by the stream, what the stream writes is `heard`, unless it has stopped."""

    def __init__(self) -> None:
        self.heard: list[HubMessage] = []
        self.gone = False
        self.listening = asyncio.Event()
        self.listening.set()
        self.said: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def read(self) -> bytes | None:
        """Return what the producer says next."""
        return await self.said.get()

    async def write(self, message: bytes) -> None:
        """Hear a message."""
        if self.gone:
            raise ConnectionResetError
        await self.listening.wait()
        self.heard.append(HubMessage.FromString(message))

    def say(self, **kind: Any) -> None:
        """Say something."""
        self.said.put_nowait(ProducerMessage(**kind).SerializeToString())

    def send(self, seq: int, *records: LogRecord) -> None:
        """Send a batch; of one record with its number for body unless there are others."""
        self.say(batch=Batch(seq=seq, records=records or [LogRecord(body=str(seq))]))

    def hang_up(self) -> None:
        """Say nothing more."""
        self.said.put_nowait(None)

    @property
    def dialogue(self) -> list[tuple[str, int] | tuple[str, int, int]]:
        """What was heard: ("welcome", last), ("ack", up to), ("nack", seq, code), ("goodbye", reason)."""
        return [_brief(message) for message in self.heard]


def _brief(message: HubMessage) -> tuple[str, int] | tuple[str, int, int]:
    kind = message.WhichOneof("kind") or ""
    if kind == "nack":
        return kind, message.nack.seq, message.nack.code
    return kind, {"welcome": message.welcome.last_seq, "ack": message.ack.up_to_seq}.get(kind, message.goodbye.reason)


class World:
    """A hub with a log, and streams of tenant "a"."""

    def __init__(self) -> None:
        self.log = HeldLog()
        self.metrics = Metrics()
        self.ingest = Ingest(
            self.log,
            Admission(BATCHES, self.metrics),
            STREAMS,
            self.metrics,
            Streams(nothing_is_revoked),
            RateQuotas(RATES),
        )
        self.tasks: list[asyncio.Task[None]] = []
        self.streams: list[ProducerStream] = []

    def open(self, principal: Principal = PRINCIPAL) -> FakePeer:
        """Open a stream that says nothing yet."""
        peer = FakePeer()
        self.streams.append(ProducerStream(self.ingest, principal, peer))
        self.tasks.append(asyncio.create_task(self.streams[-1].run()))
        return peer

    async def greeted(self, next_seq: int = 1, producer: str = "p1", principal: Principal = PRINCIPAL) -> FakePeer:
        """Open a stream with a hello; return the peer when it has its welcome."""
        peer = self.open(principal)
        peer.say(hello=Hello(producer_id=producer, next_seq=next_seq))
        await settle()
        assert peer.heard[0].HasField("welcome")
        return peer

    async def ended(self) -> None:
        """Wait for the first stream's end; its error is raised."""
        async with asyncio.timeout(5):
            await self.tasks[0]

    def count(self, name: str, **labels: str) -> float:
        """Return the value of a metric of tenant "a"."""
        return self.metrics.registry.get_sample_value(f"loghub_{name}", {"tenant": "a", **labels}) or 0.0


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """A hub; streams that are open at the end are cut."""
    made = World()
    yield made
    for task in made.tasks:
        task.cancel()
        with suppress(asyncio.CancelledError, LoghubError, ExceptionGroup):
            await task


# --- hello -----------------------------------------------------------------------------------------------------------


async def test_a_hello_is_answered_with_limits_and_the_last_stored_batch(world: World) -> None:
    """A producer unknown until now learns what the hub takes, who it is here, and that nothing is stored."""
    welcome = (await world.greeted()).heard[0].welcome
    assert (welcome.last_seq, welcome.tenant) == (0, "a")
    assert welcome.server.startswith("loghub/")
    limits = welcome.limits
    assert (limits.max_batch_bytes, limits.max_batch_records, limits.max_record_bytes) == (1000, 3, 100)
    assert (limits.max_attributes, limits.max_unacked_batches, limits.max_unacked_bytes) == (2, 4, 10_000)
    assert limits.producer_memory.ToSeconds() == 60


async def test_a_producer_that_comes_back_is_told_where_to_go_on(world: World) -> None:
    """What it resends all the same is acknowledged and not stored again."""
    first = await world.greeted()
    first.send(1)
    first.send(2)
    first.hang_up()
    await settle()
    second = await world.greeted(next_seq=2)
    for seq in (1, 2, 3):
        second.send(seq)
    await settle()
    assert second.dialogue[0] == ("welcome", 2)
    assert second.dialogue[-1] == ("ack", 3)
    assert await world.log.bodies() == ["1", "2", "3"]
    assert world.count("ingest_duplicate_batches_total") == 2


async def test_a_count_goes_on_where_the_log_has_forgotten_it(world: World) -> None:
    """A producer that is at 70 sends 70 to a log that knows nothing of it."""
    peer = await world.greeted(next_seq=70)
    peer.send(70)
    await settle()
    assert peer.dialogue == [("welcome", 0), ("ack", 70)]


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"batch": Batch(seq=1)}, "must be a hello"),
        ({"goodbye": ProducerGoodbye()}, "must be a hello"),
        ({}, "must be a hello"),
        ({"hello": Hello()}, "producer_id"),
        ({"hello": Hello(producer_id="a b")}, "producer_id"),
        ({"hello": Hello(producer_id="p1", client="x" * 129)}, r"hello\.client"),
    ],
)
async def test_a_stream_must_begin_with_a_sound_hello(world: World, said: dict[str, Any], complaint: str) -> None:
    """Anything else ends it with an error that says why; nothing is answered, stored or left open."""
    peer = world.open()
    peer.say(**said)
    with pytest.raises(BadRequestError, match=complaint):
        await world.ended()
    assert peer.heard == []
    assert (world.ingest.streams.count("a"), world.count("ingest_streams")) == (0, 0)


@pytest.mark.parametrize(("said", "complaint"), [(b"\xff\xff", "not"), (None, "must be a hello")])
async def test_a_stream_must_begin_with_a_message(world: World, said: bytes | None, complaint: str) -> None:
    """Bytes that are no message, and no message at all, are errors too."""
    peer = world.open()
    peer.said.put_nowait(said)
    with pytest.raises(BadRequestError, match=complaint):
        await world.ended()


async def test_a_hello_that_does_not_come_ends_the_stream(world: World) -> None:
    """A connection that says nothing is not kept."""
    world.ingest.limits = StreamLimits(4, 1000, 0.0, 60.0)
    world.open()
    with pytest.raises(BadRequestError, match="no hello"):
        await world.ended()


async def test_a_second_hello_breaks_the_protocol(world: World) -> None:
    """What came before it is settled; then the hub says why it ends the stream, and that coming again is no use."""
    world.log.held = True
    peer = await world.greeted()
    peer.send(1)
    peer.say(hello=Hello(producer_id="p1"))
    await settle()
    assert peer.dialogue == [("welcome", 0)]
    await world.log.commit()
    await world.ended()
    assert peer.dialogue == [("welcome", 0), ("ack", 1), ("goodbye", PROTOCOL)]
    assert "not hello" in peer.heard[-1].goodbye.message
    assert not peer.heard[-1].goodbye.reconnect


async def test_a_batch_without_number_breaks_the_protocol(world: World) -> None:
    """Nobody could acknowledge it: neither stored nor taken for a duplicate."""
    peer = await world.greeted()
    peer.send(0)
    await world.ended()
    assert peer.dialogue == [("welcome", 0), ("goodbye", PROTOCOL)]
    assert "needs seq" in peer.heard[-1].goodbye.message
    assert await world.log.bodies() == []


async def test_a_message_that_cannot_be_read_breaks_the_protocol(world: World) -> None:
    """The stream ends with a goodbye that says so."""
    peer = await world.greeted()
    peer.said.put_nowait(b"\xff\xff")
    await world.ended()
    assert peer.dialogue == [("welcome", 0), ("goodbye", PROTOCOL)]


# --- acknowledgements ------------------------------------------------------------------------------------------------


async def test_nothing_is_acknowledged_before_it_is_stored(world: World) -> None:
    """The ack comes with the commit."""
    world.log.held = True
    peer = await world.greeted()
    peer.send(1)
    await settle()
    assert peer.dialogue == [("welcome", 0)]
    await world.log.commit()
    assert peer.dialogue == [("welcome", 0), ("ack", 1)]


async def test_what_is_stored_together_is_acknowledged_together(world: World) -> None:
    """One ack for as many batches as a commit settled."""
    world.log.held = True
    peer = await world.greeted()
    for seq in (1, 2, 3):
        peer.send(seq)
    await settle()
    await world.log.commit(2)
    await world.log.commit()
    assert peer.dialogue == [("welcome", 0), ("ack", 2), ("ack", 3)]


async def test_stored_batches_are_counted(world: World) -> None:
    """Records, batches and bytes as received, by tenant."""
    peer = await world.greeted()
    peer.send(1, LogRecord(body="x"), LogRecord(body="y"))
    await settle()
    counts = [world.count(f"ingest_{name}_total") for name in ("records", "batches", "duplicate_batches")]
    assert counts == [2, 1, 0]
    assert world.count("ingest_bytes_total") > 10


async def test_a_duplicate_is_acknowledged_in_its_turn(world: World) -> None:
    """A batch sent twice on one stream is stored once, and its ack does not overtake the first copy's."""
    world.log.held = True
    peer = await world.greeted()
    peer.send(1)
    peer.send(1)
    await settle()
    assert peer.dialogue == [("welcome", 0)]
    await world.log.commit()
    assert peer.dialogue == [("welcome", 0), ("ack", 1)]
    assert await world.log.bodies() == ["1"]


async def test_an_acknowledgement_never_goes_down(world: World) -> None:
    """An old batch that comes again is answered with how far everything is stored."""
    peer = await world.greeted()
    for seq in (1, 2, 3):
        peer.send(seq)
    await settle()
    peer.send(1)
    await settle()
    assert peer.dialogue[-2:] == [("ack", 3), ("ack", 3)]


async def test_a_refused_record_is_named_by_batch_index_and_field(world: World) -> None:
    """The others of its batch are stored, and the batch is acknowledged."""
    peer = await world.greeted()
    peer.send(1, LogRecord(body="good"), LogRecord(span_id=b"short"), LogRecord(body="fine"))
    await settle()
    assert peer.dialogue == [("welcome", 0), ("ack", 1)]
    (refused,) = peer.heard[-1].ack.rejected
    assert (refused.seq, refused.index, refused.field) == (1, 1, "span_id")
    assert "must have 8" in refused.reason
    assert await world.log.bodies() == ["good", "fine"]


async def test_a_batch_of_refused_records_is_acknowledged(world: World) -> None:
    """Its number counts as stored, so the next batch follows it."""
    peer = await world.greeted()
    peer.send(1, LogRecord(span_id=b"short"))
    peer.send(2)
    await settle()
    assert peer.dialogue[-1] == ("ack", 2)
    assert await world.log.bodies() == ["2"]


# --- refusals --------------------------------------------------------------------------------------------------------


async def test_a_gap_is_refused_until_the_missing_batch_comes(world: World) -> None:
    """The nack names it and asks for it at once; what was sent behind it is passed over and comes again."""
    peer = await world.greeted()
    for seq in (1, 3, 4, 2, 3, 4):
        peer.send(seq)
    await settle()
    assert [said for said in peer.dialogue if said[0] == "nack"] == [("nack", 2, GO_BACK)]
    nack = next(message.nack for message in peer.heard if message.HasField("nack"))
    assert nack.retry_after.ToMilliseconds() == 0
    assert nack.HasField("retry_after")
    assert peer.dialogue[-1] == ("ack", 4)
    assert await world.log.bodies() == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("records", "code"),
    [([LogRecord(body="x")] * 4, FULL), ([LogRecord(body="x" * 600)] * 2, FULL), ([], INVALID)],
    ids=["too many records", "too many bytes", "no records"],
)
async def test_a_batch_that_can_never_be_stored_is_refused_and_the_stream_goes_on(
    world: World, records: list[LogRecord], code: GrpcCode
) -> None:
    """No delay is named, since it would be refused again; another batch takes its number."""
    peer = await world.greeted()
    peer.send(1)
    peer.say(batch=Batch(seq=2, records=records))
    peer.send(3)
    await settle()
    assert peer.dialogue == [("welcome", 0), ("ack", 1), ("nack", 2, code)]
    assert not peer.heard[-1].nack.HasField("retry_after")
    peer.send(2)
    await settle()
    assert peer.dialogue[-1] == ("ack", 2)
    assert world.count("ingest_refused_batches_total", code=code.name) == 1


async def test_a_full_log_refuses_with_a_delay(world: World) -> None:
    """All that was under way comes again from the refused batch on, once there is room."""
    world.log.held = True
    peer = await world.greeted()
    for seq in (1, 2, 3):
        peer.send(seq)
    await settle()
    await world.log.commit(1)
    world.log.refuse = StorageFullError(retry_after_seconds=2.5)
    await world.log.commit()
    assert peer.dialogue == [("welcome", 0), ("ack", 1), ("nack", 2, FULL)]
    assert peer.heard[-1].nack.retry_after.ToMilliseconds() == 2500
    world.log.refuse = None
    for seq in (4, 2, 3, 4):
        peer.send(seq)
    await settle()
    await world.log.commit()
    assert peer.dialogue[-1] == ("ack", 4)
    assert await world.log.bodies() == ["1", "2", "3", "4"]


async def test_a_duplicate_of_a_batch_that_is_refused_is_not_acknowledged(world: World) -> None:
    """It was taken for stored while its first copy was under way; when that is refused, the ack must not be said."""
    world.log.held = True
    peer = await world.greeted()
    peer.send(1)
    peer.send(1)
    await settle()
    world.log.refuse = StorageFullError(retry_after_seconds=1)
    await world.log.commit()
    assert peer.dialogue == [("welcome", 0), ("nack", 1, FULL)]


async def test_a_log_that_went_on_without_the_stream_is_followed(world: World) -> None:
    """Another stream of the producer stored a batch in the meantime: the same batch is asked for, and then fits."""
    world.log.held = True
    peer = await world.greeted(next_seq=5)
    peer.send(5)
    await settle()
    await world.log.append([Entry("a", Batch().SerializeToString(), 1, 1, "p1", 3)])
    await world.log.commit()
    assert peer.dialogue == [("welcome", 0), ("nack", 5, GO_BACK)]
    peer.send(5)
    await settle()
    await world.log.commit()
    assert peer.dialogue[-1] == ("ack", 5)


async def test_a_failed_disk_acknowledges_nothing(world: World) -> None:
    """The producer is told to come again; the hub is about to stop."""
    world.log.refuse = StorageFailedError()
    peer = await world.greeted()
    peer.send(1)
    await settle()
    assert peer.dialogue == [("welcome", 0), ("nack", 1, GrpcCode.UNAVAILABLE)]


async def test_a_log_that_shuts_down_ends_the_stream(world: World) -> None:
    """The batch is refused, and the goodbye says to connect again."""
    world.log.refuse = ShuttingDownError()
    peer = await world.greeted()
    peer.send(1)
    await world.ended()
    assert peer.dialogue[1:] == [("nack", 1, GrpcCode.UNAVAILABLE), ("goodbye", SHUTDOWN)]
    assert peer.heard[-1].goodbye.reconnect


async def test_an_error_of_our_own_is_not_hidden(world: World) -> None:
    """What nobody has foreseen ends the stream as what it is."""
    world.log.refuse = ZeroDivisionError()
    peer = await world.greeted()
    peer.send(1)
    with pytest.raises(ExceptionGroup):
        await world.ended()


# --- the window ------------------------------------------------------------------------------------------------------


async def test_reading_stops_while_the_window_is_full(world: World) -> None:
    """Four batches may be open; the next is read when one of them is stored."""
    world.log.held = True
    peer = await world.greeted()
    for seq in range(1, 9):
        peer.send(seq)
    await settle()
    assert (len(world.log.waiting), peer.said.qsize()) == (4, 4)
    await world.log.commit(1)
    assert (len(world.log.waiting), peer.said.qsize()) == (4, 3)


async def test_reading_stops_while_too_many_bytes_are_open(world: World) -> None:
    """One large batch is taken, and nothing behind it until it is stored."""
    world.ingest.limits = StreamLimits(100, 300, 5.0, 60.0)
    world.log.held = True
    peer = await world.greeted()
    peer.send(1, *[LogRecord(body="x" * 95)] * 3)
    peer.send(2)
    await settle()
    assert (len(world.log.waiting), peer.said.qsize()) == (1, 1)
    await world.log.commit()
    assert (len(world.log.waiting), peer.said.qsize()) == (1, 0)


async def test_reading_stops_while_the_log_has_no_room(world: World) -> None:
    """What waits for the disk is bounded over all streams together."""
    world.log.roomy.clear()
    peer = await world.greeted()
    peer.send(1)
    peer.send(2)
    await settle()
    assert peer.said.qsize() == 1
    world.log.roomy.set()
    await settle()
    assert peer.said.qsize() == 0


async def test_reading_stops_while_refusals_are_not_heard(world: World) -> None:
    """A producer that sends bad batches and reads no answers does not fill the hub's memory."""
    peer = await world.greeted()
    peer.listening.clear()
    for _ in range(20):
        peer.say(batch=Batch(seq=1))
    await settle()
    assert peer.said.qsize() > 10
    peer.listening.set()
    await settle()
    assert peer.said.qsize() == 0
    assert peer.dialogue == [("welcome", 0), *[("nack", 1, INVALID)] * 20]


# --- the end ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("goodbye", [True, False], ids=["goodbye", "half-close"])
async def test_the_producer_s_end_settles_everything(world: World, *, goodbye: bool) -> None:
    """What is open is stored and acknowledged first; then the hub says goodbye."""
    world.log.held = True
    peer = await world.greeted()
    peer.send(1)
    peer.send(2)
    if goodbye:
        peer.say(goodbye=ProducerGoodbye())
    else:
        peer.hang_up()
    await settle()
    assert not world.tasks[0].done()
    await world.log.commit(1)
    await world.log.commit()
    await world.ended()
    assert peer.dialogue == [("welcome", 0), ("ack", 1), ("ack", 2), ("goodbye", DONE)]
    assert (world.ingest.streams.count("a"), world.count("ingest_streams")) == (0, 0)


async def test_a_refusal_is_said_though_the_producer_has_ended(world: World) -> None:
    """A nack that came up while an ack was being written is not forgotten at the goodbye."""
    peer = await world.greeted()
    peer.listening.clear()
    peer.send(1)
    await settle()
    peer.say(batch=Batch(seq=2))
    peer.hang_up()
    await settle()
    peer.listening.set()
    await world.ended()
    assert peer.dialogue == [("welcome", 0), ("ack", 1), ("nack", 2, INVALID), ("goodbye", DONE)]


async def test_a_stream_that_the_hub_ends_settles_everything(world: World) -> None:
    """Nothing more is taken, what is open is acknowledged, then the farewell is said, with its delay."""
    world.log.held = True
    peer = await world.greeted()
    peer.send(1)
    await settle()
    world.streams[0].end(Farewell(SHUTDOWN, "bye", reconnect=True, retry_after_seconds=1.5))
    world.streams[0].end(Farewell(PROTOCOL, "too late: the first word counts", reconnect=False))
    await settle()
    assert peer.dialogue == [("welcome", 0)]
    await world.log.commit()
    await world.ended()
    assert peer.dialogue == [("welcome", 0), ("ack", 1), ("goodbye", SHUTDOWN)]
    goodbye = peer.heard[-1].goodbye
    assert (goodbye.message, goodbye.reconnect, goodbye.retry_after.ToMilliseconds()) == ("bye", True, 1500)


async def test_a_stream_whose_window_is_full_can_be_ended(world: World) -> None:
    """A reader that waits for room is no obstacle."""
    world.log.held = True
    peer = await world.greeted()
    for seq in range(1, 9):
        peer.send(seq)
    await settle()
    world.streams[0].end(Farewell(SHUTDOWN, "bye", reconnect=True))
    await world.log.commit()
    await world.ended()
    assert [said for said in peer.dialogue if said[0] == "goodbye"] == [("goodbye", SHUTDOWN)]


async def test_a_stream_cancelled_while_it_waits_leaves_nothing_behind(world: World) -> None:
    """The connection is gone: what was under way is stored all the same, and acknowledged to the next stream."""
    world.log.held = True
    peer = await world.greeted()
    for seq in range(1, 9):
        peer.send(seq)
    await settle()
    world.tasks[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await world.ended()
    assert (world.ingest.streams.count("a"), world.count("ingest_streams")) == (0, 0)
    await world.log.commit()
    assert (await world.greeted()).dialogue == [("welcome", 4)]


async def test_a_peer_that_cannot_be_written_to_ends_the_stream(world: World) -> None:
    """A broken connection is not served on."""
    peer = await world.greeted()
    peer.gone = True
    peer.send(1)
    with pytest.raises(ExceptionGroup):
        await world.ended()
    assert world.ingest.streams.count("a") == 0


# --- several streams -------------------------------------------------------------------------------------------------


async def test_a_newer_stream_of_a_producer_takes_over(world: World) -> None:
    """The older one is told so, once what it had open is settled; the newer goes on with the count."""
    world.log.held = True
    old = await world.greeted()
    old.send(1)
    await settle()
    new = await world.greeted(next_seq=1)
    assert old.dialogue == [("welcome", 0)]
    new.send(1)
    new.send(2)
    await settle()
    await world.log.commit()
    await world.ended()
    assert old.dialogue == [("welcome", 0), ("ack", 1), ("goodbye", SUPERSEDED)]
    assert new.dialogue == [("welcome", 0), ("ack", 2)]
    assert await world.log.bodies() == ["1", "2"]
    assert world.ingest.streams.count("a") == 1


async def test_streams_of_other_producers_are_left_alone(world: World) -> None:
    """Each id has its own; all of them can be ended at once."""
    peers = [await world.greeted(producer=name) for name in ("p1", "p2")]
    assert (world.ingest.streams.count("a"), world.ingest.streams.count("b")) == (2, 0)
    world.ingest.streams.end_all(Farewell(SHUTDOWN, "bye", reconnect=True))
    await settle()
    assert [peer.dialogue[-1] for peer in peers] == [("goodbye", SHUTDOWN)] * 2
    assert world.ingest.streams.count("a") == 0


async def test_a_tenant_over_its_rate_is_left_unread_and_then_refused(world: World) -> None:
    """Eight records are free; the ninth makes it wait, and what would wait for longer than 50 ms is refused."""
    peer = await world.greeted(principal=replace(PRINCIPAL, tenant="b"))
    for seq in (1, 2, 3, 4):
        peer.send(seq, *[LogRecord(body="x")] * 3)
    await settle()
    assert peer.dialogue[1:] == [("ack", 3)], "three batches of three, and the fourth is not read yet"
    await asyncio.sleep(0.1)
    assert peer.dialogue[2:] == [("nack", 4, FULL)]
    assert 50 < peer.heard[2].nack.retry_after.ToMilliseconds() <= 250
    await asyncio.sleep(0.25)
    peer.send(4, *[LogRecord(body="x")] * 3)
    await asyncio.sleep(0.1)
    assert peer.dialogue[-1] == ("ack", 4)
    waited = world.metrics.registry.get_sample_value("loghub_ingest_throttled_seconds_total", {"tenant": "b"})
    assert waited
    assert waited >= 0.1


async def test_a_stream_that_may_not_stay_takes_nothing_more(world: World) -> None:
    """What is on its way into the log is settled; what comes behind is not read, and the reason is said."""
    peer = await world.greeted()
    world.log.held = True
    peer.send(1)
    await settle()

    def check(principal: Principal) -> None:
        assert principal == PRINCIPAL
        raise RevokedError

    world.ingest.streams.recheck(check)
    peer.send(2)
    await settle()
    await world.log.commit()
    await world.ended()
    assert peer.dialogue[1:] == [("ack", 1), ("goodbye", ingest_pb2.GOODBYE_REASON_REVOKED)]


async def test_a_peer_that_does_not_read_its_goodbye_is_cut(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may not stay cannot stay by not reading."""
    monkeypatch.setattr("hub.ingest.stream._THROW_OUT_SECONDS", 0.02)
    peer = await world.greeted()
    world.log.held = True
    peer.send(1)
    await settle()
    message = "the certificate was revoked"
    world.streams[0].end(Farewell(ingest_pb2.GOODBYE_REASON_REVOKED, message, reconnect=False))
    with pytest.raises(UnauthenticatedError, match="revoked"):
        await world.ended()


async def test_a_stream_that_was_replaced_does_not_remove_its_successor(world: World) -> None:
    """Leaving late, it finds another in its place."""
    streams, source = Streams(nothing_is_revoked), Source("a", "p1")
    old, new = (ProducerStream(world.ingest, PRINCIPAL, FakePeer()) for _ in range(2))
    streams.enter(source, old)
    streams.enter(source, new)
    streams.leave(source, old)
    assert streams.count("a") == 1
    streams.leave(source, new)
    assert streams.count("a") == 0
