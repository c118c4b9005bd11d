"""A hundred large OTLP requests at once: what the hub holds of them stays within its bound, and it says so."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from hub.cli.hub_child import start_hub
from hub.errors import GrpcCode
from hub.identity.tokens import Claims
from tests.e2e.conftest import free_port
from tests.http2 import DATA, END_STREAM, HEADERS, connected, frame, message
from tests.peers import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.cli.children import Child, Children
    from hub.cli.deployment import Deployment

TENANT = "acme"
REQUESTS = 100
EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
# A quarter of the defaults, so that the test's own process gets by with little; a hundred times 2 MiB would be 200.
SETTINGS = {
    "max-otlp-bytes": "2MiB",
    "max-otlp-pending-bytes": "16MiB",
    "max-otlp-pending-bytes-per-tenant": "8MiB",
}
MOST_GROWTH_MIB = 150
LOGS = [LogRecord(time_unix_nano=1, body=AnyValue(string_value=f"{number} " + "x" * 8000)) for number in range(250)]
RAW = ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=LOGS)])])
RAW_BYTES = RAW.SerializeToString()


def mib(child: Child, name: str) -> float:
    """Return the memory of a process: VmRSS now, or VmHWM, the most it ever had."""
    status = Path(f"/proc/{child.process.pid}/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) / 1024


async def post(site: Site, body: bytes) -> int:
    """Send a packed request over HTTP; return the status."""
    token = site.deployment.mint(Claims(TENANT, "exporter", "logs:write", 60.0))
    reader, writer = await asyncio.open_connection("localhost", site.listening.web_port, ssl=site.tls())
    head = (
        f"POST /v1/logs HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\nconnection: close\r\n"
        f"content-type: application/x-protobuf\r\ncontent-encoding: gzip\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    try:
        writer.write(head.encode() + body)
        return int((await reader.readline()).split()[1])
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def call_all(site: Site, body: bytes) -> Counter[int]:
    """Send a packed request on a hundred streams of one connection at once; return how often each code came."""
    tls = site.tls(site.deployment.client(TENANT))
    found: Counter[int] = Counter()
    packed = message(body, compressed=True)
    pieces = [packed[at : at + 16_384] for at in range(0, len(packed), 16_384)]
    async with connected(site.listening.grpc_port, tls) as peer:
        for stream in range(1, 2 * REQUESTS, 2):
            peer.call(EXPORT, stream, *pieces, more=[("grpc-encoding", "gzip")])
            peer.send(frame(DATA, END_STREAM, stream))
        async for kind, flags, _, payload in peer.frames():
            if kind == HEADERS:
                status = peer.headers(flags, payload).get("grpc-status")
                found.update([int(status)] if status else [])
            if found.total() == REQUESTS:
                break
    return found


@pytest.mark.timeout(120)
async def test_a_hundred_large_requests_at_once(
    deployment: Deployment, children: Children, record_property: Callable[[str, object], None]
) -> None:
    """Some are taken, the others told to come back; the hub does not grow beyond, and goes on."""
    assert len(RAW_BYTES) > 1.9 * 2**20
    body = gzip.compress(RAW_BYTES)
    deployment.configure(free_port(), free_port(), {"ingest": SETTINGS, "shutdown": {"grace-seconds": 5}})
    child, listening = start_hub(children, deployment)
    site = Site(deployment, listening)
    await site.push(TENANT, "warm")
    before = mib(child, "VmRSS")
    posted = Counter(await asyncio.gather(*(post(site, body) for _ in range(REQUESTS))))
    assert posted[200] >= 1
    assert posted.keys() <= {200, 429}, posted
    called = await call_all(site, body)
    assert called[0] >= 1
    assert called.keys() <= {0, GrpcCode.RESOURCE_EXHAUSTED}, called
    growth = mib(child, "VmHWM") - before
    record_property("growth", f"{growth:.0f} MiB")
    assert growth < MOST_GROWTH_MIB, (posted, called)
    await site.push(TENANT, "still here")
    child.check()
