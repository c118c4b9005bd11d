"""How a hub stops: nothing acknowledged is lost, and everybody is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import WebSocketException

from hub.pb.ingest_pb2 import GOODBYE_REASON_DONE, GOODBYE_REASON_SHUTDOWN, GOODBYE_REASON_SUPERSEDED
from tests.peers import batch

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]


async def test_both_sides_get_a_goodbye_and_what_was_acknowledged_is_there_again(start: Start, tenant: str) -> None:
    """Producers are settled before their goodbye, subscribers told to come back, cursors outlive the restart."""
    async with start() as (site, hub), site.producer(tenant) as producer, site.subscriber(tenant) as tail:
        await tail.subscribe()
        await producer.receive("welcome")
        await producer.send_batches(batch("one", seq=1))
        message = await tail.until("records")
        hub.stop()
        goodbye = await producer.until("goodbye")
        assert (goodbye.reason, goodbye.reconnect) == (GOODBYE_REASON_SHUTDOWN, True)
        goodbye = await tail.until("goodbye")
        assert (goodbye.reason, goodbye.reconnect) == (GOODBYE_REASON_SHUTDOWN, True)
        assert goodbye.ledgers[0].delivered == 1
        assert (await tail.closed())[0] == 1001
    async with start() as (site, _), site.subscriber(tenant) as tail:
        await site.push(tenant, "two")
        await tail.subscribe(cursor=message.cursor)
        assert await tail.bodies(1) == ["two"]
        await tail.subscribe("all", oldest=True)
        assert await tail.bodies(2) == ["one", "two"]


async def connect_again_and_again(site: Site, tenant: str) -> None:
    """Open one connection after the other, each until it is closed."""
    while True:
        async with site.subscriber(tenant) as tail:
            await tail.closed()


async def test_a_stopping_hub_takes_nobody(start: Start, tenant: str) -> None:
    """New subscribers are told to come back, until there is no port any more."""
    async with start() as (site, hub), asyncio.timeout(20):
        hub.stop()
        with pytest.raises((OSError, WebSocketException)):
            await connect_again_and_again(site, tenant)
    with pytest.raises(ConnectionRefusedError):
        async with site.subscriber(tenant):
            pass


async def test_a_producer_that_says_goodbye_is_settled_first(site: Site, tenant: str) -> None:
    """Every batch before the goodbye is acknowledged, then the hub says done."""
    async with site.producer(tenant) as producer:
        await producer.receive("welcome")
        await producer.send_batches(*(batch(f"{seq}", seq=seq) for seq in range(1, 21)))
        await producer.goodbye()
        await producer.acked(20)
        assert (await producer.receive("goodbye")).reason == GOODBYE_REASON_DONE


async def test_a_newer_stream_of_a_producer_takes_over(site: Site, tenant: str) -> None:
    """The older one is told so, and the newer goes on where it was."""
    async with site.producer(tenant, "same") as old:
        await old.receive("welcome")
        await old.send_batches(batch("1", seq=1))
        await old.acked(1)
        async with site.producer(tenant, "same", next_seq=2) as new:
            assert (await new.receive("welcome")).last_seq == 1
            assert (await old.until("goodbye")).reason == GOODBYE_REASON_SUPERSEDED
            await new.send_batches(batch("2", seq=2))
            await new.acked(2)


async def test_a_resumed_stream_stores_nothing_twice(site: Site, tenant: str) -> None:
    """A producer that lost its acknowledgements sends again, and is acknowledged."""
    async with site.producer(tenant) as producer:
        await producer.receive("welcome")
        await producer.send_batches(batch("1", seq=1), batch("2", seq=2))
        await producer.acked(2)
    async with site.producer(tenant) as producer, site.subscriber(tenant) as tail:
        assert (await producer.receive("welcome")).last_seq == 2
        await producer.send_batches(batch("3", seq=3))
        await producer.acked(3)
        await tail.subscribe(oldest=True)
        assert await tail.bodies(3) == ["1", "2", "3"]
