"""Golden samples of the real encoders (tests/data/formats/README.md): nothing of an event is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hub.ingest.formats import FORMATS, RUNS
from hub.ingest.formats.attributes import put
from hub.pb.record_pb2 import Exception as LoggedException
from hub.pb.record_pb2 import LogRecord, Severity

SAMPLES = Path(__file__).resolve().parents[3] / "data" / "formats"
LOGGER, THREAD = "com.example.orders.OrderService", "http-nio-8080-exec-8"
NANOS = 1_714_558_272_345_678_901
MILLIS = 1_714_558_272_345_000_000
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STACK = """java.lang.IllegalStateException: no stock: 0 of 3
second line
\tat com.example.orders.Stock.reserve(Stock.java:7)
\tat com.example.orders.OrderService.accept(OrderService.java:99)
\tSuppressed: java.lang.IllegalArgumentException: close
\t\tat com.example.orders.Stock.close(Stock.java:42)
\t\t... 1 more
Caused by: java.io.IOException: broken pipe
\tat com.example.orders.Stock.write(Stock.java:17)
\t... 1 more
"""
MAP_MESSAGE = 'attempt="3" big="9223372036854775807" elapsed="17.5" last="true" message="with fields"'
TYPED = {"attempt": 3, "elapsed": 17.5, "big": 2**63 - 1, "last": True}
ORIGIN = {"log.origin.file.name": "OrderService.java", "log.origin.file.line": 12, "log.origin.function": "accept"}
ECS = {"event.dataset": "orders"}
CALLER = {
    "caller_class_name": LOGGER,
    "caller_method_name": "accept",
    "caller_file_name": "OrderService.java",
    "caller_line_number": 12,
    "app": "orders",
    "build.number": 12,
}
SOURCE = {"class": LOGGER, "method": "accept", "file": "OrderService.java"}
JSON_LAYOUT = {
    "threadId": 31,
    "threadPriority": 5,
    "source.line": 12,
    **{f"source.{name}": value for name, value in SOURCE.items()},
}
GCP = {
    "logging.googleapis.com/sourceLocation.file": "OrderService.java",
    "logging.googleapis.com/sourceLocation.line": 12,
    "logging.googleapis.com/sourceLocation.function": f"{LOGGER}.accept",
}
OTLP = {"deployment.environment.name": "test", "process.pid": 4242, "channel": "web", "otel.scope.version": "1.2.3"}


def events(
    common: dict[str, Any], *, time: int = NANOS, half: str = "?", stack: str = STACK, fields: Any = None, **every: Any
) -> list[LogRecord]:
    """Return the five events of the Java samples; `fields`: what becomes of the third's key-value pairs.

    `common` are attributes of all, `every` are fields of all; `ids` are attributes of those with a trace.
    """
    ids = every.pop("ids", {})
    message, pairs = ("with fields", fields) if isinstance(fields, dict) else (fields, {})
    traced = {"trace_id": bytes.fromhex(TRACE), "span_id": bytes.fromhex(SPAN)}
    error = LoggedException(
        type="java.lang.IllegalStateException", message="no stock: 0 of 3\nsecond line", stacktrace=stack
    )
    made = [
        LogRecord(body="Order 4711 accepted in 17 ms", severity=Severity.SEVERITY_INFO, **traced),  # type: ignore[arg-type]
        LogRecord(
            body='Order 4712 "failed"\n\tgrüße € \U0001d11e',
            severity=Severity.SEVERITY_ERROR,
            exception=error,
            **traced,  # type: ignore[arg-type]
        ),
        LogRecord(body=message, severity=Severity.SEVERITY_DEBUG),
        LogRecord(body=f"half a pair: {half}!", severity=Severity.SEVERITY_WARN),
        LogRecord(severity=Severity.SEVERITY_TRACE),
    ]
    for index, record in enumerate(made):
        record.MergeFrom(LogRecord(time_unix_nano=time, logger=LOGGER, thread=THREAD, **every))
        record.severity_text = Severity.Name(record.severity).removeprefix("SEVERITY_")
        own = {"user_id": "4711", **ids} if index < 2 else pairs if index == 2 else {}
        for name, value in {**common, **own}.items():
            put(record, name, value)
    return made


def changed(records: list[LogRecord], index: int, **fields: Any) -> list[LogRecord]:
    """Return the records, with other fields of one."""
    records[index].MergeFrom(LogRecord(**fields))
    return records


IDS = {"trace_id": TRACE, "span_id": SPAN}
OMITTED = STACK.replace("1 more", "1 common frames omitted")
FRAMES = "\n".join(STACK.splitlines()[:4])
SERVICE = {"service.version": "1.2.3", "service.environment": "test"}
GCP_EVENTS = changed(
    changed(events(GCP, fields=MAP_MESSAGE, ids=IDS), 3, severity_text="WARNING"),
    4,
    severity=Severity.SEVERITY_DEBUG,
    severity_text="DEBUG",
)
GELF_TIME = 1_714_558_272_345_679_000  # a JSON number of seconds holds microseconds
GELF_EVENTS = events({}, time=GELF_TIME, fields=MAP_MESSAGE, host="node-1")
for one in GELF_EVENTS:
    one.ClearField("severity_text")
GELF_EVENTS[4].severity = Severity.SEVERITY_DEBUG  # syslog knows nothing finer

CASES: dict[tuple[str, str], list[LogRecord]] = {
    ("ecs", "ecs-logback.txt"): events(
        {**ECS, **SERVICE, **ORIGIN}, time=MILLIS, fields={"tags": ["AUDIT"]}, service="orders"
    ),
    ("ecs", "ecs-logback-array.txt"): events(
        ECS, time=MILLIS, fields={}, service="orders", stack=STACK.removesuffix("\n")
    ),
    ("ecs", "ecs-log4j2.txt"): events(
        ECS,
        time=MILLIS,
        service="orders",
        fields={name: str(value).replace("True", "true") for name, value in TYPED.items()},
    ),
    ("ecs", "log4j2-EcsLayout.txt"): events({}, time=MILLIS, fields=MAP_MESSAGE),
    ("log4j2", "log4j2-EcsLayout.txt"): events({}, time=MILLIS, fields=MAP_MESSAGE),
    ("log4j2", "log4j2-LogstashJsonEventLayoutV1.txt"): events(
        {**SOURCE, "line_number": 12}, time=MILLIS, fields=MAP_MESSAGE, host="node-1"
    ),
    ("log4j2", "log4j2-JsonLayout.txt"): events(JSON_LAYOUT, fields=MAP_MESSAGE, stack=FRAMES),
    ("log4j2", "log4j2-GcpLayout.txt"): GCP_EVENTS,
    ("log4j2", "log4j2-GelfLayout.txt"): GELF_EVENTS,
    ("logstash", "logstash-logback.txt"): events(
        CALLER, half="\ufffd", stack=OMITTED, fields={**TYPED, "tags": ["AUDIT"]}, service="orders"
    ),
    ("otlp-protobuf", "otlp.binpb"): events(
        OTLP, fields={**TYPED, "items": ["a", "b"]}, ids=IDS, service="orders", host="node-1"
    ),
    ("otlp-json", "otlp.json"): events(
        OTLP, fields={**TYPED, "items": ["a", "b"]}, ids=IDS, service="orders", host="node-1"
    ),
}


def decoded(name: str, file: str) -> list[LogRecord]:
    """Decode a file of samples: as one message, or one each where they stand apart."""
    raw = (SAMPLES / file).read_bytes()
    messages = raw.split(b"\n\n") if file.endswith(".txt") else [raw]
    return [LogRecord.FromString(record) for message in messages for record in FORMATS[name](message)]


@pytest.mark.parametrize(("name", "file"), CASES, ids=str)
def test_every_field_of_an_encoder_is_kept(name: str, file: str) -> None:
    """Time, severity, service, logger, thread, message, exception, trace, and attributes with their types."""
    found, expected = decoded(name, file), CASES[name, file]
    for record in (*found, *expected):
        record.ClearField("observed_time_unix_nano")
    assert found == expected


SINGLE = [(name, file) for name, file in CASES if name in RUNS and file.endswith(".txt") and "array" not in file]
SHIPPED = [("filebeat", "filebeat.txt"), ("fluent-bit", "fluent-bit.txt")]


@pytest.mark.parametrize(("name", "file"), SINGLE + SHIPPED, ids=str)
def test_many_messages_are_read_at_once_as_each_by_itself(name: str, file: str) -> None:
    """Those of a file, several times, since a few are not read at once."""
    messages = [message for message in (SAMPLES / file).read_bytes().split(b"\n\n") if message.strip()] * 3
    one_by_one = [FORMATS[name](message) for message in messages]
    single = [message for message, records in zip(messages, one_by_one, strict=True) if len(records) == 1]
    assert single
    made = [LogRecord.FromString(record) for record in RUNS[name](single)]
    assert made == [LogRecord.FromString(records[0]) for records in one_by_one if len(records) == 1]


@pytest.mark.parametrize("file", ["otlp.binpb", "otlp.json"])
def test_otlp_has_two_times(file: str) -> None:
    """When it happened, and when the SDK was told."""
    found = decoded("otlp-protobuf" if file.endswith("binpb") else "otlp-json", file)
    assert {record.observed_time_unix_nano for record in found} == {NANOS + 1_000}


def test_every_sample_is_looked_at() -> None:
    """A file that no test reads is a mistake."""
    elsewhere = {"README.md", "filebeat.txt", "fluent-bit.txt"}
    assert {path.name for path in SAMPLES.iterdir()} == {file for _, file in CASES} | elsewhere
