"""The hub is killed, over and over, under load from Java: nothing acknowledged is lost, doubled or out of order."""

from __future__ import annotations

import asyncio
import json
import os
from collections import defaultdict
from contextlib import suppress
from operator import ge
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import WebSocketException

from hub.cli.hub_child import start_hub
from tests.peers import Site

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.cli.children import Child, Children
    from hub.cli.deployment import Deployment

TENANT = "acme"
PRODUCERS = ("java-1", "java-2")
KILLS = 20
# Two producers; each lives until it is told to stop. What must be acknowledged between two kills, and by how many.
RATE = 10_000
PROGRESS = 2_000
MOST_RECORDS = 5_000_000
TAIL_BYTES = 4096


def start_load(children: Children, site: Site, command: list[str], producer_id: str, rate: int = RATE) -> Child:
    """Start a Java producer of numbered records."""
    identity = site.deployment.client(TENANT)
    options = {
        "--endpoint": site.endpoint,
        "--ca": str(site.deployment.ca),
        "--cert": str(identity.cert),
        "--key": str(identity.key),
        "--producer-id": producer_id,
        "--count": str(MOST_RECORDS),
        "--rate": str(rate),
        "--deadline-seconds": "240",
    }
    return children.start(producer_id, [*command, *(word for pair in options.items() for word in pair)])


def last_line(log: Path) -> dict[str, int]:
    """Return the last JSON line that a producer has printed whole."""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
        lines = file.read().decode(errors="replace").splitlines()
    for line in reversed(lines):
        if line.startswith("{") and line.endswith("}"):
            found: dict[str, int] = json.loads(line)
            return found
    return {}


class Follower:
    """A subscriber that comes back with its cursor, whatever happens to the hub."""

    def __init__(self, site: Site) -> None:
        self.numbers: dict[str, list[int]] = defaultdict(list)
        self.connections = 0
        self.lost = 0
        self._site = site
        self._cursor = ""

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                async with self._site.subscriber(TENANT) as tail:
                    await tail.subscribe(**({"cursor": self._cursor} if self._cursor else {"oldest": True}))
                    self.connections += 1
                    async for message in tail:
                        self._take(message)
            await asyncio.sleep(0.05)

    def _take(self, message: object) -> None:
        kind = message.WhichOneof("kind")  # type: ignore[attr-defined]
        body = getattr(message, kind)
        self.lost += kind == "gap"
        for batch in body.batches if kind == "records" else ():
            self.numbers[batch.producer_id].extend(record.attributes["n"].int_value for record in batch.records)
        if kind in ("records", "position", "gap"):
            self._cursor = body.cursor


async def until(met: Callable[[], bool], *needed: Child) -> None:
    """Wait for something that programs bring about; fail with the last words of one that has ended."""
    while not met():
        for child in needed:
            child.check()
        await asyncio.sleep(0.01)


@pytest.mark.timeout(300)
async def test_nothing_acknowledged_is_lost_or_doubled_over_twenty_kills(
    deployment: Deployment, children: Children, load_command: list[str]
) -> None:
    """Every record that Java saw acknowledged reaches a resuming subscriber exactly once, in order per producer."""
    hub, listening = start_hub(children, deployment)
    site = Site(deployment, listening)
    follower = Follower(site)
    following = asyncio.create_task(follower.run())
    loads = [start_load(children, site, load_command, name) for name in PRODUCERS]

    for kill in range(1, KILLS + 1):
        goals = [acked(load) + PROGRESS for load in loads]
        await until(lambda goals=goals: all(map(ge, map(acked, loads), goals)), hub, *loads)  # type: ignore[misc]
        hub.kill()
        hub, _ = await asyncio.to_thread(start_hub, children, deployment, name=f"hub-{kill}")

    results = {name: await asyncio.to_thread(stop_load, load) for name, load in zip(PRODUCERS, loads, strict=True)}
    await until(lambda: all(len(follower.numbers[name]) >= results[name]["acked"] for name in PRODUCERS), hub)
    await asyncio.sleep(0.5)  # time in which a duplicate would come
    following.cancel()

    for name, result in results.items():
        assert result["sent"] == result["acked"] > KILLS * PROGRESS
        assert result["dropped"] == result["rejected"] == 0
        assert result["reconnects"] >= KILLS
        assert follower.numbers[name] == list(range(result["acked"]))
    assert follower.lost == 0
    assert follower.connections > KILLS // 2


def acked(load: Child) -> int:
    """Return up to which record a producer has everything acknowledged."""
    return last_line(load.log).get("acked_up_to", -1)


def stop_load(load: Child) -> dict[str, int]:
    """Have a producer stop; return what it says at the end, when all it sent is acknowledged."""
    load.process.terminate()
    load.process.wait(60)
    return last_line(load.log)
