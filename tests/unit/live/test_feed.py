"""hub.live.feed: the head of a tenant's log, whoever writes it, and the channels on it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hub.core.session import Phase
from hub.core.stored import Hole, HoleReason, StoredBatch
from hub.live.feed import Feed
from hub.live.subscription import Begin
from hub.log.retention import Retention
from hub.pb.tail_pb2 import GAP_REASON_CORRUPT
from tests.fakes import FakeSink, filter_of, settle
from tests.unit.live.world import CountingWire, World, running

if TYPE_CHECKING:
    from collections.abc import Coroutine


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


async def test_watchers_of_equal_filters_come_and_go_in_several_encodings(world: World) -> None:
    """What passes leads to the encodings that anybody watches: to one, to both, to the other, to none."""
    first, second = world.wire, CountingWire("other")
    sinks = [FakeSink(), FakeSink()]
    one = world.subscribe(sinks[0], "x")
    await settle()
    await world.append("x 1", "y")
    world.wire = second
    other = world.subscribe(sinks[1], "x")
    await settle()
    await world.append("x 2", "y")
    one.end()
    await world.append("x 3", "y")
    world.wire = first
    again = world.subscribe(back := FakeSink(), "x", Begin(6))
    await settle()
    await world.append("x 4", "y")
    other.end()
    again.end()
    await world.append("x 5", "y")
    assert [sink.bodies() for sink in sinks] == [["x 1", "x 2"], ["x 1", "x 2", "x 3", "x 4"]]
    assert back.bodies() == ["x 4"]
    assert world.sample("delivered_records_total") == 1 + 1 + 2 + 1 + 2


async def test_commits_of_another_process_are_read_from_the_log(world: World) -> None:
    """The bell brings no batches; they are read, in order, once."""
    world.subscribe(sink := FakeSink())
    await settle()
    await world.append_elsewhere("1")
    await world.append_elsewhere("2")
    world.log.ring("a")
    await settle()
    await world.append("3")
    await settle()
    assert sink.bodies() == ["1", "2", "3"]


async def test_a_commit_behind_one_of_another_process_waits_for_it(world: World) -> None:
    """The batches that came with it are read from the log, in their turn."""
    world.subscribe(sink := FakeSink())
    await settle()
    await world.append_elsewhere("1")
    await world.append("2")
    await settle()
    assert sink.bodies() == ["1", "2"]


async def test_a_commit_while_the_log_is_read_comes_once(world: World) -> None:
    """What the reading has not seen is read again."""
    world.subscribe(sink := FakeSink())
    await settle()
    await world.append_elsewhere("1")
    world.log.gate.clear()
    world.log.reading.clear()
    world.log.ring("a")
    await world.log.reading.wait()
    await world.append("2")
    world.log.gate.set()
    await settle()
    assert sink.bodies() == ["1", "2"]


async def test_a_commit_after_the_log_was_read_to_its_end_is_not_missed(world: World) -> None:
    """Before the feed has taken note that it has caught up."""
    world.subscribe(sink := FakeSink())
    await settle()
    real, late = world.log.read, ["2"]

    async def read(tenant: str, offset: int, max_bytes: int) -> list[StoredBatch | Hole]:
        items = await real(tenant, offset, max_bytes)
        if not items and late:
            await world.append(late.pop())
        return items

    world.log.read = read  # type: ignore[method-assign]
    await world.append_elsewhere("1")
    world.log.ring("a")
    await settle()
    assert sink.bodies() == ["1", "2"]


async def test_a_commit_with_a_hole_in_it_is_read_from_the_log(world: World) -> None:
    """Its batches are published as far as they follow one another."""
    world.subscribe(sink := FakeSink())
    await settle()
    for body in "123":
        await world.append_elsewhere(body)
    first, _, third = await world.log.read("a", 0, 2**20)
    world.engine._committed("a", [first, third])  # type: ignore[list-item]  # noqa: SLF001  as the log calls it
    await settle()
    assert sink.bodies() == ["1", "2", "3"]


async def test_a_missed_bell_is_made_good_by_the_sweep(world: World) -> None:
    """Nothing waits for the next commit."""
    world.subscribe(sink := FakeSink())
    await settle()
    await world.append_elsewhere("1")
    world.sweep()
    world.sweep()
    await settle()
    assert sink.bodies() == ["1"]


async def test_a_busy_feed_does_not_look_at_the_log(world: World) -> None:
    """While own batches come one after the other, nothing can lie between them unseen."""
    world.subscribe(FakeSink())
    await settle()
    await world.append("1")
    world.log.reading.clear()
    world.sweep()
    await settle()
    assert not world.log.reading.is_set()
    world.sweep()
    await settle()
    assert world.log.reading.is_set()


async def test_while_nobody_watches_nothing_is_kept(world: World) -> None:
    """Whoever comes next finds the head anew."""
    world.subscribe(FakeSink()).end()
    for number in range(3):
        await world.append(f"{number}")
    world.subscribe(sink := FakeSink())
    await settle()
    await world.append("3")
    assert sink.bodies() == ["0", "1", "2", "3"]


@pytest.mark.parametrize("elsewhere", [False, True])
async def test_a_commit_while_the_head_is_looked_for_is_not_missed(world: World, *, elsewhere: bool) -> None:
    """The bounds that were read may be older than it."""
    feed = world.engine.subscription("a", "s", filter_of(""), world.outlet(FakeSink()))._origin.feed  # noqa: SLF001
    real = world.log.bounds

    async def bounds(tenant: str) -> object:
        found = await real(tenant)
        await (world.append_elsewhere("1") if elsewhere else world.append("1"))
        if elsewhere:
            world.log.ring("a")
        world.log.bounds = real  # type: ignore[method-assign]
        return found

    world.log.bounds = bounds  # type: ignore[method-assign, assignment]
    assert await feed.begin() == 0
    await settle()
    assert feed.head == 1


async def test_a_hole_at_the_live_end_reaches_every_watcher(world: World) -> None:
    """A batch that cannot be read any more is said as a gap, and what follows it comes."""
    sinks = [FakeSink(), FakeSink()]
    for sink, wanted in zip(sinks, ("", "needle"), strict=True):
        world.subscribe(sink, wanted)
    await settle()
    await world.append("1")
    real = world.log.read

    async def read(tenant: str, offset: int, max_bytes: int) -> list[StoredBatch | Hole]:
        items = await real(tenant, offset, max_bytes)
        return [Hole(i.first_offset, i.next_offset, HoleReason.CORRUPT) if i.first_offset == 1 else i for i in items]

    world.log.read = read  # type: ignore[method-assign]
    await world.append_elsewhere("2")
    await world.append_elsewhere("3", "needle")
    world.log.ring("a")
    await settle()
    assert [sink.bodies() for sink in sinks] == [["1", "3", "needle"], ["needle"]]
    for sink in sinks:
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


async def test_who_joins_is_not_told_of_what_went_by_before(world: World) -> None:
    """It stands at the head, and knows it."""
    first = world.subscribe(FakeSink(), "needle")
    await settle()
    first.end()
    late = world.engine.subscription("a", "s", filter_of("needle"), world.outlet(FakeSink()))
    world.subscribe(FakeSink())
    await settle()
    await world.append("hay")
    world.subscribe(sink := FakeSink(), "needle")
    await settle()
    told = len(sink.of("position"))
    world.sweep()
    assert len(sink.of("position")) == told
    late.end()


async def test_delivered_and_filtered_are_counted_for_plain_watchers(world: World) -> None:
    """A record for each that gets it, and for each that does not."""
    for wanted in ("", "red", "red", "blue"):
        world.subscribe(FakeSink(), wanted)
    await settle()
    await world.append("red", "red", "green")
    assert world.sample("delivered_records_total") == 3 + 2 + 2
    assert world.sample("filtered_records_total") == 1 + 1 + 3


def spawn(work: Coroutine[None, None, None], _name: str) -> None:
    """Start nothing: filters are judged by themselves until they are compiled."""
    work.close()


async def test_a_channel_is_of_a_filter_and_a_wire_and_goes_with_its_last_user() -> None:
    """Equal filters share one, each wire has its own."""
    world = World()
    feed = Feed("a", world.log, world.metrics.tenant("a"), spawn)
    proto, json = CountingWire("proto"), CountingWire("json")
    one, same, other = (feed.channel(filter_of(text), proto) for text in ("a b", "b  AND a", "a"))
    assert one is same
    assert len({id(one), id(other), id(feed.channel(filter_of("a b"), json))}) == 3
    feed.release(one)
    assert feed.channel(filter_of("a b"), proto) is one
    for _ in range(2):
        feed.release(one)
    assert feed.channel(filter_of("a b"), proto) is not one


async def test_a_feed_is_unused_without_subscriptions() -> None:
    """Attached ones count, whether they watch or read."""
    world = World()
    feed = Feed("a", world.log, world.metrics.tenant("a"), spawn)
    assert feed.unused
    feed.attach(user := object())
    assert not feed.unused
    feed.detach(user)
    feed.detach(user)
    assert feed.unused


async def test_who_is_ahead_of_the_feed_waits_for_it(world: World) -> None:
    """A cursor from another process may be further than this one has heard of: the feed catches up at once."""
    world.subscribe(steady := FakeSink())
    await settle()
    await world.append_elsewhere("1")
    ahead = world.subscribe(sink := FakeSink(), begin=Begin(1))
    await settle()
    assert ahead.phase is Phase.LIVE
    await world.append("2")
    assert (sink.bodies(), steady.bodies()) == (["2"], ["1", "2"])


async def test_a_feed_whose_head_is_unknown_does_not_read_from_the_beginning() -> None:
    """Its last watcher left while it caught up: who comes next gets nothing that was stored before, and no gap."""
    async with running(World(Retention(10**9, 150, 10**9))) as world:
        for number in range(20):
            await world.append(f"old {number}")
        next_offset = (await world.log.bounds("a")).next
        last = world.subscribe(FakeSink(), begin=Begin(next_offset))
        await settle()
        real, held, go = world.log.read, asyncio.Event(), asyncio.Event()
        meanwhile = [last.end]

        async def read(tenant: str, offset: int, max_bytes: int) -> list[StoredBatch | Hole]:
            items = await real(tenant, offset, max_bytes)
            if meanwhile:
                meanwhile.pop()()
                await world.append("nobody watches")
            elif not held.is_set():
                held.set()
                await go.wait()
            return items

        world.log.read = read  # type: ignore[method-assign]
        world.sweep()
        await settle()
        world.subscribe(sink := FakeSink(), begin=Begin(next_offset + 1))
        await settle()
        go.set()
        await settle()
        await world.append("live")
        await settle()
        assert sink.bodies() == ["live"]
        assert sink.of("gap") == []
