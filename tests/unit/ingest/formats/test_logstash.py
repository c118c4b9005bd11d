"""hub.ingest.formats.logstash: what customFields and appenders add beside the samples of the encoder itself."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hub.ingest.formats.logstash import SERVICE, decode
from hub.pb.record_pb2 import Exception as LoggedException
from hub.pb.record_pb2 import LogRecord, Severity, Value


def read(fields: dict[str, Any]) -> LogRecord:
    """Decode one object."""
    (raw,) = decode(json.dumps(fields).encode())
    return LogRecord.FromString(raw)


@pytest.mark.parametrize("name", SERVICE)
def test_the_service_has_many_names(name: str) -> None:
    """The encoder has none of its own."""
    assert read({name: "orders"}) == LogRecord(service="orders")


def test_names_may_be_nested() -> None:
    """As of a log that was sent on in ECS's manner."""
    assert read({"service": {"name": "orders"}, "host": {"name": "h"}}) == LogRecord(service="orders", host="h")


def test_the_value_of_the_level_stands_in_for_its_name() -> None:
    """Otherwise it says nothing new, as the version."""
    assert read({"level_value": 30000}) == LogRecord(severity=Severity.SEVERITY_WARN, severity_text="30000")
    assert read({"level": "WARN", "level_value": 30000, "@version": "1"}) == LogRecord(
        severity=Severity.SEVERITY_WARN, severity_text="WARN"
    )


def test_a_class_of_the_exception_comes_before_the_first_line() -> None:
    """Where the encoder is told to write it (throwableClassName)."""
    found = read({"throwable_class": "a.B", "stack_trace": "#1 a.B: x\n\tat c", "n": 1})
    assert found == LogRecord(
        exception=LoggedException(type="a.B", stacktrace="#1 a.B: x\n\tat c"), attributes={"n": Value(int_value=1)}
    )
