"""hub.ingest.otlp: what a request becomes in the log, and what its sender is told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs

from hub.core.batch import BatchLimits
from hub.core.places import Bound
from hub.core.principal import Principal, Scope
from hub.core.quota import Rate, RateLimits, RateQuotas
from hub.core.room import Room
from hub.core.stored import StoredBatch
from hub.errors import BadRequestError, FormatError, LoghubError, QuotaError, StorageFullError, TooLargeError
from hub.ingest.admission import Admission
from hub.ingest.otlp import Kind, OtlpReceiver
from hub.ingest.stream import Ingest, StreamLimits, Streams
from hub.log.memory import MemoryLog
from hub.observe.metrics import Metrics
from hub.pb.record_pb2 import Batch
from tests.fakes import FOREVER, nothing_is_revoked

WRITER = Principal("acme", "me", frozenset({Scope.WRITE}))
LIMITS = BatchLimits(max_batch_bytes=20_000, max_batch_records=50, max_record_bytes=1000, max_attributes=2)
NO_RATE = RateLimits(Rate(), Rate(), 1.0, 1.0, {})


class World:
    """A receiver in front of a log in memory."""

    def __init__(self, rates: RateLimits = NO_RATE, room: int = 10_000) -> None:
        self.log = MemoryLog(FOREVER)
        self.metrics = Metrics()
        streams = Streams(nothing_is_revoked)
        limits = StreamLimits(1, 1, 1.0, 1.0)
        admission = Admission(LIMITS, self.metrics)
        self.room = Room("requests", Bound(room, "all"), Bound(room, "own"))
        ingest = Ingest(self.log, admission, limits, self.metrics, streams, RateQuotas(rates))
        self.receiver = OtlpReceiver(ingest, self.room, 1000)

    async def export(self, data: ExportLogsServiceRequest) -> ExportLogsServiceResponse:
        """Send a request; return the answer."""
        raw = await self.receiver.export(WRITER, data.SerializeToString(), Kind.PROTOBUF)
        return ExportLogsServiceResponse.FromString(raw)

    async def stored(self) -> list[Batch]:
        """Return what is in the log."""
        items = await self.log.read("acme", 0, 2**30)
        assert all(isinstance(item, StoredBatch) for item in items)
        return [Batch.FromString(item.data) for item in items]  # type: ignore[union-attr]

    def count(self, name: str, **labels: str) -> float:
        """Return a counter of the tenant."""
        return self.metrics.registry.get_sample_value(f"loghub_{name}", {"tenant": "acme", **labels}) or 0.0


def text(value: str) -> AnyValue:
    """Return a string as OTLP has it."""
    return AnyValue(string_value=value)


def request(*bodies: str, attributes: int = 0) -> ExportLogsServiceRequest:
    """Return a request of records with these bodies."""
    pairs = [KeyValue(key=str(number), value=text("v")) for number in range(attributes)]
    logs = [LogRecord(body=text(body), attributes=pairs) for body in bodies]
    return ExportLogsServiceRequest(resource_logs=[ResourceLogs(scope_logs=[ScopeLogs(log_records=logs)])])


async def test_records_are_stored_before_the_answer() -> None:
    """Under the principal's tenant, without a producer, in order; and counted."""
    world = World()
    data = request("a", "b")
    data.MergeFrom(request("c"))
    assert await world.export(data) == ExportLogsServiceResponse()
    batches = await world.stored()
    assert [[record.body for record in batch.records] for batch in batches] == [["a", "b"], ["c"]]
    assert {(batch.producer_id, batch.seq) for batch in batches} == {("", 0)}
    assert world.count("ingest_records_total") == 3
    assert world.count("ingest_batches_total") == 2
    assert world.count("ingest_bytes_total") == data.ByteSize()


async def test_a_large_request_is_several_batches() -> None:
    """Each within the limits."""
    world = World()
    bodies = [f"{number} " + "x" * 900 for number in range(100)]
    await world.export(request(*bodies))
    batches = await world.stored()
    assert [record.body for batch in batches for record in batch.records] == bodies
    assert len(batches) > 4
    assert all(batch.ByteSize() <= LIMITS.max_batch_bytes for batch in batches)


async def test_others_have_their_turn_while_a_long_request_is_read() -> None:
    """At least once every 256 records."""
    world = World()
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    await world.export(request(*["x"] * 2560))
    task.cancel()
    assert turns >= 10


async def test_bad_records_are_refused_by_themselves() -> None:
    """The rest is stored; the answer says how many, which the first was, and why."""
    world = World()
    data = request("a", "x" * 2000, "b")
    data.MergeFrom(request("too many", attributes=3))
    answer = await world.export(data)
    assert [record.body for batch in await world.stored() for record in batch.records] == ["a", "b"]
    assert answer.partial_success.rejected_log_records == 2
    message = answer.partial_success.error_message
    assert message.startswith("2 of 4 log records are refused for good, the first of them number 1 (from 0): record ")
    assert world.count("ingest_rejected_records_total", field="record") == 1
    assert world.count("ingest_rejected_records_total", field="attributes") == 1


async def test_a_request_of_nothing_but_bad_records_is_answered_too() -> None:
    """Nothing is stored, and not sent again."""
    world = World()
    answer = await world.export(request("many", attributes=3))
    assert answer.partial_success.rejected_log_records == 1
    assert "number 0 (from 0): attributes are 3" in answer.partial_success.error_message
    assert await world.stored() == []


@pytest.mark.parametrize(
    ("kind", "raw", "answer"), [(Kind.PROTOBUF, b"", b""), (Kind.JSON, b"{}", b"{}"), (Kind.JSON, b"", b"{}")]
)
async def test_an_empty_request_is_fine(kind: Kind, raw: bytes, answer: bytes) -> None:
    """It stores nothing."""
    world = World()
    assert await world.receiver.export(WRITER, raw, kind) == answer
    assert await world.stored() == []


async def test_json_is_answered_in_json() -> None:
    """Numbers of 64 bits as strings, as protobuf's JSON has them."""
    logs = [{"body": {"stringValue": "a"}}, {"body": {"stringValue": "x" * 2000}}]
    raw = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": logs}]}]}).encode()
    world = World()
    answer = json.loads(await world.receiver.export(WRITER, raw, Kind.JSON))
    assert answer["partialSuccess"]["rejectedLogRecords"] == "1"
    assert [record.body for batch in await world.stored() for record in batch.records] == ["a"]


@pytest.mark.parametrize(("kind", "raw"), [(Kind.PROTOBUF, b"\xff\xff"), (Kind.JSON, b"[1]"), (Kind.JSON, b"{")])
async def test_what_cannot_be_read_stores_nothing(kind: Kind, raw: bytes) -> None:
    """It is refused as a whole, and counted."""
    world = World()
    good = request("a").SerializeToString() if kind is Kind.PROTOBUF else b""
    with pytest.raises(FormatError):
        await world.receiver.export(WRITER, good + raw, kind)
    assert await world.stored() == []
    assert world.count("ingest_refused_batches_total", code="INVALID_ARGUMENT") == 1


async def test_a_full_log_refuses_all_of_a_request() -> None:
    """Whoever sends it again doubles nothing."""
    world = World()
    world.log.refuse = StorageFullError()
    with pytest.raises(StorageFullError):
        await world.export(request("a"))
    world.log.refuse = None
    await world.export(request("a"))
    assert len(await world.stored()) == 1
    assert world.count("ingest_records_total") == 1


async def test_who_is_over_its_rate_is_refused_before_anything_is_read() -> None:
    """Records and bytes count; the time to come back is told."""
    world = World(RateLimits(Rate(records_per_s=2), Rate(), 1.0, 0.0, {}))
    await world.export(request("a", "b", "c", "d"))
    with pytest.raises(QuotaError) as refusal, world.receiver.holding(WRITER):
        pytest.fail("it was let in")
    assert refusal.value.retry_after_seconds == pytest.approx(1.0, abs=0.2)
    with pytest.raises(QuotaError):
        await world.export(request("e"))


async def test_requests_at_hand_are_bounded() -> None:
    """Every one takes some room, however small it is, and gives it back."""
    world = World(room=10_000)
    with world.receiver.holding(WRITER) as take, world.receiver.holding(WRITER):
        with pytest.raises(QuotaError):
            take(5000)
        with pytest.raises(QuotaError), world.receiver.holding(WRITER):
            pytest.fail("it was let in")
        assert world.receiver.pending_bytes == 8192
    assert world.receiver.pending_bytes == 0


@pytest.mark.parametrize(
    ("error", "code", "seconds"),
    [
        (BadRequestError("no"), 3, None),
        (TooLargeError("no"), 8, None),
        (QuotaError("no", retry_after_seconds=2.5), 8, 2.5),
        (StorageFullError("no"), 8, 1.0),
    ],
)
def test_an_error_is_a_status_in_the_requests_encoding(error: LoghubError, code: int, seconds: float | None) -> None:
    """With RetryInfo where the same may be sent again, and only there."""
    receiver = World().receiver
    status = status_pb2.Status.FromString(receiver.refusal(error, Kind.PROTOBUF))
    assert (status.code, status.message) == (code, "no")
    info = error_details_pb2.RetryInfo()
    assert [detail.Unpack(info) for detail in status.details] == ([] if seconds is None else [True])
    assert seconds is None or info.retry_delay.ToMilliseconds() == seconds * 1000
    said: dict[str, Any] = json.loads(receiver.refusal(error, Kind.JSON))
    assert (said["code"], said["message"]) == (code, "no")
    assert seconds is None or said["details"][0]["retryDelay"] == f"{seconds:g}s".replace("2.5", "2.500")
