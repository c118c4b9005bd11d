"""Format `log4j2`: JsonTemplateLayout with any of its own templates: ECS (its default), JSON, Logstash, GELF, GCP."""

from __future__ import annotations

from typing import Any

from hub.ingest.formats.application import LAYOUT, prepared
from hub.ingest.formats.attributes import flat
from hub.ingest.formats.json_format import JsonFormat


def _fields(said: dict[str, Any]) -> dict[str, Any]:
    return prepared(flat(said))


_FORMAT = JsonFormat(LAYOUT, _fields)
decode, decode_run = _FORMAT.decode, _FORMAT.decode_run
