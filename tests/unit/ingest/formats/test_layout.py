"""hub.ingest.formats.layout: fields go to their places, and what does not fit there stays an attribute."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pytest

from hub.ingest.formats.layout import Layout, head, lines, record, span_id, trace_id
from hub.pb.record_pb2 import Exception as LoggedException
from hub.pb.record_pb2 import LogRecord, Severity, Value

LAYOUT = Layout(
    time=("time", "ts"),
    level=("level",),
    syslog=("code",),
    body=("message", "msg"),
    service=("service",),
    trace_id=("trace",),
    error_type=("type",),
    error_message=("reason",),
    stacktrace=("stack",),
    dropped=frozenset({"version"}),
    hoisted=("mdc.", "context."),
)


def made(**fields: Any) -> LogRecord:
    """Return the record of some fields."""
    return record({name.replace("_", "."): value for name, value in fields.items()}, LAYOUT)


def test_of_several_names_the_first_that_is_there() -> None:
    """The other is an attribute then; null and "" are as if not there."""
    assert made(message="a", msg="b") == LogRecord(body="a", attributes={"msg": Value(string_value="b")})
    assert made(message="", msg="b") == made(message=None, msg="b") == LogRecord(body="b")


def test_a_value_that_does_not_fit_stays_an_attribute() -> None:
    """Nothing is lost for being in the wrong place."""
    assert made(time="yesterday", ts=1_714_558_272, trace="short") == LogRecord(
        time_unix_nano=1_714_558_272 * 10**9,
        attributes={"time": Value(string_value="yesterday"), "trace": Value(string_value="short")},
    )


def test_anything_can_be_a_text() -> None:
    """A message that is an object, a service that is a number."""
    assert made(message={"a": [1]}, service=7) == LogRecord(body='{"a":[1]}', service="7")


def test_a_level_is_kept_as_it_is_called() -> None:
    """Its severity is looked up; a syslog code stands in where that is unknown."""
    assert made(level="warning") == LogRecord(severity=Severity.SEVERITY_WARN, severity_text="warning")
    assert made(level="odd", code=3) == LogRecord(severity=Severity.SEVERITY_ERROR, severity_text="odd")
    assert made(level="INFO", code=3).attributes["code"] == Value(int_value=3)


def test_what_tells_of_the_encoding_goes() -> None:
    """And beginnings that say only where it stood, unless that name is taken."""
    assert made(version=1, mdc_user="u", context_x=1, mdc_y="inner", y="outer") == LogRecord(
        attributes={
            "user": Value(string_value="u"),
            "x": Value(int_value=1),
            "mdc.y": Value(string_value="inner"),
            "y": Value(string_value="outer"),
        }
    )


def test_an_exception_is_what_is_known_of_it() -> None:
    """Type and message of their own fields, else of the first line of the stack trace."""
    stack = "a.B: c\n\tat d.e(F.java:1)"
    assert made(type="T", reason="r").exception == LoggedException(type="T", message="r")
    assert made(stack=stack).exception == LoggedException(type="a.B", message="c", stacktrace=stack)
    assert made(stack=stack, reason="own").exception == LoggedException(type="a.B", message="own", stacktrace=stack)
    assert made(stack=stack, type="T").exception == LoggedException(type="T", stacktrace=stack)
    assert not made(message="m").HasField("exception")


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        ("a.B\n\tat c", ("a.B", "")),
        ("a.B: two\nlines\n\tat c", ("a.B", "two\nlines")),
        ("a.B: x\nCaused by: d", ("a.B", "x")),
        ("a.B$1: x", ("a.B$1", "x")),
        ('Exception in thread "main" a.B: x\n\tat c', ("a.B", "x")),
        ("a.B:\n\tat c", ("a.B", "")),
        ("Traceback (most recent call last):\n  File", ("", "")),
        ("goroutine 1 [running]:\nmain.main()", ("", "")),
        ("", ("", "")),
    ],
)
def test_the_first_line_says_type_and_message(stack: str, expected: tuple[str, str]) -> None:
    """Of Java's; others are left alone."""
    assert head(stack) == expected


@pytest.mark.parametrize("piece", ["\n", " ", "\n ", "a", "a.", ": ", 'Exception in thread "', "\nCaused by:"])
def test_a_hostile_stack_trace_takes_no_time(piece: str) -> None:
    """A MiB of anything."""
    started = perf_counter()
    head(piece * (2**20 // len(piece)))
    assert perf_counter() - started < 0.5


def test_lines_of_a_stack_trace_are_joined() -> None:
    """Where all are lines."""
    assert lines(["a", "\tb"]) == "a\n\tb"
    assert lines("a\n\tb") == "a\n\tb"
    assert lines(["a", 1]) == '["a",1]'


@pytest.mark.parametrize(
    "value", ["", "x" * 32, "0" * 32, "ab " * 10 + "ab", "ab" * 15, "ab" * 17, 7, None, ["ab" * 16]]
)
def test_what_is_no_id_is_none(value: object) -> None:
    """Zeros say that there is no trace."""
    assert trace_id(value) is None
    assert span_id(value) is None


def test_ids_are_hexadecimal() -> None:
    """Of a trace also the short ones of older tracers."""
    assert trace_id("4bf92f3577b34da6a3ce929d0e0e4736") == bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736")
    assert trace_id("A3CE929D0E0E4736") == bytes(8) + bytes.fromhex("a3ce929d0e0e4736")
    assert span_id("00f067aa0ba902b7") == bytes.fromhex("00f067aa0ba902b7")
