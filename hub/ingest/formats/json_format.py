"""Formats whose messages are JSON objects of applications: what they have in common, and what is said of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hub.ingest.formats.json_objects import objects, one_each
from hub.ingest.formats.shape import Encoder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.ingest.formats.layout import Layout


class JsonFormat:
    """Reads messages by a layout; `fields` returns the flat fields of an object, where they are not its own."""

    def __init__(self, layout: Layout, fields: Callable[[dict[str, Any]], dict[str, Any]] | None = None) -> None:
        self._encoder = Encoder(layout)
        self._fields = fields

    def decode(self, payload: bytes) -> list[bytes]:
        """Return the records of a message: an object, an array of objects, or an object a line."""
        return self._records(objects(payload))

    def decode_run(self, payloads: Sequence[bytes]) -> list[bytes]:
        """Return the record of each message; FormatError where one of them is not exactly one object."""
        return self._records(one_each(payloads))

    def _records(self, rows: Sequence[dict[str, Any]]) -> list[bytes]:
        if self._fields is None:
            return self._encoder.encoded(rows)
        return self._encoder.encoded(list(map(self._fields, rows)), flattened=True)
