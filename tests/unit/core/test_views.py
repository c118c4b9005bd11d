"""hub.core.views: both views read what the contract reads, and lose nothing that is stored or judged."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from hub.core.views import columns, opaque
from hub.core.wire import delimited
from hub.pb.ingest_pb2 import Hello, ProducerMessage, PushRequest
from hub.pb.record_pb2 import Batch, LogRecord, Resource, Value
from hub.pb.record_pb2 import Exception as LogException
from tests.examples import examples

if TYPE_CHECKING:
    from google.protobuf.message import Message

quick = examples(30)
SEEN = opaque(PushRequest)
MERGED = columns(PushRequest)
BROKEN = b"caf\xe9"

values = st.one_of(
    st.builds(Value, string_value=st.text(max_size=3)),
    st.builds(Value, int_value=st.integers(-3, 3)),
    st.builds(Value, bytes_value=st.binary(max_size=3)),
    st.just(Value()),
)
records = st.builds(
    LogRecord,
    time_unix_nano=st.integers(0, 2**64 - 1),
    severity=st.integers(-1, 25),
    body=st.text(max_size=4),
    trace_id=st.binary(max_size=17),
    span_id=st.binary(max_size=9),
    attributes=st.dictionaries(st.text(max_size=2), values, max_size=3),
    exception=st.none() | st.builds(LogException, type=st.text(max_size=2)),
)
batches = st.builds(
    Batch,
    seq=st.integers(0, 3),
    resource=st.none()
    | st.builds(Resource, service=st.text(max_size=2), attributes=st.dictionaries(st.text(), values)),
    records=st.lists(records, max_size=4),
)


def reads(kind: type[Message], raw: bytes) -> bool:
    """Return whether the bytes are a message of this kind."""
    with suppress(DecodeError):
        kind.FromString(raw)
        return True
    return False


@quick
@given(batches)
def test_the_opaque_view_passes_records_through(batch: Batch) -> None:
    """As the bytes that came; what it writes is the same message again."""
    raw = PushRequest(producer_id="p", batch=batch).SerializeToString()
    seen: Any = SEEN.FromString(raw)
    assert [LogRecord.FromString(record) for record in seen.batch.records] == list(batch.records)
    assert PushRequest.FromString(seen.SerializeToString()) == PushRequest.FromString(raw)


@quick
@given(batches)
def test_the_column_view_has_every_value_in_order(batch: Batch) -> None:
    """Of the fields with rules; where a record has none, its column has none."""
    merged: Any = MERGED.FromString(PushRequest(batch=batch).SerializeToString())
    found = merged.batch.records
    assert list(found.severity) == [record.severity for record in batch.records if record.severity]
    assert list(found.trace_id) == [record.trace_id for record in batch.records if record.trace_id]
    assert list(found.span_id) == [record.span_id for record in batch.records if record.span_id]


@quick
@given(batches, st.data())
def test_together_they_refuse_what_the_contract_refuses(batch: Batch, data: st.DataObject) -> None:
    """Whatever byte is changed: what the views let through, a subscriber can read."""
    raw = bytearray(PushRequest(producer_id="p", batch=batch).SerializeToString())
    for at in data.draw(st.lists(st.integers(0, len(raw) - 1), max_size=3)):
        raw[at] ^= data.draw(st.integers(1, 255))
    if reads(SEEN, bytes(raw)) and reads(MERGED, bytes(raw)):
        assert reads(PushRequest, bytes(raw))
        seen: Any = SEEN.FromString(bytes(raw))
        assert all(reads(LogRecord, record) for record in seen.batch.records)


@pytest.mark.parametrize(
    "record",
    [
        *(delimited(field, len(BROKEN)) + BROKEN for field in (4, 5, 6, 7, 8, 9)),
        delimited(12, 6) + delimited(1, 4) + BROKEN,
        delimited(12, 8) + delimited(2, 6) + delimited(1, 4) + BROKEN,
        *(delimited(13, 6) + delimited(field, 4) + BROKEN for field in (1, 2, 3)),
    ],
)
def test_a_broken_string_in_any_record_is_seen(record: bytes) -> None:
    """Also in the middle of others: merging reads each of them."""
    assert not reads(LogRecord, record)
    good = LogRecord(body="good", attributes={"": Value(string_value="good")}).SerializeToString()
    batch = b"".join(delimited(3, len(one)) + one for one in (good, record, good))
    assert not reads(MERGED, delimited(2, len(batch)) + batch)


def test_the_other_messages_are_the_contracts() -> None:
    """A stream's hello is read in the same view."""
    hello = ProducerMessage(hello=Hello(producer_id="p", next_seq=4))
    for view in (opaque, columns):
        message: Any = view(ProducerMessage).FromString(hello.SerializeToString())
        assert message.WhichOneof("kind") == "hello"
        assert (message.hello.producer_id, message.hello.next_seq) == ("p", 4)


@pytest.mark.parametrize("view", [opaque, columns])
def test_the_contract_itself_is_not_changed(view: Any) -> None:
    """The views have descriptors of their own."""
    assert view(PushRequest).DESCRIPTOR.full_name == PushRequest.DESCRIPTOR.full_name
    assert view(PushRequest).DESCRIPTOR is not PushRequest.DESCRIPTOR
    assert Batch.DESCRIPTOR.fields_by_name["records"].message_type is LogRecord.DESCRIPTOR
