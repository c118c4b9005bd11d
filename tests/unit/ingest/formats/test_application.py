"""hub.ingest.formats.application: what templates spread over several fields is put together."""

from __future__ import annotations

from typing import Any

import pytest

from hub.ingest.formats.application import LAYOUT, prepared
from hub.ingest.formats.attributes import flat
from hub.ingest.formats.layout import record
from hub.pb.record_pb2 import Exception as LoggedException
from hub.pb.record_pb2 import LogRecord, Severity, Value

NANOS = 1_714_558_272_345_678_901


def made(fields: dict[str, Any]) -> LogRecord:
    """Return the record of an application's fields."""
    return record(prepared(flat(fields)), LAYOUT)


def test_seconds_and_nanoseconds_make_a_time() -> None:
    """Of the JSON template and of Google Cloud's; exact."""
    second, nano = divmod(NANOS, 10**9)
    assert made({"instant": {"epochSecond": second, "nanoOfSecond": nano}}).time_unix_nano == NANOS
    assert made({"timestampSeconds": second, "timestampNanos": nano}).time_unix_nano == NANOS


@pytest.mark.parametrize(
    "instant", [{"epochSecond": "x", "nanoOfSecond": 1}, {"epochSecond": 5}, {"epochSecond": 5, "nanoOfSecond": 10**9}]
)
def test_a_broken_instant_is_an_attribute(instant: dict[str, Any]) -> None:
    """It is kept under its own names."""
    found = made({"instant": instant})
    assert found.time_unix_nano == 0
    assert set(found.attributes) == {f"instant.{name}" for name in instant}


def test_frames_are_printed_as_java_does() -> None:
    """Also those without file or line, and what are none."""
    frames = [
        {"class": "a.B", "method": "c", "file": "B.java", "line": 7},
        {"class": "a.B", "method": "d", "line": -2},
        {"class": "a.B", "method": "e", "file": "B.java"},
        "odd",
    ]
    found = made({"thrown": {"name": "a.Bad", "message": "no", "extendedStackTrace": frames}})
    trace = "a.Bad: no\n\tat a.B.c(B.java:7)\n\tat a.B.d(Unknown Source)\n\tat a.B.e(B.java)\n\tat odd"
    assert found == LogRecord(exception=LoggedException(type="a.Bad", message="no", stacktrace=trace))


def test_google_cloud_s_message_is_without_the_stack_trace() -> None:
    """The template adds it; the trace may be a path."""
    fields = {
        "timestampSeconds": 1,
        "message": "m\na.B: x\n\tat c\n",
        "exception": "a.B: x\n\tat c\n",
        "logging.googleapis.com/trace": "projects/p/traces/4bf92f3577b34da6a3ce929d0e0e4736",
    }
    found = made(fields)
    assert found.body == "m"
    assert found.exception.type == "a.B"
    assert found.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"


def test_gelf_fields_lose_their_underscore() -> None:
    """A field of the format itself comes before one that was added."""
    fields = {"version": "1.1", "short_message": "m", "level": 4, "_level": "x", "_user": 7, "host": "h", "_host": "z"}
    assert made(fields) == LogRecord(
        body="m", host="h", severity=Severity.SEVERITY_WARN, severity_text="x", attributes={"user": Value(int_value=7)}
    )


@pytest.mark.parametrize("name", ["trace_id", "traceId", "trace.id", "mdc.trace_id", "contextMap.traceId"])
def test_the_trace_is_found_where_tracers_put_it(name: str) -> None:
    """At the top, or in the MDC's object."""
    found = made({name: "4bf92f3577b34da6a3ce929d0e0e4736"})
    assert found == LogRecord(trace_id=bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736"))
