"""hub.ingest.formats: whatever comes, a format makes records of it that the log takes, or says why not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.batch import BatchLimits, Reader, admit
from hub.errors import FormatReason
from hub.ingest.formats import FORMATS, FormatError
from hub.pb.ingest_pb2 import PushRequest
from hub.pb.record_pb2 import Batch, LogRecord
from tests.examples import examples

WIDE = BatchLimits(max_batch_bytes=10**8, max_batch_records=10**6, max_record_bytes=10**8, max_attributes=10**6)
each = pytest.mark.parametrize("name", sorted(FORMATS))
quick = examples(100)

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.just("2024-05-01T10:11:12Z"),
)
names = st.one_of(
    st.text(max_size=4),
    st.sampled_from(
        ["@timestamp", "log", "level", "message", "error", "stack_trace", "trace", "id", "service", "thread"]
    ),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4))


def records_of(name: str, payload: bytes) -> list[LogRecord] | None:
    """Decode, and have the records admitted as at the gRPC door; none where the payload cannot be read for a reason.

    None where the format breaks its promise: no records, or no reason.
    """
    try:
        records = FORMATS[name](payload)
    except FormatError as error:
        return [] if error.message and error.reason in FormatReason else None
    if not records:
        return None
    batch = Batch(records=[LogRecord.FromString(record) for record in records])
    offer = Reader(PushRequest).read(PushRequest(batch=batch).SerializeToString()).offer
    admit(offer, WIDE, producer_id="", received_time_unix_nano=1)
    return list(batch.records)


def broken(payload: bytes) -> list[str]:
    """Return the formats that break their promise.

    All in one test, since most of its time goes to thinking the payload up.
    """
    return [name for name in sorted(FORMATS) if records_of(name, payload) is None]


@quick
@given(payload=st.binary(max_size=200))
def test_any_bytes_give_records_or_a_format_error(payload: bytes) -> None:
    """Nothing else is ever raised."""
    assert not broken(payload)


@quick
@given(value=values)
def test_any_json_gives_records_or_a_format_error(value: object) -> None:
    """Values of any kind where a text, a time or an object is expected are no fault of the hub."""
    assert not broken(json.dumps(value).encode())


@quick
@given(value=values, at=st.integers(0, 200), byte=st.integers(0, 255))
def test_a_flipped_byte_gives_records_or_a_format_error(value: object, at: int, byte: int) -> None:
    """JSON that is nearly right is read or refused."""
    payload = bytearray(json.dumps({"message": value}).encode())
    payload[at % len(payload)] = byte
    assert not broken(bytes(payload))


@each
@pytest.mark.parametrize("payload", [b"", b"\xff\xfe{\0}\0"], ids=["nothing", "UTF-16"])
def test_what_no_format_can_read(name: str, payload: bytes) -> None:
    """An empty message and one in UTF-16 are refused by all."""
    with pytest.raises(FormatError) as caught:
        FORMATS[name](payload)
    assert (caught.value.reason is FormatReason.EMPTY) is (not payload)


@each
def test_a_message_made_to_nest_is_refused_or_read(name: str) -> None:
    """A hundred thousand brackets end no process."""
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}"), (b'{"message":[', b"]}")):
        for depth in (200, 300, 1_500, 100_000):
            assert records_of(name, opening * depth + b"1" + closing * depth) is not None
            assert records_of(name, opening * depth) is not None
