"""hub.core.batch: a batch is stored as the hub's, without what a producer forged and without what breaks a rule."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given
from hypothesis import strategies as st

from hub.core.batch import Admitted, BatchLimits, Incoming, Reader, Rejected, admit
from hub.core.columns import Columns
from hub.core.filter.batch_view import columns_of
from hub.core.wire import delimited
from hub.errors import BadRequestError, TooLargeError
from hub.pb.ingest_pb2 import ProducerMessage, PushRequest
from hub.pb.record_pb2 import Batch, LogRecord, Resource, Value
from tests.examples import examples
from tests.unit.core.filter.filters import BATCHES

if TYPE_CHECKING:
    from hub.core.stored import Parts

WIDE = BatchLimits(max_batch_bytes=10**6, max_batch_records=1000, max_record_bytes=10**5, max_attributes=100)
RECEIVED = 2**60
READER = Reader(PushRequest)
quick = examples(30)

good_or_bad = st.builds(
    LogRecord,
    body=st.sampled_from(["", "short", "x" * 40]),
    severity=st.sampled_from([0, 0, 9, 9, 24, 24, -1, 25, 300]),
    trace_id=st.sampled_from([b"", b"", b"t" * 16, b"t" * 16, b"t" * 15, b"t" * 17, b"R\x10" * 17]),
    span_id=st.sampled_from([b"", b"", b"s" * 8, b"s" * 8, b"s" * 7, b"s" * 9, b"Z\x08" * 9]),
    attributes=st.integers(0, 3).map(lambda count: {str(index): Value() for index in range(count)}),
)
good = st.builds(LogRecord, body=st.text(max_size=4), severity=st.integers(0, 24), trace_id=st.just(b"t" * 16))
limits = st.builds(
    BatchLimits,
    max_batch_bytes=st.just(10**6),
    max_batch_records=st.just(1000),
    max_record_bytes=st.sampled_from([5, 30, 60, 1000]),
    max_attributes=st.sampled_from([0, 1, 2, 3, 100]),
)


def read(batch: Batch, more: bytes = b"") -> Incoming:
    """Return a batch as it comes in a request, with more bytes behind its fields."""
    raw = batch.SerializeToString() + more
    return READER.read(delimited(2, len(raw)) + raw)


def admitted(batch: Batch, bounds: BatchLimits = WIDE, more: bytes = b"") -> Admitted:
    """Admit a batch of producer p1 at the time RECEIVED."""
    offer = read(batch, more).offer
    return admit(offer, bounds, producer_id="p1", received_time_unix_nano=RECEIVED, in_parts=True)


def put_together(parts: Parts | None) -> Batch:
    """Return the batch that was taken apart."""
    assert parts is not None
    batch = Batch.FromString(parts.head)
    assert not batch.records
    batch.records.extend(LogRecord.FromString(raw) for raw in parts.records)
    return batch


def field(number: int, payload: bytes) -> bytes:
    """Return a field on the wire; 99 and 77 are none that this hub knows."""
    return delimited(number, len(payload)) + payload


def fault(record: LogRecord, bounds: BatchLimits) -> str | None:
    """Judge one record, slowly and plainly; return the first field at fault."""
    checks = {
        "severity": record.severity in range(25),
        "trace_id": len(record.trace_id) in {0, 16},
        "span_id": len(record.span_id) in {0, 8},
        "attributes": len(record.attributes) <= bounds.max_attributes,
        "record": record.ByteSize() <= bounds.max_record_bytes,
    }
    return next((name for name, holds in checks.items() if not holds), None)


@examples(100)
@given(st.lists(good_or_bad, min_size=1, max_size=6), limits)
def test_the_columns_judge_as_one_would_record_by_record(records: list[LogRecord], bounds: BatchLimits) -> None:
    """The bad records are named by index and field; the others are stored as they are, in order."""
    result = admitted(Batch(records=records), bounds)
    faults = [fault(record, bounds) for record in records]
    assert [(one.index, one.field) for one in result.rejected] == [
        (index, name) for index, name in enumerate(faults) if name
    ]
    kept = [record for record, name in zip(records, faults, strict=True) if not name]
    assert list(Batch.FromString(result.data).records) == kept
    assert result.records == len(kept)
    assert put_together(result.parts) == Batch.FromString(result.data)


def plain(columns: Columns | None) -> dict[str, object]:
    """Return columns as values that can be compared, of whichever view they are."""
    assert columns is not None
    values = {name: getattr(columns, name) for name in Columns.__slots__}
    resource = values.pop("resource")
    attributes = {name: value.SerializeToString() for name, value in resource.attributes.items()}
    plain_values = {name: value if isinstance(value, bool) else list(value) for name, value in values.items()}
    return plain_values | {"resource": (resource.service, resource.host, attributes)}


@quick
@given(BATCHES)
def test_filters_see_the_columns_that_are_stored(batch: Batch) -> None:
    """Those of the checks are kept for them, after the checks have taken theirs out."""
    batch.ClearField("indexes")
    if batch.records:
        result = admitted(batch)
        assert result.parts is not None
        assert plain(result.parts.columns) == plain(columns_of(result.data))


def test_filters_do_not_see_the_columns_of_what_was_refused() -> None:
    """What is left has none that are ready."""
    result = admitted(Batch(records=[LogRecord(body="kept"), LogRecord(body="refused", span_id=b"short")]))
    assert result.parts is not None
    assert (result.records, result.parts.columns) == (1, None)


@quick
@given(
    st.lists(good, min_size=1, max_size=4), st.integers(0, 2**64 - 1), st.none() | st.builds(Resource, host=st.text())
)
def test_a_good_batch_is_stamped_and_otherwise_kept(
    records: list[LogRecord], seq: int, resource: Resource | None
) -> None:
    """Who sent it and when it came are the hub's words, the rest is the producer's."""
    result = admitted(Batch(seq=seq, resource=resource, records=records))
    assert result.rejected == ()
    assert Batch.FromString(result.data) == Batch(
        seq=seq, resource=resource, records=records, producer_id="p1", received_time_unix_nano=RECEIVED
    )


@pytest.mark.parametrize("severity", [9, 99])
def test_what_a_producer_may_not_say_is_removed(severity: int) -> None:
    """The hub's own fields, and fields of the batch that a later version may give a meaning; good batch or bad."""
    records = [LogRecord(body="kept"), LogRecord(severity=severity)]  # type: ignore[arg-type]
    forged = Batch(
        seq=3, records=records, first_offset=7, received_time_unix_nano=1, producer_id="other", indexes=[4, 5]
    )
    result = admitted(forged, more=field(8, b"cursor") + field(99, b"tenant"))
    stored = Batch.FromString(result.data)
    assert stored == Batch(seq=3, records=records[: result.records], received_time_unix_nano=RECEIVED, producer_id="p1")
    assert stored == put_together(result.parts)
    assert len(UnknownFieldSet(stored)) == 0


def test_the_hubs_fields_are_the_hubs_even_when_forged_twice() -> None:
    """On the wire the last of a field counts, so a producer could try to have the last word."""
    again = Batch(first_offset=9, producer_id="other", received_time_unix_nano=1, indexes=[1]).SerializeToString()
    stored = Batch.FromString(admitted(Batch(records=[LogRecord()], indexes=[2]), more=again * 2).data)
    assert stored == Batch(records=[LogRecord()], received_time_unix_nano=RECEIVED, producer_id="p1")


@pytest.mark.parametrize("more", [b"", field(99, b"x")], ids=["batch known", "batch with unknown fields"])
@pytest.mark.parametrize("bad", [0, 1], ids=["all good", "one bad"])
def test_unknown_fields_of_records_stay(more: bytes, bad: int) -> None:
    """A newer producer and a newer reader meet through an older hub."""
    newer = LogRecord(body="new").SerializeToString() + field(77, b"later")
    refused = LogRecord(span_id=b"?").SerializeToString()
    wire = field(3, newer) + field(3, refused) * bad
    result = admitted(Batch(), more=wire + more)
    assert len(result.rejected) == bad
    assert field(3, newer) in result.data
    assert field(99, b"x") not in result.data


@pytest.mark.parametrize(
    ("record", "name", "reason"),
    [
        (LogRecord(severity=25), "severity", "25 is not 0 to 24"),  # type: ignore[arg-type]
        (LogRecord(severity=-1), "severity", "-1 is not 0 to 24"),  # type: ignore[arg-type]
        (LogRecord(trace_id=b"t" * 32), "trace_id", "has 32 bytes, must have 16 or none"),
        (LogRecord(span_id=b"s"), "span_id", "has 1 bytes, must have 8 or none"),
        (LogRecord(attributes={"a": Value(), "b": Value(), "c": Value()}), "attributes", "are 3, the limit is 2"),
        (LogRecord(body="x" * 98), "record", "has 100 bytes, the limit is 99"),
    ],
)
def test_a_bad_record_is_named(record: LogRecord, name: str, reason: str) -> None:
    """By its index in the batch as sent, with the field and the reason; its neighbours are stored."""
    bounds = BatchLimits(max_batch_bytes=1000, max_batch_records=10, max_record_bytes=99, max_attributes=2)
    result = admitted(Batch(records=[LogRecord(body="a"), record, LogRecord(body="b"), record]), bounds)
    assert result.rejected == (Rejected(1, name, reason), Rejected(3, name, reason))
    assert [one.body for one in Batch.FromString(result.data).records] == ["a", "b"]


def test_a_long_and_a_short_id_do_not_make_up_for_each_other() -> None:
    """Also where the columns have the right size in all, and the long one looks like the beginning of the next."""
    tag = field(10, b"")[:1]
    result = admitted(Batch(records=[LogRecord(trace_id=b"t" * 16 + tag), LogRecord(trace_id=b"t" * 15)]))
    assert [(one.index, one.field) for one in result.rejected] == [(0, "trace_id"), (1, "trace_id")]


def test_a_batch_of_bad_records_alone_is_admitted_empty() -> None:
    """Its number still counts, or the producer would send it again and again."""
    result = admitted(Batch(seq=4, records=[LogRecord(span_id=b"?")]))
    assert (result.records, len(result.rejected)) == (0, 1)
    assert Batch.FromString(result.data).seq == 4


@pytest.mark.parametrize("limit", [0, 1, 2, 60, 200])
def test_the_smallest_attributes_are_counted(limit: int) -> None:
    """As short as they can be on the wire, one more than the limit is refused, and the limit is not."""
    bounds = BatchLimits(10**6, 1000, 10**5, max_attributes=limit)
    entries = [field(12, b"")] + [field(12, field(1, chr(code).encode())) for code in range(limit)]
    records = [b"".join(entries), b"".join(entries[1:])]
    result = admitted(Batch(), bounds, more=b"".join(field(3, record) for record in records))
    assert [(one.index, one.field) for one in result.rejected] == [(0, "attributes")]


def test_the_last_of_a_field_counts() -> None:
    """A record that says a thing twice is judged by what a reader will see."""
    bad, fine = field(11, b"?"), field(11, b"s" * 8)
    result = admitted(Batch(), more=field(3, bad + fine) + field(3, fine + bad))
    assert [(one.index, one.field) for one in result.rejected] == [(1, "span_id")]


def test_an_empty_batch_is_refused() -> None:
    """There is nothing to store or to acknowledge."""
    with pytest.raises(BadRequestError, match="no records"):
        admitted(Batch(seq=1))


def test_a_batch_over_a_limit_is_refused_as_a_whole() -> None:
    """At the limit it is taken; the error says which limit, and what to do."""
    batch = Batch(records=[LogRecord(body="x")] * 3)
    size = len(admitted(batch).data)
    assert admitted(batch, BatchLimits(size, 3, 100, 100)).records == 3
    with pytest.raises(TooLargeError, match="3 records, the limit is 2: split it"):
        admitted(batch, BatchLimits(size, 2, 100, 100))
    with pytest.raises(TooLargeError, match=f"{size} bytes, the limit is {size - 1}: split it"):
        admitted(batch, BatchLimits(size - 1, 3, 100, 100))


def test_the_resources_attributes_are_limited() -> None:
    """They are shared by all records, so the batch is refused and not a record."""
    batch = Batch(resource=Resource(attributes={"a": Value(), "b": Value()}), records=[LogRecord()])
    assert admitted(batch, BatchLimits(1000, 10, 1000, 2)).records == 1
    with pytest.raises(BadRequestError, match="resource has 2 attributes, the limit is 1"):
        admitted(batch, BatchLimits(1000, 10, 1000, 1))


def test_broken_strings_are_repaired_and_counted() -> None:
    """In the batch as in its records; the batch is not lost for them."""
    resource, record = field(2, field(1, b"caf\xe9")), field(3, field(5, b"\xff!"))
    incoming = read(Batch(), resource + record + record)
    assert incoming.repaired == 3
    result = admit(incoming.offer, WIDE, producer_id="p1", received_time_unix_nano=1)
    stored = Batch.FromString(result.data)
    assert (stored.resource.service, [one.body for one in stored.records]) == ("caf\ufffd", ["\ufffd!"] * 2)
    assert read(Batch(records=[LogRecord(body="é")])).repaired == 0


@quick
@given(st.lists(good, max_size=3), st.binary(max_size=3))
def test_every_prefix_is_read_or_refused(records: list[LogRecord], noise: bytes) -> None:
    """What was cut short or is noise ends in our error and in no other."""
    raw = ProducerMessage(batch=Batch(seq=1, records=records)).SerializeToString() + noise
    reader = Reader(ProducerMessage)
    for size in range(len(raw) + 1):
        with suppress(BadRequestError):
            reader.read(raw[:size])


def test_what_is_something_else_is_named() -> None:
    """The error says which message was expected; here, a field of a number that protobuf does not have."""
    with pytest.raises(BadRequestError, match=r"not a loghub\.v1\.PushRequest"):
        READER.read(field(2, b"\x80\x80\x80\x80\x10\x01"))
