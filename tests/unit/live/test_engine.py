"""hub.live.engine: feeds come and go, cursors and times become offsets, and nothing is lost on the way."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.cursor import Cursor
from hub.core.session import Phase
from hub.errors import BadCursorError
from hub.live.subscription import Begin
from tests.examples import examples
from tests.fakes import FakeSink, entry, filter_of, settle
from tests.unit.live.world import World, running, until


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
    assert world.engine._origins  # noqa: SLF001
    subscription.end()
    world.sweep()
    assert not world.engine._origins  # noqa: SLF001


async def test_tenants_are_apart(world: World) -> None:
    """What is stored for one is nothing to the watchers of another."""
    world.subscribe(sink := FakeSink())
    await settle()
    await world.append("secret", tenant="b")
    await world.append("mine")
    assert sink.bodies() == ["mine"]


async def test_without_a_running_engine_nobody_is_served_and_nothing_breaks() -> None:
    """As while it starts and stops."""
    world = World()
    world.subscribe(FakeSink())
    await world.append_elsewhere("1")
    world.log.ring("a")
    await settle()
    for task in world.tasks:
        task.cancel()
    await asyncio.gather(*world.tasks, return_exceptions=True)


async def test_a_cursor_is_an_offset_of_this_log(world: World) -> None:
    """Up to its end; that of a log that was made anew is none."""
    await world.append("1", "2")
    for offset in (0, 1, 2):
        assert await world.engine.offset_of("a", world.engine.cursor("a", offset)) == offset
    assert await world.engine.offset_of("a", Cursor(world.log.epoch + 1, 0).encode("a")) is None
    for text in (world.engine.cursor("a", 3), world.engine.cursor("b", 0), "garbage"):
        with pytest.raises(BadCursorError):
            await world.engine.offset_of("a", text)


async def test_a_time_is_the_offset_of_the_first_record_received_then(world: World) -> None:
    """Or after it."""
    for received in (10, 20, 30):
        await world.log.append([entry("a", "x", "y", received=received)])
    assert [await world.engine.offset_since("a", at) for at in (0, 10, 11, 30, 31)] == [0, 0, 2, 4, 6]


@pytest.mark.parametrize("count", [1, 3, 50])
async def test_the_last_matching_records_are_found_from_the_end(world: World, count: int) -> None:
    """However they lie in the batches."""
    for number in range(40):
        await world.append(f"hay {number}", f"needle {number}", f"hay {number}")
    wanted = filter_of("needle")
    offset = await world.engine.offset_of_last("a", count, wanted)
    world.subscribe(sink := FakeSink(), "needle", Begin(offset))
    await until(lambda: len(sink.bodies()) == min(count, 40))
    assert sink.bodies() == [f"needle {number}" for number in range(max(0, 40 - count), 40)]


async def test_the_last_records_of_all_need_no_reading(world: World) -> None:
    """Their number says where they begin."""
    await world.append("1", "2", "3")
    world.log.gate.clear()
    assert [await world.engine.offset_of_last("a", count, filter_of("")) for count in (1, 3, 9)] == [2, 0, 0]


OPERATIONS = st.lists(st.sampled_from(["append", "foreign", "fill", "read", "sweep", "turn", "turns"]), max_size=60)


@given(operations=OPERATIONS)
@examples(100)
def test_whatever_happens_every_record_comes_once_in_order(operations: list[str]) -> None:
    """Own and foreign commits, a peer that stops and goes on reading, sweeps, in any order."""
    asyncio.run(_whatever(operations))


async def _whatever(operations: list[str]) -> None:
    async with running(World()) as world:
        steady, moody = FakeSink(), FakeSink()
        watchers = {steady: world.subscribe(steady), moody: world.subscribe(moody)}
        stored = 0
        for operation in operations:
            stored += await _step(world, operation, moody, stored)
        moody.read()
        for _ in range(2):
            await until(lambda: all(one.phase is Phase.LIVE for one in watchers.values()))
            world.sweep()
        await until(lambda: all(one.position == stored for one in watchers.values()))
        await settle(10)
        for sink, subscription in watchers.items():
            assert sink.bodies() == [f"{number}" for number in range(stored)]
            assert (subscription.ledger.accepted, subscription.ledger.delivered) == (stored, stored)
            assert subscription.phase is Phase.LIVE


async def _step(world: World, operation: str, moody: FakeSink, stored: int) -> int:
    """Do one thing; return how many records it stored."""
    if operation == "append":
        await world.append(f"{stored}", f"{stored + 1}")
        return 2
    if operation == "foreign":
        await world.append_elsewhere(f"{stored}")
        return 1
    if operation in ("fill", "read"):
        getattr(moody, operation)()
    elif operation == "sweep":
        world.sweep()
    else:
        await settle(1 if operation == "turn" else 10)
    return 0
