"""The audit log of a hub that is killed: the chain holds, and the start without a stop before it tells of the crash."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hub.cli.hub_child import start_hub
from hub.observe.audit_verify import events, verify
from tests.peers import Site

if TYPE_CHECKING:
    from hub.cli.children import Children
    from hub.cli.deployment import Deployment

KILLS = 4


@pytest.mark.timeout(120)
async def test_the_chain_holds_over_kills(deployment: Deployment, children: Children) -> None:
    """While sessions come and go; what was on disk stays, and nothing is taken for damage."""
    folder = deployment.folder / "data" / "audit"
    for number in range(KILLS):
        hub, listening = start_hub(children, deployment, name=f"hub-{number}")
        site = Site(deployment, listening)
        for _ in range(20):
            async with site.subscriber("acme") as tail:
                await tail.until("welcome")
        await asyncio.sleep(0.1 * number)  # more or less of it is written
        hub.kill()
        assert [report.problem for report in verify(folder)] == [""]
    found = [line["event"] for _, line in events(folder)]
    assert found.count("hub_started") >= KILLS - 1
    assert "hub_stopped" not in found
    assert "audit_damaged" not in found
    assert found.count("session_opened") > 20
