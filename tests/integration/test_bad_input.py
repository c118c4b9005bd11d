"""What bad input gets: a clear error that says what to do, on a connection that goes on where it can."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from google.rpc import error_details_pb2, status_pb2
from websockets.exceptions import InvalidStatus

from hub.errors import StorageFullError
from hub.log.lmdb_store import Store
from hub.pb.ingest_pb2 import ProducerMessage, PushRequest
from hub.pb.record_pb2 import LogRecord
from hub.pb.tail_pb2 import ERROR_CODE_BAD_FILTER
from tests.forge import Forge
from tests.peers import JSON, batch

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from hub.cli.deployment import Deployment
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]


def sample(hub: Hub, name: str, **labels: str) -> float:
    """Return a metric's value."""
    return hub.metrics.registry.get_sample_value(f"loghub_{name}", labels) or 0.0


# --- producers -------------------------------------------------------------------------------------------------------


async def test_a_bad_record_is_refused_by_index_and_field_and_the_rest_is_kept(site: Site, tenant: str) -> None:
    """One bad record does not cost its neighbours."""
    sent = batch("good 1", "bad", "good 2", seq=1)
    sent.records[1].trace_id = b"short"
    async with site.producer(tenant) as producer, site.subscriber(tenant) as tail:
        await tail.subscribe()
        await producer.receive("welcome")
        await producer.send_batches(sent)
        [error] = (await producer.receive("ack")).rejected
        assert (error.seq, error.index, error.field) == (1, 1, "trace_id")
        assert "16" in error.reason
        assert await tail.bodies(2) == ["good 1", "good 2"]


async def test_a_batch_over_the_limit_is_refused_and_the_stream_goes_on(start: Start, tenant: str) -> None:
    """RESOURCE_EXHAUSTED names the limit; the same number sent smaller is taken."""
    async with start(ingest={"max-batch-bytes": "16KiB", "max-record-bytes": "8KiB"}) as (site, hub):
        async with site.producer(tenant) as producer:
            await producer.receive("welcome")
            await producer.send_batches(batch("x" * 20_000, seq=1))
            nack = await producer.receive("nack")
            assert (nack.seq, nack.code) == (1, grpc.StatusCode.RESOURCE_EXHAUSTED.value[0])
            assert not nack.HasField("retry_after")
            assert "16384" in nack.message
            await producer.send_batches(batch("small", seq=1))
            await producer.acked(1)
        assert sample(hub, "ingest_refused_batches_total", tenant=tenant, code="RESOURCE_EXHAUSTED") == 1


async def test_a_message_over_grpcs_limit_ends_the_call_and_the_producer_resumes(start: Start, tenant: str) -> None:
    """What was acknowledged stays; a new stream goes on at the next number."""
    small = {"max-batch-bytes": "16KiB", "max-record-bytes": "8KiB", "max-otlp-bytes": "16KiB"}
    async with start(ingest=small) as (site, _):
        async with site.producer(tenant) as producer:
            await producer.receive("welcome")
            await producer.send_batches(batch("one", seq=1))
            await producer.acked(1)
            await producer.send_batches(batch("x" * 200_000, seq=2))
            code, _ = await producer.status()
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        async with site.producer(tenant, next_seq=2) as producer:
            assert (await producer.receive("welcome")).last_seq == 1
            await producer.send_batches(batch("two", seq=2))
            await producer.acked(2)


async def test_invalid_utf8_is_replaced_and_counted(start: Start, tenant: str) -> None:
    """A string with bad bytes arrives with U+FFFD in it."""
    sent = ProducerMessage(batch=batch("caf@@", "fine", seq=1)).SerializeToString().replace(b"@@", b"\xe9!")
    async with start() as (site, hub), site.producer(tenant) as producer, site.subscriber(tenant, JSON) as tail:
        await tail.subscribe()
        await producer.receive("welcome")
        await producer.call.write(sent)
        assert await tail.bodies(2) == ["caf\ufffd!", "fine"]
        assert sample(hub, "ingest_repaired_utf8_total", tenant=tenant) == 1


FULL = {"max-bytes": "2MiB", "retention-bytes-per-tenant": "1MiB", "compression-level": 0}


async def fill(site: Site) -> grpc.aio.AioRpcError:
    """Store what other tenants keep until there is no room; return how the hub says so."""
    for number in range(400):
        try:
            await site.push(f"other-{number % 8}", "x" * 30_000)
        except grpc.aio.AioRpcError as error:
            return error
    raise AssertionError


async def test_a_full_disk_refuses_with_a_delay_while_tailing_goes_on(start: Start, tenant: str) -> None:
    """Nothing is acknowledged that is not stored; what is stored can be read."""
    async with start(log=FULL) as (site, _), site.producer(tenant) as producer, site.subscriber(tenant) as tail:
        await producer.receive("welcome")
        await producer.send_batches(batch("early", seq=1))
        await producer.acked(1)
        await fill(site)
        await producer.send_batches(batch("x" * 30_000, seq=2))
        nack = await producer.receive("nack")
        assert (nack.seq, nack.code) == (2, grpc.StatusCode.RESOURCE_EXHAUSTED.value[0])
        assert nack.retry_after.ToMilliseconds() > 0
        await tail.subscribe(oldest=True)
        assert await tail.bodies(1) == ["early"]


async def test_a_disk_too_full_to_remove_anything_does_not_end_the_hub(
    start: Start, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removing takes pages too. Where there are none, retention is tried again, and reading and refusing go on."""
    tried = []

    def full(_store: Store, _now: int) -> int:
        tried.append(1)
        raise StorageFullError

    monkeypatch.setattr(Store, "retain", full)
    async with start(log={"retention-interval-seconds": 0.1}) as (site, _), site.subscriber(tenant) as tail:
        await tail.subscribe()
        async with asyncio.timeout(10):
            while len(tried) < 2:
                await site.push(tenant, "still here")
                assert await tail.bodies(1) == ["still here"]


async def test_push_says_its_errors_as_a_status_with_retry_info(start: Start) -> None:
    """A full disk is RESOURCE_EXHAUSTED with RetryInfo."""
    async with start(log=FULL) as (site, _):
        error = await fill(site)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    trailers = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.RetryInfo()
    assert status.details[0].Unpack(info)
    assert info.retry_delay.ToMilliseconds() > 0


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\xff\xff\xff", "not protobuf"),
        (b"", "no records"),
        (PushRequest(batch=batch("x"), producer_id="bad id").SerializeToString(), "producer_id 'bad id'"),
        (PushRequest(batch=batch("x", seq=7), producer_id="gap").SerializeToString(), ""),
    ],
)
async def test_bad_pushes(site: Site, tenant: str, raw: bytes, words: str) -> None:
    """Garbage is INVALID_ARGUMENT; the first batch of an unknown producer may have any number."""
    if not words:
        assert (await site.push_request(tenant, raw)).accepted == 1
        return
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await site.push_request(tenant, raw)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert words in (caught.value.details() or "")


async def test_a_stream_must_begin_with_a_hello(site: Site, tenant: str) -> None:
    """INVALID_ARGUMENT says so."""
    async with site.channel(site.deployment.client(tenant)) as channel:
        call = channel.stream_stream("/loghub.v1.Ingest/Stream")()
        await call.write(ProducerMessage(batch=batch("x", seq=1)).SerializeToString())
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "hello" in await call.details()


async def test_a_batch_out_of_order_is_named_with_the_one_that_must_come(site: Site, tenant: str) -> None:
    """The producer goes back, and nothing is stored twice or out of order."""
    async with site.producer(tenant) as producer, site.subscriber(tenant) as tail:
        await tail.subscribe()
        await producer.receive("welcome")
        await producer.send_batches(batch("1", seq=1), batch("3", seq=3))
        nack = await producer.until("nack")
        assert (nack.seq, nack.code) == (2, grpc.StatusCode.FAILED_PRECONDITION.value[0])
        await producer.send_batches(batch("2", seq=2), batch("3", seq=3), batch("3", seq=3))
        assert await tail.bodies(3) == ["1", "2", "3"]
        assert (await producer.until("ack")).up_to_seq


# --- subscribers -----------------------------------------------------------------------------------------------------


def token(deployment: Deployment, **changes: Any) -> str:
    """Make a token that differs from a good one."""
    key = load_pem_private_key((deployment.folder / "pki" / "tokens" / "signing.key").read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return Forge(key, int(time.time())).saying(**changes)


async def refused(site: Site, headers: dict[str, str | None]) -> tuple[int, str]:
    """Return status and body of a refused handshake."""
    with pytest.raises(InvalidStatus) as caught:
        async with site.subscriber("acme", headers={k: v for k, v in headers.items() if v is not None}):
            pass
    return caught.value.response.status_code, (caught.value.response.body or b"").decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"exp": int(time.time()) - 1}, "expired"),
        ({"aud": "other"}, "aud"),
        ({"tenant": ""}, "tenant"),
        ({"tenant": "../acme"}, "tenant"),
    ],
)
async def test_bad_tokens_get_401_before_the_upgrade(site: Site, changes: dict[str, Any], words: str) -> None:
    """The answer says what is wrong with the token, without showing it."""
    bad = token(site.deployment, **changes)
    status, body = await refused(site, {"Authorization": f"Bearer {bad}"})
    assert status == 401
    assert words in body
    assert bad not in body


async def test_no_token_gets_401_and_how_to_send_one(site: Site) -> None:
    """The challenge is in the header."""
    with pytest.raises(InvalidStatus) as caught:
        async with site.subscriber("acme", headers={"Authorization": ""}):
            pass
    assert caught.value.response.status_code == 401
    assert caught.value.response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_token_without_the_scope_gets_403(site: Site) -> None:
    """A token that may only write cannot read."""
    status, body = await refused(site, {"Authorization": f"Bearer {token(site.deployment, scope='logs:write')}"})
    assert status == 403
    assert "logs:read" in body


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost", "https://localhost"])
async def test_foreign_pages_get_403(site: Site, origin: str) -> None:
    """Only pages of listed origins may connect, exactly."""
    status, body = await refused(site, {"Origin": origin})
    assert status == 403
    assert "allowed_origins" in body


async def test_an_unknown_subprotocol_gets_400(site: Site) -> None:
    """The answer names those that there are."""
    with pytest.raises(InvalidStatus) as caught:
        async with site.subscriber("acme", "loghub.v9"):
            pass
    assert caught.value.response.status_code == 400
    assert b"loghub.v1.proto" in (caught.value.response.body or b"")


async def test_an_unreadable_filter_names_the_column_and_the_connection_stays(site: Site, tenant: str) -> None:
    """The next subscription on the same connection works."""
    async with site.subscriber(tenant) as tail:
        await tail.send(subscribe={"id": "s", "filter": 'level>=warn "open'})
        error = await tail.until("error")
        assert (error.code, error.id, error.column) == (ERROR_CODE_BAD_FILTER, "s", 13)
        await tail.subscribe()
        await site.push(tenant, "still here")
        assert await tail.bodies(1) == ["still here"]


@pytest.mark.parametrize("data", ["not json", b"\xff\xff"])
async def test_garbage_ends_the_connection_with_a_reason(site: Site, tenant: str, data: str | bytes) -> None:
    """4500: the client is at fault and need not come back."""
    async with site.subscriber(tenant, JSON if isinstance(data, str) else "loghub.v1.proto") as tail:
        await tail.until("welcome")
        await tail.socket.send(data)
        code, reason = await tail.closed()
    assert code == 4500
    assert reason


async def test_a_message_over_the_limit_ends_the_connection(site: Site, tenant: str) -> None:
    """1009, before the hub holds more than the limit."""
    async with site.subscriber(tenant, JSON) as tail:
        await tail.socket.send("x" * 200_000)
        assert (await tail.closed())[0] == 1009


@pytest.mark.parametrize("cursor", ["garbage", "A" * 28, ""])
async def test_a_bad_cursor_is_refused_and_the_connection_stays(site: Site, tenant: str, cursor: str) -> None:
    """The error says to subscribe without it."""
    async with site.subscriber(tenant, JSON) as tail:
        await tail.send(subscribe={"id": "s", "cursor": cursor})
        assert (await tail.until("error"))["code"] == "ERROR_CODE_BAD_CURSOR"
        await tail.subscribe()


async def test_a_record_without_anything_is_still_a_record(site: Site, tenant: str) -> None:
    """An empty record is counted and delivered."""
    one = batch(seq=1)
    one.records.append(LogRecord())
    async with site.producer(tenant) as producer, site.subscriber(tenant, JSON) as tail:
        await tail.subscribe()
        await producer.send_batches(one)
        assert await tail.bodies(1) == [""]
