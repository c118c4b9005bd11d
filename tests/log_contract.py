"""hub.log.model.Log: what every log does, in memory, on a real disk, and on Kafka.

A test module takes all of it, and brings two fixtures: `make`, a function that makes a log with a retention, and `log`,
one that keeps everything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.core.stored import Hole, HoleReason, StoredBatch
from hub.log.model import OWN, Appended, Bounds, Entry, Log, Note, OutOfSequence
from hub.log.retention import Retention
from tests.unit.log.disk import noise, numbered, read_all

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Make = Callable[[Retention], Awaitable[Log]]

SECOND = 10**9
LARGE = 2**20


def batch(data: bytes, records: int = 1, received: int = 1, tenant: str = "a") -> Entry:
    """Return a batch of nobody in particular."""
    return Entry(tenant, data, records, received)


# --- appending and reading -------------------------------------------------------------------------------------------


async def test_a_tenant_never_heard_of_has_nothing(log: Log) -> None:
    """It can be asked for everything, and asking makes nothing."""
    assert await log.bounds("a") == Bounds(0, 0)
    assert await log.read("a", 0, LARGE) == []
    assert await log.read("a", 7, LARGE) == []
    assert await log.offset_at("a", 1) == 0
    assert await log.last_seq("a", "p1") == 0
    assert await log.retain(SECOND) == 0
    assert await log.stats() == {}


async def test_what_is_appended_is_read_as_it_was(log: Log) -> None:
    """Bytes, number of records and time of receipt come back, and the batch has its offset."""
    assert await log.append([batch(b"one" * 1000, records=3, received=5)]) == [Appended(0)]
    assert await log.read("a", 0, LARGE) == [StoredBatch(0, 3, 5, b"one" * 1000)]


async def test_records_are_numbered_without_holes(log: Log) -> None:
    """A batch begins where the one before it ended, in one call and from call to call."""
    assert await log.append([batch(b"1", 3), batch(b"2", 1)]) == [Appended(0), Appended(3)]
    assert await log.append([batch(b"3", 2)]) == [Appended(4)]
    assert await log.bounds("a") == Bounds(0, 6)
    assert [(item.first_offset, item.next_offset) for item in await log.read("a", 0, LARGE)] == [(0, 3), (3, 4), (4, 6)]


async def test_nothing_at_all_can_be_appended(log: Log) -> None:
    """A call without entries is answered without outcomes."""
    assert await log.append([]) == []


async def test_a_read_begins_with_the_batch_that_covers_the_offset(log: Log) -> None:
    """From the middle of a batch the whole batch comes, from its end the next one."""
    await log.append([batch(b"1", 3), batch(b"2", 3)])
    assert [item.first_offset for item in await log.read("a", 2, LARGE)] == [0, 3]
    assert [item.first_offset for item in await log.read("a", 3, LARGE)] == [3]


@pytest.mark.parametrize("offset", [4, 5, 2**63, 2**64 - 1])
async def test_there_is_nothing_at_the_end_and_behind_it(log: Log, offset: int) -> None:
    """A cursor from the future reads nothing."""
    await log.append([batch(b"1", 4)])
    assert await log.read("a", offset, LARGE) == []


async def test_a_read_is_bounded_by_what_it_takes_in_memory(log: Log) -> None:
    """However well it was compressed: a MiB on disk may be a GiB of the same line."""
    for _ in range(8):
        await log.append([batch(b"x" * 10_000)])
    assert len(await log.read("a", 0, 25_000)) == 3
    assert len(await log.read("a", 0, 10_000)) == 1


@pytest.mark.parametrize("max_bytes", [0, 1, 3000, LARGE])
async def test_reading_on_gives_every_batch_once(log: Log, max_bytes: int) -> None:
    """However little is asked for, at least one batch comes, and the next read goes on behind it."""
    await log.append([batch(noise(1000), 2) for _ in range(10)])
    items = await read_all(log, "a", max_bytes=max_bytes)
    assert [item.first_offset for item in items] == list(range(0, 20, 2))


async def test_a_read_ends_near_max_bytes(log: Log) -> None:
    """The log is not read whole for one subscriber."""
    await log.append([batch(noise(1000)) for _ in range(10)])
    assert len(await log.read("a", 0, 2500)) == 3


# --- tenants ---------------------------------------------------------------------------------------------------------


async def test_tenants_are_apart(log: Log) -> None:
    """Each has its own offsets and sees its own batches, though they were stored in one call."""
    tenants = ["a", "ab", "b", "a"]
    outcomes = await log.append([batch(tenant.encode(), 2, tenant=tenant) for tenant in tenants])
    assert outcomes == [Appended(0), Appended(0), Appended(0), Appended(2)]
    for tenant, end in {"a": 4, "ab": 2, "b": 2}.items():
        items = await read_all(log, tenant)
        assert {item.data for item in items if isinstance(item, StoredBatch)} == {tenant.encode()}
        assert await log.bounds(tenant) == Bounds(0, end)


async def test_one_producer_id_in_two_tenants_is_two_producers(log: Log) -> None:
    """Nobody can spoil another tenant's count."""
    assert await log.append([numbered(1, tenant="a"), numbered(1, tenant="b")]) == [Appended(0), Appended(0)]
    await log.append([numbered(2, tenant="b")])
    assert (await log.last_seq("a", "p1"), await log.last_seq("b", "p1")) == (1, 2)


# --- sequence --------------------------------------------------------------------------------------------------------


async def test_a_resend_is_stored_once(log: Log) -> None:
    """Every batch up to the last one is known again, and told so."""
    await log.append([numbered(1), numbered(2)])
    assert await log.append([numbered(1), numbered(2), numbered(3)]) == [
        Appended(0, duplicate=True),
        Appended(0, duplicate=True),
        Appended(2),
    ]
    assert await log.bounds("a") == Bounds(0, 3)
    assert await log.last_seq("a", "p1") == 3


async def test_a_resend_within_one_call_is_stored_once(log: Log) -> None:
    """Two streams of one producer may meet in one commit."""
    assert await log.append([numbered(1), numbered(1)]) == [Appended(0), Appended(0, duplicate=True)]
    assert await log.bounds("a") == Bounds(0, 1)


async def test_a_batch_out_of_sequence_is_not_stored(log: Log) -> None:
    """It is told what the log has; others of the same call are stored."""
    await log.append([numbered(1)])
    outcomes = await log.append([numbered(3), numbered(4), numbered(1, producer="p2"), numbered(2)])
    assert outcomes == [OutOfSequence(1), OutOfSequence(1), Appended(1), Appended(2)]
    assert await log.last_seq("a", "p1") == 2


async def test_a_count_may_begin_anywhere(log: Log) -> None:
    """A producer that the log has forgotten goes on with its own numbers."""
    assert await log.append([numbered(70, after=0), numbered(71)]) == [Appended(0), Appended(1)]
    assert await log.last_seq("a", "p1") == 71


async def test_a_batch_without_records_stores_its_number_only(log: Log) -> None:
    """A batch whose records were all refused is acknowledged, and takes no offset."""
    assert await log.append([numbered(1), numbered(2, records=0), numbered(3)]) == [
        Appended(0),
        Appended(1),
        Appended(1),
    ]
    assert await log.last_seq("a", "p1") == 3
    assert [item.first_offset for item in await log.read("a", 0, LARGE)] == [0, 1]


async def test_without_a_producer_id_everything_is_new(log: Log) -> None:
    """Equal batches of nobody are two batches."""
    assert await log.append([batch(b"x"), batch(b"x")]) == [Appended(0), Appended(1)]
    assert await log.last_seq("a", "") == 0


# --- time ------------------------------------------------------------------------------------------------------------


async def test_offset_at_finds_the_first_batch_of_a_time(log: Log) -> None:
    """Batches of differing sizes, some of one time: always the first that is not older."""
    times = [10, 20, 20, 20, 30, 50]
    await log.append([batch(b"x", records, time) for records, time in zip([1, 7, 1, 2, 40, 3], times, strict=True)])
    starts = [0, 1, 8, 9, 11, 51]
    for time in range(60):
        expected = next((start for start, received in zip(starts, times, strict=True) if received >= time), 54)
        assert await log.offset_at("a", time) == expected


async def test_offset_at_is_never_before_the_oldest(make: Make) -> None:
    """What retention has removed is not pointed at."""
    log = await make(Retention(5, 2**40, 10**9))
    await log.append([batch(b"x", 3, second * SECOND) for second in range(1, 11)])
    await log.retain(10 * SECOND)
    assert await log.offset_at("a", 0) == (await log.bounds("a")).oldest == 12


# --- retention -------------------------------------------------------------------------------------------------------


async def test_what_is_too_old_goes_and_reads_as_a_hole(make: Make) -> None:
    """The hole names exactly the records that are gone, from where the reader stood."""
    log = await make(Retention(5, 2**40, 10**9))
    await log.append([batch(b"x", 2, second * SECOND) for second in range(1, 5)])
    assert await log.retain(8 * SECOND) == 4
    assert await log.bounds("a") == Bounds(4, 8)
    assert (await log.read("a", 0, LARGE))[0] == Hole(0, 4, HoleReason.RETENTION)
    assert (await log.read("a", 3, LARGE))[0] == Hole(3, 4, HoleReason.RETENTION)
    assert [item.first_offset for item in await log.read("a", 4, LARGE)] == [4, 6]
    assert await log.retain(8 * SECOND) == 0


async def test_the_newest_batch_always_stays(make: Make) -> None:
    """However old or large it is, a tenant keeps its last batch, and its offsets go on from there."""
    log = await make(Retention(1, 10, 10**9))
    await log.append([batch(noise(9000), 2), batch(newest := noise(9000), 3)])
    await log.retain(10**6 * SECOND)
    assert await log.bounds("a") == Bounds(2, 5)
    assert await log.read("a", 2, LARGE) == [StoredBatch(2, 3, 1, newest)]
    assert await log.append([batch(b"x")]) == [Appended(5)]


async def test_a_tenant_over_its_bytes_loses_its_own_oldest_only(make: Make) -> None:
    """The noisy one is cut back at once, the quiet one beside it keeps all."""
    log = await make(Retention(10**9, 20_000, 10**9))
    await log.append([batch(noise(3000), 2, tenant="quiet")])
    for _ in range(10):
        await log.append([batch(noise(3000), 2, tenant="noisy")])
    noisy, quiet = (await log.stats())["noisy"], (await log.stats())["quiet"]
    assert 12_000 < noisy.stored_bytes <= 20_000
    assert noisy.bounds == Bounds(noisy.removed_records, 20)
    assert noisy.removed_records >= 6
    assert (quiet.bounds, quiet.removed_records) == (Bounds(0, 2), 0)
    items = await read_all(log, "noisy")
    assert items[0] == Hole(0, noisy.removed_records, HoleReason.RETENTION)
    assert items[-1].next_offset == 20


async def test_a_silent_producer_is_forgotten(make: Make) -> None:
    """After its time its count begins anew; one that was heard since is known."""
    log = await make(Retention(10**9, 2**40, 100))
    await log.append([Entry("a", b"x", 1, 1 * SECOND, "silent", 1), Entry("a", b"x", 1, 50 * SECOND, "heard", 1)])
    await log.retain(120 * SECOND)
    assert (await log.last_seq("a", "silent"), await log.last_seq("a", "heard")) == (0, 1)
    assert await log.bounds("a") == Bounds(0, 2)


# --- notes -----------------------------------------------------------------------------------------------------------


def noted(data: bytes, version: int, after: int, *, name: str = "n", tenant: str = "a") -> Entry:
    """Return an entry that writes a note."""
    return Entry(tenant, data, 0, 1, seq=version, after_seq=after, note=name)


async def test_a_note_is_kept_and_replaced(log: Log) -> None:
    """By name and tenant, with its version; it takes no offset."""
    assert (await log.note("a", "n"), await log.notes("a")) == (None, [])
    assert await log.append([noted(b"1" * 9000, 5, 0), noted(b"other", 1, 0, name="m"), noted(b"b", 7, 0, tenant="b")])
    assert await log.append([noted(b"2", 6, 5)]) == [Appended(0)]
    assert await log.note("a", "n") == Note("n", 6, b"2")
    assert await log.notes("a") == [Note("m", 1, b"other"), Note("n", 6, b"2")]
    assert await log.notes("b") == [Note("n", 7, b"b")]
    assert await log.bounds("a") == Bounds(0, 0)


async def test_of_two_that_have_read_the_same_note_one_writes_it(log: Log) -> None:
    """The other is told which version stands, and nothing of its is kept."""
    await log.append([noted(b"1", 1, 0)])
    assert await log.append([noted(b"mine", 2, 1), noted(b"yours", 3, 1)]) == [Appended(0), OutOfSequence(2)]
    assert await log.append([noted(b"made anew", 9, 0)]) == [OutOfSequence(2)]
    assert await log.note("a", "n") == Note("n", 2, b"mine")


async def test_a_note_can_be_removed(log: Log) -> None:
    """By whoever has read it; who has not is told so."""
    await log.append([noted(b"1", 1, 0), noted(b"m", 1, 0, name="m")])
    assert await log.append([noted(b"", 3, 2)]) == [OutOfSequence(1)]
    assert await log.append([noted(b"", 3, 1)]) == [Appended(0)]
    assert await log.note("a", "n") is None
    assert await log.append([noted(b"late", 4, 1)]) == [OutOfSequence(0)]
    assert await log.append([noted(b"again", 4, 0)]) == [Appended(0)]
    assert await log.notes("a") == [Note("m", 1, b"m"), Note("n", 4, b"again")]


async def test_a_note_outlives_all_records(make: Make) -> None:
    """Retention is not for notes, and nobody hears of them as of records."""
    log = await make(Retention(5, 2**40, 10**9))
    heard: list[str] = []
    log.watch(lambda tenant, _: heard.append(tenant))
    await log.append([noted(b"1", 1, 0)])
    assert heard == []
    await log.append([batch(b"x", 3, SECOND), batch(b"x", 3, 2 * SECOND)])
    assert await log.retain(100 * SECOND) == 3
    assert await log.note("a", "n") == Note("n", 1, b"1")


async def test_the_hub_s_own_producers_are_never_forgotten(make: Make) -> None:
    """How far a Kafka topic was read does not begin anew, however silent the topic is."""
    log = await make(Retention(10**9, 2**40, 100))
    own = f"{OWN}source:g/t/0"
    await log.append([Entry("a", b"x", 1, 1 * SECOND, "silent", 1), Entry("a", b"x", 1, 1 * SECOND, own, 7)])
    await log.retain(120 * SECOND)
    assert (await log.last_seq("a", "silent"), await log.last_seq("a", own)) == (0, 7)


# --- watching and counting -------------------------------------------------------------------------------------------


async def test_a_watcher_hears_of_what_was_stored(log: Log) -> None:
    """In log order, by tenant; duplicates, refused batches and those without records are nothing to hear of."""
    await log.append([numbered(1)])
    heard: list[tuple[str, list[StoredBatch]]] = []
    log.watch(lambda tenant, batches: heard.append((tenant, batches)))
    await log.append(
        [numbered(1), numbered(2), batch(b"b", tenant="b"), numbered(3, records=0), numbered(9), batch(b"")]
    )
    assert heard == [
        ("a", [StoredBatch(1, 1, 1, b"a/p1/2"), StoredBatch(2, 1, 1, b"")]),
        ("b", [StoredBatch(0, 1, 1, b"b")]),
    ]
    await log.append([numbered(1)])
    assert len(heard) == 2


async def test_what_a_watcher_hears_of_can_be_read(log: Log) -> None:
    """Every listener is called before the append returns, with what is on disk by then."""
    seen: list[int] = []
    log.watch(lambda _, batches: seen.append(batches[-1].next_offset))
    log.watch(lambda _, batches: seen.append(batches[-1].next_offset))
    await log.append([batch(b"1", 4)])
    assert seen == [4, 4]
    assert (await log.read("a", 0, LARGE))[-1].next_offset == 4


async def test_stats_say_what_each_tenant_keeps(make: Make) -> None:
    """Bounds, bytes and what retention has removed, by tenant."""
    log = await make(Retention(5, 2**40, 10**9))
    await log.append([batch(noise(100), 2, 1), batch(noise(100), 3, 9 * SECOND), batch(b"", 1, 1, "b")])
    before = (await log.stats())["a"].stored_bytes
    await log.retain(10 * SECOND)
    stats = await log.stats()
    assert set(stats) == {"a", "b"}
    assert (stats["a"].bounds, stats["a"].removed_records) == (Bounds(2, 5), 2)
    assert stats["a"].stored_bytes == before // 2 >= 100


async def test_a_submitted_batch_is_stored_when_its_future_is_done(log: Log) -> None:
    """Several may be under way; they are stored in the order of the calls."""
    await log.room()
    under_way = [log.submit([numbered(seq)]) for seq in (1, 2, 3)]
    assert [await one for one in under_way] == [[Appended(0)], [Appended(1)], [Appended(2)]]


async def test_the_epoch_is_an_unsigned_number_of_64_bits(log: Log) -> None:
    """Cursors have that much room for it."""
    assert 0 <= log.epoch < 2**64
