"""Tickets of `POST /v1/tickets`, over the real ports: what they open, and what they do not."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus

from hub.core.principal import Role
from hub.identity.tokens import Claims
from tests.peers import JSON, PROTO

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from hub.pki.authority import Issued
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]

EVENTS = {"Accept": "text/event-stream"}


async def ask(site: Site, token: str, client: Issued | None = None, **headers: Any) -> tuple[int, dict[str, Any]]:
    """Ask for a ticket; return status and answer."""
    given = {"Authorization": f"Bearer {token}", "Content-Length": "0", **headers}
    async with site.request("POST /v1/tickets", given, site.tls(client)) as answer:
        assert answer.headers["cache-control"] == "no-store"
        return answer.status, json.loads(await answer.body())


async def ticket_of(site: Site, tenant: str, client: Issued | None = None) -> str:
    """Return a ticket for a tenant's records."""
    status, answer = await ask(site, site.deployment.token(tenant), client)
    assert (status, answer["expires_in"]) == (200, 30.0)
    return str(answer["ticket"])


async def status_with(site: Site, ticket: str, client: Issued | None = None, **headers: str) -> int:
    """Return how a stream with a ticket is answered."""
    async with site.request(f"GET /v1/tail?ticket={ticket}", EVENTS | headers, site.tls(client)) as answer:
        return answer.status


async def test_an_event_source_gets_in_by_a_ticket(site: Site, tenant: str) -> None:
    """It has nothing but the address; other parameters stand beside."""
    await site.push(tenant, "red", "blue")
    ticket = await ticket_of(site, tenant)
    async with site.request(f"GET /v1/tail?ticket={ticket}&filter=red&oldest=true", EVENTS) as tail:
        assert (await tail.until("welcome"))["tenant"] == tenant
        assert await tail.bodies(1) == ["red"]
    assert await status_with(site, ticket) == 401


@pytest.mark.parametrize("encoding", [PROTO, JSON])
async def test_a_websocket_gets_in_by_a_ticket(site: Site, tenant: str, encoding: str) -> None:
    """Once."""
    await site.push(tenant, "x")
    query = f"?ticket={await ticket_of(site, tenant)}"
    async with site.subscriber(tenant, encoding, headers={"Authorization": None}, query=query) as tail:
        await tail.subscribe(oldest=True)
        assert await tail.bodies(1) == ["x"]
    with pytest.raises(InvalidStatus) as caught:
        async with site.subscriber(tenant, encoding, headers={"Authorization": None}, query=query):
            pass
    assert caught.value.response.status_code == 401


async def test_of_ten_who_come_at_once_one_gets_in(site: Site, tenant: str) -> None:
    """Each on a connection of its own."""
    ticket = await ticket_of(site, tenant)
    answers = await asyncio.gather(*(status_with(site, ticket) for _ in range(10)))
    assert sorted(answers) == [200, *9 * [401]]


async def test_the_session_is_the_tokens(site: Site, tenant: str) -> None:
    """Its tenants, filter and expiry."""
    claims = Claims("", "me", "logs:read", 61.0, filter="red", tenants=(tenant, tenant + "-b"))
    _, answer = await ask(site, site.deployment.mint(claims))
    await site.push(tenant + "-b", "red", "blue")
    query = f"ticket={answer['ticket']}&tenant={tenant}-b&oldest=true&follow=false"
    async with site.request(f"GET /v1/tail?{query}", EVENTS) as tail:
        welcome = await tail.until("welcome")
        assert welcome["tenants"] == [tenant, tenant + "-b"]
        assert "authExpires" in welcome
        assert await tail.bodies(1) == ["red"]
    assert await status_with(site, answer["ticket"] + "&tenant=acme") == 401


async def test_a_ticket_of_a_certificate_is_for_its_connections(site: Site, tenant: str) -> None:
    """Not for another one of the same tenant, nor for none."""
    right, wrong = (site.deployment.client(tenant, Role.SUBSCRIBER, name) for name in ("right", "wrong"))
    for client, status in ((right, 200), (wrong, 401), (None, 401)):
        assert await status_with(site, await ticket_of(site, tenant, right), client) == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer x.y.z"}, 401),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_who_may_not_read_gets_no_ticket(site: Site, headers: dict[str, Any], status: int) -> None:
    """By the rules of the tail."""
    answer = await ask(site, site.deployment.token("acme"), **headers)
    assert answer[0] == status
    assert "ticket" not in answer[1]


async def test_a_page_from_elsewhere_does_not_use_a_ticket_up(site: Site, tenant: str) -> None:
    """It is turned away before."""
    ticket = await ticket_of(site, tenant)
    assert await status_with(site, ticket, Origin="https://evil.example") == 403
    assert await status_with(site, ticket) == 200


async def test_a_ticket_opens_the_tail_only(site: Site, tenant: str) -> None:
    """Nothing else looks at it, nor is another one given for it; and it is got by POST alone."""
    ticket = await ticket_of(site, tenant)
    for line in (f"GET /v1/whoami?ticket={ticket}", f"POST /v1/tickets?ticket={ticket}"):
        async with site.request(line, {"Content-Length": "0"}) as answer:
            assert answer.status == 401
    async with site.request("GET /v1/tickets", {"Authorization": f"Bearer {site.deployment.token(tenant)}"}) as answer:
        assert answer.status == 405
    assert await status_with(site, ticket) == 200


async def test_a_tenant_has_a_bounded_number(start: Start, tenant: str) -> None:
    """429 with the time to come back; others have their own."""
    async with start(tokens={"max_tickets_per_tenant": 2, "ticket_seconds": 20}) as (site, hub):
        token = site.deployment.token(tenant)
        assert [(await ask(site, token))[0] for _ in range(3)] == [200, 200, 429]
        assert (await ask(site, site.deployment.token(tenant + "-b")))[0] == 200
        samples = {
            name: hub.metrics.registry.get_sample_value(f"loghub_{name}_total", {"tenant": tenant})
            for name in ["tickets"]
        }
        assert samples == {"tickets": 2.0}


async def test_a_ticket_is_not_logged(site: Site, tenant: str, caplog: pytest.LogCaptureFixture) -> None:
    """Neither when it is given out, used, nor refused."""
    caplog.set_level(logging.DEBUG)
    ticket = await ticket_of(site, tenant)
    assert await status_with(site, ticket) == 200
    assert await status_with(site, ticket) == 401
    assert any("auth_refused" in record.getMessage() for record in caplog.records)
    said = [f"{record.getMessage()} {getattr(record, 'fields', '')}" for record in caplog.records]
    assert not [line for line in said if ticket in line]
