"""Secrets with unmistakable marks go through a hub in every way there is, and turn up nowhere but where they belong.

The hub logs at DEBUG. What peers send is marked: tokens, filters, record bodies and the private keys on its disk. They
may be in the log of records, and must be in none of: its log lines, its audit log, its metrics.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import urllib.request
from base64 import urlsafe_b64encode
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import grpc
import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from hub.cli.hub_child import start_hub
from hub.core.principal import Role
from hub.identity.tokens import Claims, TokenRules, mint
from hub.observe.audit_verify import events, verify
from hub.pb.ingest_pb2 import Hello, HubMessage, ProducerMessage, PushRequest
from hub.pb.record_pb2 import LogRecord
from hub.pb.tail_pb2 import Auth, Subscribe
from tests.e2e.conftest import free_port
from tests.peers import JSON, PROTO, ProducerPeer, Site, batch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from hub.cli.children import Children
    from hub.cli.deployment import Deployment

BODY, FILTER, TOKEN, CURSOR = "canaryBODYx", "canaryFILTERx", "canaryTOKENx", "canaryCURSORx"
# A bearer token that is not even a JWT.
OPAQUE = f"{TOKEN}-0123456789abcdef0123456789abcdef"
UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
BAD_FILTERS = [
    f"level>={FILTER}",
    f'"{FILTER}',
    f"({FILTER}",
    f"/{FILTER}(/",
    " OR ".join(f"*{FILTER}{n}*" for n in range(150)),
]


class Tokens:
    """Mints tokens, good and bad, and knows every one."""

    def __init__(self, deployment: Deployment) -> None:
        self._key = (deployment.folder / "pki" / "tokens" / "signing.key").read_bytes()
        self.made: list[str] = [OPAQUE]

    def mint(self, *, audience: str = "loghub", shift: float = 0.0, **claims: Any) -> str:
        """Return a token of tenant acme that may read, unless told otherwise."""
        given = {"tenant": "acme", "subject": "reader", "scope": "logs:read", "lifetime_seconds": 300.0, **claims}
        self.made.append(
            mint(self._key, Claims(**given), TokenRules("loghub", audience, 1e6, 0.0), time.time() + shift)
        )
        return self.made[-1]

    def homeless(self) -> str:
        """Return a well signed one that names no tenant, which `mint` refuses to make."""
        claims = jwt.decode(self.mint(), options={"verify_signature": False})
        del claims["tenant"]
        self.made.append(jwt.encode(claims, self._key, algorithm="ES256"))
        return self.made[-1]

    def forged(self) -> str:
        """Return one whose claims hold a mark and whose signature does not hold."""
        head, _, signature = self.mint().split(".")
        claims = json.dumps({"sub": TOKEN, "tenant": "acme", "iss": "loghub", "aud": "loghub", "exp": 9e9, "nbf": 0})
        self.made.append(".".join((head, urlsafe_b64encode(claims.encode()).decode().rstrip("="), signature)))
        return self.made[-1]

    def marks(self) -> Iterable[str]:
        """Return what must not be seen: each token's claims and signature."""
        return (part for token in self.made for part in token.split(".")[-2:] if len(part) > 20)


async def http(site: Site, target: str, *, method: str = "GET", body: str = "", **headers: str) -> int:
    """Ask for something as a stranger; return the status."""
    port = site.listening.web_port
    reader, writer = await asyncio.open_connection("localhost", port, ssl=site.tls())
    given = {"Host": f"localhost:{port}", "Content-Length": str(len(body)), **headers}
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", body]
    writer.write("\r\n".join(lines).encode())
    async with asyncio.timeout(10):
        status = int((await reader.readline()).split()[1])
    writer.transport.abort()
    return status


@asynccontextmanager
async def socket(site: Site, token: str, encoding: str = JSON, **headers: str) -> AsyncIterator[Any]:
    """Open a WebSocket as a browser does, with the token among the subprotocols."""
    protocols = [Subprotocol(encoding), Subprotocol(f"bearer.{token}")]
    url = f"{site.tail_url}?token={token}"  # a mistake that people make; it must not be logged either
    async with connect(url, ssl=site.tls(), subprotocols=protocols, additional_headers=headers) as one:
        yield one


async def refused(site: Site, token: str, **headers: str) -> int:
    """Return the status of a WebSocket that is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with socket(site, token, **headers):
            pass
    return caught.value.response.status_code


async def strangers(site: Site, tokens: Tokens) -> None:
    """Be refused over HTTP and WebSocket in every way."""
    bad = {
        OPAQUE: 401,
        tokens.forged(): 401,
        tokens.mint(lifetime_seconds=-60.0): 401,
        tokens.mint(audience=TOKEN): 401,
        tokens.mint(shift=600.0): 401,
        tokens.homeless(): 401,
        tokens.mint(scope="logs:write"): 403,
    }
    for token, status in bad.items():
        assert await refused(site, token) == status
        assert await http(site, f"/v1/tail?token={token}&filter={FILTER}", Authorization=f"Bearer {token}") == status
        assert await http(site, "/v1/admin/revocations", Authorization=f"Bearer {token}") in (401, 403)
    for token in (OPAQUE, tokens.forged()):
        assert await http(site, f"/v1/whoami?access_token={token}", Authorization=f"Bearer {token}") == 401
        assert await http(site, "/v1/whoami", Authorization=f"Basic {token}", Cookie=f"token={token}") == 401
    good = tokens.mint()
    assert await refused(site, good, Origin=f"https://{TOKEN}.example") == 403
    assert await http(site, f"/{BODY}?token={good}&filter={FILTER}", Authorization=f"Bearer {good}") == 404
    assert await http(site, f"/v1/tail?token={good}", method="POST", body=BODY) == 405
    assert await http(site, "/v1/tail", Authorization=f"Bearer {good}", **UPGRADE | {"Sec-WebSocket-Key": TOKEN}) == 400
    assert await http(site, "/v1/tail", **{f"Bad {TOKEN}": good}) == 400
    assert await http(site, f"/{BODY}{'x' * 40_000}", Authorization=f"Bearer {good}") in (400, 431)
    admin = tokens.mint(scope="admin")
    for body in (BODY, json.dumps({"kind": TOKEN}), json.dumps({"kind": "token", "id": "x", "reason": 1})):
        status = await http(site, "/v1/admin/revocations", method="POST", body=body, Authorization=f"Bearer {admin}")
        assert status == 400


async def readers(site: Site, tokens: Tokens) -> None:
    """Read by filters that are good and bad, and say what is no message."""
    good = tokens.mint()
    assert await http(site, f"/v1/tail?filter={FILTER}", Authorization=f"Bearer {good}") == 200
    for wrong in (f"filter=(({FILTER}", f"cursor={CURSOR}", f"last={BODY}", f"{FILTER}=1"):
        assert await http(site, f"/v1/tail?{wrong}", Authorization=f"Bearer {good}") == 400
    with suppress(WebSocketException):  # a token's own filter may be bad: the connection is closed after 101
        async with socket(site, tokens.mint(filter=f"level>={FILTER}")) as one:
            await one.recv()
    async with socket(site, tokens.mint(filter=f"-{FILTER}")) as one:
        for number, text in enumerate((f"-{FILTER}", f"/{FILTER}.*/", *BAD_FILTERS)):
            await one.send(json.dumps({"subscribe": {"id": f"s{number}", "filter": text}}))
        await one.send(json.dumps({"subscribe": {"id": "c", "cursor": CURSOR}}))
        for token in (OPAQUE, tokens.forged(), tokens.mint(tenant="globex"), tokens.mint(filter=f"-{FILTER}")):
            await one.send(json.dumps({"auth": {"token": token}}))
        await one.send(json.dumps({"unsubscribe": {"id": FILTER}}))
        await one.send(json.dumps({"ping": {}}))
        async with asyncio.timeout(10):
            while "pong" not in json.loads(await one.recv()):
                pass
    for encoding, message in ((JSON, "{" + BODY), (JSON, json.dumps({TOKEN: good})), (JSON, BODY * 20_000)):
        with suppress(WebSocketException):
            async with socket(site, tokens.mint(), encoding) as one:
                await one.send(message)
                async for _ in one:
                    pass
    with suppress(WebSocketException):
        async with socket(site, tokens.mint(), PROTO) as one:
            await one.send(f"\xff{BODY}".encode("latin-1"))
            async for _ in one:
                pass


async def callers(site: Site, tokens: Tokens) -> None:
    """The same over gRPC."""
    client = site.deployment.client("acme", Role.SUBSCRIBER, "reader")
    async with site.caller(client, tokens.mint()) as call:
        await call.subscribe(filter=f"-{FILTER}")
        for text in BAD_FILTERS:
            await call.send(subscribe=Subscribe(id="b", filter=text))
            await call.until("error")
        await call.send(auth=Auth(token=tokens.forged()))
        await call.until("error")
    for token in (OPAQUE, tokens.forged(), tokens.mint(tenant="globex"), tokens.mint(scope="logs:write")):
        async with site.caller(client, token) as call:
            assert (await call.status())[0] in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
    async with site.caller(site.deployment.client("acme"), tokens.mint()) as call:
        await call.send(subscribe=Subscribe(id=BODY * 100, filter=FILTER))
        await call.until("error")


async def producers(site: Site) -> None:
    """Send records that are stored, and ones that are not, in every way."""
    async with site.producer("acme", "p") as producer:
        marked = batch(BODY, seq=1, service="orders")
        marked.records[0].attributes["user"].string_value = BODY
        marked.records[0].exception.stacktrace = BODY
        bad = LogRecord(body=BODY, trace_id=BODY.encode()[:5], time_unix_nano=1)
        marked.records.append(bad)
        await producer.send_batches(marked)
        await producer.acked(1)
        await producer.send_batches(batch(BODY, seq=9), batch(BODY * 50_000, seq=2))
        await producer.until("nack")
    async with site.channel(site.deployment.client("acme")) as channel:
        for raw in (b"\xff" + BODY.encode(), PushRequest(batch=batch(BODY * 500_000)).SerializeToString()):
            with pytest.raises(grpc.aio.AioRpcError):
                await channel.unary_unary("/loghub.v1.Ingest/Push")(raw, timeout=10)
        with pytest.raises(grpc.aio.AioRpcError):
            await channel.unary_unary(f"/loghub.v1.{BODY}/Push")(b"", timeout=10)
        for hello in (Hello(producer_id=BODY + "\n", next_seq=1), Hello(producer_id="p2", client=BODY * 50)):
            call = channel.stream_stream("/loghub.v1.Ingest/Stream", response_deserializer=HubMessage.FromString)()
            await ProducerPeer(call).send(hello=hello)
            assert (await ProducerPeer(call).status())[0] is grpc.StatusCode.INVALID_ARGUMENT
        call = channel.stream_stream("/loghub.v1.Ingest/Stream", response_deserializer=HubMessage.FromString)()
        await call.write(ProducerMessage(batch=batch(BODY, seq=1)).SerializeToString())
        assert (await ProducerPeer(call).status())[0] is grpc.StatusCode.INVALID_ARGUMENT
    async with site.channel(site.deployment.client("acme", Role.SUBSCRIBER, "reader")) as channel:
        request = PushRequest(batch=batch(BODY)).SerializeToString()
        with pytest.raises(grpc.aio.AioRpcError):
            await channel.unary_unary("/loghub.v1.Ingest/Push")(request, timeout=10)


async def quotas(site: Site, tokens: Tokens) -> None:
    """Open one WebSocket too many."""
    async with socket(site, tokens.mint(tenant="crowd")), socket(site, tokens.mint(tenant="crowd")):
        assert await refused(site, tokens.mint(tenant="crowd")) == 429


def private_marks(folder: Path) -> list[str]:
    """Return the lines of every private key on the disk."""
    keys = [path.read_text().splitlines() for path in folder.rglob("*.key")]
    marks = [line for lines in keys for line in lines if len(line) > 20 and not line.startswith("-----")]
    assert len(marks) > 10
    return marks


def scrape(port: int) -> str:
    """Return the metrics page."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        text: str = page.read().decode()
        return text


@pytest.mark.timeout(180)
async def test_no_secret_turns_up_where_it_does_not_belong(deployment: Deployment, children: Children) -> None:
    """Neither in what the hub writes of itself, nor in its audit log, nor on its metrics; the records were stored."""
    metrics = free_port()
    listening = {"port": metrics}
    settings = {
        "logging": {"level": "DEBUG"},
        "metrics": listening,
        "web": {"max-connections": 500, "max-connections-per-tenant": 2},
        "ingest": {"max-record-bytes": "64KiB", "max-batch-bytes": "1MiB", "max-unacked-bytes": "2MiB"},
        "audit": {"limited-per-minute": 10_000, "limited-per-s": 10_000, "key-file": "audit.key"},
    }
    (deployment.folder / "audit.key").write_text("canaryAUDITKEYx-0123456789abcdef\n")
    deployment.configure(free_port(), free_port(), settings)
    tokens = Tokens(deployment)
    hub, ports = start_hub(children, deployment)
    site = Site(deployment, ports)
    await producers(site)
    async with site.stream("acme", "oldest=true&follow=false") as stream:
        assert BODY.encode() in await stream.body()
    await strangers(site, tokens)
    await readers(site, tokens)
    await callers(site, tokens)
    await quotas(site, tokens)
    page = await asyncio.to_thread(scrape, metrics)
    hub.process.terminate()
    await asyncio.to_thread(hub.process.wait, 30)
    audit = deployment.folder / "data" / "audit"
    seen = {
        "log lines": hub.log.read_text(errors="replace"),
        "audit log": "".join(path.read_text() for path in audit.iterdir()),
        "metrics": page,
    }
    secrets = [BODY, FILTER, CURSOR, "canaryAUDITKEY", *tokens.marks(), *private_marks(deployment.folder)]
    found = [(where, secret) for where, text in seen.items() for secret in secrets if secret.lower() in text.lower()]
    assert not found
    check_that_there_was_something_to_see(seen, audit)


def check_that_there_was_something_to_see(seen: dict[str, str], audit: Path) -> None:
    """The proof that the absence of secrets is no absence of everything."""
    assert '"auth_refused"' in seen["log lines"]
    assert '"DEBUG"' in seen["log lines"]
    assert 'loghub_auth_refused_total{plane="web"' in seen["metrics"]
    codes = {(line.get("plane"), line.get("code")) for _, line in events(audit) if line["event"] == "refused"}
    wanted = {("web", "UnauthenticatedError"), ("web", "TokenExpiredError"), ("web", "ForbiddenError")}
    wanted |= {("web", "QuotaError"), ("tail", "UnauthenticatedError"), ("tail", "ForbiddenError")}
    assert {*wanted, ("ingest", "ForbiddenError")} <= codes
    kinds = {line["event"] for _, line in events(audit)}
    assert {"hub_started", "hub_stopped", "session_opened", "session_ended", "request", "token_renewed"} <= kinds
    assert all(report.problem for report in verify(audit)), "it has a key, without which it must not be called good"


@pytest.mark.parametrize(
    "section", [{"tokens": {"keys": "pki/tokens/signing.key"}}, {"tls": {"cert": "pki/server/hub.key"}}]
)
async def test_a_key_in_the_wrong_place_is_not_quoted(
    deployment: Deployment, children: Children, section: dict[str, dict[str, str]]
) -> None:
    """A hub that is given a private key for a public one says so without showing it."""
    base = {"tls": {"ca": "pki/ca.pem", "cert": "pki/server/hub.pem", "key": "pki/server/hub.key"}}
    merged = {name: {**base.get(name, {}), **values} for name, values in section.items()}
    deployment.configure(free_port(), free_port(), {"logging": {"level": "DEBUG"}, **merged})
    child = children.start("wrong", [sys.executable, "-m", "hub.cli.main", "serve", "--config", str(deployment.config)])
    assert await asyncio.to_thread(child.process.wait, 30) == 1
    said = child.log.read_text()
    assert "hub.key" in said or "signing.key" in said
    assert not [mark for mark in private_marks(deployment.folder) if mark in said]
