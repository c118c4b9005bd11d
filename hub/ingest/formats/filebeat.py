"""Format `filebeat`: the events of Filebeat's Kafka output, with lines as they are, or parsed by it (`json`).

Fields: https://www.elastic.co/guide/en/beats/filebeat/current/exported-fields.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.ingest.formats import application
from hub.ingest.formats.attributes import flat
from hub.ingest.formats.json_objects import objects
from hub.ingest.formats.layout import record
from hub.ingest.formats.logstash import SERVICE
from hub.ingest.formats.shipped import READ, unwrapped, without_line_end

if TYPE_CHECKING:
    from hub.pb.record_pb2 import LogRecord

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


def decode(payload: bytes) -> list[bytes]:
    """Return the records of a message: an object, an array of objects, or an object a line."""
    return [_record(fields).SerializeToString() for fields in objects(payload)]


def _record(event: dict[str, Any]) -> LogRecord:
    event.pop("@metadata", None)  # where Filebeat would have stored it
    parsed = event.pop("json", None)
    fields = flat(event)
    without_line_end(fields, "message")
    if type(parsed) is dict and parsed:
        return record(_with(fields, parsed), LAYOUT)
    if parsed is not None:
        fields["json"] = parsed
    return record(unwrapped(fields, "message"), LAYOUT)


def _with(fields: dict[str, Any], parsed: dict[str, Any]) -> dict[str, Any]:
    """Put what Filebeat's own JSON parser found over the envelope."""
    if READ in fields:
        fields["@observed"] = fields.pop(READ)
    return {**fields, **application.prepared(flat(parsed))}
