"""What stands beside the main job: health, reflection, metrics, the page."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]


async def get(url: str, site: Site | None = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """GET a page; return status, headers in lower case, and body."""

    def ask() -> tuple[int, dict[str, str], bytes]:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  a loopback address
        context = site.tls() if site else None
        try:
            with urllib.request.urlopen(request, timeout=10, context=context) as answer:  # noqa: S310  as above
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    return await asyncio.to_thread(ask)


async def test_health_is_serving(site: Site, tenant: str) -> None:
    """The standard health service answers for the server and for each service."""
    async with site.channel(site.deployment.client(tenant)) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        for name in ("", "loghub.v1.Ingest", "loghub.v1.Tail", "opentelemetry.proto.collector.logs.v1.LogsService"):
            assert (await check(health_pb2.HealthCheckRequest(service=name))).status == 1


async def test_reflection_lists_the_services(site: Site, tenant: str) -> None:
    """grpcurl and its like find them without the .proto files."""
    async with site.channel(site.deployment.client(tenant)) as channel:
        ask = channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )()
        await ask.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        listed = (await ask.read()).list_services_response.service
        names = {service.name for service in listed}
        assert {"loghub.v1.Ingest", "opentelemetry.proto.collector.logs.v1.LogsService"} <= names
        await ask.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol=max(names)))
        assert (await ask.read()).file_descriptor_response.file_descriptor_proto
        ask.cancel()


async def test_the_page_is_served_with_headers_that_keep_record_text_from_running(site: Site) -> None:
    """No inline script, no framing, no guessing of types."""
    status, headers, body = await get(site.url + "/", site)
    assert status == 200
    assert b"<title>loghub</title>" in body
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["strict-transport-security"]
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/static/main.js", "/static/style.css", "/static/icon.svg"])
async def test_the_pages_files_are_served(site: Site, path: str) -> None:
    """Each with its type."""
    status, headers, body = await get(site.url + path, site)
    assert (status, bool(body)) == (200, True)
    assert "octet-stream" not in headers["content-type"]


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/nothing", "/v1", "/static/"]
)
async def test_nothing_else_is_served(site: Site, path: str) -> None:
    """404 as JSON, with the same headers."""
    status, headers, body = await get(site.url + path, site)
    assert status == 404
    assert json.loads(body)["error"]
    assert "content-security-policy" in headers


async def test_who_am_i(site: Site, tenant: str) -> None:
    """A token tells its bearer's tenant, scopes and expiry; without one there is no answer."""
    status, _, body = await get(site.url + "/v1/whoami", site, Authorization=f"Bearer {site.deployment.token(tenant)}")
    assert status == 200
    assert json.loads(body)["tenant"] == tenant
    status, headers, _ = await get(site.url + "/v1/whoami", site)
    assert (status, headers["www-authenticate"]) == (401, "Bearer")


async def test_health_over_https(site: Site) -> None:
    """For load balancers, without a token."""
    assert json.loads((await get(site.url + "/healthz", site))[2]) == {"status": "ok"}


async def test_the_metrics_page_counts_and_names_every_limit(start: Start, tenant: str) -> None:
    """On loopback, in Prometheus' text form."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    async with start(metrics={"port": port}) as (site, _):
        await site.push(tenant, "a", "b")
        text = (await get(f"http://127.0.0.1:{port}/metrics"))[2].decode()
    assert f'loghub_ingest_records_total{{tenant="{tenant}"}} 2.0' in text
    for name in (
        "ingest.max_batch_bytes",
        "ingest.max_otlp_bytes",
        "ingest.max_otlp_pending_bytes",
        "live.queue_bytes",
        "web.max_connections",
    ):
        assert f'loghub_limit{{name="{name}"}}' in text


async def test_a_token_is_never_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Neither good nor bad ones, in no form."""
    caplog.set_level(logging.DEBUG)
    good = site.deployment.token("acme")
    bad = good[:-4] + "AAAA"
    for token in (good, bad):
        await get(site.url + "/v1/whoami", site, Authorization=f"Bearer {token}")
    text = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert good.split(".")[2] not in text
    assert bad.split(".")[2] not in text
    assert "auth_refused" in text
