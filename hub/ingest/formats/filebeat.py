"""Format `filebeat`: the events of Filebeat's Kafka output, with lines as they are, or parsed by it (`json`).

Fields: https://www.elastic.co/guide/en/beats/filebeat/current/exported-fields.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.ingest.formats import application
from hub.ingest.formats.attributes import flat
from hub.ingest.formats.json_objects import objects, one_each
from hub.ingest.formats.logstash import SERVICE
from hub.ingest.formats.shape import Encoder
from hub.ingest.formats.shipped import READ, unwrapped, without_line_end

if TYPE_CHECKING:
    from collections.abc import Sequence

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
_ENCODER = Encoder(LAYOUT)


def decode(payload: bytes) -> list[bytes]:
    """Return the records of a message: an object, an array of objects, or an object a line."""
    return _records(objects(payload))


def decode_run(payloads: Sequence[bytes]) -> list[bytes]:
    """Return the record of each message; FormatError where one of them is not exactly one object."""
    return _records(one_each(payloads))


def _records(events: Sequence[dict[str, Any]]) -> list[bytes]:
    return _ENCODER.encoded([_fields(event) for event in events], flattened=True)


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
