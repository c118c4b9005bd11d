"""The Kafka source and hubs that are killed: every message is in the log, once."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import WebSocketException

from hub.cli.broker import Broker
from hub.cli.hub_child import start_hub
from tests.e2e.conftest import free_port
from tests.peers import Site
from tests.topics import create_topic, producer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from hub.cli.children import Child, Children
    from hub.cli.deployment import Deployment

TOPIC, TENANT, PARTITIONS = "numbers", "acme", 4
KILLS = 20
TAKEOVERS = 4
# What must come between two kills, and how fast it is written.
PROGRESS = 300
RATE = 3000
SECONDS = 200.0
# Hubs that were killed are missed soon, in a group that the broker lets notice so soon.
QUICK_GROUP = {"group.min.session.timeout.ms": "500"}
SESSION_SECONDS = 1.5


def settings(broker: Broker, name: str, **log: Any) -> dict[str, Any]:
    """Return a hub's settings."""
    source = {"topics": [TOPIC], "tenant": TENANT, "format": "text"}
    kafka = {
        "brokers": [broker.address],
        "sources": [source],
        "source-session-seconds": SESSION_SECONDS,
        "source-member": name,
        "dead-letter-replication-factor": 1,
    }
    return {"data-dir": name, "kafka": kafka, "log": log, "shutdown": {"grace-seconds": 5}}


class Writer:
    """Writes numbers to all partitions, and knows how many the broker has."""

    def __init__(self, broker: Broker) -> None:
        self.written = 0
        self._broker = broker
        self._enough = False

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Write all the while."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._enough = True
            await task

    async def _run(self) -> None:
        async with producer(self._broker, acks="all", enable_idempotence=True) as made:
            while not self._enough:
                numbers = range(self.written, self.written + RATE // 20)
                sent = [await made.send(TOPIC, b"%d" % number, partition=number % PARTITIONS) for number in numbers]
                await asyncio.gather(*sent)
                self.written = numbers.stop
                await asyncio.sleep(0.05)


class Reader:
    """A subscriber that comes back with its cursor, and counts what it gets of each number."""

    def __init__(self, site: Site) -> None:
        self.counts: Counter[int] = Counter()
        self.gaps = 0
        self.last = [-1] * PARTITIONS
        self.disordered = 0
        self._site = site
        self._cursor = ""

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Read all the while."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                async with self._site.subscriber(TENANT) as tail:
                    await tail.subscribe(**({"cursor": self._cursor} if self._cursor else {"oldest": True}))
                    async for message in tail:
                        self._take(message)
            await asyncio.sleep(0.05)

    def _take(self, message: Any) -> None:
        kind = message.WhichOneof("kind")
        body = getattr(message, kind)
        self.gaps += kind == "gap"
        for batch in body.batches if kind == "records" else ():
            for record in batch.records:
                number = int(record.body)
                self.counts[number] += 1
                self.disordered += number <= self.last[number % PARTITIONS]
                self.last[number % PARTITIONS] = number
        if kind in ("records", "position", "gap"):
            self._cursor = body.cursor

    def has_all(self, count: int) -> bool:
        """Return whether so many numbers came; each once and in the order of its partition, or it says what not."""
        doubled = {number: times for number, times in self.counts.items() if times > 1}
        assert not doubled, f"{len(doubled)} doubled, such as {sorted(doubled)[:5]}"
        assert not self.disordered
        assert not self.gaps
        return len(self.counts) >= count


async def until(met: Callable[[], bool], *needed: Child) -> None:
    """Wait for something that programs bring about; fail with the last words of one that has ended."""
    async with asyncio.timeout(SECONDS):
        while not met():
            for child in needed:
                child.check()
            await asyncio.sleep(0.02)


@pytest.mark.timeout(600)
async def test_twenty_kills_of_a_hub_lose_and_double_nothing(
    deployment: Deployment, children: Children, tmp_path: Path
) -> None:
    """The embedded log: what is stored and how far the topic was read are of one transaction."""
    with Broker(tmp_path / "broker", settings=QUICK_GROUP) as broker:
        await create_topic(broker, TOPIC, PARTITIONS)
        deployment.configure(free_port(), free_port(), settings(broker, "one"))
        hub, listening = await asyncio.to_thread(start_hub, children, deployment)
        writer, reader = Writer(broker), Reader(Site(deployment, listening))
        async with reader.reading():
            async with writer.writing():
                for kill in range(1, KILLS + 1):
                    goal = len(reader.counts) + PROGRESS
                    await until(lambda goal=goal: reader.has_all(goal), hub)  # type: ignore[misc]
                    hub.kill()
                    hub, _ = await asyncio.to_thread(start_hub, children, deployment, name=f"hub-{kill}")
            await until(lambda: reader.has_all(writer.written), hub)
            await asyncio.sleep(0.5)  # time in which a duplicate would come
            assert reader.has_all(writer.written)
        assert sorted(reader.counts) == list(range(writer.written))
        assert writer.written > KILLS * PROGRESS


@pytest.mark.timeout(600)
async def test_hubs_that_take_partitions_over_lose_and_double_nothing(
    deployment: Deployment, children: Children, tmp_path: Path
) -> None:
    """Two hubs on one Kafka: one is killed and comes back, again and again; the other has its partitions meanwhile."""
    with Broker(tmp_path / "broker", settings=QUICK_GROUP) as broker:
        await create_topic(broker, TOPIC, PARTITIONS)
        copies = {"backend": "kafka", "kafka-replication-factor": 1, "kafka-min-insync-replicas": 1}

        def start(name: str) -> tuple[Child, Site]:
            own = settings(broker, name, **copies)
            own["kafka"]["source-member"] = ""  # so that partitions are given to the other hub when one comes or goes
            deployment.configure(free_port(), free_port(), own)
            child, listening = start_hub(children, deployment, name=name)
            return child, Site(deployment, listening)

        hub, site = await asyncio.to_thread(start, "lasting")
        writer, reader = Writer(broker), Reader(site)
        async with reader.reading():
            async with writer.writing():
                for _ in range(TAKEOVERS):
                    other, _ = await asyncio.to_thread(start, "other")
                    for victim in (None, other):  # while both have some, and once the group has noticed
                        goal = len(reader.counts) + 2 * RATE
                        await until(lambda goal=goal: reader.has_all(goal), hub)  # type: ignore[misc]
                        if victim:
                            victim.kill()
            await until(lambda: reader.has_all(writer.written), hub)
            await asyncio.sleep(0.5)  # time in which a duplicate would come
            assert reader.has_all(writer.written)
        assert sorted(reader.counts) == list(range(writer.written))
