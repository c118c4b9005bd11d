"""Several workers on the same ports and the same log behave as one hub."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import WebSocketException

from hub.cli.hub_child import start_hub
from tests.peers import Site

if TYPE_CHECKING:
    from pathlib import Path

    from hub.cli.children import Children
    from hub.cli.deployment import Deployment

WORKERS = 3


def ready(log: Path) -> dict[int, int]:
    """Return the process id of each worker that has said it is ready."""
    events = [json.loads(line) for line in log.read_text().splitlines() if '"ready"' in line]
    return {event["worker"]: event["pid"] for event in events}


async def wait_ready(log: Path, others: frozenset[int] = frozenset()) -> dict[int, int]:
    """Wait until all workers are ready, none of them with one of these process ids."""
    async with asyncio.timeout(30):
        while len(found := ready(log)) < WORKERS or others & set(found.values()):  # noqa: ASYNC110  a file has no event
            await asyncio.sleep(0.05)
    return found


@pytest.mark.timeout(120)
async def test_every_subscriber_gets_what_any_worker_stores(deployment: Deployment, children: Children) -> None:
    """Whichever worker a connection lands on; a worker that is killed is started again, the others do not notice."""
    hub, listening = start_hub(children, deployment, "--workers", str(WORKERS))
    workers = await wait_ready(hub.log)
    site = Site(deployment, listening)
    async with asyncio.TaskGroup() as tasks:
        watching = [tasks.create_task(follow(site)) for _ in range(12)]
        await asyncio.sleep(0.5)
        for number in range(30):
            await site.push("acme", f"{number}")
            if number == 15:
                os.kill(workers[1], signal.SIGKILL)
                await wait_ready(hub.log, frozenset({workers[1]}))
    for watcher in watching:
        assert watcher.result() == [f"{number}" for number in range(30)]


@pytest.mark.timeout(120)
async def test_a_ticket_of_one_worker_works_on_any_other_once(deployment: Deployment, children: Children) -> None:
    """Connections land on a worker by chance; of all that come at once with a ticket, one gets in."""
    hub, listening = start_hub(children, deployment, "--workers", str(WORKERS))
    await wait_ready(hub.log)
    site = Site(deployment, listening)
    asking = {"Authorization": f"Bearer {deployment.token('acme')}", "Content-Length": "0"}

    async def use(ticket: str) -> int:
        async with site.request(f"GET /v1/tail?ticket={ticket}", {}) as tail:
            return tail.status

    for _ in range(10):
        async with site.request("POST /v1/tickets", asking) as answer:
            ticket = json.loads(await answer.body())["ticket"]
        answers = await asyncio.gather(*(use(ticket) for _ in range(8)))
        assert sorted(answers) == [200, *7 * [401]]
        assert ticket not in hub.log.read_text()


async def follow(site: Site) -> list[str]:
    """Read 30 records, coming back with the cursor where the worker dies."""
    bodies: list[str] = []
    cursor = ""
    while len(bodies) < 30:
        try:
            async with site.subscriber("acme") as tail:
                await tail.subscribe(**({"cursor": cursor} if cursor else {"oldest": True}))
                while len(bodies) < 30:
                    message = await tail.until("records")
                    cursor = message.cursor
                    bodies.extend(record.body for one in message.batches for record in one.records)
        except (OSError, TimeoutError, WebSocketException):
            await asyncio.sleep(0.1)
    return bodies
