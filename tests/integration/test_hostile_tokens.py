"""The hostile tokens of the unit tests, sent through a running hub on every transport: nothing opens."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING

import grpc
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hub.core.principal import Role
from hub.identity.tokens import MAX_TOKEN_BYTES
from hub.pki.files import certificate_der
from tests.forge import Forge, hostile, twins

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from hub.cli.deployment import Deployment
    from hub.pki.authority import Issued
    from tests.peers import Site

    Send = Callable[[Site, Issued, str], Awaitable[tuple[str, bool]]]

# No header can carry these: a client library refuses to send them, and a server to read them.
_UNSENDABLE = ("\n", "\0")
# What may stand in a list of subprotocols (RFC 9110 section 5.6.2).
_SUBPROTOCOL = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]*")
_AT_ONCE = 8


@pytest.fixture(scope="module")
def forge(deployment: Deployment) -> Forge:
    """Return what makes tokens with the running hub's own key."""
    key = load_pem_private_key((deployment.folder / "pki" / "tokens" / "signing.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Forge(key, int(time.time()))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def client(deployment: Deployment) -> AsyncIterator[Issued]:
    """Return the certificate that all connections show."""
    yield deployment.client("acme", Role.SUBSCRIBER, "desk")


async def upgrade(site: Site, client: Issued, token: str) -> tuple[str, bool]:
    """Ask for a WebSocket; return the status, and whether anything came behind the answer's head that is no error."""
    headers = {
        "Authorization": f"Bearer {token}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "loghub.v1.json",
    }
    async with site.request("GET /v1/tail", headers, site.tls(client)) as answer:
        return str(answer.status), answer.status == 101


async def upgrade_by_subprotocol(site: Site, client: Issued, token: str) -> tuple[str, bool]:
    """Ask for a WebSocket as a browser does."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": f"loghub.v1.json, bearer.{token}",
    }
    async with site.request("GET /v1/tail", headers, site.tls(client)) as answer:
        return str(answer.status), answer.status == 101


async def events(site: Site, client: Issued, token: str) -> tuple[str, bool]:
    """Ask for server-sent events."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    async with site.request("GET /v1/tail?oldest=true", headers, site.tls(client)) as answer:
        return str(answer.status), answer.status == 200


async def ticket(site: Site, client: Issued, token: str) -> tuple[str, bool]:
    """Ask for a ticket."""
    headers = {"Authorization": f"Bearer {token}", "Content-Length": "0"}
    async with site.request("POST /v1/tickets", headers, site.tls(client)) as answer:
        return str(answer.status), b'ticket":' in await answer.body()


async def call(site: Site, client: Issued, token: str) -> tuple[str, bool]:
    """Call Tail over gRPC."""
    async with site.channel(client) as channel:
        metadata = (("authorization", f"Bearer {token}"),)
        one = channel.stream_stream("/loghub.v1.Tail/Tail")(metadata=metadata)
        try:
            async with asyncio.timeout(10):
                opened = await one.read() is not grpc.aio.EOF
        except grpc.aio.AioRpcError:
            opened = False
        if opened:
            one.cancel()
            return "OK", True
        return (await one.code()).name, False


WAYS: dict[str, tuple[Send, str, str]] = {
    "websocket": (upgrade, "401", "101"),
    "websocket, by subprotocol": (upgrade_by_subprotocol, "401", "101"),
    "events": (events, "401", "200"),
    "ticket": (ticket, "401", "200"),
    "grpc": (call, "UNAUTHENTICATED", "OK"),
}


@pytest.mark.parametrize("way", WAYS)
async def test_no_hostile_token_opens_anything(site: Site, forge: Forge, client: Issued, way: str) -> None:
    """Each is answered as unproven, before 101, a stream or a call begins."""
    send, refused, _ = WAYS[way]
    table = hostile(forge, certificate_der(client.cert))
    sendable = {name: token for name, (token, _) in table.items() if not any(bad in token for bad in _UNSENDABLE)}
    if way.endswith("subprotocol"):
        sendable = {name: token for name, token in sendable.items() if _SUBPROTOCOL.fullmatch(token)}
    if way == "grpc":
        sendable = {name: token for name, token in sendable.items() if token.isascii() and token.isprintable()}
    assert len(sendable) > len(table) - 16 > 200
    answers = await answered(site, client, send, sendable)
    wrong = {name: answer for name, answer in answers.items() if answer != (refused, False)}
    if way.startswith("websocket"):  # what is too long for a header line there is refused for that
        assert {wrong.pop(name) for name, token in sendable.items() if len(token) > MAX_TOKEN_BYTES} == {("431", False)}
    assert not wrong


@pytest.mark.parametrize("way", WAYS)
async def test_the_good_twins_open(site: Site, forge: Forge, client: Issued, way: str) -> None:
    """The proof that the hostile ones are refused for their faults."""
    send, _, opened = WAYS[way]
    answers = await answered(site, client, send, twins(forge, certificate_der(client.cert)))
    assert set(answers.values()) == {(opened, True)}


async def answered(site: Site, client: Issued, send: Send, tokens: dict[str, str]) -> dict[str, tuple[str, bool]]:
    """Send each token, some at once; return the answers by name."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(token: str) -> tuple[str, bool]:
        async with room:
            return await send(site, client, token)

    return dict(zip(tokens, await asyncio.gather(*map(one, tokens.values())), strict=True))


@pytest.mark.parametrize("bad", _UNSENDABLE)
async def test_what_no_header_can_carry_opens_nothing(site: Site, forge: Forge, client: Issued, bad: str) -> None:
    """Sent all the same."""
    try:
        status, opened = await upgrade(site, client, forge.good + bad + "x")
    except (ConnectionError, asyncio.IncompleteReadError):
        return
    assert (status, opened) in {("400", False), ("401", False)}
