"""A tenant gets its own records and nobody else's, whatever a peer writes, asks or forges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import InvalidStatus, WebSocketException

from hub.core.principal import Role
from hub.core.wire import delimited
from hub.pb.ingest_pb2 import ProducerMessage
from tests.peers import JSON, PROTO, batch

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from hub.pb.record_pb2 import Batch
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]


@pytest.mark.parametrize("encoding", [PROTO, JSON])
async def test_another_tenants_records_are_never_seen(site: Site, tenant: str, encoding: str) -> None:
    """Live and stored, in every encoding, from every starting point."""
    other = tenant + "-b"
    async with site.subscriber(other, encoding) as tail:
        await tail.subscribe("live")
        await site.push(tenant, "secret")
        await tail.subscribe("stored", oldest=True)
        await tail.subscribe("last", last=100)
        await site.push(other, "own")
        for _ in range(3):
            assert await tail.bodies(1) == ["own"]


async def test_a_cursor_of_another_tenant_is_refused(site: Site, tenant: str) -> None:
    """It does not even tell how far the other's log is."""
    async with site.subscriber(tenant) as tail:
        await tail.subscribe()
        await site.push(tenant, "secret")
        stolen = (await tail.until("records")).cursor
    async with site.subscriber(tenant + "-b", JSON) as tail:
        await tail.send(subscribe={"id": "s", "cursor": stolen})
        assert (await tail.until("error"))["code"] == "ERROR_CODE_BAD_CURSOR"


async def test_what_a_producer_writes_into_the_hubs_own_fields_is_replaced(site: Site, tenant: str) -> None:
    """Forged offsets, times, ids and indexes do not survive; neither do fields that the hub does not know."""
    forged = batch("x", seq=1)
    forged.first_offset = 10**6
    forged.received_time_unix_nano = 1
    forged.producer_id = "spiffe://test.local/tenant/other/producer/x"
    forged.indexes.append(77)
    unknown = delimited(1000, 6) + b"tenant"
    raw = forged.SerializeToString() + unknown
    message = delimited(ProducerMessage.BATCH_FIELD_NUMBER, len(raw)) + raw
    async with site.producer(tenant, "real") as producer, site.subscriber(tenant) as tail:
        await tail.subscribe()
        await producer.receive("welcome")
        await producer.call.write(message)
        received: Batch = (await tail.until("records")).batches[0]
    assert received.first_offset == 0
    assert received.received_time_unix_nano > 10**18
    assert received.producer_id == "real"
    assert not received.indexes
    assert unknown not in received.SerializeToString()


async def test_headers_and_urls_do_not_choose_the_tenant(site: Site, tenant: str) -> None:
    """Only the certificate and the token do."""
    other = tenant + "-b"
    await site.push(other, "secret")
    headers = {"X-Tenant": other, "X-Scope-OrgID": other, "X-Forwarded-For": "127.0.0.1"}
    async with site.subscriber(tenant, headers=headers) as tail:
        assert (await tail.until("welcome")).tenant == tenant
        await tail.subscribe(oldest=True, follow=False)
        assert (await tail.until("unsubscribed")).ledger.accepted == 0


async def test_producers_with_one_id_in_two_tenants_do_not_meet(site: Site, tenant: str) -> None:
    """Sequence numbers belong to a tenant's producer."""
    async with site.producer(tenant, "same") as one, site.producer(tenant + "-b", "same") as two:
        await one.receive("welcome")
        await one.send_batches(batch("a", seq=1), batch("b", seq=2))
        await one.acked(2)
        assert (await two.receive("welcome")).last_seq == 0
        await two.send_batches(batch("c", seq=1))
        await two.acked(1)


async def test_a_certificate_and_a_token_of_different_tenants_are_refused(site: Site, tenant: str) -> None:
    """A stolen token is not carried over another tenant's connection."""
    client = site.deployment.client(tenant + "-b", Role.SUBSCRIBER, "reader")
    with pytest.raises(InvalidStatus) as caught:
        async with site.subscriber(tenant, tls=site.tls(client)):
            pass
    assert caught.value.response.status_code == 403


async def test_mtls_mode_takes_the_tenant_from_the_certificate(start: Start, tenant: str) -> None:
    """The seed's `auth-mode: mTLS`: no token is asked for, and none is taken."""
    async with start(auth_mode="mTLS") as (site, _):
        client = site.deployment.client(tenant, Role.SUBSCRIBER, "reader")
        async with site.subscriber(tenant + "-b", tls=site.tls(client)) as tail:
            assert (await tail.until("welcome")).tenant == tenant
        with pytest.raises((OSError, WebSocketException)):
            async with site.subscriber(tenant) as tail:
                await tail.next()


async def test_a_tokens_filter_always_holds(site: Site, tenant: str) -> None:
    """Neither a subscription's own filter nor an update gets around it."""
    token = site.deployment.token(tenant, only="level>=error")
    async with site.subscriber(tenant, headers={"Authorization": f"Bearer {token}"}) as tail:
        await tail.subscribe(filter="level>=trace")
        await tail.send(update={"id": "s", "filter": ""})
        await tail.until("subscribed")
        mixed = batch("info", "error")
        mixed.records[1].severity = 17  # type: ignore[assignment]
        async with site.producer(tenant) as producer:
            mixed.seq = 1
            await producer.send_batches(mixed)
            assert await tail.bodies(1) == ["error"]
