"""hub.ingest.formats.ecs: every field that the schema has for what a record has."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.ingest.formats.ecs import decode
from hub.pb.record_pb2 import Exception as LoggedException
from hub.pb.record_pb2 import LogRecord, Severity, Value

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
DOTTED = {
    "@timestamp": "2024-05-01T10:11:12.345678901Z",
    "log.level": "WARN",
    "message": "slow",
    "ecs.version": "1.2.0",
    "service.name": "orders",
    "host.name": "node-1",
    "process.thread.name": "main",
    "log.logger": "com.example.Orders",
    "trace.id": TRACE,
    "span.id": SPAN,
    "error.type": "java.lang.IllegalStateException",
    "error.message": "no",
    "error.stack_trace": "java.lang.IllegalStateException: no\n\tat A.b(A.java:1)",
    "labels.attempt": 3,
    "labels.ratio": 0.5,
    "labels.last": True,
    "labels.none": None,
    "tags": ["a", "b"],
}
NESTED = {
    "@timestamp": DOTTED["@timestamp"],
    "log": {"level": "WARN", "logger": "com.example.Orders"},
    "message": "slow",
    "ecs": {"version": "1.2.0"},
    "service": {"name": "orders"},
    "host": {"name": "node-1"},
    "process": {"thread": {"name": "main"}},
    "trace": {"id": TRACE},
    "span": {"id": SPAN},
    "error": {
        "type": "java.lang.IllegalStateException",
        "message": "no",
        "stack_trace": ["java.lang.IllegalStateException: no", "\tat A.b(A.java:1)"],
    },
    "labels": {"attempt": 3, "ratio": 0.5, "last": True, "none": None},
    "tags": ["a", "b"],
}
WHOLE = LogRecord(
    time_unix_nano=1_714_558_272_345_678_901,
    severity=Severity.SEVERITY_WARN,
    severity_text="WARN",
    body="slow",
    service="orders",
    host="node-1",
    thread="main",
    logger="com.example.Orders",
    trace_id=bytes.fromhex(TRACE),
    span_id=bytes.fromhex(SPAN),
    exception=LoggedException(
        type="java.lang.IllegalStateException",
        message="no",
        stacktrace="java.lang.IllegalStateException: no\n\tat A.b(A.java:1)",
    ),
    attributes={
        "labels.attempt": Value(int_value=3),
        "labels.ratio": Value(double_value=0.5),
        "labels.last": Value(bool_value=True),
        "labels.none": Value(),
        "tags": Value(string_value='["a","b"]'),
    },
)


def read(fields: dict[str, Any]) -> LogRecord:
    """Decode one object."""
    (raw,) = decode(json.dumps(fields).encode())
    return LogRecord.FromString(raw)


@pytest.mark.parametrize("fields", [DOTTED, NESTED], ids=["dotted", "nested"])
def test_every_field_has_its_place(fields: dict[str, Any]) -> None:
    """With names of either kind, the record is the same."""
    assert read(fields) == WHOLE


def test_an_array_and_lines_are_several_records() -> None:
    """As collectors and files have it."""
    one, two = json.dumps({"message": "1"}), json.dumps({"message": "2"})
    for payload in (f"[{one},{two}]", f"{one}\n{two}\n", f"{one}\r\n\r\n{two}"):
        assert [LogRecord.FromString(raw).body for raw in decode(payload.encode())] == ["1", "2"]


def test_a_syslog_code_stands_in_for_the_level() -> None:
    """Where no level is named, or one that nobody knows."""
    found = read({"message": "m", "log": {"syslog": {"severity": {"code": 3}}}})
    assert found.severity == Severity.SEVERITY_ERROR
    found = read({"message": "m", "log": {"level": "odd", "syslog": {"severity": {"code": 3}}}})
    assert (found.severity, found.severity_text) == (Severity.SEVERITY_ERROR, "odd")
