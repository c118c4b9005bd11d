"""Who floods the gRPC port with what belongs to no call is held, then cut; no client ever is, whatever it sends."""

from __future__ import annotations

import asyncio
import gzip
import os
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from hub.core.principal import Role
from hub.pb.ingest_pb2 import Hello, ProducerMessage
from tests.http2 import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    call_headers,
    connected,
    frame,
    header,
    message,
)
from tests.peers import batch

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]

EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
INGEST = "/loghub.v1.Ingest/Stream"
MIB = 2**20
QUICK = {"max-held-seconds": 0.3}
SECONDS = 10.0


def floods(hub: Hub) -> tuple[float, float]:
    """Return how many connections were held and cut."""
    count = hub.metrics.registry.get_sample_value
    held, cut = (count("loghub_grpc_floods_total", {"what": what}) or 0.0 for what in ("held", "cut"))
    return held, cut


def request(size: int) -> bytes:
    """Return an OTLP request of about so many bytes, which do not compress."""
    records = [LogRecord(body=AnyValue(string_value=os.urandom(5000).hex())) for _ in range(size // 10_000 + 1)]
    return ExportLogsServiceRequest(
        resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=records)])]
    ).SerializeToString()


def tls(site: Site, tenant: str) -> ssl.SSLContext:
    """Return a producer's context."""
    context = site.tls()
    issued = site.deployment.client(tenant)
    context.load_cert_chain(issued.cert, issued.key)
    return context


# --- floods ----------------------------------------------------------------------------------------------------------


def _resets(stream: int) -> bytes:
    head, code = call_headers(INGEST), struct.pack(">I", 8)
    return b"".join(
        frame(HEADERS, END_HEADERS, one, head) + frame(RST_STREAM, 0, one, code)
        for one in range(stream, stream + 200, 2)
    )


FLOODS: dict[str, Callable[[int], bytes]] = {
    "pings": lambda _: frame(PING, 0, 0, bytes(8)) * 500,
    "settings": lambda _: frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65535)) * 500,
    "windows": lambda _: frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 500,
    "resets": _resets,
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_is_held_and_then_cut(start: Start, tenant: str, name: str) -> None:
    """Soon, and another connection of the same client is served meanwhile."""
    async with start(grpc=QUICK) as (site, hub), connected(site.listening.grpc_port, tls(site, tenant)) as peer:
        async with asyncio.timeout(SECONDS):
            stream = 1
            while not peer.writer.transport.is_closing():
                peer.send(FLOODS[name](stream))
                stream += 200
                await asyncio.sleep(0.005)
        await site.push(tenant, "still here")
        held, cut = floods(hub)
        assert held + cut >= 1 or name == "pings"  # gRPC itself ends some floods of pings


async def test_headers_that_inflate_are_an_offence(start: Start, tenant: str) -> None:
    """One byte for each 4,000: the first call that is heard of has its connection held."""
    block = call_headers(INGEST) + b"\x40" + header("x", "y" * 4000)[1:] + b"\xbe" * 12_000
    async with start(grpc=QUICK) as (site, hub), connected(site.listening.grpc_port, tls(site, tenant)) as peer:
        async with asyncio.timeout(SECONDS):
            for stream in range(1, 2000, 2):
                if peer.writer.transport.is_closing():
                    break
                peer.send(frame(HEADERS, END_HEADERS, stream, block))
                await asyncio.sleep(0.01)
        assert floods(hub)[1] == 1
        await site.push(tenant, "still here")


async def test_junk_beside_an_open_call_is_bounded(start: Start, tenant: str) -> None:
    """A call may have a message under way, and nothing that is none."""
    limits = {"max-batch-bytes": "64KiB", "max-otlp-bytes": "64KiB", "max-record-bytes": "64KiB"}
    async with start(grpc=QUICK, ingest=limits) as (site, hub):
        async with connected(site.listening.grpc_port, tls(site, tenant)) as peer:
            hello = ProducerMessage(hello=Hello(producer_id="p", next_seq=1)).SerializeToString()
            peer.call(INGEST, 1, message(hello))
            async with asyncio.timeout(SECONDS):
                while not peer.writer.transport.is_closing():
                    peer.send(frame(PING, ACK, 0, bytes(8)) * 10_000)
                    await asyncio.sleep(0.005)
        assert floods(hub) == (1, 1)


# --- clients ---------------------------------------------------------------------------------------------------------


async def test_producers_at_full_speed_are_no_flood(start: Start, tenant: str) -> None:
    """Large and small batches, four producers, more than their windows."""
    async with start() as (site, hub):

        async def produce(name: str, size: int, count: int) -> None:
            async with site.producer(tenant, name) as producer:
                await producer.receive("welcome")
                await producer.send_batches(*(batch("x" * size, seq=seq) for seq in range(1, count + 1)))
                await producer.acked(count)

        await asyncio.gather(
            produce("a", 200_000, 200), produce("b", 10, 3000), produce("c", 5000, 2000), produce("d", 200_000, 200)
        )
        assert floods(hub) == (0, 0)


async def test_a_producer_that_is_held_back_is_no_flood(start: Start, tenant: str) -> None:
    """The hub takes little a second, and HTTP/2's window is full of what it does not take."""
    slow = {"bytes-per-s": "4MiB", "burst-seconds": 0.1, "delay-seconds": 60.0}
    async with start(quotas=slow) as (site, hub), site.producer(tenant) as producer:
        await producer.receive("welcome")
        await producer.send_batches(*(batch("x" * 200_000, seq=seq) for seq in range(1, 61)))
        await producer.acked(60)
        assert floods(hub) == (0, 0)


@pytest.mark.parametrize("packed", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_the_first_message_may_be_the_largest(start: Start, tenant: str, packed: grpc.Compression) -> None:
    """On a connection that has sent nothing before; many at once, and one after the other."""
    raw = request(7 * MIB)
    async with start(ingest={"max-otlp-pending-bytes-per-tenant": "64MiB"}) as (site, hub):
        for _ in range(3):
            async with site.channel(site.deployment.client(tenant)) as channel, asyncio.timeout(30):
                export = channel.unary_unary(EXPORT)
                await asyncio.gather(*(export(raw, compression=packed) for _ in range(4)))
        assert floods(hub)[1] == 0


async def test_a_message_may_come_slowly(start: Start, tenant: str) -> None:
    """In pieces of a few bytes, each with a head of its own, and longer than anyone is held."""
    raw = message(request(40_000))
    async with start(grpc=QUICK) as (site, hub), connected(site.listening.grpc_port, tls(site, tenant)) as peer:
        peer.call(EXPORT)
        for at in range(0, len(raw), 1000):
            peer.send(frame(DATA, 0, 1, raw[at : at + 1000]))
            await asyncio.sleep(0.01)
        peer.send(frame(DATA, END_STREAM, 1))
        assert (await peer.outcome())[0] is None
        assert floods(hub) == (0, 0)


async def test_messages_that_are_given_up_halfway_are_no_flood(start: Start, tenant: str) -> None:
    """Many of seven megabytes, whenever their time is up; then one that has time."""
    raw = request(7 * MIB)
    async with start(grpc=QUICK) as (site, hub), site.channel(site.deployment.client(tenant)) as channel:
        export = channel.unary_unary(EXPORT)
        assert await export(request(10), timeout=SECONDS) == b""
        for number in range(20):
            with suppress(grpc.aio.AioRpcError):
                await export(raw, timeout=0.001 * number)
        assert await export(raw, timeout=30) == b""
        assert floods(hub)[1] == 0


async def test_tails_that_are_sent_much_are_no_flood(start: Start, tenant: str) -> None:
    """Windows and pings are what they answer with."""
    async with start() as (site, hub):
        async with site.caller(site.deployment.client(tenant, Role.SUBSCRIBER)) as tail:
            await tail.subscribe()
            for _ in range(20):
                await site.push(tenant, *["x" * 100_000] * 5)
                await tail.bodies(5)
        assert floods(hub)[1] == 0


async def test_clients_that_are_refused_are_no_flood(start: Start, tenant: str) -> None:
    """Over its rate: nothing is read of its requests, which come all the same; on connections that are new, too."""
    slow = {"bytes-per-s": "1KiB", "burst-seconds": 0.1, "delay-seconds": 0.0}
    raw, codes = request(MIB), []
    async with start(quotas=slow, grpc=QUICK) as (site, hub):
        for _ in range(3):
            async with site.channel(site.deployment.client(tenant)) as channel:
                for _ in range(3):
                    try:
                        await channel.unary_unary(EXPORT)(raw, timeout=SECONDS)
                    except grpc.aio.AioRpcError as error:
                        codes.append(error.code())
                    await asyncio.sleep(0.2)
        assert codes == [grpc.StatusCode.RESOURCE_EXHAUSTED] * 8
        assert floods(hub)[1] == 0


async def test_deflate_is_not_taken(start: Start, tenant: str) -> None:
    """UNIMPLEMENTED, with what is: it cannot be told from no compression."""
    async with start() as (site, _), site.channel(site.deployment.client(tenant)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary(EXPORT)(request(10), compression=grpc.Compression.Deflate, timeout=SECONDS)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        assert await channel.unary_unary(EXPORT)(gzip.compress(request(10)), timeout=SECONDS) == b""
