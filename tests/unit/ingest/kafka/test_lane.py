"""hub.ingest.kafka.lane: whatever fails, every message is stored once, in order, or is a dead letter."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from hub.errors import LogUnavailableError, StorageFailedError, StorageFullError
from hub.ingest.kafka.lane import source_id
from hub.ingest.kafka.place import Place
from hub.log.model import Entry
from tests.unit.ingest.kafka.pretend import PARTITION, Stage, said

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ID = source_id("g", PARTITION)


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    """A lane that runs."""
    made = Stage()
    await made.begin()
    yield made
    await made.end()


def all_stored(stage: Stage, offset: int) -> object:
    """Return what tells whether all before an offset is stored."""
    return lambda: stage.lane.stored >= offset


async def test_messages_are_stored_with_their_place(stage: Stage) -> None:
    """The log's number of the partition is the place behind them; the group and the metrics are as it says."""
    stage.lane.offer(said(b"a", b"b"))
    await stage.until(all_stored(stage, 2))
    stage.lane.offer(said(b"c", first=2))
    await stage.until(all_stored(stage, 3))
    assert await stage.bodies() == ["a", "b", "c"]
    assert await stage.log.last_seq("acme", ID) == Place(0, 3).seq
    assert stage.count("kafka_source_messages_total", topic="logs") == 3
    assert stage.count("kafka_source_records_total", topic="logs") == 3
    assert stage.count("ingest_records_total", tenant="acme") == 3
    assert stage.room.taken == 0
    stage.lane.behind(10)
    assert stage.count("kafka_source_lag_messages", topic="logs", partition="3") == 7


async def test_a_lane_begins_where_the_log_is() -> None:
    """Not where the group was told: that may be behind."""
    stage = Stage()
    await stage.log.append([Entry("acme", b"", 0, 1, ID, Place(0, 5, 0).seq)])
    stage.group.known = 3
    await stage.begin()
    assert stage.group.positions == [5]
    stage.lane.offer(said(b"old", b"new", first=4))
    await stage.until(all_stored(stage, 6))
    assert await stage.bodies() == ["new"]
    await stage.end()


async def test_a_lane_begins_behind_what_another_hub_s_log_has() -> None:
    """The group knows of it; this log's number then goes on from its own last."""
    stage = Stage()
    await stage.log.append([Entry("acme", b"", 0, 1, ID, Place(0, 5, 0).seq)])
    stage.group.known = 8
    await stage.begin()
    assert stage.group.positions == [8]
    stage.lane.offer(said(b"x", first=8))
    await stage.until(all_stored(stage, 9))
    assert await stage.bodies() == ["x"]
    await stage.end()


@pytest.mark.parametrize(("latest", "offset"), [(False, 2), (True, 9)])
async def test_an_unknown_partition_begins_as_the_rule_says(*, latest: bool, offset: int) -> None:
    """At its first message, or at its end, which the group is told so that it stays that end."""
    stage = Stage(latest=latest)
    stage.group.ends = (2, 9)
    await stage.begin()
    assert stage.group.positions == [offset]
    assert stage.group.told == ({PARTITION: 9} if latest else {})
    await stage.end()


async def test_what_was_fetched_before_the_place_was_known_is_not_taken() -> None:
    """It is from somewhere else."""
    stage = Stage()
    stage.lane.offer(said(b"elsewhere"))
    await stage.begin()
    assert stage.lane.wants
    assert await stage.bodies() == []
    await stage.end()


@pytest.mark.parametrize("error", [StorageFullError(), LogUnavailableError()])
async def test_a_log_that_does_not_take_is_tried_again(stage: Stage, error: Exception) -> None:
    """The partition is paused meanwhile, and read again from what is stored; nothing is lost or doubled."""
    stage.lane.offer(said(b"a"))
    await stage.until(all_stored(stage, 1))
    stage.log.refuse = error
    stage.lane.offer(said(b"b", b"c", first=1))
    await stage.until(lambda: stage.lane.paused)
    assert stage.count("kafka_source_paused", topic="logs", partition="3") == 1
    assert stage.group.paused == [True]
    assert not stage.lane.wants
    stage.log.refuse = None
    await stage.until(lambda: stage.lane.placed and not stage.lane.paused and stage.group.positions[-1] == 1)
    assert stage.group.paused[-1] is False
    stage.lane.offer(said(b"b", b"c", b"d", first=1))
    await stage.until(all_stored(stage, 4))
    assert await stage.bodies() == ["a", "b", "c", "d"]
    assert stage.room.taken == 0


async def test_what_waited_behind_a_refusal_is_not_read_before_it(stage: Stage) -> None:
    """It is fetched again with what comes before it; else the log would take it, and what was refused were lost."""
    stage.log.refuse, stage.letters.down = StorageFullError(), True
    stage.lane.offer(said(b"a"))
    stage.lane.offer(said(None, first=1))
    stage.lane.offer(said(b"c", first=2))
    await stage.letters.asked.wait()  # the lane is at the second, the third waits
    stage.letters.down = False
    await stage.until(lambda: len(stage.letters.kept) == 1 and stage.lane.paused)
    stage.log.refuse = None
    await stage.until(lambda: len(stage.group.positions) > 1)
    assert stage.group.positions[-1] == 0
    for _ in range(20):
        await asyncio.sleep(0)
    assert await stage.bodies() == []
    stage.lane.offer(said(b"a", None, b"c"))
    await stage.until(all_stored(stage, 3))
    assert await stage.bodies() == ["a", "c"]


async def test_a_stale_owner_stores_nothing_twice(stage: Stage) -> None:
    """Another hub has taken the partition over and is further on: this one learns it from the log."""
    stage.lane.offer(said(b"a"))
    await stage.until(all_stored(stage, 1))
    await stage.log.append([Entry("acme", b"", 0, 1, ID, Place(0, 5).seq, Place(0, 1).seq)])
    stage.lane.offer(said(b"b", b"c", first=1))
    await stage.until(lambda: stage.count("ingest_duplicate_batches_total", tenant="acme"))
    stage.lane.offer(said(b"d", b"e", b"f", b"g", first=3))
    await stage.until(lambda: stage.group.positions[-1] == 5)
    stage.lane.offer(said(b"f", b"g", first=5))
    await stage.until(all_stored(stage, 7))
    assert await stage.bodies() == ["a", "f", "g"]


async def test_a_dead_letter_is_written_before_the_place_moves(stage: Stage) -> None:
    """Where that fails the partition waits, and goes on once it can be written."""
    stage.letters.down = True
    stage.lane.offer(said(b"a", None, b"b"))
    await stage.letters.asked.wait()
    await stage.until(lambda: stage.lane.paused)
    assert await stage.log.last_seq("acme", ID) == 0
    stage.letters.down = False
    await stage.until(all_stored(stage, 3))
    assert [letter.message.offset for letter in stage.letters.kept] == [1]
    assert await stage.bodies() == ["a", "b"]
    assert stage.count("kafka_source_dead_letters_total", topic="logs", reason="empty") == 1


async def test_only_dead_letters_move_the_place_too(stage: Stage) -> None:
    """The log gets the number without records."""
    stage.lane.offer(said(None, b""))
    await stage.until(all_stored(stage, 2))
    assert await stage.log.last_seq("acme", ID) == Place(0, 2).seq
    assert await stage.bodies() == []


async def test_records_that_admission_refuses_become_letters() -> None:
    """Their messages' other records are stored."""
    stage = Stage(name="protobuf")
    await stage.begin()
    bad = b"\x1a\x04\x2a\x02ok\x1a\x07\x2a\x01x\x52\x02no"  # a trace id of two bytes
    stage.lane.offer(said(bad))
    await stage.until(all_stored(stage, 1))
    assert await stage.bodies() == ["ok"]
    (letter,) = stage.letters.kept
    assert (letter.reason, letter.records) == ("record", (1,))
    assert stage.count("ingest_rejected_records_total", tenant="acme", field="trace_id") == 1
    await stage.end()


async def test_offsets_that_retention_removed_are_said_to_be_lost(stage: Stage) -> None:
    """And the lane goes on with what there is."""
    stage.lane.offer(said(b"a"))
    await stage.until(all_stored(stage, 1))
    stage.group.ends = (5, 9)
    for _ in range(2):  # the second time it is known
        stage.lane.offset_gone(1)
    await stage.until(lambda: stage.group.positions[-1] == 5)
    stage.lane.offset_gone(1)  # of a fetch that was under way
    await stage.until(lambda: stage.lane.placed)
    assert stage.count("kafka_source_lost_messages_total", topic="logs") == 4
    stage.lane.offer(said(b"f", first=5))
    await stage.until(all_stored(stage, 6))
    assert await stage.bodies() == ["a", "f"]


async def test_a_topic_made_anew_is_read_from_its_beginning(stage: Stage) -> None:
    """Although its offsets are those of messages that are stored."""
    stage.lane.offer(said(b"a", b"b", b"c"))
    await stage.until(all_stored(stage, 3))
    stage.group.ends = (0, 2)
    stage.lane.offset_gone(3)
    await stage.until(lambda: stage.group.positions == [0, 0])
    stage.lane.offer(said(b"x", b"y"))
    await stage.until(lambda: stage.lane.stored == 2)
    assert await stage.bodies() == ["a", "b", "c", "x", "y"]
    assert await stage.log.last_seq("acme", ID) == Place(1, 2).seq


async def test_offsets_that_are_there_after_all_change_nothing(stage: Stage) -> None:
    """As when a broker was not yet as far as the one before it."""
    stage.lane.offer(said(b"a"))
    await stage.until(all_stored(stage, 1))
    stage.group.ends = (0, 7)
    stage.lane.offset_gone(1)
    await stage.until(lambda: len(stage.group.positions) == 2)
    assert stage.group.positions == [0, 1]
    stage.lane.offer(said(b"b", first=1))
    await stage.until(all_stored(stage, 2))
    assert await stage.bodies() == ["a", "b"]


async def test_a_broker_that_is_away_is_waited_for() -> None:
    """The lane has no place until it answers."""
    stage = Stage()
    stage.group.down = True
    stage.task = asyncio.create_task(stage.lane.run())
    await stage.until(lambda: stage.lane.paused)
    assert not stage.lane.wants
    stage.group.down = False
    await stage.until(lambda: stage.lane.placed)
    await stage.end()


async def test_a_lane_takes_no_more_than_its_queue() -> None:
    """500 bytes, and what was fetched with them."""
    stage = Stage()
    stage.letters.down = True
    await stage.begin()
    stage.lane.offer(said(None))
    await stage.letters.asked.wait()
    stage.letters.down = False
    stage.lane.offer(said(b"x" * 200, b"y" * 200, first=1))
    stage.lane.offer(said(b"z" * 200, first=3))
    assert not stage.lane.wants
    await stage.until(all_stored(stage, 4))
    assert stage.lane.wants
    await stage.end()


async def test_a_tenant_s_rate_holds_the_lane_back() -> None:
    """Nothing is refused: the topic keeps it."""
    stage = Stage(records_per_s=200.0)
    await stage.begin()
    for first in range(0, 260, 4):
        stage.lane.offer(said(b"a", b"b", b"c", b"d", first=first))
    await stage.until(all_stored(stage, 260))
    assert stage.count("ingest_throttled_seconds_total", tenant="acme") > 0
    assert len(await stage.bodies()) == 260
    await stage.end()


async def test_a_log_that_failed_for_good_ends_the_lane() -> None:
    """And with it the hub."""
    stage = Stage()
    await stage.begin()
    stage.log.refuse = StorageFailedError()
    stage.lane.offer(said(b"a"))
    with pytest.raises(StorageFailedError):
        await stage.until(all_stored(stage, 1))


async def test_stopping_settles_what_was_given_to_the_log(stage: Stage) -> None:
    """And takes the partition off the metrics: it is another hub's now."""
    stage.lane.offer(said(b"a", b"b"))
    await asyncio.sleep(0)
    await stage.end()
    assert stage.room.taken == 0
    last = Place.of(await stage.log.last_seq("acme", ID))
    assert stage.lane.stored == last.offset
    assert (
        stage.metrics.registry.get_sample_value("loghub_kafka_source_paused", {"topic": "logs", "partition": "3"})
        is None
    )
