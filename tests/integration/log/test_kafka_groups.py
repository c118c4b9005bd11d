"""A consumer group on Kafka: its members are on different hubs, and its place survives a hub that is gone for good."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from hub.log.model import Entry, Note
from tests.fakes import FOREVER, entry
from tests.kafka import kafka_log
from tests.unit.consume.world import Peer, engine

if TYPE_CHECKING:
    from pathlib import Path

    from hub.cli.broker import Broker

KEY = ("acme", "audit")
RECORDS = 40


@pytest.fixture
def prefix() -> str:
    """What the topics of the test begin with."""
    return uuid4().hex


async def test_members_on_two_hubs_share_and_the_place_moves_to_a_third(
    broker: Broker, tmp_path: Path, prefix: str
) -> None:
    """Everything comes once to either; a hub that has never seen the topic goes on where they were."""
    async with AsyncExitStack() as stack:
        logs = [await stack.enter_async_context(kafka_log(broker, tmp_path / n, prefix, FOREVER)) for n in "12"]
        engines = [await stack.enter_async_context(engine(log)) for log in logs]
        await logs[0].append([entry("acme", "0")])
        peers = [await Peer(of).join(max_records=1, max_in_flight=2, oldest=True) for of in engines]
        for number in range(1, RECORDS):
            await logs[number % 2].append([entry("acme", f"{number}")])
        seen: list[list[str]] = [[], []]
        async with asyncio.timeout(45):
            while sum(map(len, seen)) < RECORDS:
                for peer, mine in zip(peers, seen, strict=True):
                    fresh, peer.sink.frames = peer.deliveries, []
                    mine += [record.body for one in fresh for batch in one.batches for record in batch.records]
                    if fresh:
                        await peer.ack(*fresh)
                await asyncio.sleep(0.01)
        assert sorted(seen[0] + seen[1], key=int) == [f"{number}" for number in range(RECORDS)]
        assert all(seen), "both had their share"
        for peer in peers:
            await peer.session.close()
    async with kafka_log(broker, tmp_path / "3", prefix, FOREVER) as third, engine(third) as anew:
        await third.append([entry("acme", "last")])
        group = await anew.group(KEY)
        assert (group.cursor, group.acked_records, group.seats) == (RECORDS, RECORDS, {})
        peer = await Peer(anew).join()
        await peer.heard(1)
        assert peer.bodies == [["last"]]
        await peer.session.close()


async def test_a_checkpoint_holds_the_notes(broker: Broker, tmp_path: Path, prefix: str) -> None:
    """Where Kafka has let go of the message that wrote one, a new hub has it all the same."""
    async with kafka_log(broker, tmp_path / "1", prefix, FOREVER) as first:
        await first.append([Entry("a", b"kept", 0, 1, seq=5, after_seq=0, note="n")])
        for _ in range(60):
            await first.append([entry("a", "x")])
        await asyncio.sleep(2.5)  # a checkpoint is due after 50 messages
        await first.append([entry("a", "x")])
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
        await admin.start()
        await admin.delete_records({first._topics.partition("a"): RecordsToDelete(before_offset=20)})  # noqa: SLF001
        await admin.close()
        async with kafka_log(broker, tmp_path / "2", prefix, FOREVER) as second:
            assert await second.notes("a") == [Note("n", 5, b"kept")]
