"""hub.ingest.formats.otlp and its two readers: a request in either encoding makes the same records."""

from __future__ import annotations

import json
import math
from base64 import b64decode
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as OtlpResource

from hub.core.wire import delimited
from hub.errors import FormatError, FormatReason
from hub.ingest.formats import otlp_json, otlp_protobuf, payload
from hub.pb.record_pb2 import Exception as LoggedException
from hub.pb.record_pb2 import LogRecord, Resource, Severity, Value
from tests.examples import examples

TRACE, SPAN = bytes(range(1, 17)), bytes(range(1, 9))
quick = examples(100)


def any_value(value: Any) -> AnyValue:
    """Return a value of Python as OTLP has it."""
    if value is None:
        return AnyValue()
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=map(any_value, value)))
    if isinstance(value, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs(value)))
    kinds = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value", bytes: "bytes_value"}
    return AnyValue(**{kinds[type(value)]: value})


def pairs(values: dict[str, Any]) -> list[KeyValue]:
    """Return attributes as OTLP has them."""
    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def request(*logs: logs_pb2.LogRecord, resource: dict[str, Any] | None = None, **scope: Any) -> LogsData:
    """Return a request of one scope."""
    attributes = pairs(scope.pop("attributes", {}))
    part = ScopeLogs(scope=InstrumentationScope(attributes=attributes, **scope), log_records=logs)
    held = OtlpResource(attributes=pairs(resource or {}))
    return LogsData(resource_logs=[ResourceLogs(resource=held, scope_logs=[part])])


def as_json(data: LogsData) -> bytes:
    """Return the request in OTLP's JSON: that of protobuf, but with hexadecimal ids."""
    made = json_format.MessageToDict(data, use_integers_for_enums=True)
    for logs in made.get("resourceLogs", ()):
        for scope in logs.get("scopeLogs", ()):
            for record in scope.get("logRecords", ()):
                for name in ("traceId", "spanId"):
                    if name in record:
                        record[name] = b64decode(record[name]).hex()
    return json.dumps(made).encode()


def both(data: LogsData) -> list[LogRecord]:
    """Decode a request in both encodings, which must agree; return the records."""
    first = [LogRecord.FromString(raw) for raw in otlp_protobuf.decode(data.SerializeToString())]
    second = [LogRecord.FromString(raw) for raw in otlp_json.decode(as_json(data))]
    assert list(map(str, first)) == list(map(str, second))  # as text, since NaN is not equal to itself
    return first


def one(log: logs_pb2.LogRecord, **around: Any) -> LogRecord:
    """Decode a request of one record."""
    (record,) = both(request(log, **around))
    return record


def test_every_field_has_its_place() -> None:
    """Of the resource, the scope and the record."""
    log = logs_pb2.LogRecord(
        time_unix_nano=2**63 + 1,
        observed_time_unix_nano=2**64 - 1,
        severity_number=logs_pb2.SEVERITY_NUMBER_WARN3,
        severity_text="Warning",
        body=any_value("message"),
        attributes=pairs(
            {
                "thread.name": "main",
                "exception.type": "a.B",
                "exception.message": "m",
                "exception.stacktrace": "a.B: m",
                "http": {"status": 500, "ok": False},
                "ratio": 0.25,
                "raw": b"\xff",
                "list": ["a", 1, b"\xff", {"k": None}],
                "null": None,
            }
        ),
        dropped_attributes_count=2,
        flags=1,
        trace_id=TRACE,
        span_id=SPAN,
        event_name="order.failed",
    )
    resource = {"service.name": "orders", "host.name": "node-1", "process": {"pid": 7}}
    found = one(log, resource=resource, name="a.Logger", version="1.2", attributes={"channel": "web", "ratio": 1})
    assert found == LogRecord(
        time_unix_nano=2**63 + 1,
        observed_time_unix_nano=2**64 - 1,
        severity=Severity.SEVERITY_WARN3,
        severity_text="Warning",
        body="message",
        service="orders",
        host="node-1",
        logger="a.Logger",
        thread="main",
        trace_id=TRACE,
        span_id=SPAN,
        exception=LoggedException(type="a.B", message="m", stacktrace="a.B: m"),
        attributes={
            "process.pid": Value(int_value=7),
            "channel": Value(string_value="web"),
            "otel.scope.version": Value(string_value="1.2"),
            "http.status": Value(int_value=500),
            "http.ok": Value(bool_value=False),
            "ratio": Value(double_value=0.25),
            "raw": Value(bytes_value=b"\xff"),
            "list": Value(string_value='["a",1,"/w==",{"k":null}]'),
            "null": Value(),
            "otel.dropped_attributes_count": Value(int_value=2),
            "event.name": Value(string_value="order.failed"),
        },
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [(None, ""), ("", ""), (7, "7"), (True, "true"), ({"a": [1, b"\xff"]}, '{"a":[1,"/w=="]}'), (b"\xff", "/w==")],
)
def test_a_body_of_any_kind_is_text(body: Any, expected: str) -> None:
    """What is no text is its JSON, bytes in base64."""
    assert one(logs_pb2.LogRecord(body=any_value(body), time_unix_nano=1)).body == expected


def test_doubles_that_are_no_numbers_stay() -> None:
    """They are written as strings in JSON."""
    values = {"a": math.nan, "b": math.inf, "c": -math.inf}
    found = one(logs_pb2.LogRecord(attributes=pairs(values)))
    assert math.isnan(found.attributes["a"].double_value)
    assert (found.attributes["b"].double_value, found.attributes["c"].double_value) == (math.inf, -math.inf)


@pytest.mark.parametrize(
    ("number", "text", "expected"),
    [
        (0, "", Severity.SEVERITY_UNSPECIFIED),
        (0, "warn", Severity.SEVERITY_WARN),
        (24, "odd", Severity.SEVERITY_FATAL4),
        (25, "INFO", Severity.SEVERITY_INFO),
        (-1, "", Severity.SEVERITY_UNSPECIFIED),
    ],
)
def test_a_severity_is_one_of_24(number: Any, text: str, expected: Severity) -> None:
    """Where the number is none, the text may say it; a record is not lost for it."""
    found = one(logs_pb2.LogRecord(severity_number=number, severity_text=text, time_unix_nano=1))
    assert (found.severity, found.severity_text) == (expected, text)


def test_ids_of_another_length_are_attributes() -> None:
    """Zeros are none at all."""
    found = one(logs_pb2.LogRecord(trace_id=b"\x01\x02", span_id=bytes(8)))
    assert found == LogRecord(attributes={"trace_id": Value(string_value="0102")})


def test_records_come_with_their_resource() -> None:
    """For doors that make a batch of each; a resource without records is none."""
    data = request(logs_pb2.LogRecord(time_unix_nano=1), resource={"service.name": "a", "x": 1})
    data.MergeFrom(request(resource={"host.name": "b"}))
    data.MergeFrom(request(logs_pb2.LogRecord(time_unix_nano=2)))
    for groups in (otlp_protobuf.parts(data.SerializeToString()), otlp_json.parts(as_json(data))):
        first, second = groups
        assert first.resource == Resource(service="a", attributes={"x": Value(int_value=1)})
        assert second.resource == Resource()
        assert [group.records for group in (first, second)] == [
            [LogRecord(time_unix_nano=time).SerializeToString()] for time in (1, 2)
        ]
    assert list(otlp_protobuf.parts(b"")) == []


def test_a_long_request_comes_in_parts() -> None:
    """In order, few records at a time, by their number and their size."""
    text = "x" * 50_000
    data = request(*(logs_pb2.LogRecord(time_unix_nano=one) for one in range(600)), name="n", version="1")
    data.MergeFrom(request(*(logs_pb2.LogRecord(time_unix_nano=one, body=any_value(text)) for one in range(12))))
    for groups in (otlp_protobuf.parts(data.SerializeToString()), otlp_json.parts(as_json(data))):
        parts = [[LogRecord.FromString(one) for one in group.records] for group in groups]
        assert list(map(len, parts)) == [256, 256, 88, 6, 6]
        assert [one.time_unix_nano for part in parts for one in part] == [*range(600), *range(12)]
        assert {one.logger for part in parts[:3] for one in part} == {"n"}


def test_a_record_over_the_bound_is_handed_on_unread() -> None:
    """It is not looked into, whatever it holds."""
    small, large = logs_pb2.LogRecord(severity_text="s"), logs_pb2.LogRecord(body=any_value("x" * 100))
    (group,) = otlp_protobuf.parts(request(small, large).SerializeToString(), 100)
    assert group.records == [LogRecord(severity_text="s").SerializeToString(), large.SerializeToString()]


def test_strings_that_are_not_utf8_are_repaired() -> None:
    """As at the gRPC door."""
    raw = request(logs_pb2.LogRecord(severity_text="caf?")).SerializeToString().replace(b"caf?", b"caf\xe9")
    (found,) = otlp_protobuf.decode(raw)
    assert LogRecord.FromString(found).severity_text == "caf\ufffd"


values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.text(max_size=5),
        st.binary(max_size=3),
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)
logs = st.builds(
    logs_pb2.LogRecord,
    time_unix_nano=st.integers(0, 2**64 - 1),
    severity_number=st.integers(-(2**31), 2**31 - 1),
    severity_text=st.text(max_size=5),
    body=values.map(any_value),
    attributes=st.dictionaries(st.text(max_size=5), values, max_size=3).map(pairs),
    trace_id=st.sampled_from([b"", TRACE, b"\x01"]),
    span_id=st.sampled_from([b"", SPAN, bytes(8)]),
)


@quick
@given(log=logs, resource=st.dictionaries(st.text(max_size=5), values, max_size=3))
def test_both_encodings_make_the_same(log: logs_pb2.LogRecord, resource: dict[str, Any]) -> None:
    """Of any request."""
    assert len(both(request(log, resource=resource, name="n"))) == 1


RAW = request(
    logs_pb2.LogRecord(body=any_value("b"), trace_id=TRACE, attributes=pairs({"a": 1, "b": [0.5, "x"]})),
    resource={"service.name": "s"},
)


@quick
@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_a_flipped_byte_is_read_or_refused(at: int, byte: int) -> None:
    """Nothing but a FormatError is raised, in both encodings."""
    for module, whole in ((otlp_protobuf, RAW.SerializeToString()), (otlp_json, as_json(RAW))):
        raw = bytearray(whole)
        raw[at % len(raw)] = byte
        try:
            assert module.decode(bytes(raw))
        except FormatError as error:
            assert error.message  # noqa: PT017  either is right


def test_every_prefix_is_read_or_refused() -> None:
    """A request that was cut."""
    for module, whole in ((otlp_protobuf, RAW.SerializeToString()), (otlp_json, as_json(RAW))):
        for end in range(len(whole)):
            with pytest.raises(FormatError):
                module.decode(whole[:end])


WRONG = [
    *({"resourceLogs": 1}, {"resourceLogs": [1]}, {"resourceLogs": [{"resource": []}]}),
    *({"resourceLogs": [{"scopeLogs": {}}]}, {"resourceLogs": [{"scopeLogs": [{"logRecords": "x"}]}]}),
    {"resourceLogs": [{"scopeLogs": [{"scope": {"name": 1}, "logRecords": [{}]}]}]},
]
WRONG_RECORDS: list[dict[str, Any]] = [
    *({"timeUnixNano": -1}, {"timeUnixNano": str(2**64)}, {"timeUnixNano": "x"}, {"timeUnixNano": 0.5}),
    *({"timeUnixNano": []}, {"timeUnixNano": True}, {"severityText": 1}, {"traceId": "xyz"}, {"spanId": 1}),
    *({"body": "plain"}, {"body": {"intValue": str(2**63)}}, {"body": {"boolValue": "true"}}),
    *({"body": {"bytesValue": "?"}}, {"body": {"doubleValue": "x"}}, {"body": {"arrayValue": []}}),
    *({"attributes": {}}, {"attributes": [{"key": 1}]}, {"attributes": [{"key": "a", "value": "plain"}]}),
]


@pytest.mark.parametrize(
    "value", [*WRONG, *({"resourceLogs": [{"scopeLogs": [{"logRecords": [one]}]}]} for one in WRONG_RECORDS)]
)
def test_json_of_another_shape_is_refused(value: dict[str, Any]) -> None:
    """The field is named."""
    with pytest.raises(FormatError, match=r"^\w+ of the request is not what OTLP has there") as caught:
        otlp_json.decode(json.dumps(value).encode())
    assert caught.value.reason is FormatReason.SHAPE


def test_json_is_read_generously() -> None:
    """Null is absent, an integer may be a number or a string, a severity a name; what is unknown is skipped."""
    record = {"timeUnixNano": 7, "severityNumber": "SEVERITY_NUMBER_WARN", "body": {"intValue": 5.0}, "new": [1]}
    record |= {"traceId": None, "attributes": None, "severityText": None}
    (raw,) = otlp_json.decode(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode())
    assert LogRecord.FromString(raw) == LogRecord(time_unix_nano=7, severity=Severity.SEVERITY_WARN, body="5")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", FormatReason.EMPTY),
        (b'{"message":"other JSON"}', FormatReason.EMPTY),
        (b'{"resourceLogs":[]}', FormatReason.EMPTY),
        (b"text", FormatReason.SYNTAX),
    ],
)
def test_json_without_records_is_refused(raw: bytes, reason: FormatReason) -> None:
    """As a message; a door for requests may think otherwise."""
    with pytest.raises(FormatError) as caught:
        otlp_json.decode(raw)
    assert caught.value.reason is reason


def test_protobuf_without_records_is_refused() -> None:
    """Nothing, no records, and what is no protobuf."""
    for raw, reason in ((b"", FormatReason.EMPTY), (request().SerializeToString(), FormatReason.EMPTY)):
        with pytest.raises(FormatError) as caught:
            otlp_protobuf.decode(raw)
        assert caught.value.reason is reason
    with pytest.raises(FormatError, match="not an ExportLogsServiceRequest") as caught:
        otlp_protobuf.decode(b"plain text")
    assert caught.value.reason is FormatReason.SYNTAX


CROWDED = [None] * 60
CROWDS = (
    request(*[logs_pb2.LogRecord(body=any_value(CROWDED))] * 2),
    request(logs_pb2.LogRecord(), attributes={"a": CROWDED, "b": CROWDED}),
    request(logs_pb2.LogRecord(), resource={"a": [CROWDED], "b": {"c": CROWDED}}),
)


@pytest.mark.parametrize("crowd", CROWDS, ids=["bodies", "a scope", "a resource"])
def test_too_many_values_of_arrays_and_maps_are_refused(monkeypatch: pytest.MonkeyPatch, crowd: LogsData) -> None:
    """All those of a message together: an empty one takes two bytes, and a microsecond."""
    monkeypatch.setattr(payload, "MAX_VALUES", 110)
    for module, raw in ((otlp_protobuf, crowd.SerializeToString()), (otlp_json, as_json(crowd))):
        with pytest.raises(FormatError) as caught:
            module.decode(raw)
        assert caught.value.reason is FormatReason.LIMIT
    monkeypatch.setattr(payload, "MAX_VALUES", 130)
    assert otlp_protobuf.decode(crowd.SerializeToString())


def test_too_many_and_too_deep_are_refused() -> None:
    """Records of a few bytes, and values in values."""
    many = delimited(2, 0) * (payload.MAX_RECORDS + 1)
    scope = delimited(2, len(many)) + many
    deep: dict[str, Any] = {"stringValue": "x"}
    for _ in range(40):
        deep = {"kvlistValue": {"values": [{"key": "k", "value": deep}]}}
    nested = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": deep}]}]}]}
    count = payload.MAX_RECORDS + 1
    for module, raw in (
        (otlp_protobuf, delimited(1, len(scope)) + scope),
        (otlp_protobuf, delimited(1, 0) * count),
        (otlp_protobuf, delimited(1, len(many)) + many),
        (otlp_json, json.dumps({"resourceLogs": [{}] * count}).encode()),
        (otlp_json, json.dumps({"resourceLogs": [{"scopeLogs": [{}] * count}]}).encode()),
        (
            otlp_json,
            json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [{}] * (payload.MAX_RECORDS + 1)}]}]}).encode(),
        ),
        (otlp_json, json.dumps(nested).encode()),
        (otlp_protobuf, request(resource={"x": "y" * 2**20}).SerializeToString()),
    ):
        with pytest.raises(FormatError) as caught:
            module.decode(raw)
        assert caught.value.reason is FormatReason.LIMIT, raw[:40]
