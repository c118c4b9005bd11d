"""Subscribers that stop reading, break the protocol, or ask for more on the connection of a stream."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import grpc
import pytest

from hub.core.principal import Role
from hub.pb.ingest_pb2 import GOODBYE_REASON_PROTOCOL
from tests.peers import JSON, PROTO, StreamPeer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]

IMPATIENT = {"queue_bytes": 65_536, "write_timeout_seconds": 1}
TRANSPORTS = ["websocket", "sse", "ndjson", "grpc"]


def sample(hub: Hub, name: str, tenant: str) -> float:
    """Return a metric's value."""
    return hub.metrics.registry.get_sample_value(f"loghub_{name}", {"tenant": tenant}) or 0.0


@asynccontextmanager
async def subscribed(site: Site, tenant: str, transport: str) -> AsyncIterator[Any]:
    """Open a connection that is subscribed and then reads nothing by itself."""
    async with AsyncExitStack() as stack:
        tail: Any
        if transport == "websocket":
            tail = await stack.enter_async_context(site.subscriber(tenant, max_queue=1, close_timeout=0.1))
            await tail.subscribe()
        elif transport == "grpc":
            peer = site.deployment.client(tenant, Role.SUBSCRIBER, "slow")
            tail = await stack.enter_async_context(site.caller(peer))
            await tail.subscribe()
        else:
            accept = "text/event-stream" if transport == "sse" else "application/x-ndjson"
            tail = await stack.enter_async_context(site.stream(tenant, "", Accept=accept))
            await tail.until("subscribed")
        yield tail


async def fill(site: Site, tenant: str) -> None:
    """Push more than sockets and libraries take for a peer that does not read."""
    for _ in range(60):
        await site.push(tenant, *["x" * 60_000] * 5)


async def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait for something to come true in the hub."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  the hub has no event for it
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_whoever_does_not_read_is_cut(start: Start, tenant: str, transport: str) -> None:
    """In the time for it, on every transport: nothing is held for it any more, and its place is free."""
    async with start(live=IMPATIENT) as (site, hub), subscribed(site, tenant, transport):
        assert sample(hub, "connections", tenant) == 1
        await fill(site, tenant)
        await until(lambda: sample(hub, "connections", tenant) == 0, 10)


async def test_a_caller_that_does_not_read_is_told_by_the_status(start: Start, tenant: str) -> None:
    """RESOURCE_EXHAUSTED follows what it was sent: that does not look like an end."""
    async with start(live=IMPATIENT) as (site, hub), subscribed(site, tenant, "grpc") as tail:
        await fill(site, tenant)
        await until(lambda: sample(hub, "connections", tenant) == 0, 10)
        with suppress(grpc.aio.AioRpcError):
            while await tail.call.read() is not grpc.aio.EOF:
                pass
        code, text = await tail.status()
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "not read in time" in text


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_whoever_does_not_read_does_not_hold_up_a_shutdown(start: Start, tenant: str, transport: str) -> None:
    """It is cut instead."""
    async with start(live=IMPATIENT) as (site, hub), subscribed(site, tenant, transport):
        await fill(site, tenant)
        began = time.monotonic()
        hub.stop()
        await until(lambda: sample(hub, "connections", tenant) == 0, 10)
    assert time.monotonic() - began < 8


@pytest.mark.parametrize(
    "behind", [b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", b"GET /healthz HT"], ids=["whole", "half"]
)
async def test_a_stream_has_its_connection_for_itself(start: Start, tenant: str, behind: bytes) -> None:
    """A request behind it, whole or not, is not answered and disturbs nothing; it goes when its peer goes."""
    async with start(web={"handshake_seconds": 1}) as (site, hub):
        port = site.listening.web_port
        reader, writer = await asyncio.open_connection("localhost", port, ssl=site.tls(), limit=2**16)
        token = site.deployment.token(tenant)
        asked = f"GET /v1/tail HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        writer.write(asked.encode() + behind)
        tail = await StreamPeer(reader, writer).head()
        assert tail.headers["connection"] == "close"
        await tail.until("subscribed")
        writer.write(behind)
        await asyncio.sleep(1.2)  # longer than a request has time
        await site.push(tenant, "still here")
        assert await tail.bodies(1) == ["still here"]
        writer.close()
        await until(lambda: sample(hub, "connections", tenant) == 0, 10)


async def test_what_comes_behind_a_stream_is_bounded(start: Start, tenant: str) -> None:
    """A peer that goes on sending is cut."""
    async with start(web={"max_body_bytes": "4KiB"}) as (site, hub), site.stream(tenant) as tail:
        await tail.until("subscribed")
        tail.writer.write(b"x" * 5000)
        await until(lambda: sample(hub, "connections", tenant) == 0, 10)


@pytest.mark.parametrize("accept", ["text/html", "text/event-stream;q=0", "application/json"])
async def test_a_tail_comes_in_two_forms(site: Site, tenant: str, accept: str) -> None:
    """406 names them."""
    async with site.stream(tenant, "", Accept=accept) as tail:
        assert tail.status == 406
        assert b"application/x-ndjson" in await tail.body()


@pytest.mark.parametrize("encoding", [PROTO, JSON])
async def test_a_frame_over_the_limit_gets_a_goodbye(site: Site, tenant: str, encoding: str) -> None:
    """With the reason, before the close; the accounts stand in it."""
    async with site.subscriber(tenant, encoding) as tail:
        await tail.subscribe()
        await tail.socket.send("x" * 200_000 if encoding == JSON else b"x" * 200_000)
        goodbye = await tail.until("goodbye")
        code, _ = await tail.closed()
    assert code == 1009
    if encoding == PROTO:
        assert goodbye.reason == GOODBYE_REASON_PROTOCOL
        assert "max_message_bytes" in goodbye.message
        assert len(goodbye.ledgers) == 1
    else:
        assert "max_message_bytes" in goodbye["message"]


async def test_a_message_of_no_known_kind_gets_a_goodbye(site: Site, tenant: str) -> None:
    """4500: the peer speaks another protocol."""
    async with site.subscriber(tenant) as tail:
        await tail.until("welcome")
        await tail.socket.send(b"\x98\x06\x01")
        goodbye = await tail.until("goodbye")
        assert (await tail.closed())[0] == 4500
    assert (goodbye.reason, goodbye.reconnect) == (GOODBYE_REASON_PROTOCOL, False)


async def test_a_callers_message_over_the_limit_gets_a_goodbye(start: Start, tenant: str) -> None:
    """The limit is that of the WebSocket."""
    async with start(live={"max_message_bytes": "4KiB"}) as (site, _), subscribed(site, tenant, "grpc") as tail:
        await tail.send(ping={"payload": b"x" * 5000})
        goodbye = await tail.until("goodbye")
        assert (await tail.status())[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert "max_message_bytes" in goodbye.message
