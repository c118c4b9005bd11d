"""OpenTelemetry's own exporters of Python send to a hub, with nothing but an endpoint and certificates."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc
import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from hub.identity.tokens import Claims
from hub.pb.record_pb2 import Severity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opentelemetry.sdk._logs.export import LogRecordExporter

    from tests.peers import Site

assert hub.grpc_tls.TLS13_ONLY

TRACE, SPAN = 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7
ATTRIBUTES: dict[str, Any] = {
    "text": "value",
    "count": 2**40,
    "ratio": 0.25,
    "ok": True,
    "raw": b"\xff\x00",
    "list": ["a", "b"],
    "http": {"status": 503},
}


@pytest.fixture(autouse=True)
def no_other_authorities(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `requests` finds in the environment would win over what an exporter is given."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def by_grpc(site: Site, tenant: str, **options: Any) -> GrpcExporter:
    """Return the exporter over gRPC, with a producer's certificate."""
    client = site.deployment.client(tenant)
    files = (site.deployment.ca, client.key, client.cert)
    credentials = grpc.ssl_channel_credentials(*(path.read_bytes() for path in files))
    return GrpcExporter(endpoint=f"https://{site.endpoint}", credentials=credentials, timeout=10, **options)


def by_grpc_gzip(site: Site, tenant: str) -> GrpcExporter:
    """Return the same, which compresses."""
    return by_grpc(site, tenant, compression=grpc.Compression.Gzip)


def by_http(site: Site, tenant: str) -> HttpExporter:
    """Return the exporter over HTTP, with a producer's certificate."""
    client = site.deployment.client(tenant)
    files = (str(site.deployment.ca), str(client.key), str(client.cert))
    return HttpExporter(f"{site.url}/v1/logs", *files, timeout=10)


def by_http_token(site: Site, tenant: str) -> HttpExporter:
    """Return the same with a token instead, and compressing."""
    token = site.deployment.mint(Claims(tenant, "exporter", "logs:write", 60.0))
    headers = {"Authorization": f"Bearer {token}"}
    ca = str(site.deployment.ca)
    return HttpExporter(f"{site.url}/v1/logs", ca, headers=headers, timeout=10, compression=Compression.Gzip)


EXPORTERS = (by_grpc, by_grpc_gzip, by_http, by_http_token)


@contextmanager
def sdk(exporter: LogRecordExporter) -> Iterator[LoggerProvider]:
    """Use the exporter as applications do; each record is sent by itself, before `emit` returns."""
    resource = Resource({"service.name": "orders", "host.name": "node-1", "deployment.environment.name": "test"})
    provider = LoggerProvider(resource, shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    try:
        yield provider
    finally:
        provider.shutdown()


def emit(provider: LoggerProvider) -> None:
    """Log what no filter asks for, and what does."""
    logger = provider.get_logger("com.example.Orders", "1.2")
    logger.emit(LogRecord(timestamp=1, severity_number=SeverityNumber.INFO, body="fine"))
    logger.emit(
        LogRecord(
            timestamp=1_700_000_000_000_000_001,
            trace_id=TRACE,
            span_id=SPAN,
            severity_text="ERROR",
            severity_number=SeverityNumber.ERROR,
            body="order 4711 failed",
            attributes=ATTRIBUTES,
        )
    )


@pytest.mark.parametrize("exporter", EXPORTERS, ids=lambda one: one.__name__)
async def test_records_reach_a_filtered_subscriber_with_their_types(
    site: Site, tenant: str, exporter: Callable[[Site, str], LogRecordExporter]
) -> None:
    """Resource, scope and record each have their place; another tenant gets nothing."""
    async with site.subscriber(tenant) as tail, site.subscriber(tenant + "-b") as other:
        await tail.subscribe(filter="service:orders level>=warn attr.count:1099511627776")
        await other.subscribe()
        with sdk(exporter(site, tenant)) as provider:
            await asyncio.to_thread(emit, provider)
        (batch,) = (await tail.until("records")).batches
        (record,) = batch.records
        assert (batch.resource.service, batch.resource.host) == ("orders", "node-1")
        assert batch.resource.attributes["deployment.environment.name"].string_value == "test"
        assert (record.body, record.severity, record.severity_text) == (
            "order 4711 failed",
            Severity.SEVERITY_ERROR,
            "ERROR",
        )
        assert record.time_unix_nano == 1_700_000_000_000_000_001
        assert (record.trace_id, record.span_id) == (TRACE.to_bytes(16, "big"), SPAN.to_bytes(8, "big"))
        assert record.logger == "com.example.Orders"
        attributes = record.attributes
        assert attributes["text"].string_value == "value"
        assert attributes["count"].int_value == 2**40
        assert attributes["ratio"].double_value == 0.25
        assert attributes["ok"].bool_value is True
        assert attributes["raw"].bytes_value == b"\xff\x00"
        assert attributes["list"].string_value == '["a","b"]'
        assert attributes["http.status"].int_value == 503
        assert attributes["otel.scope.version"].string_value == "1.2"
        await site.push(tenant + "-b", "mine")
        assert await other.bodies(1) == ["mine"]


@pytest.mark.parametrize("exporter", [by_grpc, by_http], ids=lambda one: one.__name__)
async def test_an_exporter_comes_back_when_it_is_told(
    start: Any, tenant: str, exporter: Callable[[Site, str], LogRecordExporter], caplog: pytest.LogCaptureFixture
) -> None:
    """Over its quota it waits as the hub says, and loses nothing."""
    caplog.set_level(logging.WARNING, "opentelemetry")
    quotas = {"records-per-s": 2, "burst-seconds": 0.5}
    async with start(quotas=quotas) as (site, _), site.subscriber(tenant) as tail:
        await tail.subscribe()
        await site.push(tenant, *"xyz")
        await tail.bodies(3)
        with sdk(exporter(site, tenant)) as provider:
            logger = provider.get_logger("n")
            await asyncio.to_thread(logger.emit, LogRecord(timestamp=1, body="late"))
        assert await tail.bodies(1) == ["late"]
    assert "Transient error" in caplog.text
