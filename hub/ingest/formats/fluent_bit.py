"""Format `fluent-bit`: the JSON of Fluent Bit's Kafka output, from files, containers, systemd and syslog.

Fields: https://docs.fluentbit.io/manual/pipeline/outputs/kafka and the pages of the inputs.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from hub.ingest.formats import application
from hub.ingest.formats.attributes import flat
from hub.ingest.formats.json_format import JsonFormat
from hub.ingest.formats.logstash import SERVICE
from hub.ingest.formats.shipped import unwrapped, without_line_end

_PRIORITY, _PRIORITIES = re.compile(r"[0-9]{1,3}"), 192
_LINES = ("log", "message", "MESSAGE")
LAYOUT = replace(
    application.LAYOUT,
    time=(*application.LAYOUT.time, "@observed", "date", "_SOURCE_REALTIME_TIMESTAMP"),
    service=(
        *SERVICE,
        "kubernetes.labels.app.kubernetes.io/name",
        "kubernetes.labels.app",
        "kubernetes.container_name",
        "container_name",
        "SYSLOG_IDENTIFIER",
        "ident",
    ),
    host=(*application.LAYOUT.host, "kubernetes.host", "_HOSTNAME"),
    dropped=application.LAYOUT.dropped | {"_p", "logtag"},  # whether a container's line was cut, and put together since
)


def _fields(event: dict[str, Any]) -> dict[str, Any]:
    fields = flat(event)
    line = next((name for name in _LINES if fields.get(name)), "")
    without_line_end(fields, line)
    if (code := _syslog_code(fields.get("pri"))) is not None:
        fields["@syslog"] = code
    return unwrapped(fields, line)


def _syslog_code(pri: Any) -> int | None:  # noqa: ANN401  JSON is any
    """Return the severity code of a syslog priority, the rest being the facility: RFC 5424, 6.2.1."""
    if type(pri) is str and _PRIORITY.fullmatch(pri):
        pri = int(pri)
    return pri % 8 if type(pri) is int and 0 <= pri < _PRIORITIES else None


_FORMAT = JsonFormat(LAYOUT, _fields)
decode, decode_run = _FORMAT.decode, _FORMAT.decode_run
