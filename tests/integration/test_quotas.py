"""What a tenant may use, and that it harms nobody but itself to ask for more."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from grpc_status.rpc_status import from_call
from websockets.exceptions import InvalidStatus

from hub.core.principal import Role
from hub.errors import GrpcCode
from hub.identity.tokens import Claims
from tests.peers import batch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]

HOUR = 3600.0
ROOT = Path(__file__).resolve().parents[2]


def counted(hub: Hub, name: str, tenant: str) -> float:
    """Return a metric of a tenant."""
    samples = (sample for metric in hub.metrics.registry.collect() for sample in metric.samples)
    return sum(one.value for one in samples if one.name == f"loghub_{name}" and one.labels.get("tenant") == tenant)


@asynccontextmanager
async def flooding(site: Site, tenant: str, *, streams: int, records: int) -> AsyncIterator[None]:
    """Send as much as is read, and again what was refused, from a process of its own."""
    client = site.deployment.client(tenant)
    files = (str(site.deployment.ca), str(client.cert), str(client.key))
    command = (sys.executable, "-m", "tests.flooder", site.endpoint, *files, str(streams), str(records))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    try:
        yield
        assert process.returncode is None, "the flood has ended by itself"
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_tenant_gets_its_rate_and_no_more(start: Start, tenant: str) -> None:
    """At a hundred times its quota: a burst, then the rate; without a loss, and in order."""
    quotas = {"tenants": [{"tenant": tenant, "records-per-s": 1000}], "burst-seconds": 0.5}
    async with start(quotas=quotas) as (site, hub), flooding(site, tenant, streams=1, records=100):
        async with asyncio.timeout(10):
            while not counted(hub, "ingest_records_total", tenant):  # noqa: ASYNC110  it is the hub's count
                await asyncio.sleep(0.01)
        before, began = counted(hub, "ingest_records_total", tenant), time.monotonic()
        await asyncio.sleep(3)
        took, got = time.monotonic() - began, counted(hub, "ingest_records_total", tenant) - before
        assert 1000 * took - 200 <= got <= 1000 * (took + 0.5) + 200
        assert counted(hub, "ingest_throttled_seconds_total", tenant) >= took / 2


async def test_who_asks_for_too_much_is_told_when_to_come_back(start: Start, tenant: str) -> None:
    """A nack on a stream, RetryInfo on a call: with the setting, and the time that it takes."""
    quotas = {"records-per-s": 10, "burst-seconds": 0.5, "delay-seconds": 0.2}
    async with start(quotas=quotas) as (site, _), site.producer(tenant) as producer:
        await producer.receive("welcome")
        await producer.send_batches(batch(*["x"] * 25, seq=1), batch("y", seq=2))
        nack = await producer.until("nack")
        assert (nack.seq, nack.code) == (2, GrpcCode.RESOURCE_EXHAUSTED)
        assert "quotas.records_per_s (10)" in nack.message
        wait = nack.retry_after.ToTimedelta().total_seconds()
        assert 1.5 < wait <= 2.0
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await site.push(tenant, "z")
        assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        status = from_call(refusal.value)
        assert status is not None
        info = RetryInfo()
        assert any(detail.Unpack(info) for detail in status.details)
        assert 0.5 < info.retry_delay.ToTimedelta().total_seconds() <= wait
        await asyncio.sleep(wait)
        await producer.send_batches(batch("y", seq=2))
        await producer.acked(2)


async def test_places_are_bounded_for_each_principal(start: Start, tenant: str) -> None:
    """Streams before their hello count too; what one principal holds does not keep another of its tenant out."""
    quotas = {
        "max-streams-per-principal": 2,
        "max-connections-per-principal": 2,
        "max-subscriptions-per-principal": 3,
        "tenants": [{"tenant": tenant, "max-connections": 3}],
    }
    async with start(quotas=quotas) as (site, hub), AsyncExitStack() as stack:
        channel = await stack.enter_async_context(site.channel(site.deployment.client(tenant)))
        silent = [channel.stream_stream("/loghub.v1.Ingest/Stream")() for _ in range(3)]
        ends = {asyncio.ensure_future(one.code()): one for one in silent}
        done, _ = await asyncio.wait(ends, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        assert [end.result() for end in done] == [grpc.StatusCode.RESOURCE_EXHAUSTED], "whichever came last"
        assert "quotas.max_streams_per_principal allows (2)" in await ends[done.pop()].details()
        other = site.deployment.client(tenant, Role.PRODUCER, "other")
        channel = await stack.enter_async_context(site.channel(other))
        call = channel.stream_stream("/loghub.v1.Ingest/Stream")()
        await call.write(b"")
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
        for one in silent:
            one.cancel()

        def reader(subject: str) -> AbstractAsyncContextManager[Any]:
            token = site.deployment.mint(Claims(tenant, subject, "logs:read", HOUR))
            return site.subscriber(tenant, headers={"Authorization": f"Bearer {token}"})

        first, second = [await stack.enter_async_context(reader("a")) for _ in range(2)]
        with pytest.raises(InvalidStatus) as refusal:
            await stack.enter_async_context(reader("a"))
        assert refusal.value.response.status_code == 429
        assert refusal.value.response.headers["Retry-After"]
        await stack.enter_async_context(reader("b"))
        with pytest.raises(InvalidStatus):
            await stack.enter_async_context(reader("c"))
        for name in ("1", "2"):
            await first.subscribe(name)
        await second.subscribe("3")
        await second.send(subscribe={"id": "4"})
        error = await second.until("error")
        assert "quotas.max_subscriptions_per_principal allows (3)" in error.message
        await first.send(unsubscribe={"id": "1"})
        await first.until("unsubscribed")
        await second.subscribe("4")
        assert counted(hub, "subscriptions", tenant) == 3


async def test_a_tenant_may_keep_more_or_less_than_others(start: Start, tenant: str) -> None:
    """Its own oldest go, and nobody else's."""
    other = tenant + "-b"
    log = {"retention-bytes-per-tenant": 2**20, "compression-level": 0, "busy-compression-level": 0}
    quotas = {"tenants": [{"tenant": tenant, "retention-bytes": 65_536}]}
    async with start(log=log, quotas=quotas) as (site, _):
        for name in (tenant, other):
            for number in range(20):
                await site.push(name, f"{number} " + "x" * 10_000)
        found = {}
        for name in (tenant, other):
            async with site.subscriber(name) as tail:
                await tail.subscribe(oldest=True, follow=False)
                found[name] = [int(body.split()[0]) for body in await bodies(tail)]
        assert found[other] == list(range(20))
        assert found[tenant] == list(range(20))[-len(found[tenant]) :]
        assert 3 <= len(found[tenant]) <= 6


async def bodies(tail: Any) -> list[str]:
    """Return the bodies of a bounded read."""
    found: list[str] = []
    async with asyncio.timeout(10):
        while (message := await tail.next()).WhichOneof("kind") != "unsubscribed":
            if message.HasField("records"):
                found.extend(record.body for one in message.records.batches for record in one.records)
    return found


async def latencies(site: Site, tenant: str, seconds: float) -> list[float]:
    """Send a record every 10 ms to a subscriber; return how long each took."""
    took = []
    async with site.producer(tenant, "steady") as producer, site.subscriber(tenant) as tail:
        await tail.subscribe()
        last = (await producer.receive("welcome")).last_seq
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            last += 1
            began = time.monotonic()
            await producer.send_batches(batch("x", seq=last))
            await tail.bodies(1)
            took.append(time.monotonic() - began)
            await asyncio.sleep(0.01)
    return took


async def test_a_tenant_at_a_hundred_times_its_quota_does_not_disturb_another(start: Start, tenant: str) -> None:
    """The other's p95 less than doubles, measured before, during and after in one run; 10 ms count as none."""
    quotas = {"tenants": [{"tenant": tenant, "records-per-s": 500}], "burst-seconds": 0.2}
    other = tenant + "-b"
    async with start(quotas=quotas) as (site, hub):
        calm = await latencies(site, other, 1.5)
        async with flooding(site, tenant, streams=4, records=500):
            async with asyncio.timeout(10):
                while not counted(hub, "ingest_refused_batches_total", tenant):  # noqa: ASYNC110  it is the hub's count
                    await asyncio.sleep(0.01)
            busy = await latencies(site, other, 3.0)
        calm += await latencies(site, other, 1.5)
        before, during = (statistics.quantiles(one, n=20)[-1] for one in (calm, busy))
        assert during < 2 * max(before, 0.01), (before, during)
