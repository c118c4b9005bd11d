"""Format `log4j2`: JsonTemplateLayout with any of its own templates: ECS (its default), JSON, Logstash, GELF, GCP."""

from __future__ import annotations

from hub.ingest.formats.application import LAYOUT, prepared
from hub.ingest.formats.attributes import flat
from hub.ingest.formats.json_objects import objects
from hub.ingest.formats.layout import record


def decode(payload: bytes) -> list[bytes]:
    """Return the records of a message: an object, an array of objects, or an object a line."""
    return [record(prepared(flat(fields)), LAYOUT).SerializeToString() for fields in objects(payload)]
