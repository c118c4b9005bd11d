"""Format `log4j2`: JsonTemplateLayout with any of its own templates: ECS (its default), JSON, Logstash, GELF, GCP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.ingest.formats.application import LAYOUT, prepared
from hub.ingest.formats.attributes import flat
from hub.ingest.formats.json_objects import objects, one_each
from hub.ingest.formats.shape import Encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENCODER = Encoder(LAYOUT)


def decode(payload: bytes) -> list[bytes]:
    """Return the records of a message: an object, an array of objects, or an object a line."""
    return _records(objects(payload))


def decode_run(payloads: Sequence[bytes]) -> list[bytes]:
    """Return the record of each message; FormatError where one of them is not exactly one object."""
    return _records(one_each(payloads))


def _records(rows: Sequence[dict[str, Any]]) -> list[bytes]:
    return _ENCODER.encoded([prepared(flat(fields)) for fields in rows], flattened=True)
