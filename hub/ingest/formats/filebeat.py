"""Format `filebeat`: the events of Filebeat's Kafka output, with lines as they are, or parsed by it (`json`).

Fields: https://www.elastic.co/guide/en/beats/filebeat/current/exported-fields.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hub.ingest.formats import application
from hub.ingest.formats.attributes import flat
from hub.ingest.formats.json_format import JsonFormat
from hub.ingest.formats.logstash import SERVICE
from hub.ingest.formats.shipped import READ, unwrapped, without_line_end

LAYOUT = replace(
    application.LAYOUT,
    time=(*application.LAYOUT.time, "@observed"),
    service=(
        *SERVICE,
        "fields.service",
        "kubernetes.labels.app_kubernetes_io/name",
        "kubernetes.labels.app",
        "kubernetes.container.name",
        "container.name",
    ),
    host=(*application.LAYOUT.host, "kubernetes.node.name", "agent.hostname", "agent.name"),
)


def _fields(event: dict[str, Any]) -> dict[str, Any]:
    event.pop("@metadata", None)  # where Filebeat would have stored it
    parsed = event.pop("json", None)
    fields = flat(event)
    without_line_end(fields, "message")
    if type(parsed) is dict and parsed:
        return _with(fields, parsed)
    if parsed is not None:
        fields["json"] = parsed
    return unwrapped(fields, "message")


def _with(fields: dict[str, Any], parsed: dict[str, Any]) -> dict[str, Any]:
    """Put what Filebeat's own JSON parser found over the envelope."""
    if READ in fields:
        fields["@observed"] = fields.pop(READ)
    return {**fields, **application.prepared(flat(parsed))}


_FORMAT = JsonFormat(LAYOUT, _fields)
decode, decode_run = _FORMAT.decode, _FORMAT.decode_run
