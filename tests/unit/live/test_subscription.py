"""hub.live.subscription: the log first, then live, back where the peer is slow; with an account of every record."""

from __future__ import annotations

import pytest

from hub.core.session import Phase
from hub.live.subscription import Begin
from hub.log.retention import Retention
from hub.pb.tail_pb2 import GAP_REASON_RETENTION
from tests.fakes import FakeSink, filter_of, settle
from tests.unit.live.world import World


async def test_a_subscription_reads_the_log_and_then_goes_live(world: World) -> None:
    """Nothing is missed or doubled where the one becomes the other."""
    await world.append("1", "2")
    subscription = world.subscribe(sink := FakeSink())
    await settle()
    assert subscription.phase is Phase.LIVE
    await world.append("3")
    assert sink.bodies() == ["1", "2", "3"]


@pytest.mark.parametrize("offset", range(7))
async def test_it_begins_in_the_middle_of_a_batch_too(world: World, offset: int) -> None:
    """At any offset up to the end."""
    await world.append("0", "1", "2")
    await world.append("3", "4", "5")
    subscription = world.subscribe(sink := FakeSink(), begin=Begin(offset))
    await settle()
    await world.append("6")
    assert sink.bodies() == [f"{number}" for number in range(offset, 7)]
    assert subscription.ledger.accepted == 7 - offset


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
    assert world.sample("replays_total") == 1
    slow.read()
    await settle()
    assert subscription.phase.name == "LIVE"
    assert slow.bodies() == fast.bodies()
    assert (subscription.ledger.accepted, subscription.ledger.delivered) == (5, 5)


async def test_the_account_of_one_that_went_to_and_fro(world: World) -> None:
    """It goes on over every change of phase; a live one's is that of its channel."""
    subscription = world.subscribe(sink := FakeSink(), "red")
    await settle()
    for _ in range(3):
        await world.append("red", "blue")
        sink.fill()
        await world.append("blue", "red", "red")
        sink.read()
        await settle()
    ledger = subscription.ledger
    assert (ledger.accepted, ledger.delivered, ledger.filtered) == (15, 9, 6)
    assert len(sink.bodies()) == 9
    assert subscription.cursor == world.engine.cursor("a", 15)


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
    assert gap.cursor == world.engine.cursor("a", kept)
    assert [body[0] for body in sink.bodies()] == [str(number) for number in range(kept, 10)]
    ledger = subscription.ledger
    assert (ledger.accepted, ledger.delivered, ledger.lost) == (10, 10 - kept, kept)


async def test_where_nothing_matched_a_position_is_told(world: World) -> None:
    """For each piece of the log that was read to its end without a match."""
    await world.append("red", "blue")
    await world.append("blue")
    world.subscribe(sink := FakeSink(), "red")
    await settle()
    kinds = [message.WhichOneof("kind") for message in sink.messages]
    assert kinds == ["records", "position"]
    assert sink.messages[1].position.cursor == world.engine.cursor("a", 3)


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


async def test_another_filter_while_the_log_is_read(world: World) -> None:
    """What was read for the old one is not sent."""
    await world.append("x1", "y1")
    world.log.gate.clear()
    subscription = world.subscribe(sink := FakeSink(), "x*")
    await world.log.reading.wait()
    subscription.refilter(filter_of("y*"))
    world.log.gate.set()
    await settle()
    assert sink.bodies() == ["y1"]
    assert subscription.phase is Phase.LIVE


async def test_a_bounded_subscription_ends_at_its_bound(world: World) -> None:
    """Records after the bound do not come, and the owner is told."""
    await world.append("1")
    subscription = world.engine.subscription("a", "s", filter_of(""), world.outlet(sink := FakeSink()))
    subscription.begin(Begin(0, 1))
    await settle()
    await world.append("2")
    assert sink.bodies() == ["1"]
    assert world.ended == ["s"]
    [message] = sink.of("unsubscribed")
    assert (message.unsubscribed.ledger.delivered, message.unsubscribed.cursor) == (1, world.engine.cursor("a", 1))
    assert subscription.phase is Phase.ENDED


async def test_a_bounded_subscription_ends_where_the_feed_lags_behind_its_bound(world: World) -> None:
    """Another process stored records that this one has not heard of: they are read, and none is waited for."""
    world.subscribe(FakeSink())
    await settle()
    await world.append_elsewhere("1")
    bounded = world.subscribe(sink := FakeSink(), begin=Begin(0, 1))
    await settle()
    assert sink.bodies() == ["1"]
    assert bounded.phase is Phase.ENDED


async def test_what_comes_in_the_same_read_as_the_bound_stays_out(world: World) -> None:
    """It was stored since."""
    await world.append("1")
    await world.append("2")
    subscription = world.subscribe(sink := FakeSink(), begin=Begin(0, 1))
    await settle()
    assert sink.bodies() == ["1"]
    assert subscription.ledger.accepted == 1


async def test_a_bounded_subscription_of_nothing_ends_at_once(world: World) -> None:
    """As of an empty log."""
    subscription = world.subscribe(sink := FakeSink(), begin=Begin(0, 0))
    await settle()
    assert subscription.phase is Phase.ENDED
    assert [message.WhichOneof("kind") for message in sink.messages] == ["unsubscribed"]


async def test_nothing_is_written_after_the_end(world: World) -> None:
    """Neither live nor from a read that was under way; to end it again changes nothing."""
    await world.append("1")
    world.log.gate.clear()
    subscription = world.subscribe(sink := FakeSink())
    await world.log.reading.wait()
    subscription.end()
    subscription.end()
    world.log.gate.set()
    await settle()
    await world.append("2")
    assert sink.frames == []


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "live"])
async def test_credit_is_spent_to_the_record(world: World, *, stored: bool) -> None:
    """From the log and live; without any it waits, and goes on where it was."""
    batches = (("0", "1", "2"), ("3",), ("4", "5"))
    for bodies in batches if stored else ():
        await world.append(*bodies)
    subscription = world.subscribe(sink := FakeSink(), begin=Begin(0, credit=2))
    await settle()
    for bodies in () if stored else batches:
        await world.append(*bodies)
    await settle()
    assert (sink.bodies(), subscription.phase) == (["0", "1"], Phase.PAUSED)
    assert subscription.cursor == world.engine.cursor("a", 2)
    subscription.give(3)
    await settle()
    assert (sink.bodies(), subscription.phase) == (["0", "1", "2", "3", "4"], Phase.PAUSED)
    subscription.give(9)
    await settle()
    await world.append("6")
    assert (sink.bodies()[5:], subscription.phase) == (["5", "6"], Phase.LIVE)
    assert (subscription.ledger.accepted, subscription.ledger.delivered) == (7, 7)


async def test_credit_before_it_is_spent_is_added(world: World) -> None:
    """To one that is live, and changes nothing else."""
    subscription = world.subscribe(sink := FakeSink(), begin=Begin(0, credit=1))
    assert subscription.flow_controlled
    await settle()
    subscription.give(1)
    await world.append("0", "1", "2")
    assert (sink.bodies(), subscription.phase) == (["0", "1"], Phase.PAUSED)


async def test_a_paused_subscription_takes_another_filter(world: World) -> None:
    """And reads on by it once there is credit."""
    subscription = world.subscribe(sink := FakeSink(), "x*", Begin(0, credit=1))
    await settle()
    await world.append("x1", "x2", "y1")
    subscription.refilter(filter_of("y*"))
    await settle()
    assert (sink.bodies(), subscription.phase) == (["x1"], Phase.PAUSED)
    subscription.give(5)
    await settle()
    assert sink.bodies() == ["x1", "y1"]


@pytest.mark.parametrize("stored", [True, False], ids=["stored", "live"])
async def test_what_is_over_the_rate_is_left_out_and_counted(world: World, *, stored: bool) -> None:
    """A second's worth at once; the next records say how many there were before them."""
    if stored:
        await world.append("0", "1", "2", "3")
    subscription = world.subscribe(sink := FakeSink(), begin=Begin(0, max_records_per_s=3))
    await settle()
    if not stored:
        await world.append("0", "1", "2", "3")
    assert sink.bodies() == ["0", "1", "2"]
    ledger = subscription.ledger
    assert (ledger.accepted, ledger.delivered, ledger.sampled) == (4, 3, 1)
    assert world.sample("sampled_records_total") == 1


async def test_a_metered_subscription_passes_what_does_not_match(world: World) -> None:
    """Its account and cursor are right though it is not asked about those batches."""
    subscription = world.subscribe(sink := FakeSink(), "red", Begin(0, credit=9))
    await settle()
    for bodies in (("blue",), ("blue", "red"), ("blue", "blue")):
        await world.append(*bodies)
    ledger = subscription.ledger
    assert (ledger.accepted, ledger.delivered, ledger.filtered) == (5, 1, 4)
    assert (sink.bodies(), subscription.cursor) == (["red"], world.engine.cursor("a", 5))


async def test_a_peer_that_is_gone_or_does_not_read_ends_the_task(world: World) -> None:
    """Whoever started it decides what becomes of the connection."""
    for wrong, kind in (("gone", ConnectionError), ("never_reads", TimeoutError)):
        setattr(sink := FakeSink(), wrong, True)
        world.subscribe(sink)
        with pytest.raises(kind):
            await world.tasks.pop()
