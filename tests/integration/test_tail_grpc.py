"""Tail over gRPC: the same session as over WebSocket, with the certificate or a token of the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import pytest

from hub.core.principal import Role
from hub.pb import ingest_pb2
from tests.peers import batch

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from hub.pki.authority import Issued
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]


def subscriber(site: Site, tenant: str) -> Issued:
    """Return a subscriber's certificate."""
    return site.deployment.client(tenant, Role.SUBSCRIBER, "console")


async def test_a_subscribers_certificate_reads_its_tenant(site: Site, tenant: str) -> None:
    """Stored and live; nothing of another tenant."""
    await site.push(tenant, "stored")
    await site.push(tenant + "-b", "secret")
    async with site.caller(subscriber(site, tenant)) as tail:
        assert (await tail.until("welcome")).tenant == tenant
        await tail.subscribe(oldest=True)
        assert await tail.bodies(1) == ["stored"]
        await site.push(tenant + "-b", "secret")
        await site.push(tenant, "live")
        assert await tail.bodies(1) == ["live"]


async def test_a_session_has_filters_updates_and_cursors(site: Site, tenant: str) -> None:
    """As on every other transport."""
    async with site.caller(subscriber(site, tenant)) as tail:
        await tail.subscribe(filter="red")
        await site.push(tenant, "red one", "blue one")
        records = await tail.until("records")
        assert [record.body for record in records.batches[0].records] == ["red one"]
        await tail.send(update={"id": "s", "filter": "blue"})
        await tail.until("subscribed")
        await site.push(tenant, "red two", "blue two")
        assert await tail.bodies(1) == ["blue two"]
    async with site.caller(subscriber(site, tenant)) as tail:
        await tail.subscribe(cursor=records.cursor)
        assert await tail.bodies(2) == ["red two", "blue two"]


async def test_a_bounded_read_ends_the_call(site: Site, tenant: str) -> None:
    """A caller that has said all it will say gets what is stored, the account, a goodbye, and status OK."""
    await site.push(tenant, "a", "b")
    async with site.caller(subscriber(site, tenant)) as tail:
        await tail.send(subscribe={"id": "s", "oldest": True, "follow": False})
        await tail.call.done_writing()
        assert await tail.bodies(2) == ["a", "b"]
        assert (await tail.until("unsubscribed")).ledger.delivered == 2
        assert (await tail.until("goodbye")).reason == ingest_pb2.GOODBYE_REASON_DONE
        assert (await tail.status())[0] is grpc.StatusCode.OK


async def test_a_caller_that_half_closes_goes_on_receiving(site: Site, tenant: str) -> None:
    """As grpcurl does after its last message."""
    async with site.caller(subscriber(site, tenant)) as tail:
        await tail.subscribe()
        await tail.call.done_writing()
        await site.push(tenant, "live")
        assert await tail.bodies(1) == ["live"]


async def test_a_producers_certificate_needs_a_token(site: Site, tenant: str) -> None:
    """Its role may write; a token of the same tenant may read."""
    producer = site.deployment.client(tenant)
    async with site.caller(producer) as tail:
        assert (await tail.status())[0] is grpc.StatusCode.PERMISSION_DENIED
    async with site.caller(producer, site.deployment.token(tenant)) as tail:
        assert (await tail.until("welcome")).tenant == tenant


@pytest.mark.parametrize("whose", ["another tenant's", "garbage"])
async def test_a_token_must_be_good_and_of_the_certificates_tenant(site: Site, tenant: str, whose: str) -> None:
    """Neither reads anything."""
    token = site.deployment.token(tenant + "-b") if whose == "another tenant's" else "x.y.z"
    async with site.caller(subscriber(site, tenant), token) as tail:
        code, text = await tail.status()
    expected = grpc.StatusCode.UNAUTHENTICATED if whose == "garbage" else grpc.StatusCode.PERMISSION_DENIED
    assert code is expected, text


async def test_both_are_asked_for_where_the_hub_says_so(start: Start, tenant: str) -> None:
    """A certificate alone is not enough then."""
    async with start(web={"auth-mode": "mTLS+JWT"}) as (site, _):
        async with site.caller(subscriber(site, tenant)) as tail:
            assert (await tail.status())[0] is grpc.StatusCode.UNAUTHENTICATED
        async with site.caller(subscriber(site, tenant), site.deployment.token(tenant)) as tail:
            await tail.until("welcome")


async def test_what_is_no_message_ends_the_call_with_a_reason(site: Site, tenant: str) -> None:
    """Said in the goodbye and in the status."""
    async with site.caller(subscriber(site, tenant)) as tail:
        await tail.until("welcome")
        await tail.call.write(b"\xff")
        goodbye = await tail.until("goodbye")
        assert (goodbye.reason, goodbye.reconnect) == (ingest_pb2.GOODBYE_REASON_PROTOCOL, False)
        code, text = await tail.status()
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "not a ClientMessage" in text


async def test_a_filter_error_keeps_the_call(site: Site, tenant: str) -> None:
    """It names the column."""
    async with site.caller(subscriber(site, tenant)) as tail:
        await tail.send(subscribe={"id": "s", "filter": "a ("})
        assert (await tail.until("error")).column == 3
        await tail.subscribe()


async def test_a_slow_caller_gets_everything_in_the_end(start: Start, tenant: str) -> None:
    """It falls back to the log; the hub keeps no more for it than the limit."""
    async with start(live={"queue_bytes": 4096}) as (site, hub):
        async with site.caller(subscriber(site, tenant)) as tail, site.producer(tenant) as producer:
            await tail.subscribe()
            bodies = [f"{number} " + "x" * 2000 for number in range(2000)]
            for seq in range(20):
                await producer.send_batches(batch(*bodies[seq * 100 : seq * 100 + 100], seq=seq + 1))
            await producer.acked(20)
            assert await tail.bodies(2000) == bodies
        assert (hub.metrics.registry.get_sample_value("loghub_replays_total", {"tenant": tenant}) or 0) > 0


async def test_shutdown_says_goodbye(start: Start, tenant: str) -> None:
    """With when to come back."""
    async with start() as (site, hub), site.caller(subscriber(site, tenant)) as tail:
        await tail.subscribe()
        hub.stop()
        goodbye = await tail.until("goodbye")
        assert (goodbye.reason, goodbye.reconnect) == (ingest_pb2.GOODBYE_REASON_SHUTDOWN, True)
        assert (await tail.status())[0] is grpc.StatusCode.UNAVAILABLE


async def test_calls_count_as_connections(start: Start, tenant: str) -> None:
    """Together with WebSockets; one that is gone makes room."""
    async with start(web={"max_connections": 1, "max_connections_per_tenant": 1}) as (site, _):
        async with site.caller(subscriber(site, tenant)) as tail:
            await tail.until("welcome")
            async with site.caller(subscriber(site, tenant)) as second:
                assert (await second.status())[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        for _ in range(100):
            async with site.caller(subscriber(site, tenant)) as again:
                if await again.call.initial_metadata() is not None and await again.call.read() is not grpc.aio.EOF:
                    return
        pytest.fail("the first call's place was never free")
