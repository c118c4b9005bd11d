"""Every bound holds, says so, and leaves the others alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import pytest
from websockets.exceptions import InvalidStatus

from hub.core.cursor import Cursor
from hub.pb.tail_pb2 import GAP_REASON_RETENTION
from tests.peers import JSON, ProducerPeer, batch

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]


async def test_connections_of_a_tenant_are_bounded(start: Start, tenant: str) -> None:
    """One too many gets 429 with Retry-After; another tenant is let in; a place that is left is free."""
    async with start(web={"max-connections-per-tenant": 1}) as (site, _):
        async with site.subscriber(tenant), site.subscriber(tenant + "-b"):
            with pytest.raises(InvalidStatus) as caught:
                async with site.subscriber(tenant):
                    pass
            assert caught.value.response.status_code == 429
            assert int(caught.value.response.headers["Retry-After"]) > 0
        async with asyncio.timeout(5):
            while True:
                try:
                    async with site.subscriber(tenant):
                        break
                except InvalidStatus:
                    continue


async def test_streams_of_a_tenant_are_bounded(start: Start, tenant: str) -> None:
    """One too many gets RESOURCE_EXHAUSTED."""
    async with start(grpc={"max-streams-per-tenant": 1}) as (site, _), site.producer(tenant, "one") as one:
        await one.receive("welcome")
        async with site.channel(site.deployment.client(tenant)) as channel:
            # Without a hello, which may find the stream refused already.
            two = ProducerPeer(channel.stream_stream("/loghub.v1.Ingest/Stream")())
            code, text = await two.status()
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert "max_streams_per_tenant" in text
        async with site.producer(tenant + "-b", "one") as other:
            await other.receive("welcome")


async def test_subscriptions_of_a_connection_are_bounded(start: Start, tenant: str) -> None:
    """The error names the setting, and an unsubscribe makes room."""
    async with start(live={"max-subscriptions": 2}) as (site, _), site.subscriber(tenant, JSON) as tail:
        await tail.subscribe("a")
        await tail.subscribe("b")
        await tail.send(subscribe={"id": "c"})
        error = await tail.until("error")
        assert error["code"] == "ERROR_CODE_QUOTA"
        assert "max_subscriptions" in error["message"]
        await tail.send(unsubscribe={"id": "a"})
        await tail.until("unsubscribed")
        await tail.subscribe("c")


async def test_the_window_of_a_stream_holds_the_producer_back_without_loss(start: Start, tenant: str) -> None:
    """Far more than the window fits through it."""
    async with start(ingest={"max-unacked-batches": 2}) as (site, _), site.producer(tenant) as producer:
        assert (await producer.receive("welcome")).limits.max_unacked_batches == 2
        await producer.send_batches(*(batch(f"{seq}", seq=seq) for seq in range(1, 101)))
        await producer.acked(100)


async def test_a_slow_subscriber_blocks_nobody_and_loses_nothing(start: Start, tenant: str) -> None:
    """It falls back to the log; the fast one gets everything meanwhile."""
    text = "x" * 1000
    async with (
        start(live={"queue-bytes": "64KiB"}) as (site, hub),
        site.subscriber(tenant, max_queue=1) as slow,
        site.subscriber(tenant) as fast,
        site.producer(tenant) as producer,
    ):
        await slow.subscribe()
        await fast.subscribe()
        await producer.receive("welcome")
        slow.socket.transport.pause_reading()
        bodies = []
        for seq in range(1, 201):
            sent = [f"{seq}.{number} {text}" for number in range(50)]
            await producer.send_batches(batch(*sent, seq=seq))
            bodies.extend(await fast.bodies(50))
        assert hub.metrics.registry.get_sample_value("loghub_replays_total", {"tenant": tenant})
        slow.socket.transport.resume_reading()
        assert await slow.bodies(len(bodies)) == bodies


async def test_what_retention_removed_arrives_as_an_exact_gap(start: Start, tenant: str) -> None:
    """accepted = delivered + filtered out + reported lost."""
    small = {"retention-bytes-per-tenant": "64KiB", "compression-level": 0}
    async with start(log=small) as (site, _), site.subscriber(tenant) as tail:
        for number in range(40):
            await site.push(tenant, f"{number} " + "x" * 10_000)
        await tail.subscribe(oldest=False, cursor=await first_cursor(site, tenant), follow=False)
        gap = await tail.until("gap")
        assert (gap.from_offset, gap.count, gap.reason) == (0, gap.to_offset, GAP_REASON_RETENTION)
        rest = 40 - gap.count
        assert [int(body.split()[0]) for body in await tail.bodies(rest)] == list(range(gap.count, 40))
        ledger = (await tail.until("unsubscribed")).ledger
        assert (ledger.accepted, ledger.delivered, ledger.lost) == (40, rest, gap.count)


async def first_cursor(site: Site, tenant: str) -> str:
    """Return the cursor at the tenant's first record ever."""
    async with site.subscriber(tenant) as tail:
        await tail.send(subscribe={"id": "s"})
        cursor: str = (await tail.until("subscribed")).cursor
    known = Cursor.decode(cursor, tenant)
    return Cursor(known.epoch, 0).encode(tenant)


async def test_a_silent_handshake_is_cut(start: Start) -> None:
    """A connection that says nothing does not stay."""
    async with start(web={"handshake-seconds": 0.2}) as (site, _):
        reader, writer = await asyncio.open_connection("localhost", site.listening.web_port, ssl=site.tls())
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()


async def test_a_request_head_over_the_limit_gets_431(start: Start) -> None:
    """Nobody can fill the memory before the first line is read."""
    async with start(web={"max-header-bytes": "4KiB"}) as (site, _):
        reader, writer = await asyncio.open_connection("localhost", site.listening.web_port, ssl=site.tls())
        writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nx: " + b"y" * 8000)
        async with asyncio.timeout(5):
            assert b"431" in await reader.readline()
        writer.close()
