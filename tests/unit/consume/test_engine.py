"""hub.consume: members of groups over a log in memory; two engines over one log are two processes."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import pytest

from hub.core.principal import Principal, Scope
from hub.errors import BadCursorError, BadRequestError, LoghubError, StorageFullError
from hub.log.memory import MemoryLog
from hub.log.model import Entry
from hub.observe.metrics import Metrics
from hub.pb.consume_pb2 import JoinGroup, LeaveGroup, ResetGroupRequest
from hub.pb.tail_pb2 import Auth
from tests.fakes import FOREVER, entry
from tests.unit.consume.world import READER, Peer, engine

KEY = ("acme", "audit")


async def ending(peer: Peer) -> LoghubError | None:
    """Return the error that a session ended with."""
    async with asyncio.timeout(5):
        return (await peer.session.ended).error


async def test_members_of_two_processes_share_a_group() -> None:
    """Everything is delivered once, to either; what is acknowledged is counted in both's note."""
    log = MemoryLog(FOREVER)
    async with engine(log) as one, engine(log) as two:
        peers = [await Peer(of).join(max_records=1, max_in_flight=2) for of in (one, two)]
        for number in range(30):
            await log.append([entry("acme", f"{number}")])
        seen: list[str] = []
        async with asyncio.timeout(10):
            while len(seen) < 30:
                for peer in peers:
                    fresh, peer.sink.frames = peer.deliveries, []
                    seen += [record.body for one in fresh for batch in one.batches for record in batch.records]
                    if fresh:
                        await peer.ack(*fresh)
                await asyncio.sleep(0.005)
        assert sorted(seen, key=int) == [f"{number}" for number in range(30)]
        group = await two.group(KEY)
        assert (group.cursor, group.held, group.acked_records, len(group.seats)) == (30, [], 30, 2)


async def test_a_process_that_dies_is_made_up_for() -> None:
    """Its member is missed, and what it held goes to a member elsewhere."""
    log = MemoryLog(FOREVER)
    async with AsyncExitStack() as stack:
        living = await stack.enter_async_context(engine(log, member_seconds=0.3))
        async with engine(log, member_seconds=0.3) as dying:
            lost = await Peer(dying).join(oldest=True)
            await log.append([entry("acme", "x")])
            await lost.heard(1)
        other = await Peer(living).join()
        [again] = await other.heard(1)
        assert again.attempt == 2
        assert len((await living.group(KEY)).seats) == 1


async def test_a_member_of_a_process_that_was_not_heard_of_is_told() -> None:
    """It may come back; others have what it held."""
    log = MemoryLog(FOREVER)
    async with engine(log) as mine:
        peer = await Peer(mine).join()
        [note] = await log.notes("acme")
        group = await mine.group(KEY)
        group.seats.clear()
        assert await mine._write(KEY, group, note.version)  # noqa: SLF001  as another process would
        error = await ending(peer)
        assert error is not None
        assert error.retry
        assert peer.of("goodbye")[0].reconnect


async def test_who_joins_while_the_disk_is_full_waits() -> None:
    """And gets in once there is room; nothing was lost meanwhile."""
    log = MemoryLog(FOREVER)
    async with engine(log) as mine:
        peer = await Peer(mine).join(oldest=True)
        await log.append([entry("acme", "x")])
        [first] = await peer.heard(1)
        log.refuse = StorageFullError(retry_after_seconds=0.01)
        acking = asyncio.create_task(peer.ack(first))
        await asyncio.sleep(0.05)
        assert not acking.done(), "what is not stored is not settled"
        log.refuse = None
        assert list((await acking).ids) == [first.id]


async def test_who_leaves_is_gone_with_its_runner() -> None:
    """What it held waits, not counted; nothing runs for a group without members."""
    metrics = Metrics()
    log = MemoryLog(FOREVER)
    async with engine(log, metrics) as mine:
        peer = await Peer(mine).join(oldest=True)
        await log.append([entry("acme", "x")])
        await peer.heard(1)
        await peer.say(leave=LeaveGroup())
        assert (await peer.session.ended).close_code == 1000
        await peer.session.close()
        await mine.drain(1)
        group = await mine.group(KEY)
        assert (group.seats, [held.attempt for held in group.held]) == ({}, [0])
        assert metrics.registry.get_sample_value("loghub_group_members", {"tenant": "acme"}) == 0


@pytest.mark.parametrize("moment", range(6))
async def test_a_peer_that_is_gone_while_it_joins_leaves_no_seat(moment: int) -> None:
    """Cut at every turn of the loop."""
    async with engine() as mine:
        peer = Peer(mine)
        joining = asyncio.create_task(peer.join())
        for _ in range(moment):
            await asyncio.sleep(0)
        joining.cancel()
        await asyncio.wait((joining,))
        await peer.session.close()
        await mine.drain(1)
        groups = await mine.groups("acme")
        assert all(not group.seats for _, group in groups)


async def test_a_token_that_expires_ends_the_membership() -> None:
    """With the code that says so; what it held is not counted."""
    log = MemoryLog(FOREVER)
    async with engine(log) as mine:
        mortal = Principal("acme", "auditor", frozenset({Scope.READ}), time.time() + 0.3)
        peer = await Peer(mine, mortal).join(oldest=True)
        await log.append([entry("acme", "x")])
        await peer.heard(1)
        async with asyncio.timeout(5):
            end = await peer.session.ended
        assert end.close_code == 4408
        assert len(peer.of("auth_expiring")) == 1
        await peer.session.close()
        assert [held.attempt for held in (await mine.group(KEY)).held] == [0]


@pytest.mark.parametrize(
    ("fresh", "stays"),
    [
        (Principal("acme", "auditor", frozenset({Scope.READ})), True),
        (Principal("acme", "auditor", frozenset({Scope.READ}), filter="level>=warn"), True),
        (Principal("acme", "auditor", frozenset({Scope.READ}), filter="service:a"), False),
        (Principal("acme", "auditor", frozenset({Scope.WRITE})), False),
    ],
)
async def test_a_fresh_token_must_let_through_what_the_group_is_of(fresh: Principal, *, stays: bool) -> None:
    """One with a narrower filter, or without the scope, ends the membership."""
    async with engine() as mine:
        peer = await Peer(mine).join(filter="level>=warn")
        peer.fresh = fresh
        await peer.say(auth=Auth(token="x"))
        assert peer.session.ended.done() is not stays


async def test_a_fresh_token_of_somebody_else_changes_nothing() -> None:
    """It is refused, and the membership goes on."""
    async with engine() as mine:
        peer = await Peer(mine).join()
        peer.fresh = Principal("other", "auditor", frozenset({Scope.READ}))
        await peer.say(auth=Auth(token="x"))
        assert peer.session.refused is not None
        assert not peer.session.ended.done()


@pytest.mark.parametrize("first", ["ack", "nack", "leave"])
async def test_the_first_message_is_join_and_only_the_first(first: str) -> None:
    """Else the call ends."""
    async with engine() as mine:
        peer = Peer(mine)
        await peer.say(**{first: {}})
        assert isinstance(await ending(peer), BadRequestError)
        twice = await (await Peer(mine).join()).join()
        assert isinstance(await ending(twice), BadRequestError)


async def test_ids_must_be_named() -> None:
    """At least one, at most a thousand."""
    async with engine() as mine:
        for ids in (list[int](), list(range(1, 1002))):
            peer = await Peer(mine).join(member=f"m{len(ids)}")
            await peer.say(ack={"ids": ids})
            assert isinstance(await ending(peer), BadRequestError)


async def test_a_peer_that_does_not_join_is_ended() -> None:
    """After its time."""
    async with engine(join_seconds=0.02) as mine:
        peer = Peer(mine)
        async with asyncio.timeout(5):
            assert "join_seconds" in (await peer.session.ended).message


async def test_a_peer_that_does_not_read_gets_nothing_more() -> None:
    """Others do."""
    log = MemoryLog(FOREVER)
    async with engine(log) as mine:
        slow, quick = await Peer(mine).join(max_records=1), await Peer(mine).join(max_records=1)
        slow.sink.full = True
        for body in "123":
            await log.append([entry("acme", body)])
        await quick.heard(3)
        assert slow.deliveries == []


async def test_where_a_new_group_begins() -> None:
    """With the oldest, at a time, behind a cursor, or now; a cursor of another log or tenant is none."""
    log = MemoryLog(FOREVER)
    await log.append([entry("acme", "1", received=10**9), entry("acme", "2", received=3 * 10**9)])
    async with engine(log) as mine:
        old = await Peer(mine).join("old", oldest=True)
        cursor = old.of("joined")[0].cursor
        for begin, expected in (
            (JoinGroup(oldest=True), 0),
            (JoinGroup(oldest=False), 2),
            (JoinGroup(since={"seconds": 2}), 1),
            (JoinGroup(cursor=cursor), 0),
            (JoinGroup(), 2),
        ):
            assert await mine.offset("acme", begin, "from") == expected
        other = MemoryLog(FOREVER, epoch=2)
        async with engine(other) as anew:
            with pytest.raises(BadCursorError):
                await anew.offset("acme", JoinGroup(cursor=cursor), "from")
        with pytest.raises(BadCursorError):
            await mine.offset("beta", JoinGroup(cursor=cursor), "from")


async def test_a_group_of_another_tenant_is_another() -> None:
    """The name alone opens nothing."""
    log = MemoryLog(FOREVER)
    await log.append([entry("acme", "secret")])
    async with engine(log) as mine:
        await Peer(mine).join(oldest=True)
        stranger = await Peer(mine, Principal("beta", "x", frozenset({Scope.READ}))).join(oldest=True)
        await log.append([entry("beta", "own")])
        await stranger.heard(1)
        assert stranger.bodies == [["own"]]
        refused = await Peer(mine, Principal("beta", "x", frozenset({Scope.READ}))).join(tenant="acme")
        assert (await refused.session.ended).close_code == 4403


async def test_the_lag_is_told_and_forgotten() -> None:
    """Of groups with members here."""
    metrics, log = Metrics(), MemoryLog(FOREVER)
    labels = {"tenant": "acme", "group": "audit"}
    async with engine(log, metrics) as mine:
        peer = await Peer(mine).join(max_in_flight=1, max_records=1)
        await log.append([entry("acme", "1", "2", "3")])
        [first] = await peer.heard(1)
        await peer.ack(first)
        await peer.heard(2)
        await mine._runners[KEY].measure()  # noqa: SLF001  it does so every few seconds
        assert metrics.registry.get_sample_value("loghub_group_lag_records", labels) == 2
        await peer.session.close()
        await mine.drain(1)
        assert metrics.registry.get_sample_value("loghub_group_lag_records", labels) is None
        assert metrics.registry.get_sample_value("loghub_group_acked_records_total", {"tenant": "acme"}) == 1


async def test_what_does_not_match_moves_the_position_in_time() -> None:
    """Without a delivery: a restart does not look through it again."""
    log = MemoryLog(FOREVER)
    async with engine(log, position_seconds=0.0) as mine:
        await Peer(mine).join(filter="never")
        await log.append([entry("acme", *"123")])
        async with asyncio.timeout(5):
            while (await mine.group(KEY)).cursor < 3:  # noqa: ASYNC110  nothing tells of it
                await asyncio.sleep(0.01)


async def test_reset_and_delete_are_seen_by_members_elsewhere() -> None:
    """On another process: within a sweep."""
    log = MemoryLog(FOREVER)
    await log.append([entry("acme", "1")])
    async with engine(log) as one, engine(log) as two:
        peer = await Peer(one).join(oldest=True)
        await peer.heard(1)
        await two.reset(KEY, ResetGroupRequest(group="audit", oldest=True))
        again = (await peer.heard(2))[1]
        assert (again.attempt, list((await peer.ack(again)).ids)) == (1, [again.id])
        await two.delete(KEY)
        error = await ending(peer)
        assert error is not None
        assert "deleted" in error.message
        assert not peer.of("goodbye")[0].reconnect


async def test_a_fault_ends_the_members_and_not_the_hub() -> None:
    """They are told to come back."""
    log = MemoryLog(FOREVER)
    async with engine(log) as mine:
        peer = await Peer(mine).join()
        [note] = await log.notes("acme")
        await log.append([note_entry(b"\xff\xff", note.version)])
        error = await ending(peer)
        assert error is not None
        assert "cannot be read" in error.message
        await Peer(mine).join("another")


def note_entry(data: bytes, after: int) -> Entry:
    """Return an entry that replaces the group's note."""
    return Entry("acme", data, 0, 1, seq=after + 1, after_seq=after, note="group/audit")


def test_the_reader_may_read() -> None:
    """As the tests take for granted."""
    assert Scope.READ in READER.scopes


async def test_a_membership_that_the_hub_ends_is_left_all_the_same() -> None:
    """Between its end and its close it gets nothing, and its seat is kept for it to be given back."""
    log = MemoryLog(FOREVER)
    async with engine(log) as mine:
        peer = await Peer(mine).join(oldest=True)
        await log.append([entry("acme", "1")])
        await peer.heard(1)
        peer.session.shut_down(0.0)
        await log.append([entry("acme", "2")])
        await asyncio.sleep(0.1)
        assert len(peer.deliveries) == 1
        await peer.session.close()
        await mine.drain(1)
        group = await mine.group(KEY)
        assert (group.seats, [(held.first, held.attempt) for held in group.held]) == ({}, [(0, 0)])
