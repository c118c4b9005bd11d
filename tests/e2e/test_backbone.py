"""Two hubs on one Kafka, as processes: a producer at one, a subscriber at the other, which is killed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import WebSocketException

from hub.cli.broker import Broker
from hub.cli.hub_child import start_hub
from tests.e2e.conftest import free_port
from tests.peers import Site, batch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.cli.children import Child, Children
    from hub.cli.deployment import Deployment

BATCHES = 300
SECONDS = 60.0


def start_node(children: Children, deployment: Deployment, broker: Broker, name: str) -> tuple[Child, Site]:
    """Start a hub with a data folder of its own."""
    settings = {
        "data-dir": name,
        "log": {"backend": "kafka", "kafka-replication-factor": 1, "kafka-min-insync-replicas": 1},
        "kafka": {"brokers": [broker.address]},
    }
    deployment.configure(free_port(), free_port(), settings)
    child, listening = start_hub(children, deployment, name=name)
    return child, Site(deployment, listening)


async def produce(site: Site, tenant: str) -> None:
    """Send numbered batches, and see each acknowledged."""
    async with site.producer(tenant, "p1") as peer:
        for seq in range(1, BATCHES + 1):
            await peer.send_batches(batch(f"{seq}-a", f"{seq}-b", seq=seq))
            await asyncio.sleep(0.01)
        await peer.acked(BATCHES)


async def follow(site: Site, tenant: str, cursor: bytes | str) -> AsyncIterator[tuple[list[str], bytes | str]]:
    """Yield bodies and the cursor behind them, until the hub is gone."""
    with suppress(OSError, WebSocketException, TimeoutError):
        async with site.subscriber(tenant) as tail:
            await tail.subscribe(**({"cursor": cursor} if cursor else {"oldest": True}))
            async for message in tail:
                kind = message.WhichOneof("kind")
                assert kind != "gap", message
                if kind == "records":
                    records = message.records
                    yield (
                        [record.body for one in records.batches for record in one.records],
                        records.cursor,
                    )


@pytest.mark.timeout(150)
async def test_a_subscriber_goes_on_at_the_other_hub(
    deployment: Deployment, children: Children, tmp_path: Path
) -> None:
    """Its hub is killed; its cursor is good at the other one, and it has every record once, in order."""
    with Broker(tmp_path / "broker") as broker:
        _, first = start_node(children, deployment, broker, "node-1")
        victim, second = start_node(children, deployment, broker, "node-2")
        producing = asyncio.create_task(produce(first, "acme"))
        wanted = [f"{seq}-{part}" for seq in range(1, BATCHES + 1) for part in "ab"]
        bodies: list[str] = []
        cursor: bytes | str = ""
        async with asyncio.timeout(SECONDS):
            while not cursor:  # until the topic is there
                async for found, cursor in follow(second, "acme", ""):  # noqa: B007  the last one is used below
                    bodies += found
                    if len(bodies) > len(wanted) // 3 and victim.process.poll() is None:
                        victim.kill()
            assert victim.process.poll() is not None
            assert 0 < len(bodies) < len(wanted)
            async for found, _ in follow(first, "acme", cursor):
                bodies += found
                if len(bodies) >= len(wanted):
                    break
            await producing
        assert bodies == wanted
        async with first.subscriber("other") as tail:  # another tenant has nothing of it
            await tail.subscribe(oldest=True)
            await first.push("other", "mine")
            assert await tail.bodies(1) == ["mine"]
