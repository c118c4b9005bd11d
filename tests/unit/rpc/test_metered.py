"""hub.rpc.metered: what services read is counted, and inflated within bounds; calls end as they would without it."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import asynccontextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from hub.core.line_account import LineLimits
from hub.errors import QuotaError
from hub.rpc.guard import Guard
from hub.rpc.metered import MeteredHandler, PlainHandlers
from hub.rpc.status import abort

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.rpc.guard import Line

assert hub.grpc_tls.TLS13_ONLY

MOST, UNDER_WAY = 100_000, 200_000
SECONDS = 5.0
NAME = "test.Service"


class RecordingGuard(Guard):
    """A guard without sockets, which keeps what it hears."""

    def __init__(self) -> None:
        super().__init__(LineLimits(10_000, 2**20, 1000, 1.0), print)
        self.heard: list[str] = []
        self.lines: set[Line] = set()

    def enter(self, address: str) -> Line:
        """Keep the line."""
        line = super().enter(address)
        self.heard.append("enter")
        self.lines.add(line)
        return line

    def leave(self, line: Line) -> None:
        """Keep that it was left."""
        super().leave(line)
        self.heard.append("leave")

    def asked(self, line: Line, most_bytes: int) -> None:
        """Keep it."""
        super().asked(line, most_bytes)
        self.heard.append("asked")

    def answered(self, line: Line, most_bytes: int) -> None:
        """Keep it."""
        super().answered(line, most_bytes)
        self.heard.append("answered")

    def offended(self, line: Line) -> None:
        """Keep it."""
        super().offended(line)
        self.heard.append("offended")


class Service:
    """Methods of each kind that services have."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.waiting = asyncio.Event()

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the handlers."""
        stream, unary = grpc.stream_stream_rpc_method_handler, grpc.unary_unary_rpc_method_handler
        return grpc.method_handlers_generic_handler(
            NAME,
            {
                "Unary": unary(self._unary),
                "Stream": stream(self._stream),
                "Group": stream(self._group),
                "Refuse": stream(self._refuse),
            },
        )

    async def _unary(self, raw: bytes, _context: object) -> bytes:
        self.sizes.append(len(raw))
        return b"%d" % len(raw)

    async def _stream(self, _requests: object, context: Any) -> None:
        self.waiting.set()
        while (raw := await context.read()) is not grpc.aio.EOF:
            self.sizes.append(len(raw))
            await context.write(b"%d" % len(raw))

    async def _group(self, requests: object, context: Any) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stream(requests, context))

    async def _refuse(self, _requests: object, context: Any) -> None:
        await abort(context, QuotaError("not now"))


class Site:
    """A server, and a channel to it."""

    def __init__(self, guard: RecordingGuard, service: Service, channel: grpc.aio.Channel) -> None:
        self.guard = guard
        self.service = service
        self.channel = channel

    async def call(self, method: str, raw: bytes, **more: Any) -> bytes:
        """Call a method with one message."""
        if method == "Unary":
            answer: bytes = await self.channel.unary_unary(f"/{NAME}/Unary")(raw, timeout=SECONDS, **more)
            return answer
        call = self.channel.stream_stream(f"/{NAME}/{method}")(iter([raw]), timeout=SECONDS, **more)
        return b" ".join([answer async for answer in call])

    async def code(self, method: str, raw: bytes, **more: Any) -> grpc.StatusCode:
        """Return how a call fails."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.call(method, raw, **more)
        return caught.value.code()

    async def over(self) -> list[str]:
        """Wait until all calls have ended; return what was heard."""
        async with asyncio.timeout(SECONDS):
            while self.guard.heard.count("enter") > self.guard.heard.count("leave"):  # noqa: ASYNC110  nobody is told
                await asyncio.sleep(0.001)
        return self.guard.heard


@asynccontextmanager
async def serving(*options: tuple[str, Any]) -> AsyncIterator[Site]:
    """Serve without TLS."""
    guard, service = RecordingGuard(), Service()
    server = grpc.aio.server(options=[("grpc.per_message_decompression", 0), *options])
    bounds = {"most_bytes": MOST, "under_way_bytes": UNDER_WAY, "max_metadata_bytes": 1000}
    server.add_generic_rpc_handlers((MeteredHandler(service.handlers(), guard, **bounds),))
    checks = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checks, PlainHandlers(server))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Site(guard, service, channel)
    await server.stop(0)


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    """A server that leaves inflating to the services."""
    async with serving() as made:
        yield made


@pytest.mark.parametrize("method", ["Unary", "Stream", "Group"])
@pytest.mark.parametrize("size", [0, 10, 5000, MOST])
async def test_messages_arrive_packed_or_not(site: Site, method: str, size: int) -> None:
    """Those that are small are inflated at once, the others in a thread."""
    raw = bytes(size)
    for packed in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        assert await site.call(method, raw, compression=packed) == b"%d" % size
    assert site.service.sizes == [size, size]
    assert await site.over() == ["enter", "asked", "answered", "leave"] * 2


@pytest.mark.parametrize("method", ["Unary", "Stream", "Group"])
async def test_a_bomb_ends_its_call_and_no_other(site: Site, method: str) -> None:
    """RESOURCE_EXHAUSTED, as without compression; and what is no gzip is INVALID_ARGUMENT."""
    assert await site.code(method, bytes(MOST + 1), compression=grpc.Compression.Gzip) is (
        grpc.StatusCode.RESOURCE_EXHAUSTED
    )
    for raw in (b"\x1f\x8b", b"\x1f\x8b" + bytes(2000), gzip.compress(bytes(100))[:-6] + bytes(4)):
        assert await site.code(method, raw) is grpc.StatusCode.INVALID_ARGUMENT
    assert await site.call(method, b"x") == b"1"
    assert site.service.sizes == [1]


async def test_the_account_of_a_connection_holds_what_its_calls_took(site: Site) -> None:
    """Packed messages as they came; afterwards no call has anything under way."""
    await site.call("Unary", bytes(50_000), compression=grpc.Compression.Gzip)
    await site.over()
    (line,) = site.guard.lines
    assert line.account.known
    assert line.account.allowed_bytes == 10_000 + UNDER_WAY
    line.account.judge(monotonic(), 3000, 0)
    assert 0 < line.account.stray_bytes < 3000
    line.account.judge(monotonic(), 53_000, 0)
    assert line.account.stray_bytes > 50_000


async def test_a_call_that_is_refused_is_answered(site: Site) -> None:
    """Its caller is a client, although nothing was read of it."""
    assert await site.code("Refuse", b"x") is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await site.over() == ["enter", "answered", "leave"]


async def test_a_call_that_is_given_up_is_not(site: Site) -> None:
    """It counts as one that came to nothing."""
    call = site.channel.stream_stream(f"/{NAME}/Stream")(timeout=SECONDS)
    await site.service.waiting.wait()
    call.cancel()
    assert await site.over() == ["enter", "asked", "leave"]
    (line,) = site.guard.lines
    line.account.judge(monotonic(), 0, 0)
    assert not line.account.known
    assert line.account.stray_bytes > 1000


async def test_headers_that_no_client_sends_are_an_offence() -> None:
    """Those of four times the limit; what is below, gRPC refuses itself."""
    async with serving(("grpc.max_metadata_size", 2**16)) as site:
        more = [("x", "y" * 5000)]
        assert await site.code("Unary", b"x", metadata=more) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await site.over() == ["enter", "offended", "leave"]
        assert await site.call("Unary", b"x", metadata=[("x", "y" * 3000)]) == b"1"


async def test_a_call_without_a_message_is_refused(site: Site) -> None:
    """A unary method needs one."""
    call = site.channel.stream_stream(f"/{NAME}/Unary")(iter([]), timeout=SECONDS)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_methods_that_do_not_exist_stay_so(site: Site) -> None:
    """UNIMPLEMENTED, and nothing is counted."""
    assert await site.code("Nothing", b"x") is grpc.StatusCode.UNIMPLEMENTED
    assert not site.guard.heard


async def test_health_is_told_packed_or_not(site: Site) -> None:
    """A bomb there is refused too."""
    check = site.channel.unary_unary("/grpc.health.v1.Health/Check")
    request = health_pb2.HealthCheckRequest().SerializeToString()
    for raw in (request, gzip.compress(request)):
        answer = health_pb2.HealthCheckResponse.FromString(await check(raw, timeout=SECONDS))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.aio.AioRpcError):
        await check(gzip.compress(bytes(2**20)), timeout=SECONDS)
