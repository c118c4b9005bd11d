"""From a gRPC producer to a WebSocket subscriber, through a real hub."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Origin, Subprotocol

from hub.pb.record_pb2 import Exception as RecordException
from hub.pb.record_pb2 import LogRecord
from tests.peers import JSON, PROTO, batch

if TYPE_CHECKING:
    from tests.peers import Site


@pytest.mark.parametrize("encoding", [PROTO, JSON])
async def test_a_record_reaches_a_live_subscriber(site: Site, tenant: str, encoding: str) -> None:
    """What a producer streams is pushed to a subscriber, in either encoding, before the stream ends."""
    async with site.subscriber(tenant, encoding) as tail, site.producer(tenant) as producer:
        await tail.subscribe()
        await producer.receive("welcome")
        await producer.send_batches(batch("one", "two", seq=1), batch("three", seq=2))
        assert await tail.bodies(3) == ["one", "two", "three"]
        await producer.acked(2)


async def test_records_arrive_within_milliseconds(site: Site, tenant: str) -> None:
    """The median of single live records is far below what polling could reach."""
    async with site.subscriber(tenant) as tail, site.producer(tenant) as producer:
        await tail.subscribe()
        await producer.receive("welcome")
        took = []
        for seq in range(1, 21):
            began = time.perf_counter()
            await producer.send_batches(batch(f"{seq}", seq=seq))
            await tail.bodies(1)
            took.append(time.perf_counter() - began)
        assert sorted(took)[10] < 0.25


async def test_all_fields_survive(site: Site, tenant: str) -> None:
    """Every field of a record arrives as it was sent."""
    record = LogRecord(
        time_unix_nano=1_700_000_000_123_456_789,
        observed_time_unix_nano=1_700_000_000_123_456_790,
        severity=17,  # type: ignore[arg-type]
        severity_text="SEVERE",
        body="payment failed 💥 <b>",
        service="payments",
        logger="com.example.Pay",
        thread="main",
        host="app-7",
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        exception=RecordException(type="java.io.IOException", message="reset", stacktrace="a\n\tat b"),
    )
    record.attributes["user"].string_value = "zoë"
    record.attributes["n"].int_value = -(2**63)
    record.attributes["x"].double_value = 0.1
    record.attributes["ok"].bool_value = True
    record.attributes["raw"].bytes_value = b"\x00\xff"
    sent = batch(seq=1)
    sent.records.append(record)
    async with site.subscriber(tenant) as tail, site.producer(tenant) as producer:
        await tail.subscribe()
        await producer.send_batches(sent)
        received = (await tail.until("records")).batches[0]
        assert received.records[0] == record
        assert received.resource == sent.resource


async def test_push_stores_once_by_sequence(site: Site, tenant: str) -> None:
    """A resent Push with a producer id stores nothing twice."""
    first = await site.push(tenant, "a", "b")
    assert first.accepted == 2
    async with site.subscriber(tenant) as tail:
        await tail.subscribe(oldest=True)
        assert await tail.bodies(2) == ["a", "b"]


@pytest.mark.parametrize("encoding", [PROTO, JSON])
async def test_a_cursor_resumes_without_gap_or_duplicate(site: Site, tenant: str, encoding: str) -> None:
    """A subscriber that comes back with its cursor gets exactly what it has not seen."""
    async with site.subscriber(tenant, encoding) as tail:
        await tail.subscribe()
        await site.push(tenant, "seen")
        message = await tail.until("records")
    cursor = message["cursor"] if encoding == JSON else message.cursor
    await site.push(tenant, "missed 1", "missed 2")
    async with site.subscriber(tenant, encoding) as tail:
        await tail.subscribe(cursor=cursor)
        assert await tail.bodies(2) == ["missed 1", "missed 2"]
        await site.push(tenant, "live")
        assert await tail.bodies(1) == ["live"]


async def test_a_subscription_can_begin_with_the_last_records(site: Site, tenant: str) -> None:
    """`last` begins that many matching records before the end."""
    await site.push(tenant, *(f"{'odd' if number % 2 else 'even'} {number}" for number in range(100)))
    async with site.subscriber(tenant) as tail:
        await tail.subscribe(last=3, filter="odd")
        assert await tail.bodies(3) == ["odd 95", "odd 97", "odd 99"]


async def test_a_bounded_subscription_ends_with_its_account(site: Site, tenant: str) -> None:
    """With follow off, the end of what is stored ends the subscription, and the account adds up."""
    await site.push(tenant, "keep 1", "drop", "keep 2")
    async with site.subscriber(tenant) as tail:
        await tail.subscribe(oldest=True, follow=False, filter="keep")
        assert await tail.bodies(2) == ["keep 1", "keep 2"]
        ledger = (await tail.until("unsubscribed")).ledger
        assert (ledger.accepted, ledger.delivered, ledger.filtered, ledger.lost) == (3, 2, 1, 0)


async def test_filters_by_service_level_and_text(site: Site, tenant: str) -> None:
    """Only what matches is pushed."""
    async with site.subscriber(tenant) as tail, site.producer(tenant) as producer:
        await tail.subscribe(filter='service:pay level>=warn "timed out"')
        mixed = batch("x timed OUT", "y", seq=1, service="pay")
        mixed.records[0].severity = 13  # type: ignore[assignment]
        mixed.records[1].severity = 17  # type: ignore[assignment]
        other = batch("z timed out", seq=2, service="orders")
        other.records[0].severity = 21  # type: ignore[assignment]
        await producer.send_batches(other, mixed)
        assert await tail.bodies(1) == ["x timed OUT"]


async def test_the_seeds_heartbeat(site: Site, tenant: str) -> None:
    """In JSON, {"type":"PING"} is answered by {"type":"PONG"}."""
    async with site.subscriber(tenant, JSON) as tail:
        await tail.until("welcome")
        await tail.socket.send('{"type":"PING"}')
        assert await tail.next() == {"type": "PONG"}


async def test_browsers_send_their_token_as_a_subprotocol(site: Site, tenant: str) -> None:
    """`bearer.<jwt>` is taken, and never echoed."""
    token = site.deployment.token(tenant)
    offered = [Subprotocol(PROTO), Subprotocol(f"bearer.{token}")]
    async with connect(site.tail_url, ssl=site.tls(), subprotocols=offered, origin=Origin(site.url)) as socket:
        assert socket.subprotocol == PROTO
        assert token not in str(socket.response and socket.response.headers)
