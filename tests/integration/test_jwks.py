"""Token keys over HTTPS, from a real server on loopback, that changes its mind, fails, and lies."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec

from hub.errors import CertificateError, KeysUnavailableError, UnknownKeyError
from hub.identity.https_get import GetLimits
from hub.identity.jwks import JwksKeys, JwksOptions
from hub.identity.tokens import Keyring, TokenRules, TokenVerifier
from tests.fakes import FakeKeyObserver
from tests.forge import Forge, jwk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from hub.app import Hub
    from hub.cli.deployment import Deployment
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]

NOW = 1_700_000_000
A, B = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
RULES = TokenRules("loghub", "loghub", 86_400.0, 5.0)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def key_set(**keys: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a JWKS of keys by their ids."""
    return json.dumps({"keys": [jwk(key, kid=kid, use="sig", alg="ES256") for kid, key in keys.items()]}).encode()


def whole(body: bytes) -> bytes:
    """Return a response with a length."""
    return OK + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(body: bytes) -> bytes:
    """Return the same in chunks of a byte."""
    chunks = b"".join(b"1\r\n" + body[at : at + 1] + b"\r\n" for at in range(len(body)))
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"


def unbounded(body: bytes) -> bytes:
    """Return a response that ends with its connection."""
    return OK + b"\r\n" + body


@dataclass
class Issuer:
    """An HTTPS server that answers everything with the same bytes, and counts."""

    answer: bytes = b""
    drip_seconds: float = 0.0
    asked: list[bytes] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Where the keys are."""
        return f"https://localhost:{self.port}/keys?v=1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, all at once or byte by byte, and close."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            if self.drip_seconds:
                for at in range(len(self.answer)):
                    writer.write(self.answer[at : at + 1])
                    await writer.drain()
                    await asyncio.sleep(self.drip_seconds)
            writer.write(self.answer)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def serving(deployment: Deployment, issuer: Issuer, port: int = 0) -> AsyncIterator[Issuer]:
    """Run an issuer on loopback with the deployment's server certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pki = deployment.folder / "pki" / "server"
    context.load_cert_chain(pki / "hub.pem", pki / "hub.key")
    server = await asyncio.start_server(issuer.serve, "127.0.0.1", port, ssl=context)
    issuer.port = server.sockets[0].getsockname()[1]
    try:
        yield issuer
    finally:
        server.close()


@pytest_asyncio.fixture(loop_scope="session")
async def issuer(deployment: Deployment) -> AsyncIterator[Issuer]:
    """An issuer with key "a"."""
    async with serving(deployment, Issuer(whole(key_set(a=A)))) as issuer:
        yield issuer


class World:
    """What a hub keeps of an issuer, its clock, and tokens."""

    def __init__(self, issuer: Issuer, ca: Path | None, **options: Any) -> None:
        self.now = float(NOW)
        self.ring = Keyring(clock=lambda: self.now)
        self.observer = FakeKeyObserver()
        limits = GetLimits(options.pop("max_bytes", 4096), options.pop("timeout_seconds", 5.0))
        times = {"refresh_seconds": 3600.0, "cooldown_seconds": 3600.0, "max_age_seconds": 86_400.0, **options}
        self.keys = JwksKeys(
            JwksOptions(issuer.url, ca, limits, **times), self.ring, self.observer, clock=lambda: self.now
        )
        self.judge = TokenVerifier(self.ring, RULES, clock=lambda: float(NOW), learn=self.keys.learn)

    @property
    def kids(self) -> list[str]:
        """The keys in force."""
        return [key.kid for key in self.ring.keys]


@pytest.fixture
def world(issuer: Issuer, deployment: Deployment) -> World:
    """Return a hub's end, which has not asked yet."""
    return World(issuer, deployment.ca)


@pytest.mark.parametrize("form", [whole, chunked, unbounded])
async def test_keys_are_fetched_and_hold(world: World, issuer: Issuer, form: Callable[[bytes], bytes]) -> None:
    """Whatever way HTTP has of saying where an answer ends."""
    issuer.answer = form(key_set(a=A))
    with pytest.raises(KeysUnavailableError):
        world.judge.verify(Forge(A, NOW).headed(kid="a"))
    await world.keys.begin()
    assert world.judge.verify(Forge(A, NOW).headed(kid="a")).subject == "alice"
    assert world.observer.said == ["1 in force"]
    assert issuer.asked[0].startswith(b"GET /keys?v=1 HTTP/1.1\r\nHost: localhost:%d\r\n" % issuer.port)


async def test_a_rotation_is_learned_by_the_first_token_of_the_new_key(world: World, issuer: Issuer) -> None:
    """And the old key holds until it is withdrawn."""
    world = World(issuer, world.keys._options.ca, cooldown_seconds=0.01)  # noqa: SLF001  the same, but hastier
    await world.keys.begin()
    issuer.answer = whole(key_set(a=A, b=B))
    fresh = Forge(B, NOW).headed(kid="b")
    with pytest.raises(UnknownKeyError):
        world.judge.verify(fresh)
    await asyncio.sleep(0.02)
    assert await world.judge.learn()
    assert world.judge.verify(fresh).subject == "alice"
    assert world.judge.verify(Forge(A, NOW).headed(kid="a")).subject == "alice"


async def test_a_withdrawn_key_is_forgotten_with_the_next_fetch(world: World, issuer: Issuer) -> None:
    """Its tokens are refused from then on."""
    issuer.answer = whole(key_set(a=A, b=B))
    await world.keys.begin()
    assert world.kids == ["a", "b"]
    issuer.answer = whole(key_set(b=B))
    await world.keys.begin()
    assert world.kids == ["b"]
    with pytest.raises(UnknownKeyError):
        world.judge.verify(Forge(A, NOW).headed(kid="a"))


async def test_unknown_keys_do_not_make_more_than_one_fetch_in_a_cooldown(world: World, issuer: Issuer) -> None:
    """However many come, at once or one after the other; who came during the fetch has waited for it."""
    await world.keys.begin()
    assert not any(await asyncio.gather(*(world.judge.learn() for _ in range(200))))
    assert len(issuer.asked) == 1
    hasty = World(issuer, world.keys._options.ca, cooldown_seconds=0.2)  # noqa: SLF001  the same, but hastier
    assert all(await asyncio.gather(*(hasty.judge.learn() for _ in range(200))))
    assert len(issuer.asked) == 2
    assert not any(await asyncio.gather(*(hasty.judge.learn() for _ in range(200))))
    assert len(issuer.asked) == 2
    await asyncio.sleep(0.25)
    assert all(await asyncio.gather(*(hasty.judge.learn() for _ in range(200))))
    assert len(issuer.asked) == 3


async def test_who_goes_away_while_waiting_does_not_take_the_fetch_along(world: World) -> None:
    """The others still get their keys."""
    first, second = (asyncio.create_task(world.judge.learn()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert await second
    assert world.kids == ["a"]


REDIRECT = b"HTTP/1.1 302 Found\r\nLocation: https://localhost/keys\r\nContent-Length: 0\r\n\r\n"
PRIVATE = json.dumps({"keys": [jwk(A, kid="a", d="c2VjcmV0")]}).encode()
SECRET = json.dumps({"keys": [jwk(A, kid="a"), {"kty": "oct", "k": "c2VjcmV0", "kid": "s"}]}).encode()
BAD_ANSWERS = {
    "garbage": (b"\x00\xff garbage", "not HTTP"),
    "nothing": (b"", "ended in the middle"),
    "half a head": (OK[:20], "ended in the middle"),
    "half a body": (whole(key_set(a=A, b=B))[:-20], "ended in the middle"),
    "half a chunk": (chunked(key_set(a=A, b=B))[:-9], "ended in the middle"),
    "a redirect": (REDIRECT, "answered 302.*redirects are not followed"),
    "not found": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "answered 404"),
    "an error with keys in it": (whole(key_set(b=B)).replace(b"200 OK", b"500 No"), "answered 500"),
    "a page": (whole(b"<html></html>"), "no key set"),
    "no keys": (whole(b'{"keys": []}'), "at least one key"),
    "a list": (whole(b"[]"), "must be a list of keys"),
    "nested without end": (whole(b'{"keys":' + b"[" * 3000), "no key set"),
    "keys twice the same id": (whole(json.dumps({"keys": [jwk(A, kid="a"), jwk(B, kid="a")]}).encode()), "of its own"),
    "a private key": (whole(PRIVATE), "public keys only"),
    "a shared secret": (whole(SECRET), "public keys only"),
    "huge by its length": (whole(b" " * 5000 + key_set(b=B)), "more than 4096 bytes"),
    "huge in chunks": (chunked(b" " * 5000 + key_set(b=B)), "more than 4096 bytes"),
    "huge without a length": (unbounded(b" " * 50_000 + key_set(b=B)), "more than 4096 bytes"),
    "a huge head": (OK + b"X: y\r\n" * 5000 + b"\r\n" + key_set(b=B), "more than 4096 bytes"),
}


@pytest.mark.parametrize(("answer", "words"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_a_bad_answer_leaves_the_last_good_keys(
    world: World, issuer: Issuer, caplog: pytest.LogCaptureFixture, answer: bytes, words: str
) -> None:
    """It is said why, and counted; nothing of it is taken."""
    await world.keys.begin()
    issuer.answer = answer
    await world.keys.begin()
    assert world.kids == ["a"]
    assert world.judge.verify(Forge(A, NOW).headed(kid="a")).subject == "alice"
    assert world.observer.said == ["1 in force", "refused"]
    [reason] = [record.fields["reason"] for record in caplog.records if "not_fetched" in record.getMessage()]  # type: ignore[attr-defined]
    assert re.search(words, reason), reason
    assert "c2VjcmV0" not in reason


async def test_a_slow_answer_is_given_up(issuer: Issuer, deployment: Deployment) -> None:
    """Also one that comes byte by byte, each of them in time."""
    world = World(issuer, deployment.ca, timeout_seconds=0.3)
    await world.keys.begin()
    issuer.drip_seconds = 0.02
    began = time.monotonic()
    await world.keys.begin()
    assert time.monotonic() - began < 3
    assert world.observer.said == ["1 in force", "refused"]
    assert world.kids == ["a"]


async def test_an_outage_keeps_the_last_good_keys_up_to_an_age(deployment: Deployment) -> None:
    """Then the hub has none, until the issuer is back."""
    issuer = Issuer(whole(key_set(a=A)))
    async with serving(deployment, issuer):
        world = World(issuer, deployment.ca, max_age_seconds=100.0)
        await world.keys.begin()
    token = Forge(A, NOW).headed(kid="a")
    world.now += 99
    await world.keys.begin()
    assert world.observer.said[-1] == "refused"
    assert world.keys.age_seconds == 99.0
    assert world.judge.verify(token).subject == "alice"
    world.now += 1
    with pytest.raises(KeysUnavailableError):
        world.judge.verify(token)
    async with serving(deployment, issuer, issuer.port):
        await world.keys.begin()
    assert world.judge.verify(token).subject == "alice"
    assert world.keys.age_seconds == 0.0


async def test_a_key_that_is_not_understood_is_passed_over(world: World, issuer: Issuer) -> None:
    """Others keep the set: a kind that is new there must not shut out everybody here (RFC 7517 section 5)."""
    odd = [{"kty": "AKP", "kid": "x", "alg": "ML-DSA-44", "pub": "AA"}, {"kid": "y"}, jwk(B, kid="b", use="enc")]
    issuer.answer = whole(json.dumps({"keys": [*odd, jwk(A, kid="a"), jwk(B, kid="z", key_ops=["sign"])]}).encode())
    await world.keys.begin()
    assert world.kids == ["a"]


async def test_the_issuers_certificate_must_be_trusted_and_fit(issuer: Issuer, deployment: Deployment) -> None:
    """By the authority that the settings name, and for the host of the address."""
    stranger = World(issuer, None)
    await stranger.keys.begin()
    assert (stranger.kids, stranger.observer.said) == ([], ["refused"])
    other = World(issuer, deployment.ca)
    other.keys._options = JwksOptions(  # noqa: SLF001  another host of the same machine
        f"https://127.0.0.2:{issuer.port}/keys", deployment.ca, GetLimits(4096, 5.0), 1, 1, 1
    )
    await other.keys.begin()
    assert other.kids == []
    with pytest.raises(CertificateError, match=r"authority .*none\.pem cannot be used"):
        World(issuer, deployment.folder / "none.pem")


async def test_keys_are_fetched_again_and_again(issuer: Issuer, deployment: Deployment) -> None:
    """At the interval; after a failure sooner."""
    world = World(issuer, deployment.ca, refresh_seconds=0.05, cooldown_seconds=0.05)
    task = asyncio.create_task(world.keys.run())
    async with asyncio.timeout(10):
        while len(issuer.asked) < 3:  # noqa: ASYNC110  the issuer has no event for it
            await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    hasty = World(issuer, deployment.ca, refresh_seconds=3600, cooldown_seconds=0.05)
    issuer.answer = b""
    await hasty.keys.begin()
    issuer.answer = whole(key_set(a=A))
    task = asyncio.create_task(hasty.keys.run())
    async with asyncio.timeout(10):
        while not hasty.kids:  # noqa: ASYNC110  as above
            await asyncio.sleep(0.01)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_hub_by_an_issuers_keys(start: Start, deployment: Deployment, issuer: Issuer, tenant: str) -> None:
    """Started, rotated, down: on the WebSocket, SSE and gRPC; the state is on the metrics."""
    now = int(time.time())
    old, new = (Forge(key, now, tenant=tenant).headed(kid=kid) for key, kid in ((A, "a"), (B, "b")))
    tokens = {"jwks_url": issuer.url, "jwks_ca": str(deployment.ca), "jwks_cooldown_seconds": 1}
    async with start(tokens=tokens) as (site, hub):
        client = deployment.client(tenant)

        async def opens(token: str) -> list[bool]:
            async with site.stream(tenant, Authorization=f"Bearer {token}") as tail:
                by_http = tail.status == 200
            async with site.caller(client, token) as call:
                try:
                    by_call = (await call.until("welcome")).tenant == tenant
                except Exception:  # noqa: BLE001  whatever the call ends with
                    by_call = False
            return [by_http, by_call]

        assert await opens(old) == [True, True]
        assert await opens(new) == [False, False]
        issuer.answer = whole(key_set(b=B))
        await asyncio.sleep(1.1)
        asked = len(issuer.asked)
        async with site.subscriber(tenant, headers={"Authorization": f"Bearer {new}"}) as tail:
            assert (await tail.until("welcome")).tenant == tenant
        assert len(issuer.asked) == asked + 1
        assert await opens(new) == [True, True]
        assert await opens(old) == [False, False]
        value = hub.metrics.registry.get_sample_value
        assert value("loghub_token_keys") == 1.0
        assert 0 <= (value("loghub_token_keys_age_seconds") or -1) < 60
        assert value("loghub_token_keys_failures_total") == 0.0


async def test_a_hub_whose_issuer_is_down_starts_all_the_same(
    start: Start, deployment: Deployment, tenant: str
) -> None:
    """Certificates are good without it; tokens are answered with 503, and when to come back."""
    tokens = {"jwks_url": "https://localhost:1/keys", "jwks_ca": str(deployment.ca)}
    async with start(tokens=tokens) as (site, hub):
        await site.push(tenant, "x")
        async with site.stream(tenant) as tail:
            assert tail.status == 503
        assert hub.metrics.registry.get_sample_value("loghub_token_keys_failures_total") == 1.0


async def test_a_fresh_token_of_a_new_key_renews_an_open_session(
    start: Start, deployment: Deployment, issuer: Issuer, tenant: str
) -> None:
    """The session waits for the keys, nobody else does."""
    now = int(time.time())
    old, new = (Forge(key, now, tenant=tenant).headed(kid=kid) for key, kid in ((A, "a"), (B, "b")))
    tokens = {"jwks_url": issuer.url, "jwks_ca": str(deployment.ca), "jwks_cooldown_seconds": 1}
    async with (
        start(tokens=tokens) as (site, _),
        site.subscriber(tenant, headers={"Authorization": f"Bearer {old}"}) as tail,
    ):
        issuer.answer = whole(key_set(b=B))
        await asyncio.sleep(1.1)
        await tail.send(auth={"token": new})
        await tail.send(ping={"payload": b"x"})
        assert (await tail.next()).HasField("welcome")
        assert (await tail.next()).HasField("pong")
