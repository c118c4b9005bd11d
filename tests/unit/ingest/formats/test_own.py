"""hub.ingest.formats.own: a batch's records, each with what the batch shares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.wire import delimited
from hub.errors import FormatError, FormatReason
from hub.ingest.formats import payload
from hub.ingest.formats.own import decode
from hub.pb.record_pb2 import Batch, LogRecord, Resource, Value
from tests.examples import examples

RECORDS = [LogRecord(body="one", severity=9), LogRecord(body="two", trace_id=b"t" * 16)]  # type: ignore[arg-type]
texts = st.sampled_from(["", "a", "b"])
attributes = st.dictionaries(texts, st.builds(Value, int_value=st.integers(0, 3)), max_size=3)


def test_records_pass_as_they_are() -> None:
    """The bytes of a record are those that the producer wrote."""
    raw = Batch(seq=7, producer_id="forged", records=RECORDS).SerializeToString()
    assert decode(raw) == [record.SerializeToString() for record in RECORDS]


@examples(100)
@given(
    resource=st.builds(Resource, service=texts, host=texts, attributes=attributes),
    records=st.lists(
        st.builds(LogRecord, service=texts, host=texts, body=texts, attributes=attributes), min_size=1, max_size=3
    ),
)
def test_what_the_batch_shares_is_in_each_record(resource: Resource, records: list[LogRecord]) -> None:
    """A record's own service, host and attributes come first; no field is there twice."""
    found = decode(Batch(resource=resource, records=records).SerializeToString())
    for raw, record in zip(found, records, strict=True):
        whole = LogRecord.FromString(raw)
        assert whole.service == (record.service or resource.service)
        assert whole.host == (record.host or resource.host)
        assert whole.body == record.body
        assert dict(whole.attributes) == {**dict(resource.attributes), **dict(record.attributes)}
        plain = LogRecord(service=whole.service, host=whole.host)
        assert raw.count(b"\x32\x01") + raw.count(b"\x4a\x01") == plain.SerializeToString().count(b"\x01")


def test_fields_that_this_hub_does_not_know_stay() -> None:
    """Those of a record, with a resource and without."""
    unknown = delimited(99, 3) + b"new"
    raw = LogRecord(service="own").SerializeToString() + unknown
    for resource in (Resource(), Resource(service="shared"), Resource(host="h")):
        batch = Batch(resource=resource).SerializeToString() + delimited(3, len(raw)) + raw
        assert unknown in decode(batch)[0]


def test_strings_that_are_not_utf8_are_repaired() -> None:
    """As at the gRPC door: one bad byte loses no record."""
    raw = (
        Batch(records=[LogRecord(body="caf?"), LogRecord(body="good")]).SerializeToString().replace(b"caf?", b"caf\xe9")
    )
    assert [LogRecord.FromString(record).body for record in decode(raw)] == ["caf\ufffd", "good"]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", FormatReason.EMPTY),
        (Batch(seq=1).SerializeToString(), FormatReason.EMPTY),
        (b'{"message":"json"}', FormatReason.SYNTAX),
        (b"plain text, no protobuf", FormatReason.SYNTAX),
        (Batch(records=RECORDS).SerializeToString()[:-1], FormatReason.SYNTAX),
    ],
    ids=["nothing", "no record", "JSON", "text", "cut"],
)
def test_what_is_no_batch_is_refused(raw: bytes, reason: FormatReason) -> None:
    """The reason tells an operator what the topic holds instead."""
    with pytest.raises(FormatError) as caught:
        decode(raw)
    assert caught.value.reason is reason


def test_too_many_records_are_refused() -> None:
    """A few bytes each could hold up the process."""
    with pytest.raises(FormatError) as caught:
        decode(delimited(3, 0) * (payload.MAX_RECORDS + 1))
    assert caught.value.reason is FormatReason.LIMIT
    assert len(decode(delimited(3, 0) * payload.MAX_RECORDS)) == payload.MAX_RECORDS
