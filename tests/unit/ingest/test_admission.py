"""hub.ingest.admission: what is stored of a batch is the hub's word on who sent it and when; refusals are counted."""

from __future__ import annotations

import pytest

from hub.core.batch import BatchLimits, Offer, Reader, Rejected
from hub.errors import BadRequestError, TooLargeError
from hub.ingest.admission import Admission, Source, check_producer_id
from hub.ingest.kafka.lane import source_id
from hub.ingest.kafka.ports import Partition
from hub.log.kafka_follower import REPLICA
from hub.log.model import Entry
from hub.observe.metrics import Metrics
from hub.pb.ingest_pb2 import PushRequest
from hub.pb.record_pb2 import Batch, LogRecord

LIMITS = BatchLimits(max_batch_bytes=1000, max_batch_records=3, max_record_bytes=100, max_attributes=2)
SOURCE = Source("a", "p1")
NOW = 2**60
GOOD = LogRecord(body="good")
BAD = LogRecord(trace_id=b"short")


def offer(*records: LogRecord, **fields: int | str) -> Offer:
    """Return a batch as a producer sends it."""
    batch = Batch(records=records, **fields)  # type: ignore[arg-type]
    return Reader(PushRequest).read(PushRequest(batch=batch).SerializeToString()).offer


@pytest.fixture
def metrics() -> Metrics:
    """Return metrics of nothing yet."""
    return Metrics()


@pytest.fixture
def admission(metrics: Metrics) -> Admission:
    """Return an admission at the time NOW."""
    return Admission(LIMITS, metrics, lambda: NOW)


def count(metrics: Metrics, name: str, **labels: str) -> float:
    """Return a counter's value; 0 where nothing was counted."""
    return metrics.registry.get_sample_value(f"loghub_{name}_total", labels) or 0.0


def test_an_entry_bears_the_hub_s_stamps(admission: Admission) -> None:
    """Tenant and producer are those of the stream, the time is the hub's, whatever the batch says."""
    forged = offer(GOOD, GOOD, seq=8, producer_id="boss", received_time_unix_nano=1, first_offset=99)
    entry, rejected = admission.entry(SOURCE, forged, after_seq=5)
    stored = Batch(seq=8, records=[GOOD, GOOD], received_time_unix_nano=NOW, producer_id="p1")
    assert entry == Entry("a", entry.data, 2, NOW, "p1", seq=8, after_seq=5)
    assert Batch.FromString(entry.data) == stored
    assert rejected == ()


def test_parts_are_kept_for_those_who_ask(admission: Admission) -> None:
    """They are of what is stored, without what is refused."""
    without, _ = admission.entry(SOURCE, offer(GOOD, BAD, seq=8))
    entry, _ = admission.entry(SOURCE, offer(GOOD, BAD, seq=8), in_parts=True)
    assert (without.parts, without) == (None, entry)
    assert entry.parts is not None
    assert Batch.FromString(entry.parts.head) == Batch(seq=8, received_time_unix_nano=NOW, producer_id="p1")
    assert entry.parts.records == [GOOD.SerializeToString()]


def test_without_a_producer_there_is_no_sequence(admission: Admission) -> None:
    """An entry of nobody is stored as often as it is sent."""
    entry, _ = admission.entry(Source("a", ""), offer(GOOD))
    assert (entry.producer_id, entry.seq, entry.after_seq) == ("", 0, 0)


def test_refused_records_are_named_and_counted(admission: Admission, metrics: Metrics) -> None:
    """The others are stored; the metric says whose they were and which field was at fault."""
    entry, rejected = admission.entry(SOURCE, offer(BAD, GOOD, LogRecord(severity=25), seq=1))  # type: ignore[arg-type]
    assert entry.records == 1
    assert [(one.index, one.field) for one in rejected] == [(0, "trace_id"), (2, "severity")]
    for field in ("trace_id", "severity"):
        assert count(metrics, "ingest_rejected_records", tenant="a", field=field) == 1


def test_a_batch_of_refused_records_keeps_its_number(admission: Admission) -> None:
    """It is an entry without records, so that the producer's count goes on."""
    entry, rejected = admission.entry(SOURCE, offer(BAD, seq=3), after_seq=2)
    assert (entry.records, entry.seq, entry.after_seq) == (0, 3, 2)
    assert rejected == (Rejected(0, "trace_id", "has 5 bytes, must have 16 or none"),)


@pytest.mark.parametrize(
    ("records", "error"), [([], BadRequestError), ([GOOD] * 4, TooLargeError)], ids=["empty", "too many records"]
)
def test_a_batch_that_cannot_be_stored_is_an_error(
    admission: Admission, metrics: Metrics, records: list[LogRecord], error: type[Exception]
) -> None:
    """Its records are not counted as refused: they may come again."""
    with pytest.raises(error):
        admission.entry(SOURCE, offer(*records, seq=1))
    assert count(metrics, "ingest_rejected_records", tenant="a", field="record") == 0


def test_repaired_strings_are_counted_by_tenant(admission: Admission, metrics: Metrics) -> None:
    """A producer that sends no UTF-8 can be found."""
    admission.repaired("a", 0)
    admission.repaired("a", 3)
    assert count(metrics, "ingest_repaired_utf8", tenant="a") == 3


def test_the_clock_is_the_system_s() -> None:
    """Where no other is given, the entry was received now: after 2020 and before 2100."""
    entry, _ = Admission(LIMITS, Metrics()).entry(SOURCE, offer(GOOD))
    assert 50 * 365 * 86_400 < entry.received_unix_nano / 1e9 < 130 * 365 * 86_400


@pytest.mark.parametrize("name", ["p", "orders-1", "a.b_c:d/e-F9", "x" * 128])
def test_a_producer_id_is_plain_text(name: str) -> None:
    """Letters, digits and a few signs, up to 128."""
    assert check_producer_id(name) == name


@pytest.mark.parametrize("name", ["", "x" * 129, "a b", "a\n", "\n", "ä", "a\0", "a,b", "{x}"])
def test_any_other_producer_id_is_refused(name: str) -> None:
    """It stands in log lines, metrics and keys of the log; the message says what may be in it."""
    with pytest.raises(BadRequestError, match="1 to 128 characters") as caught:
        check_producer_id(name)
    assert len(caught.value.message) < 1000


def test_no_peer_can_have_the_hub_s_own_ids() -> None:
    """How far a Kafka topic was read is counted under one, and a replica's place under another."""
    for own in (source_id("loghub", Partition("logs", 0)), REPLICA):
        with pytest.raises(BadRequestError):
            check_producer_id(own)
