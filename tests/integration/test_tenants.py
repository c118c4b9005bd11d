"""Tokens for several tenants, and tokens and tickets that are bound to a certificate, on every transport."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import grpc
import pytest
from websockets.exceptions import InvalidStatus

from hub.core.principal import Role
from hub.identity.tokens import Claims
from hub.pb.tail_pb2 import ERROR_CODE_BAD_REQUEST, ERROR_CODE_FORBIDDEN, Error, Subscribe
from hub.pki.files import certificate_der
from tests.peers import JSON, PROTO

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.app import Hub
    from hub.pki.authority import Issued
    from tests.peers import Site

TRANSPORTS = ("websocket proto", "websocket json", "grpc", "events", "lines")
ACCEPT = {"events": "text/event-stream", "lines": "application/x-ndjson"}


@asynccontextmanager
async def connected(
    transport: str, site: Site, token: str, client: Issued | None = None, query: str = ""
) -> AsyncIterator[Any]:
    """Connect with a token; for HTTP the subscription is in the query."""
    headers = {"Authorization": f"Bearer {token}"}
    if transport in ACCEPT:
        headers |= {"Accept": ACCEPT[transport]}
        async with site.request(f"GET /v1/tail?{query}", headers, site.tls(client)) as tail:
            yield tail
    elif transport == "grpc":
        async with site.caller(client or site.deployment.client("acme", Role.SUBSCRIBER, "desk"), token) as call:
            yield call
    else:
        encoding = JSON if transport.endswith("json") else PROTO
        async with site.subscriber("unused", encoding, headers=headers, tls=site.tls(client)) as tail:
            yield tail


async def subscribe(transport: str, site: Site, token: str, **what: Any) -> tuple[list[str] | None, str, str]:
    """Read all that is stored; return the records' bodies, or None, and the error's code and text."""
    query = urlencode({name: str(value).lower() if isinstance(value, bool) else value for name, value in what.items()})
    async with connected(transport, site, token, query=query) as tail:
        if transport in ACCEPT:
            if tail.status != 200:
                return None, str(tail.status), (await tail.body()).decode()
        elif transport == "websocket json":
            await tail.send(subscribe={"id": "s", **what})
        else:
            await tail.send(subscribe=Subscribe(id="s", **what))
        found: list[str] = []
        while True:
            kind, body = await next_of(tail)
            if kind == "records":
                found += bodies(body)
            if kind == "error":
                return None, *error_of(body)
            if kind == "unsubscribed":
                return found, "", ""


async def next_of(tail: Any) -> tuple[str, Any]:
    """Return the kind and body of the next message, of any transport."""
    async with asyncio.timeout(10):
        message = await (tail.next() if hasattr(tail, "next") else tail.call.read())
    if isinstance(message, dict):
        [(kind, body)] = message.items()
        return kind, body
    kind = message.WhichOneof("kind")
    return kind, getattr(message, kind)


def bodies(records: Any) -> list[str]:
    """Return the bodies of a records message."""
    if isinstance(records, dict):
        return [record["body"] for batch in records["batches"] for record in batch["records"]]
    return [record.body for batch in records.batches for record in batch.records]


def error_of(error: Any) -> tuple[str, str]:
    """Return code and text of an error message."""
    if isinstance(error, Error):
        return str(error.code), error.message
    names = {"ERROR_CODE_FORBIDDEN": ERROR_CODE_FORBIDDEN, "ERROR_CODE_BAD_REQUEST": ERROR_CODE_BAD_REQUEST}
    return str(names[error["code"]]), error["message"]


def claims(tenant: str = "", *tenants: str, **more: Any) -> Claims:
    """Return a reader's claims."""
    return Claims(tenant, "me", "logs:read", 600.0, tenants=tenants, **more)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_token_of_several_tenants_reads_each_of_them(site: Site, tenant: str, transport: str) -> None:
    """The one that a subscription names, its own where it names none; no other, however it asks."""
    a, b, c = tenant, tenant + "-b", tenant + "-c"
    for name in (a, b, c):
        await site.push(name, f"of {name}")
    # The certificate of a gRPC client is of acme, so the token must be good for it too.
    token = site.deployment.mint(claims(a, a, b, "acme"))
    all_of = {"oldest": True, "follow": False}
    assert await subscribe(transport, site, token, **all_of) == ([f"of {a}"], "", "")
    assert await subscribe(transport, site, token, tenant=a, **all_of) == ([f"of {a}"], "", "")
    assert await subscribe(transport, site, token, tenant=b, **all_of) == ([f"of {b}"], "", "")
    for other in (c, "*", a.upper(), f"{a},{c}"):
        for begin in (all_of, {"last": 5}, {}):
            found, code, text = await subscribe(transport, site, token, tenant=other, **begin)
            assert found is None
            assert code == ("403" if transport in ACCEPT else str(ERROR_CODE_FORBIDDEN))
            assert "may not be read" in text


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_token_without_a_tenant_of_its_own_says_to_name_one(site: Site, tenant: str, transport: str) -> None:
    """With the names; then it works."""
    a, b = tenant, tenant + "-b"
    await site.push(b, "x")
    token = site.deployment.mint(claims("", "acme", a, b))
    found, code, text = await subscribe(transport, site, token, oldest=True, follow=False)
    assert found is None
    assert code == ("400" if transport in ACCEPT else str(ERROR_CODE_BAD_REQUEST))
    assert f"name the one to read, one of acme, {a}, {b}" in text
    assert (await subscribe(transport, site, token, tenant=b, oldest=True, follow=False))[0] == ["x"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_token_of_one_tenant_reads_no_other(site: Site, tenant: str, transport: str) -> None:
    """Named or not."""
    await site.push(tenant, "secret")
    token = site.deployment.token("acme")
    found, code, _ = await subscribe(transport, site, token, tenant=tenant, oldest=True, follow=False)
    assert (found, code) == (None, "403" if transport in ACCEPT else str(ERROR_CODE_FORBIDDEN))


async def test_a_certificate_reads_its_own_tenant_only(site: Site, tenant: str) -> None:
    """Without a token, over gRPC."""
    await site.push(tenant + "-b", "secret")
    async with site.caller(site.deployment.client(tenant, Role.SUBSCRIBER, "desk")) as call:
        assert list((await call.until("welcome")).tenants) == [tenant]
        await call.send(subscribe=Subscribe(id="s", tenant=tenant + "-b", oldest=True))
        assert (await call.until("error")).code == ERROR_CODE_FORBIDDEN
        await call.subscribe(name="t", tenant=tenant, oldest=True)


async def test_delivered_records_count_for_the_tenant_whose_they_are(hub: Hub, site: Site, tenant: str) -> None:
    """Not for the one that the connection is counted for."""
    a, b = tenant, tenant + "-b"
    await site.push(b, "1", "2", "3")
    await subscribe("lines", site, site.deployment.mint(claims(a, a, b)), tenant=b, oldest=True, follow=False)
    delivered = {
        name: hub.metrics.registry.get_sample_value("loghub_delivered_records_total", {"tenant": name})
        for name in (a, b)
    }
    assert delivered == {a: 0.0, b: 3.0}


# --- bound to a certificate ------------------------------------------------------------------------------------------


async def status_of(transport: str, site: Site, token: str, client: Issued | None) -> tuple[str, str]:
    """Return how a connection with a token and a certificate is answered, and with what text."""
    try:
        async with connected(transport, site, token, client) as tail:
            if transport in ACCEPT:
                if tail.status != 200:
                    return str(tail.status), (await tail.body()).decode()
                await tail.until("welcome")
            elif transport == "grpc":
                if await tail.call.read() is grpc.aio.EOF:
                    code, text = await tail.status()
                    return code.name, text
            else:
                await tail.until("welcome")
    except InvalidStatus as error:
        return str(error.response.status_code), (error.response.body or b"").decode()
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details() or ""
    return "open", ""


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_bound_token_is_good_on_its_connection_only(site: Site, tenant: str, transport: str) -> None:
    """With the right certificate, not with another one of the same tenant, nor with none."""
    right, wrong = (site.deployment.client(tenant, Role.SUBSCRIBER, name) for name in ("right", "wrong"))
    token = site.deployment.mint(claims(tenant, certificate_der=certificate_der(right.cert)))
    refused = "UNAUTHENTICATED" if transport == "grpc" else "401"
    assert await status_of(transport, site, token, right) == ("open", "")
    status, text = await status_of(transport, site, token, wrong)
    assert status == refused
    assert "bound to another client certificate" in text
    if transport != "grpc":  # which asks everybody for a certificate: see test_tls
        status, text = await status_of(transport, site, token, None)
        assert status == refused
        assert "this connection does not show" in text
