"""OTLP at both ports of a real hub: who may send, what of it is taken, and what hostile senders come to."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import http.client
import json
import random
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from hub.core.principal import Role
from hub.identity.tokens import Claims

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from hub.pki.authority import Issued
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]

EXPORT = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
FULL = {"max-bytes": "2MiB", "retention-bytes-per-tenant": "1MiB", "compression-level": 0}
BOMB = gzip.compress(bytes(2**25), 9)


def value(text: str) -> AnyValue:
    """Return a string as OTLP has it."""
    return AnyValue(string_value=text)


def request(*bodies: str, **resource: str) -> bytes:
    """Return a request of records with these bodies."""
    held = Resource(
        attributes=[KeyValue(key=name.replace("_", "."), value=value(is_)) for name, is_ in resource.items()]
    )
    logs = [LogRecord(time_unix_nano=1, body=value(body), attributes=[KeyValue(key="k")]) for body in bodies]
    scopes = [ScopeLogs(log_records=logs)]
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(resource=held, scope_logs=scopes)]).SerializeToString()


def token(site: Site, tenant: str, scope: str = "logs:write") -> str:
    """Return an Authorization header."""
    return f"Bearer {site.deployment.mint(Claims(tenant, 'exporter', scope, 60.0))}"


class Poster:
    """An HTTP client on one connection, opened anew where the hub closed it."""

    def __init__(self, site: Site, headers: dict[str, str], client: Issued | None = None) -> None:
        tls = site.tls(client)
        self.connection = http.client.HTTPSConnection("localhost", site.listening.web_port, timeout=10, context=tls)
        self._headers = {"Content-Type": PROTOBUF, **headers}

    def post(self, body: bytes, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers in lower case, and body of the answer."""
        given = self._headers | {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request("POST", "/v1/logs", body, {name: value for name, value in given.items() if value})
        answer = self.connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()


@contextlib.contextmanager
def posting(site: Site, tenant: str = "", client: Issued | None = None, **headers: Any) -> Iterator[Poster]:
    """Post with a token of the tenant, if one is named."""
    authorization = {"Authorization": token(site, tenant)} if tenant else {}
    poster = Poster(site, {**authorization, **headers}, client)
    try:
        yield poster
    finally:
        poster.connection.close()


async def export(site: Site, client: Issued, raw: bytes, **options: Any) -> ExportLogsServiceResponse:
    """Call Export."""
    async with site.channel(client) as channel:
        call = channel.unary_unary(EXPORT, response_deserializer=ExportLogsServiceResponse.FromString)
        answer: ExportLogsServiceResponse = await call(raw, timeout=10, **options)
        return answer


async def refused(site: Site, client: Issued, raw: bytes, **options: Any) -> status_pb2.Status:
    """Call Export, which must be refused; return the status with its details."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await export(site, client, raw, **options)
    trailers = dict(caught.value.trailing_metadata())
    status = status_pb2.Status(code=caught.value.code().value[0], message=caught.value.details())
    return status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", status.SerializeToString()))


def retry_seconds(status: status_pb2.Status) -> float | None:
    """Return when to come back, if that is told."""
    info = error_details_pb2.RetryInfo()
    return info.retry_delay.ToMilliseconds() / 1000 if any(one.Unpack(info) for one in status.details) else None


async def test_who_may_not_write_is_refused(site: Site, tenant: str) -> None:
    """On both ports, as a google.rpc.Status in the request's encoding."""
    subscriber = site.deployment.client(tenant, Role.SUBSCRIBER)
    assert (await refused(site, subscriber, request("x"))).code == 7

    def posts() -> None:
        with posting(site) as poster:
            status, headers, body = poster.post(request("x"))
            assert (status, headers["www-authenticate"], headers["content-type"]) == (401, "Bearer", PROTOBUF)
            assert status_pb2.Status.FromString(body).code == 16
            status, headers, body = poster.post(
                b"{}", Content_Type=JSON, Authorization=token(site, tenant, "logs:read")
            )
            assert (status, headers["content-type"], json.loads(body)["code"]) == (403, JSON, 7)
            assert "content-security-policy" in headers
            assert poster.post(request("x"), Authorization="Bearer x.y.z")[0] == 401
            assert poster.post(request("x"), Authorization=token(site, tenant))[0] == 200
        with posting(site, client=subscriber) as poster:
            assert poster.post(request("x"))[0] == 403
        with posting(site, tenant, site.deployment.client(tenant + "-b")) as poster:
            assert poster.post(request("x"))[0] == 403, "certificate and token are of different tenants"

    await asyncio.to_thread(posts)


async def test_a_forged_tenant_is_content_and_no_more(site: Site, tenant: str) -> None:
    """Neither headers, metadata nor attributes choose whose records they are."""
    other = tenant + "-b"
    forged: dict[str, Any] = {"x-scope-orgid": other, "x-tenant": other, "loghub-tenant": other}
    raw = request("forged", tenant=other, loghub_tenant=other, service_namespace=other)
    async with site.subscriber(tenant) as tail, site.subscriber(other) as victim:
        await tail.subscribe()
        await victim.subscribe()
        await export(site, site.deployment.client(tenant), raw, metadata=tuple(forged.items()))
        with posting(site, tenant, **forged) as poster:
            assert (await asyncio.to_thread(poster.post, raw))[0] == 200
        assert await tail.bodies(1) == await tail.bodies(1) == ["forged"]
        await site.push(other, "own")
        assert await victim.bodies(1) == ["own"]


async def test_bad_records_are_a_partial_success(start: Start, tenant: str) -> None:
    """On both ports: 200, how many, and the first one by its number; the others are delivered."""
    async with start(ingest={"max-record-bytes": 1000}) as (site, _), site.subscriber(tenant) as tail:
        await tail.subscribe()
        raw = request("good", "x" * 2000, "good too")
        partial = (await export(site, site.deployment.client(tenant), raw)).partial_success
        assert (partial.rejected_log_records, "number 1" in partial.error_message) == (1, True)
        with posting(site, tenant) as poster:
            status, _, body = await asyncio.to_thread(poster.post, raw)
        assert status == 200
        assert ExportLogsServiceResponse.FromString(body).partial_success == partial
        assert await tail.bodies(4) == ["good", "good too"] * 2


async def test_a_request_larger_than_a_batch_is_split(start: Start, tenant: str) -> None:
    """In order, each batch within the limits."""
    bodies = [f"{number} " + "x" * 500 for number in range(3000)]
    small = {"max-batch-bytes": "64KiB", "max-record-bytes": "1KiB"}
    async with start(ingest=small) as (site, _), site.subscriber(tenant) as tail:
        await tail.subscribe()
        await export(site, site.deployment.client(tenant), request(*bodies))
        assert await tail.bodies(len(bodies)) == bodies


async def test_too_much_is_413_and_resource_exhausted_without_a_time(start: Start, tenant: str) -> None:
    """Sending it again cannot help; a body that is far too long is cut by the connection's own bound."""
    async with start(ingest={"max-otlp-bytes": "64KiB"}) as (site, _):
        client = site.deployment.client(tenant)
        status = await refused(site, client, request("x" * 70_000))
        assert (status.code, retry_seconds(status)) == (8, None)

        def posts() -> None:
            with posting(site, tenant) as poster:
                answer, headers, body = poster.post(request("x" * 70_000))
                assert (answer, "retry-after" in headers) == (413, False)
                assert status_pb2.Status.FromString(body).code == 8
                assert poster.post(request("x" * 60_000))[0] == 200
            with posting(site, tenant) as poster, contextlib.suppress(OSError):
                assert poster.post(bytes(2**20))[0] == 413
            with posting(site, tenant) as poster, contextlib.suppress(OSError):  # it may be cut while it still sends
                poster.connection.request("POST", "/v1/tickets", bytes(2**20), {"Authorization": token(site, tenant)})
                assert poster.connection.getresponse().status in (403, 405, 413)

        await asyncio.to_thread(posts)


async def test_a_bomb_is_refused_where_it_passes_the_limit(site: Site, hub: Hub, tenant: str) -> None:
    """32 MiB in 32 KB: 413 and RESOURCE_EXHAUSTED; nothing is held afterwards, and all goes on."""
    client = site.deployment.client(tenant)

    def bomb() -> int:
        with posting(site, tenant) as poster:
            return poster.post(BOMB, Content_Encoding="gzip")[0]

    assert await asyncio.to_thread(bomb) == 413
    async with site.channel(client) as channel:
        call = channel.unary_unary(EXPORT)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(bytes(2**25), timeout=10, compression=grpc.Compression.Gzip)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert hub.metrics.registry.get_sample_value("loghub_otlp_pending_bytes") == 0
    assert await export(site, client, request("x")) == ExportLogsServiceResponse()


async def test_a_full_log_asks_to_come_back(start: Start, tenant: str) -> None:
    """RESOURCE_EXHAUSTED with RetryInfo, 503 with Retry-After; no record of it was stored."""
    raw = request("x" * 30_000)
    async with start(log=FULL) as (site, hub):
        client = site.deployment.client(tenant)
        with contextlib.suppress(grpc.aio.AioRpcError):
            for number in range(400):
                await export(site, site.deployment.client(f"other-{number % 8}"), raw)
            pytest.fail("it is never full")
        status = await refused(site, client, raw)
        assert status.code == 8
        assert retry_seconds(status)
        with posting(site, tenant) as poster:
            answer, headers, body = await asyncio.to_thread(poster.post, raw)
        assert answer == 503
        assert int(headers["retry-after"]) >= 1
        assert retry_seconds(status_pb2.Status.FromString(body))
        assert not hub.metrics.registry.get_sample_value("loghub_ingest_records_total", {"tenant": tenant})


@pytest.mark.timeout(120)
async def test_hostile_bodies_are_read_or_refused(site: Site, tenant: str) -> None:
    """Every prefix, and flipped bytes, in both encodings, plain and packed: 200 or 400, and never anything else."""
    plain = request("body", service_name="s")
    said = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "b"}, "traceId": "00"}]}]}]}
    chance = random.Random(4711)  # noqa: S311  the same each time
    bodies = [
        (kind, encoding, body)
        for kind, raw in ((PROTOBUF, plain), (JSON, json.dumps(said).encode()))
        for encoding, whole in (("", raw), ("gzip", gzip.compress(raw)))
        for body in (*(whole[:end] for end in range(len(whole))), *(flipped(whole, chance) for _ in range(25)))
    ]

    def posts() -> set[int]:
        found = set()
        with posting(site, tenant) as poster:
            for kind, encoding, body in bodies:
                status, headers, answer = poster.post(body, Content_Type=kind, Content_Encoding=encoding)
                assert headers["content-type"] == kind
                assert status == 200 or (status_of(answer, kind) == 3), (status, body)
                found.add(status)
        return found

    assert await asyncio.to_thread(posts) == {200, 400}
    codes = set()
    async with site.channel(site.deployment.client(tenant)) as channel:
        call = channel.unary_unary(EXPORT)
        for body in (*(plain[:end] for end in range(len(plain))), *(flipped(plain, chance) for _ in range(25))):
            try:
                await call(body, timeout=10)
            except grpc.aio.AioRpcError as error:
                codes.add(error.code())
    assert codes == {grpc.StatusCode.INVALID_ARGUMENT}


def flipped(raw: bytes, chance: random.Random) -> bytes:
    """Return the same with one byte changed."""
    at = chance.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ chance.randrange(1, 256)]) + raw[at + 1 :]


def status_of(answer: bytes, kind: str) -> int:
    """Return the code of a refusal."""
    code: int = status_pb2.Status.FromString(answer).code if kind == PROTOBUF else json.loads(answer)["code"]
    return code


async def test_a_call_without_a_message_is_refused(site: Site, tenant: str) -> None:
    """It is no request, not even an empty one."""
    async with site.channel(site.deployment.client(tenant)) as channel:
        call = channel.stream_stream(EXPORT)()
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_body_in_chunks_of_any_size_is_taken(site: Site, tenant: str) -> None:
    """With head and body in one piece as well."""
    raw = gzip.compress(request("chunked"))
    head = (
        f"POST /v1/logs HTTP/1.1\r\nhost: localhost\r\nauthorization: {token(site, tenant)}\r\n"
        f"content-type: {PROTOBUF}\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )
    async with site.subscriber(tenant) as tail:
        await tail.subscribe()
        for step in (1, 10_000):
            chunks = [raw[at : at + step] for at in range(0, len(raw), step)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
            reader, writer = await asyncio.open_connection("localhost", site.listening.web_port, ssl=site.tls())
            writer.write(head.encode() + body + b"0\r\n\r\n")
            async with asyncio.timeout(10):
                assert b" 200 " in await reader.readline()
            writer.close()
            assert await tail.bodies(1) == ["chunked"]
