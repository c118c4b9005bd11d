"""What is revoked or expired ends within a second, wherever it streams, and does not come back."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from websockets.exceptions import ConnectionClosed, InvalidStatus

from hub.core.principal import Role
from hub.core.revocation import Kind, Revocation, serial_text
from hub.identity.peer import serial_of
from hub.identity.revoked_file import RevokedFile
from hub.identity.tokens import Claims
from hub.pb.ingest_pb2 import GOODBYE_REASON_EXPIRED, GOODBYE_REASON_REVOKED
from tests.integration.test_commands import loghub
from tests.peers import JSON, PROTO, batch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from hub.app import Hub
    from hub.pki.authority import Authority, Issued
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]

READERS = ("websocket", "json", "events", "lines", "grpc")
EACH = 12
SECONDS = 1.0
HOUR = 3600.0


@dataclass
class Reader:
    """A subscriber on any plane: what it got, each with its time, and when it was over."""

    name: str
    got: list[tuple[float, str]] = field(default_factory=list)
    said: str = ""
    over: float = 0.0


@asynccontextmanager
async def reading(site: Site, plane: str, tenant: str, token: str, client: Issued) -> AsyncIterator[Any]:
    """Open a subscription with a token on a plane."""
    bearer = {"Authorization": f"Bearer {token}"}
    async with AsyncExitStack() as stack:
        if plane in ("websocket", "json"):
            encoding = PROTO if plane == "websocket" else JSON
            tail: Any = await stack.enter_async_context(site.subscriber(tenant, encoding, headers=bearer))
            yield await tail.subscribe()
        elif plane == "grpc":
            tail = await stack.enter_async_context(site.caller(client, token))
            yield await tail.subscribe()
        else:
            kind = "text/event-stream" if plane == "events" else "application/x-ndjson"
            tail = await stack.enter_async_context(site.stream(tenant, "", Accept=kind, **bearer))
            assert tail.status == 200
            await tail.until("subscribed")
            yield tail


async def follow(tail: Any, reader: Reader) -> None:
    """Read to the end."""
    with suppress(ConnectionClosed, ConnectionError, grpc.aio.AioRpcError, AssertionError, asyncio.IncompleteReadError):
        while (message := await tail.next()) is not None:
            fields = message if isinstance(message, dict) else {message.WhichOneof("kind"): message}
            if "records" in fields:
                reader.got.append((time.time(), str(fields["records"])))
            if "goodbye" in fields:
                reader.said = str(fields["goodbye"])
    reader.over = time.time()


@asynccontextmanager
async def noise(site: Site, tenant: str, *, on: bool) -> AsyncIterator[None]:
    """Push records all the time, or none."""

    async def push() -> None:
        while True:
            await site.push(tenant, "noise")
            await asyncio.sleep(0.01)

    task = asyncio.create_task(push()) if on else None
    try:
        yield
    finally:
        if task:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "streaming"])
@pytest.mark.parametrize("plane", READERS)
async def test_a_revoked_token_ends_what_it_opened(
    start: Start, tenant: str, tmp_path: Path, plane: str, *, busy: bool
) -> None:
    """Within a second each, whatever the moment; others with tokens of their own stay; nobody comes back in."""
    async with start(web={"max-connections-per-tenant": 100}) as (site, _), AsyncExitStack() as stack:
        client = site.deployment.client(tenant, Role.SUBSCRIBER)
        names = [f"{plane}-{number}" for number in range(EACH + 1)]
        tokens = {name: site.deployment.mint(Claims(tenant, name, "logs:read", HOUR, "", name)) for name in names}
        readers = {name: Reader(name) for name in names}
        tasks = {}
        for name in names:
            tail = await stack.enter_async_context(reading(site, plane, tenant, tokens[name], client))
            tasks[name] = asyncio.create_task(follow(tail, readers[name]))
        async with noise(site, tenant, on=busy):
            revoked = {}
            file = RevokedFile.of(tmp_path / "data")
            for name in names[:-1]:
                await asyncio.sleep(0.037)
                revoked[name] = time.time()
                file.append(Revocation(Kind.TOKEN, name, time.time(), tenant))
            await asyncio.wait([tasks[name] for name in revoked], timeout=5)
            await asyncio.sleep(0.1)
        late = {name: round(readers[name].over - at, 3) for name, at in revoked.items()}
        assert all(0 < took <= SECONDS for took in late.values()), late
        for name, at in revoked.items():
            assert not [when for when, _ in readers[name].got if when > at + SECONDS]
            assert "REVOKED" in readers[name].said or str(GOODBYE_REASON_REVOKED) in readers[name].said
            with pytest.raises((InvalidStatus, AssertionError, grpc.aio.AioRpcError)):
                async with reading(site, plane, tenant, tokens[name], client):
                    pass
        assert not tasks[names[-1]].done(), "the one that was not revoked stays"
        assert bool(readers[names[-1]].got) is busy
        for task in tasks.values():
            task.cancel()


def crl_of(authority: Authority, *serials: int, at: datetime) -> bytes:
    """Return a list of an authority, with the certificate that signed it."""
    folder = authority.folder / "ca"
    issuer = x509.load_pem_x509_certificate((folder / "intermediate.pem").read_bytes())
    key = load_pem_private_key((folder / "intermediate.key").read_bytes(), None)
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
    builder = builder.last_update(at).next_update(issuer.not_valid_after_utc)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at).build()
        builder = builder.add_revoked_certificate(entry)
    crl = builder.sign(key, hashes.SHA256())  # type: ignore[arg-type]  # it is of EC
    return issuer.public_bytes(Encoding.PEM) + crl.public_bytes(Encoding.PEM)


def records(hub: Hub, tenant: str) -> float:
    """Return how many records the hub has stored."""
    return hub.metrics.registry.get_sample_value("loghub_ingest_records_total", {"tenant": tenant}) or 0.0


async def refused(site: Site, client: Issued) -> grpc.StatusCode:
    """Push with a certificate; return how it was answered."""
    async with site.channel(client) as channel:
        call = channel.unary_unary("/loghub.v1.Ingest/Push")(b"", timeout=5)
        try:
            await call
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK


@pytest.mark.parametrize("by", ["the authority", "the hub"])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "streaming"])
async def test_a_revoked_certificate_ends_its_producers_stream(
    start: Start, tenant: str, tmp_path: Path, by: str, *, busy: bool
) -> None:
    """By its authority's list, read anew, or by the hub's own; nothing that comes after is stored, nor by Push."""
    crl = tmp_path / "crl.pem"
    deployment = None
    async with AsyncExitStack() as stack:
        settings: dict[str, Any] = {}
        first, _ = await stack.enter_async_context(start())
        deployment, now = first.deployment, x509.load_pem_x509_certificate(first.deployment.ca.read_bytes())
        crl.write_bytes(crl_of(deployment.authority, at=now.not_valid_before_utc))
        await stack.aclose()
        settings = {"tls": {"crl": str(crl)}}
        site, hub = await stack.enter_async_context(start(**settings))
        mine = deployment.client(tenant)
        other = deployment.client(tenant, Role.PRODUCER, "other")
        serial = serial_of(mine.cert.read_bytes())
        producer = await stack.enter_async_context(site.producer(tenant))
        await producer.receive("welcome")
        sent = 0

        async def send() -> None:
            nonlocal sent
            while True:
                sent += 1
                await producer.send_batches(batch("x", seq=sent))
                await asyncio.sleep(0.005)

        sending = asyncio.create_task(send()) if busy else None
        await asyncio.sleep(0.2)
        revoked = time.time()
        if by == "the hub":
            entry = Revocation(Kind.CERTIFICATE, serial_text(serial), time.time(), tenant)
            RevokedFile.of(tmp_path / "data").append(entry)
        else:
            crl.write_bytes(crl_of(deployment.authority, serial, at=now.not_valid_before_utc))
        goodbye = await producer.until("goodbye")
        ended = time.time()
        assert goodbye.reason == GOODBYE_REASON_REVOKED
        assert not goodbye.reconnect
        assert ended - revoked <= SECONDS
        if sending:
            sending.cancel()
        assert await refused(site, mine) is grpc.StatusCode.UNAUTHENTICATED
        assert await refused(site, other) is grpc.StatusCode.INVALID_ARGUMENT, "let in, and its batch is empty"
        stored = records(hub, tenant)
        assert stored <= sent
        async with site.channel(mine) as channel:
            again = channel.stream_stream("/loghub.v1.Ingest/Stream")()
            assert await again.code() is grpc.StatusCode.UNAUTHENTICATED
        assert records(hub, tenant) == stored


async def test_a_certificate_that_is_let_in_with_a_token_is_revoked_too(
    start: Start, tenant: str, tmp_path: Path
) -> None:
    """The web port asks for both: either ends the session."""
    async with start(web={"auth-mode": "mTLS+JWT"}) as (site, _):
        client = site.deployment.client(tenant, Role.SUBSCRIBER, "desk")
        async with site.subscriber(tenant, tls=site.tls(client)) as tail:
            await tail.subscribe()
            entry = Revocation(Kind.SUBJECT, f"spiffe://test.local/tenant/{tenant}/subscriber/desk", time.time())
            RevokedFile.of(tmp_path / "data").append(entry)
            code, reason = await tail.closed()
            assert (code, "revoked" in reason) == (4401, True)
        with pytest.raises(InvalidStatus) as refusal:
            async with site.subscriber(tenant, tls=site.tls(client)):
                pass
        assert refusal.value.response.status_code == 401


def established(port: int) -> int:
    """Return how many connections the kernel has for a server's port (Linux: state 01 in /proc/net/tcp)."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


async def test_a_slow_reader_is_cut_as_soon(start: Start, tenant: str, tmp_path: Path) -> None:
    """It cannot keep the connection by not reading the goodbye."""
    async with start() as (site, _):
        token = site.deployment.mint(Claims(tenant, "slow", "logs:read", HOUR, "", "slow"))
        async with site.subscriber(tenant, headers={"Authorization": f"Bearer {token}"}, max_queue=1) as tail:
            await tail.subscribe()
            tail.socket.transport.pause_reading()
            for _ in range(30):
                await site.push(tenant, *["x" * 100_000] * 5)
            port = site.listening.web_port
            assert established(port) == 1
            RevokedFile.of(tmp_path / "data").append(Revocation(Kind.TOKEN, "slow", time.time()))
            await asyncio.sleep(SECONDS)
            assert established(port) == 0


@pytest.mark.parametrize("plane", READERS)
async def test_an_expired_token_ends_within_a_second(site: Site, tenant: str, plane: str) -> None:
    """Not before its time, with a warning long before, and with the reason."""
    token = site.deployment.mint(Claims(tenant, "brief", "logs:read", 2.0))
    ends = int(time.time()) + 2
    client = site.deployment.client(tenant, Role.SUBSCRIBER)
    reader = Reader(plane)
    async with reading(site, plane, tenant, token, client) as tail:
        async with asyncio.timeout(10):
            await follow(tail, reader)
    assert ends - 1 <= reader.over <= ends + 1 + SECONDS
    assert "EXPIRED" in reader.said or str(GOODBYE_REASON_EXPIRED) in reader.said


# --- who may revoke ----------------------------------------------------------------------------------------------


async def ask(site: Site, method: str, token: str, body: object = None, **headers: str) -> tuple[int, dict[str, Any]]:
    """Ask the admin API; return status and answer."""

    def go() -> tuple[int, dict[str, Any]]:
        connection = HTTPSConnection("localhost", site.listening.web_port, timeout=10, context=site.tls())
        try:
            raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
            given = {"Authorization": f"Bearer {token}"} if token else {}
            connection.request(method, "/v1/admin/revocations", raw, {**given, **headers})
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    return await asyncio.to_thread(go)


async def test_an_admin_without_a_tenant_of_its_own_revokes_nothing(site: Site, tenant: str) -> None:
    """An entry without a tenant would hold for all."""
    several = site.deployment.mint(Claims("", "root", "admin", HOUR, tenants=(tenant, tenant + "-b")))
    for method, body in (("GET", None), ("POST", {"kind": "subject", "id": "me"})):
        status, said = await ask(site, method, several, body)
        assert status == 403
        assert "needs a token with a tenant of its own" in said["error"]


async def test_an_admin_revokes_in_its_own_tenant_only(start: Start, tenant: str) -> None:
    """A token of the same id, of another tenant, is another token."""
    async with start() as (site, _), AsyncExitStack() as stack:
        mint = site.deployment.mint
        admin = mint(Claims(tenant, "root", "admin", HOUR))
        tails = []
        for owner in (tenant, tenant + "-b"):
            token = mint(Claims(owner, "reader", "logs:read", HOUR, "", "same-id"))
            tail = await stack.enter_async_context(site.subscriber(owner, headers={"Authorization": f"Bearer {token}"}))
            tails.append(await tail.subscribe())
        status, said = await ask(site, "POST", admin, {"kind": "token", "id": "same-id", "reason": "left"})
        assert (status, said["tenant"], said["reason"]) == (201, tenant, "left")
        assert (await tails[0].closed())[0] == 4401
        await site.push(tenant + "-b", "still here")
        assert await tails[1].bodies(1) == ["still here"]
        assert [entry["id"] for entry in (await ask(site, "GET", admin))[1]["revocations"]] == ["same-id"]
        foreign = mint(Claims(tenant + "-b", "root", "admin", HOUR))
        assert (await ask(site, "GET", foreign))[1] == {"revocations": []}


async def test_nobody_else_revokes(site: Site, tenant: str) -> None:
    """No token, a reader's, a writer's, a page from elsewhere: nothing is put on the list."""
    entry = {"kind": "subject", "id": "root"}
    mint = site.deployment.mint
    admin = mint(Claims(tenant, "root", "admin", HOUR))
    assert (await ask(site, "POST", "", entry))[0] == 401
    assert (await ask(site, "POST", mint(Claims(tenant, "x", "logs:read", HOUR)), entry))[0] == 403
    assert (await ask(site, "POST", mint(Claims(tenant, "x", "logs:write", HOUR)), entry))[0] == 403
    assert (await ask(site, "POST", admin, entry, Origin="https://evil.example"))[0] == 403
    assert await ask(site, "GET", admin) == (200, {"revocations": []})


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"{", "not JSON"),
        ([], "JSON object"),
        ({"kind": "planet", "id": "x"}, "kind: must be one of"),
        ({"kind": ["token"], "id": "x"}, "kind: must be one of"),
        ({"kind": "token"}, "id: must be"),
        ({"kind": "token", "id": ""}, "printable"),
        ({"kind": "certificate", "id": "0xBEEF"}, "hexadecimal"),
        ({"kind": "token", "id": "x", "tenant": "other"}, "tenant: there is no such field"),
        ({"kind": "token", "id": "x", "until": 1}, "until: must be a time in the future"),
        ({"kind": "token", "id": "x", "until": True}, "until: must be a time in the future"),
        ({"kind": "token", "id": "x", "reason": "a\nb"}, "reason: must be text"),
    ],
)
async def test_a_bad_entry_is_refused_with_what_to_mend(site: Site, tenant: str, body: object, fault: str) -> None:
    """400, and nothing is put on the list."""
    admin = site.deployment.mint(Claims(tenant, "root", "admin", HOUR))
    status, said = await ask(site, "POST", admin, body)
    assert (status, fault in said["error"]) == (400, True), said
    assert (await ask(site, "GET", admin))[1] == {"revocations": []}


async def test_the_command_revokes_on_the_machine_and_from_afar(start: Start, tenant: str) -> None:
    """By the configuration's data folder, or as an admin with a certificate."""
    async with start() as (site, _):
        config = ("--config", str(site.deployment.config))
        admin = site.deployment.client(tenant, Role.ADMIN, "root")
        far = ("--url", site.url, "--ca", site.deployment.ca, "--cert", admin.cert, "--key", admin.key)
        reader = site.deployment.client(tenant, Role.SUBSCRIBER, "desk")
        async with site.caller(reader) as first:
            await first.subscribe()
            done = await loghub("revoke", "certificate", reader.cert, "--reason", "lost", *far)
            assert done.status == 0, done.err
            assert (await first.until("goodbye")).reason == GOODBYE_REASON_REVOKED
        token = site.deployment.mint(Claims(tenant, "x", "logs:read", HOUR, "", "id-7"))
        async with site.subscriber(tenant, headers={"Authorization": f"Bearer {token}"}) as tail:
            await tail.subscribe()
            assert (await loghub("revoke", "token", "id-7", "--tenant", tenant, *config)).status == 0
            assert (await tail.closed())[0] == 4401
        listed = await loghub("revoke", "list", *config)
        assert [line.split()[2:] for line in listed.out.splitlines()] == [
            ["certificate", tenant, serial_text(serial_of(reader.cert.read_bytes())), "lost"],
            ["token", tenant, "id-7", "-"],
        ]
        assert (await loghub("revoke", "list", *far)).out == listed.out
        stranger = site.deployment.client(tenant, Role.SUBSCRIBER, "other")
        denied = await loghub(
            *("revoke", "subject", "x", "--url", site.url),
            *("--ca", site.deployment.ca, "--cert", stranger.cert, "--key", stranger.key),
        )
        assert (denied.status, "lacks the scope admin" in denied.err) == (1, True)
