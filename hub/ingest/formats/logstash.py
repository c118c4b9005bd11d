"""Format `logstash`: the JSON of logstash-logback-encoder, and of what writes alike.

Fields: https://github.com/logfellow/logstash-logback-encoder#standard-fields
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.ingest.formats.json_objects import objects, one_each
from hub.ingest.formats.layout import Layout
from hub.ingest.formats.shape import Encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

# It has no field for the service: customFields or a property of logback's context name it, as everyone likes.
SERVICE = (
    "service.name",
    "service",
    "service_name",
    "app",
    "application",
    "app_name",
    "appname",
    "application_name",
    "spring.application.name",
)
LAYOUT = Layout(
    time=("@timestamp", "timestamp"),
    level=("level", "level_value"),
    body=("message",),
    service=SERVICE,
    host=("host.name", "host", "hostname", "HOSTNAME"),
    logger=("logger_name", "logger"),
    thread=("thread_name", "thread"),
    trace_id=("trace_id", "traceId", "trace.id"),
    span_id=("span_id", "spanId", "span.id"),
    error_type=("exception_class", "throwable_class", "exception.class"),
    error_message=("exception_message", "exception.message"),
    stacktrace=("stack_trace", "exception.stack_trace"),
    dropped=frozenset({"@version", "level_value"}),
)
_ENCODER = Encoder(LAYOUT)


def decode(payload: bytes) -> list[bytes]:
    """Return the records of a message: an object, an array of objects, or an object a line."""
    return _ENCODER.encoded(objects(payload))


def decode_run(payloads: Sequence[bytes]) -> list[bytes]:
    """Return the record of each message; FormatError where one of them is not exactly one object."""
    return _ENCODER.encoded(one_each(payloads))
