"""Several hubs on one Kafka: they agree on every record's offset, and a broker that dies costs nothing."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from hub.cli.broker import Broker
from hub.core.stored import Hole, HoleReason
from hub.errors import ConfigError, LogUnavailableError
from hub.log.model import Appended, Bounds, Entry, OutOfSequence
from tests.fakes import FOREVER
from tests.kafka import kafka_log
from tests.unit.log.disk import numbered, read_all

if TYPE_CHECKING:
    from pathlib import Path

    from hub.log.kafka import KafkaLog

LARGE = 2**22


@pytest.fixture
def prefix() -> str:
    """What the topics of the test begin with."""
    return uuid4().hex


async def test_hubs_agree_on_offsets_and_epoch(broker: Broker, tmp_path: Path, prefix: str) -> None:
    """What one stores, the other reads under the same offsets, and a cursor of one is good at the other."""
    async with (
        kafka_log(broker, tmp_path / "1", prefix, FOREVER) as first,
        kafka_log(broker, tmp_path / "2", prefix, FOREVER) as second,
    ):
        assert first.epoch == second.epoch
        for number in range(10):
            log = (first, second)[number % 2]
            assert await log.append([Entry("a", b"%d" % number, 2, 5)]) == [Appended(2 * number)]
        assert await first.bounds("a") == await second.bounds("a") == Bounds(0, 20)
        assert await first.read("a", 0, LARGE) == await second.read("a", 0, LARGE)


async def test_a_producer_may_change_hubs(broker: Broker, tmp_path: Path, prefix: str) -> None:
    """Its last number is known at the other hub, a resend there is a duplicate, and a gap is refused."""
    async with (
        kafka_log(broker, tmp_path / "1", prefix, FOREVER) as first,
        kafka_log(broker, tmp_path / "2", prefix, FOREVER) as second,
    ):
        assert await first.append([numbered(1), numbered(2)]) == [Appended(0), Appended(1)]
        assert await second.last_seq("a", "p1") == 2
        assert await second.append([numbered(2)]) == [Appended(0, duplicate=True)]
        assert await second.append([numbered(3)]) == [Appended(2)]
        assert await first.append([numbered(5)]) == [OutOfSequence(3)]
        assert await first.last_seq("a", "p1") == 3


async def test_what_two_hubs_store_at_once_is_stored_once(broker: Broker, tmp_path: Path, prefix: str) -> None:
    """A producer that sends the same batches to both is decided alike by both."""
    async with (
        kafka_log(broker, tmp_path / "1", prefix, FOREVER) as first,
        kafka_log(broker, tmp_path / "2", prefix, FOREVER) as second,
    ):
        one = await asyncio.gather(*(first.submit([numbered(seq)]) for seq in range(1, 101)))
        two = await asyncio.gather(*(second.submit([numbered(seq)]) for seq in range(1, 101)))
        stored = [item for (item,) in (*one, *two) if isinstance(item, Appended) and not item.duplicate]
        assert sorted(item.first_offset for item in stored) == list(range(100))
        assert await second.bounds("a") == await first.bounds("a") == Bounds(0, 100)


async def test_a_lost_replica_is_made_anew(broker: Broker, tmp_path: Path, prefix: str) -> None:
    """The replica is a cache: without it a hub comes to the same records, offsets and producers."""
    async with kafka_log(broker, tmp_path / "1", prefix, FOREVER) as log:
        for seq in range(1, 121):
            await log.append([numbered(seq)])
        before = await read_all(log, "a")
    shutil.rmtree(tmp_path / "1")
    async with kafka_log(broker, tmp_path / "1", prefix, FOREVER) as log:
        assert await log.last_seq("a", "p1") == 120
        assert await read_all(log, "a") == before


async def test_a_new_hub_begins_at_a_checkpoint(broker: Broker, tmp_path: Path, prefix: str) -> None:
    """Where Kafka has let go of a topic's beginning, offsets and producers are as in the other hubs all the same."""
    async with kafka_log(broker, tmp_path / "1", prefix, FOREVER) as first:
        for seq in range(1, 61):
            await first.append([numbered(seq, records=3)])
        await asyncio.sleep(2.5)  # a checkpoint is due after 50 messages
        for seq in range(61, 71):
            await first.append([numbered(seq, records=3)])
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
        await admin.start()
        partition = first._topics.partition("a")  # noqa: SLF001
        await admin.delete_records({partition: RecordsToDelete(before_offset=20)})
        await admin.close()
        async with kafka_log(broker, tmp_path / "2", prefix, FOREVER) as second:
            assert await second.last_seq("a", "p1") == 70
            bounds = await second.bounds("a")
            assert bounds.next == 210
            assert 0 < bounds.oldest <= 180
            items = await second.read("a", 0, LARGE)
            assert items[0] == Hole(0, bounds.oldest, HoleReason.RETENTION)
            assert items[1:] == await first.read("a", bounds.oldest, LARGE)
            assert await second.append([numbered(71)]) == [Appended(210)]


async def test_a_replica_of_another_log_is_refused(broker: Broker, tmp_path: Path, prefix: str) -> None:
    """Its offsets would be another log's: the hub stops and says what to do."""
    async with kafka_log(broker, tmp_path / "1", prefix, FOREVER) as log:
        await log.append([Entry("a", b"one", 1, 1)])
    with pytest.raises(ExceptionGroup) as caught:
        async with kafka_log(broker, tmp_path / "1", uuid4().hex, FOREVER):
            await asyncio.sleep(5)
    assert caught.group_contains(ConfigError, match="of another log")


async def _produce(log: KafkaLog, producer: str, count: int, acked: list[tuple[str, int]]) -> None:
    """Store batches one after the other, each again until it is stored."""
    for seq in range(1, count + 1):
        while True:
            with suppress(LogUnavailableError):
                (outcome,) = await log.append([numbered(seq, producer=producer)])
                assert isinstance(outcome, Appended)
                acked.append((producer, seq))
                break
            await asyncio.sleep(0.2)


@pytest.mark.timeout(120)
async def test_a_broker_that_dies_under_load_loses_and_doubles_nothing(tmp_path: Path, prefix: str) -> None:
    """Killed three times; every batch that was acknowledged is there, once, in both hubs."""
    with Broker(tmp_path / "broker") as broker:
        async with AsyncExitStack() as stack:
            first, second = [
                await stack.enter_async_context(
                    kafka_log(broker, tmp_path / name, prefix, FOREVER, timeout_seconds=2.0)
                )
                for name in ("1", "2")
            ]
            acked: list[tuple[str, int]] = []
            load = [
                asyncio.create_task(_produce((first, second)[number % 2], f"p{number}", 300, acked))
                for number in range(6)
            ]
            for _ in range(3):
                before = len(acked)
                while len(acked) < before + 100:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(broker.kill)
                await asyncio.sleep(3.0)
                await asyncio.to_thread(broker.start)
            await asyncio.gather(*load)
            assert len(acked) == 1800
            assert await first.bounds("a") == await second.bounds("a") == Bounds(0, 1800)
            items = await read_all(first, "a")
            assert items == await read_all(second, "a")
            assert len(items) == 1800


@pytest.mark.timeout(90)
async def test_without_a_broker_reading_goes_on_and_storing_is_refused(tmp_path: Path, prefix: str) -> None:
    """Also at the start of a hub that has a replica; once the broker is back, all goes on."""
    with Broker(tmp_path / "broker") as broker:
        async with kafka_log(broker, tmp_path / "1", prefix, FOREVER, timeout_seconds=1.0) as log:
            await log.append([numbered(1)])
        broker.kill()
        async with kafka_log(broker, tmp_path / "1", prefix, FOREVER, timeout_seconds=1.0) as log:
            assert len(await log.read("a", 0, LARGE)) == 1
            assert await log.bounds("a") == Bounds(0, 1)
            assert await log.last_seq("a", "p1") == 1
            with pytest.raises(LogUnavailableError) as caught:
                await log.append([numbered(2)])
            assert caught.value.retry_after_seconds
            with pytest.raises(LogUnavailableError):
                await asyncio.wait_for(log.append([numbered(2)]), 0.1)  # at once, since it is known by now
            await asyncio.to_thread(broker.start)
            acked: list[tuple[str, int]] = []
            await _produce(log, "p2", 3, acked)
            assert (await log.bounds("a")).next >= 4
