"""hub.web.canonical: what is made by hand is what the protobuf library itself would print."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from hub.core.stored import StoredBatch
from hub.core.tail_batch import TailBatch
from hub.errors import BadRequestError
from hub.pb import record_pb2, tail_pb2
from hub.pb.record_pb2 import Batch, LogRecord, Resource, Value
from hub.pb.record_pb2 import Exception as LogException
from hub.pb.tail_pb2 import ClientMessage, Ping, Subscribe
from hub.web.canonical import batch_json, client_message, message_json
from tests.examples import examples

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from hypothesis.strategies import SearchStrategy

NASTY = ["\0", "\x1f\x7f\x80", "\u2028\u2029", '"\\/', "</script>", "\ufeff", "\uffff", "\U0010ffff", "e\u0301", "null"]
MOST_ITEMS = 3

# --- any message of the contract -------------------------------------------------------------------------------------

texts = st.text(max_size=4) | st.sampled_from(NASTY)
doubles = st.floats().map(lambda number: math.nan if math.isnan(number) else number)  # one NaN, as in JSON
SCALARS: dict[int, SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_STRING: texts,
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=5),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_DOUBLE: doubles,
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, -(2**63), 2**63 - 1, 2**53 + 1]),
    FieldDescriptor.TYPE_UINT64: st.integers(0, 2**64 - 1) | st.sampled_from([0, 2**64 - 1, 2**53 + 1]),
    FieldDescriptor.TYPE_FIXED64: st.integers(0, 2**64 - 1) | st.sampled_from([0, 2**64 - 1, 2**53 + 1]),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
}
# Only these have a form in JSON (google/protobuf/timestamp.proto and duration.proto).
TIMES: dict[type[Message], SearchStrategy[Any]] = {
    Timestamp: st.builds(
        Timestamp, seconds=st.integers(-62_135_596_800, 253_402_300_799), nanos=st.integers(0, 999_999_999)
    ),
    Duration: st.builds(Duration, seconds=st.integers(0, 315_576_000_000), nanos=st.integers(0, 999_999_999))
    | st.builds(Duration, seconds=st.integers(-315_576_000_000, 0), nanos=st.integers(-999_999_999, 0)),
}


def messages(kind: type[Any]) -> SearchStrategy[Any]:
    """Make messages of a kind: each field set or not, of each oneof at most one, enums with unknown numbers."""
    if kind in TIMES:
        return TIMES[kind]
    descriptor = kind.DESCRIPTOR
    plain = {field.name: field_values(field) for field in descriptor.fields if not field.containing_oneof}
    parts = [st.fixed_dictionaries({}, optional=plain)]
    for oneof in descriptor.oneofs:
        choices = [st.fixed_dictionaries({field.name: field_values(field)}) for field in oneof.fields]
        parts.append(st.one_of(st.just({}), *choices))
    return st.tuples(*parts).map(
        lambda chosen: kind(**{name: value for part in chosen for name, value in part.items()})
    )


def field_values(field: FieldDescriptor) -> SearchStrategy[Any]:
    """Make what a field takes."""
    if field.message_type and field.message_type.GetOptions().map_entry:
        key, value = (field_values(field.message_type.fields_by_name[name]) for name in ("key", "value"))
        return st.dictionaries(key, value, max_size=MOST_ITEMS)
    one = single_values(field)
    return st.lists(one, max_size=MOST_ITEMS) if field.is_repeated else one


def single_values(field: FieldDescriptor) -> SearchStrategy[Any]:
    """Make one of what a field takes."""
    if field.message_type:
        return messages(GetMessageClass(field.message_type))
    if field.enum_type:
        known = [value.number for value in field.enum_type.values]
        return st.sampled_from(known) | st.integers(-(2**31), 2**31 - 1)
    return SCALARS[field.type]


def as_stored(batch: Batch) -> Batch:
    """Return the batch as the log has it: with a record at least, and whole."""
    if not batch.records:
        batch.records.add()
    batch.ClearField("indexes")
    return batch


batches = messages(Batch).map(as_stored)
KINDS = [
    GetMessageClass(descriptor)
    for file in (tail_pb2.DESCRIPTOR, record_pb2.DESCRIPTOR)
    for descriptor in file.message_types_by_name.values()
]


def check(text: bytes, message: Any) -> None:
    """Fail unless the text says just what the library's own does, and is read back to the last bit."""
    assert json.loads(text) == json.loads(json_format.MessageToJson(message))
    back = json_format.Parse(text, type(message)())
    assert back.SerializeToString(deterministic=True) == message.SerializeToString(deterministic=True)


@examples(40)
@given(batches)
def test_a_batch_is_printed_as_the_library_would(batch: Batch) -> None:
    """Whatever a producer may have written into it."""
    check(batch_json(batch), batch)


@examples(15)
@given(batches, st.integers(0, 2**63), st.data())
def test_a_part_of_a_batch_is_printed_as_the_library_would(
    batch: Batch, first_offset: int, data: st.DataObject
) -> None:
    """With the same records, offset and indexes as subscribers of the other encoding get."""
    stored = StoredBatch(first_offset, len(batch.records), 0, batch.SerializeToString())
    whole = TailBatch(stored, 1, "acme")
    which = st.sampled_from(range(len(batch.records)))
    indexes = data.draw(st.sets(which, min_size=1).map(sorted) | which.map(lambda skip: range(skip, stored.records)))
    check(batch_json(whole.message, indexes), Batch.FromString(whole.part(indexes)))


@examples(4)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.DESCRIPTOR.name)
@given(data=st.data())
def test_every_other_message_is_printed_as_the_library_would(kind: type[Message], data: st.DataObject) -> None:
    """Each kind that the contract has."""
    message = data.draw(messages(kind))
    check(message_json(message), message)


def test_the_whole_contract_is_tried() -> None:
    """The messages above come from the contract itself: a new field or kind is tried without another line here."""
    assert {ClientMessage, tail_pb2.ServerMessage, Batch, Value} <= set(KINDS)
    in_batches = (LogRecord, Resource, Value, LogException)
    used = {field.type for kind in in_batches for field in kind.DESCRIPTOR.fields if not field.message_type}
    assert used <= {*SCALARS, FieldDescriptor.TYPE_ENUM}


# --- literally -------------------------------------------------------------------------------------------------------


def test_a_batch_to_the_letter() -> None:
    """Names in lowerCamelCase, 64-bit numbers as strings, bytes in base64, enums by name."""
    record = LogRecord(
        time_unix_nano=2**64 - 1,
        observed_time_unix_nano=1,
        severity=record_pb2.SEVERITY_WARN,
        severity_text="WARN",
        body="low",
        service="orders",
        logger="com.example.Orders",
        thread="main",
        host="h1",
        trace_id=b"\xfb\xff",
        span_id=b"\0",
        attributes={"user": Value(int_value=-(2**63))},
        exception=LogException(type="E", message="m", stacktrace="at a\nat b"),
    )
    batch = Batch(
        seq=2**64 - 1,
        resource=Resource(service="orders", host="h0", attributes={"az": Value(string_value="b")}),
        records=[record],
        received_time_unix_nano=5,
        producer_id="p",
        first_offset=2**53 + 1,
    )
    assert json.loads(batch_json(batch)) == {
        "seq": "18446744073709551615",
        "resource": {"service": "orders", "host": "h0", "attributes": {"az": {"stringValue": "b"}}},
        "records": [
            {
                "timeUnixNano": "18446744073709551615",
                "observedTimeUnixNano": "1",
                "severity": "SEVERITY_WARN",
                "severityText": "WARN",
                "body": "low",
                "service": "orders",
                "logger": "com.example.Orders",
                "thread": "main",
                "host": "h1",
                "traceId": "+/8=",
                "spanId": "AA==",
                "attributes": {"user": {"intValue": "-9223372036854775808"}},
                "exception": {"type": "E", "message": "m", "stacktrace": "at a\nat b"},
            }
        ],
        "receivedTimeUnixNano": "5",
        "producerId": "p",
        "firstOffset": "9007199254740993",
    }


def test_what_is_not_set_is_not_printed() -> None:
    """A record without anything is still one; parts that are there stay, empty as they are."""
    assert batch_json(Batch(records=[LogRecord()])) == b'{"records":[{}]}'
    hollow = Batch(resource=Resource(), records=[LogRecord(exception=LogException())])
    assert batch_json(hollow) == b'{"resource":{},"records":[{"exception":{}}]}'


def test_a_part_names_its_records() -> None:
    """In the order that is asked for, the indexes last."""
    batch = Batch(records=[LogRecord(body=body) for body in "abc"], first_offset=7)
    printed = b'{"records":[{"body":"a"},{"body":"c"}],"firstOffset":"7","indexes":[0,2]}'
    assert batch_json(batch, [0, 2]) == printed


@pytest.mark.parametrize(("number", "printed"), [(24, b'"SEVERITY_FATAL4"'), (25, b"25"), (-1, b"-1")])
def test_a_severity_is_a_name_or_else_its_number(number: int, printed: bytes) -> None:
    """A newer producer may know more of them."""
    record = LogRecord(severity=number)  # type: ignore[arg-type]
    assert batch_json(Batch(records=[record])) == b'{"records":[{"severity":' + printed + b"}]}"


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (Value(), b"{}"),
        (Value(string_value=""), b'{"stringValue":""}'),
        (Value(int_value=0), b'{"intValue":"0"}'),
        (Value(int_value=2**63 - 1), b'{"intValue":"9223372036854775807"}'),
        (Value(bool_value=False), b'{"boolValue":false}'),
        (Value(bytes_value=b""), b'{"bytesValue":""}'),
        (Value(bytes_value=b"\xff\xef"), b'{"bytesValue":"/+8="}'),
        (Value(double_value=math.nan), b'{"doubleValue":"NaN"}'),
        (Value(double_value=math.inf), b'{"doubleValue":"Infinity"}'),
        (Value(double_value=-math.inf), b'{"doubleValue":"-Infinity"}'),
        (Value(double_value=-0.0), b'{"doubleValue":-0.0}'),
        (Value(double_value=0.1), b'{"doubleValue":0.1}'),
        (Value(double_value=5e-324), b'{"doubleValue":5e-324}'),
    ],
)
def test_a_value_to_the_letter(value: Value, printed: bytes) -> None:
    """One that is set is printed even if it is zero; JSON has no numbers for NaN and the infinities."""
    batch = Batch(records=[LogRecord(attributes={"": value})])
    assert batch_json(batch) == b'{"records":[{"attributes":{"":' + printed + b"}}]}"


@pytest.mark.parametrize("text", NASTY)
def test_text_stays_what_it_is(text: str) -> None:
    """As a value and as a name; control characters are escaped, and no line is broken in two."""
    batch = Batch(records=[LogRecord(body=text, attributes={text: Value(string_value=text)})])
    printed = batch_json(batch)
    assert not any(byte < 0x20 for byte in printed)
    assert json.loads(printed)["records"] == [{"body": text, "attributes": {text: {"stringValue": text}}}]


# --- what clients say ------------------------------------------------------------------------------------------------


@examples(20)
@given(messages(ClientMessage))
def test_a_clients_message_is_read_back(message: ClientMessage) -> None:
    """As text and as bytes, as any proto3 library prints it."""
    text = json_format.MessageToJson(message)
    assert client_message(text) == client_message(text.encode()) == message


@pytest.mark.parametrize(
    "text",
    [
        '{"subscribe":{"id":"s","maxRecordsPerS":7,"follow":false}}',
        '{"subscribe":{"id":"s","max_records_per_s":"7","follow":false,"filter":null}}',
        ' { "subscribe" : { "follow" : false , "maxRecordsPerS" : 7.0 , "\\u0069d" : "\\u0073" } } \n',
    ],
)
def test_a_clients_message_may_be_spelled_as_proto3_json_allows(text: str) -> None:
    """Field names of both styles, numbers as strings, null for what is not set."""
    assert client_message(text) == ClientMessage(subscribe=Subscribe(id="s", max_records_per_s=7, follow=False))


def test_a_ping_of_a_client_has_bytes() -> None:
    """In base64."""
    assert client_message('{"ping":{"payload":"+/8="}}') == ClientMessage(ping=Ping(payload=b"\xfb\xff"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not json",
        "null",
        "1",
        '"subscribe"',
        "{",
        "{} {}",
        "\ufeff{}",
        b"\xff",
        b'{"subscribe":{"id":"\xe9"}}',
        '{"subscribe":{"id":"a\nb"}}',
        '{"subscribe":{"id":"\\ud800"}}',
        '{"unknown":{}}',
        '{"subscribe":{"id":"s","unknown":1}}',
        '{"subscribe":{},"ping":{}}',
        '{"subscribe":{},"subscribe":{}}',
        '{"subscribe":{"cursor":"c","oldest":true}}',
        '{"subscribe":{"last":-1}}',
        '{"subscribe":{"last":4294967296}}',
        '{"subscribe":{"last":1e400}}',
        '{"subscribe":{"last":NaN}}',
        '{"subscribe":{"last":' + "9" * 5000 + "}}",
        '{"subscribe":{"follow":"yes"}}',
        '{"subscribe":{"since":"yesterday"}}',
        '{"subscribe":{"since":"99999-01-01T00:00:00Z"}}',
        '{"ping":{"payload":"x"}}',
        "[" * 60_000,
        '{"subscribe":' * 5000,
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_what_is_no_message_is_a_bad_request(text: str | bytes) -> None:
    """Whatever the library makes of it."""
    with pytest.raises(BadRequestError, match="not a ClientMessage in proto3 JSON"):
        client_message(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["subscribe", "since", "last", "ping", "payload", "id"]), inner, max_size=2)
    ),
    max_leaves=6,
)


@examples(40)
@given(json_values.map(json.dumps) | st.text(max_size=10))
def test_any_text_is_a_message_or_a_bad_request(text: str) -> None:
    """No other error comes out, and the connection ends with a reason instead of a fault."""
    with suppress(BadRequestError):
        assert isinstance(client_message(text), ClientMessage)
