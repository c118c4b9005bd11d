"""A hub of two workers is killed, over and over, under a group: nothing is lost, and nothing settled comes again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

import grpc
import pytest

from hub.cli.hub_child import start_hub
from hub.pb.consume_pb2 import AckDeliveries
from tests.members import ask, bodies, member, reader
from tests.peers import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.cli.children import Children
    from hub.cli.deployment import Deployment
    from hub.pb.consume_pb2 import ConsumerEvent
    from tests.members import MemberPeer

TENANT = "acme"
KILLS = 5
PROGRESS = 200
BATCH = 25
PAUSE_SECONDS = 0.3
SECONDS = 60.0
BROKEN = (grpc.aio.AioRpcError, AssertionError, TimeoutError, asyncio.InvalidStateError, grpc.aio.UsageError)


class Shared:
    """What all members have got, and what of it the hub said was settled."""

    def __init__(self) -> None:
        self.got: set[str] = set()
        self.settled: set[str] = set()
        self.again: list[str] = []
        self.deliveries = 0
        self.joins = 0

    async def work(self, site: Site, name: str) -> None:
        """Be a member until cancelled, whatever happens to the hub."""
        while True:
            with suppress(*BROKEN):
                async with member(site, reader(site, TENANT), member=name, oldest=True, max_records=20) as peer:
                    self.joins += 1
                    await self._serve(peer)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _serve(self, peer: MemberPeer) -> None:
        held: dict[int, list[str]] = {}
        while (event := await peer.next()) is not None:
            await self._take(peer, event, held)

    async def _take(self, peer: MemberPeer, event: ConsumerEvent, held: dict[int, list[str]]) -> None:
        if event.HasField("delivery"):
            held[event.delivery.id] = found = bodies(event.delivery)
            self.deliveries += 1
            self.again += [one for one in found if one in self.settled]
            self.got.update(found)
            await peer.send(ack=AckDeliveries(ids=[event.delivery.id]))
        for one in event.settled.ids:
            self.settled.update(held.pop(one))


async def produce(site: Site, stored: set[str]) -> None:
    """Store numbered records until cancelled; those of a push that broke may be there or not."""
    for first in count(0, BATCH):
        numbers = [f"{number}" for number in range(first, first + BATCH)]
        try:
            await site.push(TENANT, *numbers)
            stored.update(numbers)
        except grpc.aio.AioRpcError:
            await asyncio.sleep(PAUSE_SECONDS)


async def until(met: Callable[[], bool]) -> None:
    """Wait for something that the hub brings about."""
    async with asyncio.timeout(SECONDS):
        while not met():  # noqa: ASYNC110  of processes elsewhere
            await asyncio.sleep(0.02)


@pytest.mark.timeout(300)
async def test_a_group_outlives_five_kills_of_all_workers(deployment: Deployment, children: Children) -> None:
    """Every acknowledged record reaches a member; no record comes again that the hub said was settled."""
    hub, listening = start_hub(children, deployment, "--workers", "2")
    site, shared, stored = Site(deployment, listening), Shared(), set[str]()
    tasks = [asyncio.create_task(shared.work(site, f"m{number}")) for number in range(3)]
    producing = asyncio.create_task(produce(site, stored))
    for kill in range(1, KILLS + 1):
        goal = len(shared.settled) + PROGRESS
        await until(lambda goal=goal: len(shared.settled) >= goal)  # type: ignore[misc]
        hub.kill()
        hub, _ = await asyncio.to_thread(start_hub, children, deployment, "--workers", "2", name=f"hub-{kill}")
    producing.cancel()
    await until(lambda: stored <= shared.got)
    async with asyncio.timeout(SECONDS):
        while (await ask(site, reader(site, TENANT), "DescribeGroup", group="audit")).group.lag:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    assert shared.again == []
    assert len(stored) >= KILLS * PROGRESS
    assert shared.joins >= 3 * KILLS
