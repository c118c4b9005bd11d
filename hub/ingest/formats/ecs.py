"""Format `ecs`: the Elastic Common Schema as the loggers of co.elastic.logging write it, names dotted or nested.

The tracing agent of OpenTelemetry puts `trace_id` and `span_id` into the MDC, whatever the encoder.

Fields: https://www.elastic.co/guide/en/ecs-logging/overview/current/intro.html
"""

from __future__ import annotations

from hub.ingest.formats.json_format import JsonFormat
from hub.ingest.formats.layout import Layout

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
_FORMAT = JsonFormat(LAYOUT)
decode, decode_run = _FORMAT.decode, _FORMAT.decode_run
