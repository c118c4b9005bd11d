"""Format `logstash`: the JSON of logstash-logback-encoder, and of what writes alike.

Fields: https://github.com/logfellow/logstash-logback-encoder#standard-fields
"""

from __future__ import annotations

from hub.ingest.formats.json_format import JsonFormat
from hub.ingest.formats.layout import Layout

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
_FORMAT = JsonFormat(LAYOUT)
decode, decode_run = _FORMAT.decode, _FORMAT.decode_run
