"""`GET /v1/tail`: the same session as server-sent events and as lines of JSON."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]

EVENTS, LINES = "text/event-stream", "application/x-ndjson"


@pytest.mark.parametrize(("accept", "kind"), [(EVENTS, EVENTS), (LINES, LINES), ("*/*", LINES)])
async def test_stored_and_live_records_of_the_tenant_come(site: Site, tenant: str, accept: str, kind: str) -> None:
    """Filtered; nothing of another tenant."""
    await site.push(tenant, "red stored", "blue")
    await site.push(tenant + "-b", "red secret")
    async with site.stream(tenant, "filter=red&oldest=true", Accept=accept) as tail:
        assert (tail.status, tail.headers["content-type"]) == (200, kind)
        assert tail.headers["cache-control"] == "no-store"
        assert (await tail.until("welcome"))["tenant"] == tenant
        assert await tail.bodies(1) == ["red stored"]
        await site.push(tenant + "-b", "red secret")
        await site.push(tenant, "red live")
        assert await tail.bodies(1) == ["red live"]


async def test_a_browser_that_comes_back_resumes_at_its_last_event(site: Site, tenant: str) -> None:
    """EventSource sends the last id by itself; it wins over the query."""
    await site.push(tenant, "one")
    async with site.stream(tenant, "oldest=true", Accept=EVENTS) as tail:
        assert await tail.bodies(1) == ["one"]
        last = tail.ids[-1]
    await site.push(tenant, "two")
    async with site.stream(tenant, "oldest=true", Accept=EVENTS, **{"Last-Event-ID": last}) as tail:
        assert await tail.bodies(1) == ["two"]


async def test_a_bounded_read_ends_with_the_account(site: Site, tenant: str) -> None:
    """So that `curl … | jq` comes to an end."""
    await site.push(tenant, "a", "b")
    async with site.stream(tenant, "oldest=true&follow=false") as tail:
        assert await tail.bodies(2) == ["a", "b"]
        assert (await tail.until("unsubscribed"))["ledger"]["delivered"] == "2"
        assert (await tail.until("goodbye"))["reason"] == "GOODBYE_REASON_DONE"
        assert await tail.next() is None


@pytest.mark.parametrize(
    ("query", "status", "part"),
    [
        ("filter=a%20(", 400, "column 3"),
        ("filtre=a", 400, "no parameter 'filtre'"),
        ("last=many", 400, "write a number"),
        ("since=yesterday", 400, "such as 10m"),
        ("since=2026-01-01T00:00:00", 400, "with its zone"),
        ("follow=maybe", 400, "true or false"),
        ("last=1&oldest=true", 400, "exclude each other"),
        ("last=1&last=2", 400, "more than once"),
        ("since=0001-01-01T00:00:00%2B14:00", 400, "such as 10m"),
        ("cursor=garbage", 400, "cursor"),
        ("last=100000", 400, "the limit"),
    ],
)
async def test_a_bad_query_is_said(site: Site, tenant: str, query: str, status: int, part: str) -> None:
    """Before the stream begins, with what to do."""
    async with site.stream(tenant, query) as tail:
        assert tail.status == status
        assert part in (await tail.body()).decode()


async def test_times_are_absolute_or_relative(site: Site, tenant: str) -> None:
    """Since a moment, or so long ago."""
    await site.push(tenant, "now")
    for since in ("1h", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+01:00"):
        async with site.stream(tenant, f"since={quote(since)}&follow=false") as tail:
            assert await tail.bodies(1) == ["now"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer x.y.z"}, 401),
        ({"Authorization": ""}, 401),
        ({"Origin": "https://evil.example"}, 403),
    ],
)
async def test_who_may_not_read_gets_nothing(site: Site, tenant: str, headers: dict[str, str], status: int) -> None:
    """By the rules of the WebSocket."""
    async with site.stream(tenant, "oldest=true", **headers) as tail:
        assert tail.status == status
        assert b"records" not in await tail.body()


async def test_a_stream_is_a_connection_until_its_peer_is_gone(start: Start, tenant: str) -> None:
    """It counts with the WebSockets, and makes room."""
    async with start(web={"max_connections": 1, "max_connections_per_tenant": 1}) as (site, _):
        async with site.stream(tenant) as tail:
            await tail.until("subscribed")
            async with site.stream(tenant) as second:
                assert second.status == 429
                assert int(second.headers["retry-after"]) > 0
        async with asyncio.timeout(10):
            while True:
                async with site.stream(tenant) as again:
                    if again.status == 200:
                        return


async def test_an_idle_stream_has_a_heartbeat(start: Start, tenant: str) -> None:
    """So that both ends see that the other is there."""
    async with start(web={"heartbeat_seconds": 1}) as (site, _), site.stream(tenant, "", Accept=EVENTS) as tail:
        await tail.until("subscribed")
        assert b": ping" in (await tail._reader.readuntil(b"ping"))  # noqa: SLF001  beside the messages


async def test_shutdown_says_goodbye(start: Start, tenant: str) -> None:
    """As the last message of the stream."""
    async with start() as (site, hub), site.stream(tenant) as tail:
        await tail.until("subscribed")
        hub.stop()
        assert (await tail.until("goodbye"))["reason"] == "GOODBYE_REASON_SHUTDOWN"
        assert await tail.next() is None


async def test_a_slow_peer_gets_everything_in_the_end(start: Start, tenant: str) -> None:
    """It falls back to the log."""
    async with start(live={"queue_bytes": 4096}) as (site, hub):
        async with site.stream(tenant) as tail:
            await tail.until("subscribed")
            bodies = [f"{number} " + "x" * 60_000 for number in range(400)]
            for first in range(0, 400, 40):
                await site.push(tenant, *bodies[first : first + 40])
            assert await tail.bodies(400) == bodies
        assert (hub.metrics.registry.get_sample_value("loghub_replays_total", {"tenant": tenant}) or 0) > 0
