"""What applications in general write as JSON, for formats that cannot know which of it they meet.

The names of all templates that log4j2's JsonTemplateLayout brings, of ECS and of logstash-logback-encoder.

Templates: https://logging.apache.org/log4j/2.x/manual/json-template-layout.html#event-templates
"""

from __future__ import annotations

from typing import Any

from hub.ingest.formats.attributes import text
from hub.ingest.formats.layout import Layout
from hub.ingest.formats.logstash import SERVICE

_NANOS, _GCP = 10**9, "logging.googleapis.com/"
_MDC = ("contextMap.", "mdc.", f"{_GCP}labels.")
_IDS = ("", *_MDC)

LAYOUT = Layout(
    time=("@timestamp", "timestamp", "time", "instant", "ts"),
    observed=("@observed",),
    level=("log.level", "level", "severity", "levelname", "lvl", "level_value"),
    syslog=("log.syslog.severity.code", "@syslog", "PRIORITY"),
    body=("message", "short_message", "msg", "log", "MESSAGE"),
    service=SERVICE,
    host=("host.name", "host", "hostname", "HOSTNAME", "source_host", "host.hostname"),
    logger=("log.logger", "loggerName", "logger_name", "logger", "name"),
    thread=("process.thread.name", "thread", "thread_name", "threadName"),
    trace_id=(
        "trace.id",
        f"{_GCP}trace",
        *(f"{outer}{name}" for outer in _IDS for name in ("trace_id", "traceId", "trace.id")),
    ),
    span_id=(
        "span.id",
        f"{_GCP}spanId",
        *(f"{outer}{name}" for outer in _IDS for name in ("span_id", "spanId", "span.id")),
    ),
    error_type=("error.type", "thrown.name", "exception.exception_class", "exception.type", "exception_class"),
    error_message=(
        "error.message",
        "thrown.message",
        "exception.exception_message",
        "exception.message",
        "exception_message",
    ),
    stacktrace=("error.stack_trace", "stack_trace", "exception.stacktrace", "thrown.extendedStackTrace", "exception"),
    dropped=frozenset({"@version", "ecs.version", "level_value", "endOfBatch", "loggerFqcn", f"{_GCP}trace_sampled"}),
    hoisted=_MDC,
)


def prepared(fields: dict[str, Any]) -> dict[str, Any]:
    """Return flat fields with what templates spread over several, or say in a way of their own, put together."""
    if "instant.epochSecond" in fields:
        _instant(fields, "instant.epochSecond", "instant.nanoOfSecond")
    elif "timestampSeconds" in fields:
        _instant(fields, "timestampSeconds", "timestampNanos")
        _gcp(fields)
    elif "short_message" in fields:
        return _gelf(fields)
    frames = fields.get("thrown.extendedStackTrace")
    if isinstance(frames, list):
        fields["thrown.extendedStackTrace"] = _trace(frames, fields)
    return fields


def _instant(fields: dict[str, Any], seconds: str, nanos: str) -> None:
    second, nano = fields[seconds], fields.get(nanos)
    if type(second) is int and type(nano) is int and 0 < second < _NANOS * 10 and 0 <= nano < _NANOS:
        del fields[seconds], fields[nanos]
        # With its point it is a number of seconds whatever its size.
        fields["instant"] = f"{second}.{nano:09d}"


def _gcp(fields: dict[str, Any]) -> None:
    """Take the stack trace off the message, where Google Cloud's template adds it, and the path off the trace."""
    traced = fields.get(f"{_GCP}trace")
    if type(traced) is str:
        fields[f"{_GCP}trace"] = traced.rpartition("/")[2]  # projects/P/traces/ID
    body, trace = fields.get("message"), fields.get("exception")
    if type(body) is str and type(trace) is str and trace and body.endswith(trace):
        fields["message"] = body.removesuffix(trace).rstrip("\n")


def _gelf(fields: dict[str, Any]) -> dict[str, Any]:
    """Name the fields of the Graylog Extended Log Format as others do; those that are not its own begin with `_`."""
    own = {name: value for name, value in fields.items() if not name.startswith("_")}
    more = {name.removeprefix("_"): value for name, value in fields.items() if name.startswith("_")}
    level = own.pop("level", None)
    if level is not None:
        own["@syslog" if type(level) is int else "level"] = level
    if "full_message" in own:
        own["stack_trace"] = own.pop("full_message")
    own.pop("version", None)
    return {**more, **own}


def _trace(frames: list[Any], fields: dict[str, Any]) -> str:
    """Return frames as Java prints them, below the exception that has them."""
    said = [text(fields[name]) for name in ("thrown.name", "thrown.message") if fields.get(name)]
    return "\n".join([": ".join(said), *map(_frame, frames)])


def _frame(frame: Any) -> str:  # noqa: ANN401  JSON is any
    if type(frame) is not dict:
        return f"\tat {text(frame)}"
    where, line = frame.get("file") or "Unknown Source", frame.get("line")
    place = f"{text(where)}:{line}" if type(line) is int and line >= 0 else text(where)
    return f"\tat {text(frame.get('class', ''))}.{text(frame.get('method', ''))}({place})"
