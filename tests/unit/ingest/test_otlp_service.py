"""hub.ingest.otlp_service and hub.ingest.callers: whose message is read, and how a call ends."""

from __future__ import annotations

import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc
import pytest

from hub.errors import LoghubError, QuotaError, RevokedError, StorageFullError
from hub.ingest.callers import Callers
from hub.ingest.otlp import Kind
from hub.ingest.otlp_service import OtlpService
from hub.observe.audit import Audit
from hub.observe.metrics import Metrics
from tests.fakes import certificate
from tests.unit.rpc.call import FakeCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hub.core.principal import Principal

assert hub.grpc_tls.TLS13_ONLY

PRODUCER = certificate("spiffe://loghub.test/tenant/acme/producer/app")
SUBSCRIBER = certificate("spiffe://loghub.test/tenant/acme/subscriber/desk")


class Call(FakeCall):
    """A call of a client with this certificate, or none."""

    def __init__(self, der: bytes | None) -> None:
        super().__init__()
        self._der = der
        self.reads = 0

    def auth_context(self) -> dict[str, list[bytes]]:
        """Return it."""
        return {"x509_pem_cert": [ssl.DER_cert_to_PEM_cert(self._der).encode()]} if self._der else {}

    async def read(self) -> bytes | object:
        """Return what the client says next."""
        self.reads += 1
        return await super().read()


class FakeReceiver:
    """Takes every request, or raises a fault; what the service asks of `hub.ingest.otlp.OtlpReceiver`."""

    max_bytes = 10

    def __init__(self) -> None:
        self.taken: list[tuple[str, bytes, str]] = []
        self.room: list[int] = []
        self.full: LoghubError | None = None
        self.fault: LoghubError | None = None

    @contextmanager
    def holding(self, _principal: Principal) -> Iterator[Callable[[int], None]]:
        """Give room, unless it is full."""
        if self.full:
            raise self.full
        yield self.room.append

    async def export(self, principal: Principal, raw: bytes, kind: str) -> bytes:
        """Keep a request."""
        if self.fault:
            raise self.fault
        self.taken.append((principal.tenant, raw, kind))
        return b"done"


class World:
    """The service before a fake receiver; `revoked` certificates are refused."""

    def __init__(self) -> None:
        self.receiver = FakeReceiver()
        self.metrics = Metrics()
        self.revoked = False
        audit = Audit(None, self.metrics)
        callers = Callers("loghub.test", self._check, audit, self.metrics)
        self.service = OtlpService(self.receiver, callers, audit)  # type: ignore[arg-type]

    def _check(self, _principal: Principal) -> None:
        if self.revoked:
            raise RevokedError

    async def refused(self, call: Call) -> grpc.StatusCode:
        """Serve a call that must be refused; return its status."""
        with pytest.raises(grpc.aio.AbortError):
            await self.service.export(None, call)
        assert not self.receiver.taken
        return call.status.code


def saying(raw: bytes, der: bytes | None = PRODUCER) -> Call:
    """Return a call with a message."""
    call = Call(der)
    call.say_raw(raw)
    call.half_close()
    return call


async def test_a_producers_message_is_taken_and_answered() -> None:
    """For its own tenant, in protobuf."""
    world, call = World(), saying(b"raw")
    await world.service.export(None, call)
    assert world.receiver.taken == [("acme", b"raw", Kind.PROTOBUF)]
    assert world.receiver.room == [3]
    assert (call.heard, call.status) == ([b"done"], None)


@pytest.mark.parametrize(
    ("der", "revoked", "code"),
    [
        (None, False, grpc.StatusCode.UNAUTHENTICATED),
        (SUBSCRIBER, False, grpc.StatusCode.PERMISSION_DENIED),
        (PRODUCER, True, grpc.StatusCode.UNAUTHENTICATED),
        (certificate("spiffe://other.test/tenant/acme/producer/app"), False, grpc.StatusCode.PERMISSION_DENIED),
    ],
    ids=["nobody", "a subscriber", "who was revoked", "of another domain"],
)
async def test_nobody_elses_message_is_read(der: bytes | None, revoked: bool, code: grpc.StatusCode) -> None:  # noqa: FBT001  a parameter
    """Who has no certificate, the wrong one, or one that was taken back; and it is counted."""
    world, call = World(), saying(b"raw", der)
    world.revoked = revoked
    assert await world.refused(call) is code
    assert call.reads == 0
    samples = (sample for metric in world.metrics.auth_refused.collect() for sample in metric.samples)
    assert sum(sample.value for sample in samples if sample.name.endswith("_total")) == 1


async def test_where_there_is_no_room_nothing_is_read() -> None:
    """The time to come back is told."""
    world, call = World(), saying(b"raw")
    world.receiver.full = QuotaError(retry_after_seconds=2.0)
    assert await world.refused(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (call.reads, call.retry_seconds) == (0, 2.0)


async def test_a_message_over_the_limit_is_not_worth_another_try() -> None:
    """RESOURCE_EXHAUSTED without RetryInfo, which an exporter takes for final."""
    call = saying(bytes(11))
    assert await World().refused(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert call.retry_seconds is None


async def test_no_message_is_not_an_empty_one() -> None:
    """The empty one is fine."""
    call = Call(PRODUCER)
    call.half_close()
    assert await World().refused(call) is grpc.StatusCode.INVALID_ARGUMENT
    await World().service.export(None, saying(b""))


async def test_a_full_log_is_worth_another_try() -> None:
    """In a second, where nobody knows better."""
    world, call = World(), saying(b"raw")
    world.receiver.fault = StorageFullError()
    assert await world.refused(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert call.retry_seconds == 1.0
