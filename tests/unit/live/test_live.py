"""The live engine on a log in memory: replay, live, slow, gaps, and what goes on between them."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.core.filter import FilterLimits
from hub.core.session import Phase
from hub.core.stored import Hole, HoleReason
from hub.live.engine import LiveEngine, LiveLimits
from hub.live.subscription import Begin, Outlet
from hub.log.retention import Retention
from hub.observe.metrics import Metrics
from hub.pb.tail_pb2 import GAP_REASON_CORRUPT, GAP_REASON_RETENTION
from hub.web.wire import ProtoWire
from tests.fakes import FOREVER, FakeSink, GatedLog, entry, filter_of, settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from hub.core.tail_batch import TailBatch
    from hub.live.subscription import Subscription

LIMITS = LiveLimits(
    max_subscriptions=10,
    max_message_bytes=65_536,
    filters=FilterLimits(4096, 1000),
    max_last=1000,
    queue_bytes=1000,
    replay_bytes=200,
    write_timeout_seconds=1.0,
    heartbeat_seconds=25.0,
    position_seconds=3600.0,
    sweep_seconds=3600.0,
)


class CountingWire(ProtoWire):
    """The real encoding, and how often each part of it was asked for."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()

    def body(self, batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
        """Count, and encode."""
        self.calls["body"] += 1
        return super().body(batch, indexes)

    def records(self, subscription: str, cursor: str, body: Sequence[bytes], sampled_out: int = 0) -> bytes:
        """Count, and frame."""
        self.calls["records"] += 1
        return super().records(subscription, cursor, body, sampled_out)


class World:
    """An engine over a log, and subscriptions of tenant "a"."""

    def __init__(self, retention: Retention = FOREVER) -> None:
        self.log = GatedLog(retention)
        self.metrics = Metrics()
        self.engine = LiveEngine(self.log, LIMITS, self.metrics)
        self.wire = CountingWire()
        self.tasks: list[asyncio.Task[None]] = []

    async def append(self, *bodies: str, tenant: str = "a", severity: int = 9) -> None:
        """Store a batch."""
        await self.log.append([entry(tenant, *bodies, severity=severity)])

    def subscribe(self, sink: FakeSink, wanted: str = "", *, offset: int = 0, until: int | None = None) -> Subscription:
        """Begin a subscription named "s"."""
        subscription = self.engine.subscription("a", "s", filter_of(wanted), self.outlet(sink))
        subscription.begin(Begin(offset, until))
        return subscription

    def outlet(self, sink: FakeSink) -> Outlet:
        """Return the way out of a connection."""

        def start(work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
            task = asyncio.create_task(work, name=name)
            self.tasks.append(task)
            return task

        return Outlet(sink, self.wire, start)

    def sweep(self) -> None:
        """Do what the engine does once a second."""
        self.engine._sweep(tell_positions=True)  # noqa: SLF001  the clock of the test


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """A running engine."""
    made = World()
    running = asyncio.create_task(made.engine.run())
    await settle()
    yield made
    await stop(running)


async def stop(running: asyncio.Task[None]) -> None:
    """Cancel the engine; what it died of before is raised."""
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def test_a_subscription_reads_the_log_and_then_goes_live(world: World) -> None:
    """Nothing is missed or doubled where the one becomes the other."""
    await world.append("1", "2")
    subscription = world.subscribe(sink := FakeSink())
    await settle()
    assert subscription.phase is Phase.LIVE
    await world.append("3")
    assert sink.bodies() == ["1", "2", "3"]


async def test_what_is_stored_while_the_log_is_read_comes_once(world: World) -> None:
    """A commit between the read and the join is neither lost nor sent twice."""
    await world.append("1")
    world.log.gate.clear()
    world.subscribe(sink := FakeSink())
    await world.log.reading.wait()
    await world.append("2")
    world.log.gate.set()
    await settle()
    await world.append("3")
    assert sink.bodies() == ["1", "2", "3"]


async def test_a_subscription_that_reads_the_log_keeps_its_feed(world: World) -> None:
    """The sweep takes away feeds that nobody uses; one whose only subscriber is behind is used."""
    world.subscribe(sink := FakeSink())
    await settle()
    sink.fill()
    await world.append("1")
    await world.append("2")
    world.sweep()
    sink.read()
    await settle()
    await world.append("3")
    assert sink.bodies() == ["1", "2", "3"]


async def test_an_unused_feed_goes(world: World) -> None:
    """Tenants that nobody watches cost nothing."""
    subscription = world.subscribe(FakeSink())
    await settle()
    world.sweep()
    assert world.engine._feeds  # noqa: SLF001
    subscription.end()
    world.sweep()
    assert not world.engine._feeds  # noqa: SLF001


async def test_equal_filters_share_one_evaluation_and_one_frame(world: World) -> None:
    """Ten watchers of the same: encoded once, framed once."""
    sinks = [FakeSink() for _ in range(10)]
    for sink in sinks:
        world.subscribe(sink, "level>=info  x")
    await settle()
    await world.append("x 1", "y 2")
    assert all(sink.bodies() == ["x 1"] for sink in sinks)
    assert world.wire.calls == {"body": 1, "records": 1}
    assert len({id(sink.frames[-1]) for sink in sinks}) == 1


async def test_a_slow_watcher_falls_back_and_the_others_go_on(world: World) -> None:
    """What it missed live it reads from the log."""
    slow, fast = FakeSink(), FakeSink()
    subscription = world.subscribe(slow)
    world.subscribe(fast)
    await settle()
    slow.fill()
    for number in range(5):
        await world.append(f"{number}")
    assert subscription.phase.name == "REPLAY"
    assert fast.bodies() == ["0", "1", "2", "3", "4"]
    assert slow.bodies() == []
    slow.read()
    await settle()
    assert subscription.phase.name == "LIVE"
    assert slow.bodies() == fast.bodies()


async def test_commits_of_another_process_are_read_from_the_log(world: World) -> None:
    """The bell brings no batches; they are read, in order, once."""
    world.subscribe(sink := FakeSink())
    await settle()
    world.log._listeners, kept = [], world.log._listeners  # noqa: SLF001  as if another process stored it
    await world.append("1")
    await world.append("2")
    world.log._listeners = kept  # noqa: SLF001
    world.log.ring("a")
    await settle()
    await world.append("3")
    await settle()
    assert sink.bodies() == ["1", "2", "3"]


async def test_a_missed_bell_is_made_good_by_the_sweep(world: World) -> None:
    """Nothing waits for the next commit."""
    world.subscribe(sink := FakeSink())
    await settle()
    world.log._listeners, kept = [], world.log._listeners  # noqa: SLF001
    await world.append("1")
    world.log._listeners = kept  # noqa: SLF001
    world.sweep()
    world.sweep()
    await settle()
    assert sink.bodies() == ["1"]


async def test_what_retention_removed_is_an_exact_gap() -> None:
    """The gap's bounds and count are the records that are missing, and the account says so."""
    world = World(Retention(10**9, 150, 10**9))
    for number in range(10):
        await world.append(f"{number}" + "x" * 30)
    kept = (await world.log.bounds("a")).oldest
    assert kept > 0
    subscription = world.subscribe(sink := FakeSink())
    await settle()
    [gap] = [message.gap for message in sink.of("gap")]
    assert (gap.from_offset, gap.to_offset, gap.count, gap.reason) == (0, kept, kept, GAP_REASON_RETENTION)
    assert [body[0] for body in sink.bodies()] == [str(number) for number in range(kept, 10)]
    ledger = subscription.ledger
    assert (ledger.accepted, ledger.delivered, ledger.lost) == (10, 10 - kept, kept)


async def test_a_hole_at_the_live_end_reaches_every_watcher(world: World) -> None:
    """A batch that cannot be read any more is said as a gap, and what follows it comes."""
    world.subscribe(sink := FakeSink())
    await settle()
    await world.append("1")
    batches = world.log._tenants["a"].batches  # noqa: SLF001
    real = world.log.read

    async def read(tenant: str, offset: int, max_bytes: int) -> Sequence[object]:
        items = await real(tenant, offset, max_bytes)
        return [Hole(i.first_offset, i.next_offset, HoleReason.CORRUPT) if i.first_offset == 1 else i for i in items]

    world.log.read = read  # type: ignore[method-assign, assignment]
    world.log._listeners, kept = [], world.log._listeners  # noqa: SLF001
    await world.append("2")
    await world.append("3")
    assert len(batches) == 3
    world.log._listeners = kept  # noqa: SLF001
    world.log.ring("a")
    await settle()
    assert sink.bodies() == ["1", "3"]
    [gap] = [message.gap for message in sink.of("gap")]
    assert (gap.from_offset, gap.count, gap.reason) == (1, 1, GAP_REASON_CORRUPT)


async def test_positions_are_told_where_nothing_matched(world: World) -> None:
    """The cursor moves on, so a resume does not read everything again."""
    world.subscribe(sink := FakeSink(), "needle")
    await settle()
    await world.append("hay")
    world.sweep()
    [position] = [message.position for message in sink.of("position")]
    assert await world.engine.offset_of("a", position.cursor) == 1
    world.sweep()
    assert len(sink.of("position")) == 1


async def test_another_filter_judges_what_comes_after_the_last_record_sent(world: World) -> None:
    """The account goes on over the change."""
    subscription = world.subscribe(sink := FakeSink(), "x*")
    await settle()
    await world.append("x1", "y1")
    subscription.refilter(filter_of("y*"))
    await settle()
    await world.append("x2", "y2")
    assert sink.bodies() == ["x1", "y2"]
    ledger = subscription.ledger
    assert (ledger.accepted, ledger.delivered, ledger.filtered) == (4, 2, 2)


async def test_a_bounded_subscription_ends_at_its_bound(world: World) -> None:
    """Records after the bound do not come, and the owner is told."""
    await world.append("1")
    ended = []
    subscription = world.engine.subscription("a", "s", filter_of(""), world.outlet(sink := FakeSink()))
    subscription.on_end = lambda: ended.append(True)
    subscription.begin(Begin(0, 1))
    await settle()
    await world.append("2")
    assert sink.bodies() == ["1"]
    assert ended == [True]
    assert sink.of("unsubscribed")


async def test_nothing_is_written_after_the_end(world: World) -> None:
    """Neither live nor from a read that was under way."""
    await world.append("1")
    world.log.gate.clear()
    subscription = world.subscribe(sink := FakeSink())
    await world.log.reading.wait()
    subscription.end()
    world.log.gate.set()
    await settle()
    await world.append("2")
    assert sink.frames == []


@pytest.mark.parametrize("count", [1, 3, 50])
async def test_the_last_matching_records_are_found_from_the_end(world: World, count: int) -> None:
    """However they lie in the batches."""
    for number in range(40):
        await world.append(f"hay {number}", f"needle {number}", f"hay {number}")
    wanted = filter_of("needle")
    offset = await world.engine.offset_of_last("a", count, wanted)
    world.subscribe(sink := FakeSink(), "needle", offset=offset)
    await settle(200)
    assert sink.bodies() == [f"needle {number}" for number in range(max(0, 40 - count), 40)]


OPERATIONS = st.lists(st.sampled_from(["append", "foreign", "fill", "read", "sweep", "turn", "turns"]), max_size=60)


@given(operations=OPERATIONS)
@settings(max_examples=150, deadline=None)
def test_whatever_happens_every_record_comes_once_in_order(operations: list[str]) -> None:
    """Own and foreign commits, a peer that stops and goes on reading, sweeps, in any order."""
    asyncio.run(_whatever(operations))


async def _whatever(operations: list[str]) -> None:
    world = World()
    running = asyncio.create_task(world.engine.run())
    steady, moody = FakeSink(), FakeSink()
    subscriptions = [world.subscribe(steady), world.subscribe(moody)]
    stored = 0
    for operation in operations:
        if operation == "append":
            await world.append(f"{stored}", f"{stored + 1}")
            stored += 2
        elif operation == "foreign":
            world.log._listeners, kept = [], world.log._listeners  # noqa: SLF001
            await world.append(f"{stored}")
            world.log._listeners = kept  # noqa: SLF001
            stored += 1
        elif operation == "fill":
            moody.fill()
        elif operation == "read":
            moody.read()
        elif operation == "sweep":
            world.sweep()
        else:
            await settle(1 if operation == "turn" else 10)
    moody.read()
    await settle(300)
    for _ in range(2):
        world.sweep()
        await settle(300)
    for sink, subscription in zip((steady, moody), subscriptions, strict=True):
        assert sink.bodies() == [f"{number}" for number in range(stored)]
        assert (subscription.ledger.accepted, subscription.ledger.delivered) == (stored, stored)
        assert subscription.phase is Phase.LIVE
    await stop(running)
