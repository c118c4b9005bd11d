"""Format `ecs`: the Elastic Common Schema as the loggers of co.elastic.logging write it, names dotted or nested.

The tracing agent of OpenTelemetry puts `trace_id` and `span_id` into the MDC, whatever the encoder.

Fields: https://www.elastic.co/guide/en/ecs-logging/overview/current/intro.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.ingest.formats.json_objects import objects, one_each
from hub.ingest.formats.layout import Layout
from hub.ingest.formats.shape import Encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

LAYOUT = Layout(
    time=("@timestamp",),
    observed=("event.created", "event.ingested"),
    level=("log.level",),
    syslog=("log.syslog.severity.code",),
    body=("message",),
    service=("service.name",),
    host=("host.name", "host.hostname"),
    logger=("log.logger",),
    thread=("process.thread.name",),
    trace_id=("trace.id", "trace_id"),
    span_id=("span.id", "span_id"),
    error_type=("error.type",),
    error_message=("error.message",),
    stacktrace=("error.stack_trace",),
    dropped=frozenset({"ecs.version"}),
)
_ENCODER = Encoder(LAYOUT)


def decode(payload: bytes) -> list[bytes]:
    """Return the records of a message: an object, an array of objects, or an object a line."""
    return _ENCODER.encoded(objects(payload))


def decode_run(payloads: Sequence[bytes]) -> list[bytes]:
    """Return the record of each message; FormatError where one of them is not exactly one object."""
    return _ENCODER.encoded(one_each(payloads))
