"""Records of messages that all have the same fields, as an encoder writes them: which field goes where is found once.

A shape writes the record's bytes itself, from the fields as they come out of JSON. It takes the common case only: what
is not text where text is expected, a level by number, an exception, is left to `hub.ingest.formats.layout.record`,
which says what becomes of every message; both make the same record. This way takes two thirds of the time.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from hub.core.wire import delimited, tag
from hub.ingest.formats.attributes import flat, put, text
from hub.ingest.formats.layout import record
from hub.ingest.formats.levels import severity
from hub.ingest.formats.moments import nanos
from hub.pb.record_pb2 import LogRecord, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.ingest.formats.layout import Layout

# Shapes that are kept of a layout, the fields of one, and the bytes of their names: services write a few, and who
# writes more is read the other way.
_MOST, _MOST_FIELDS, _MOST_BYTES = 256, 64, 2048
_SMALL = 256
_FIXED = struct.Struct("<Q")
_FIELDS = LogRecord.DESCRIPTOR.fields_by_name
_SEVERITY = tag(LogRecord.SEVERITY_FIELD_NUMBER, 0)
# Key and value of an attribute, and the value's text: fields 1 and 2 of a map's entry, field 1 of a Value.
_KEY, _VALUE, _STRING = 1, 2, Value.STRING_VALUE_FIELD_NUMBER
_ATTRIBUTE = LogRecord.ATTRIBUTES_FIELD_NUMBER
_WIRE_FIXED64 = 1


def _heads(number: int) -> tuple[bytes, ...]:
    return tuple(delimited(number, size) for size in range(_SMALL))


_STRING_HEADS, _VALUE_HEADS, _ATTRIBUTE_HEADS = _heads(_STRING), _heads(_VALUE), _heads(_ATTRIBUTE)


def encoded(fields: dict[str, Any], layout: Layout) -> bytes:
    """Return the serialised record that the fields of a JSON object make; they may be used up."""
    fields = flat(fields)
    names = tuple(fields)
    shapes = layout.shapes
    shape = shapes.get(names)
    if shape is None:
        if len(shapes) >= _MOST or len(names) > _MOST_FIELDS or sum(map(len, names)) > _MOST_BYTES:
            return record(fields, layout).SerializeToString()
        shape = shapes[names] = Shape(names, layout)
    return shape.encode(fields) or record(fields, layout).SerializeToString()


class Shape:
    """What becomes of each field of messages that have these fields."""

    __slots__ = ("_attributes", "_common", "_ids", "_level", "_texts", "_times")

    def __init__(self, names: Sequence[str], layout: Layout) -> None:
        left = dict.fromkeys(names)
        self._common = not layout.hoisted and layout.errors.isdisjoint(left) and left.keys().isdisjoint(layout.syslog)
        self._level = ""
        self._times: list[tuple[str, bytes]] = []
        self._texts: list[tuple[str, int, tuple[bytes, ...]]] = []
        self._ids: list[tuple[str, Callable[[Any], bytes | None], int]] = []
        for column, candidates, convert in layout.columns:
            name = next((one for one in candidates if one in left), None)
            if name is None:
                continue
            del left[name]
            field = _FIELDS[column]
            if convert is nanos:
                self._times.append((name, tag(field.number, _WIRE_FIXED64)))
            elif convert is text:
                self._texts.append((name, field.number, _heads(field.number)))
                self._level = name if column == "severity_text" else self._level
            else:
                self._ids.append((name, convert, field.number))
        kept = [(name, name.encode()) for name in left if name not in layout.dropped]
        self._attributes = [(name, delimited(_KEY, len(key)) + key) for name, key in kept]

    def encode(self, fields: dict[str, Any]) -> bytes:
        """Return the serialised record; nothing where the message is not of the common kind."""
        pieces: list[bytes] = []
        if self._common and self._add_columns(fields, pieces):
            self._add_attributes(fields, pieces)
            return b"".join(pieces)
        return b""

    def _add_columns(self, fields: dict[str, Any], pieces: list[bytes]) -> bool:
        """Add what has a field of its own; false where a value is not what it should be."""
        for name, head in self._times:
            moment = nanos(fields[name])
            if not moment:
                return False
            pieces += head, _FIXED.pack(moment)
        if self._level:
            pieces.append(_severity(fields[self._level]))
        for name, number, heads in self._texts:
            value = fields[name]
            if type(value) is not str or not value:
                return False
            raw = value.encode()
            size = len(raw)
            pieces += heads[size] if size < _SMALL else delimited(number, size), raw
        for name, convert, number in self._ids:
            found = convert(fields[name])
            if not found:
                return False
            pieces += delimited(number, len(found)), found
        return True

    def _add_attributes(self, fields: dict[str, Any], pieces: list[bytes]) -> None:
        for name, key in self._attributes:
            value = fields[name]
            if type(value) is str:
                raw = value.encode()
                size = len(raw)
                said = _STRING_HEADS[size] if size < _SMALL else delimited(_STRING, size)
            else:
                raw, said = _value(value), b""
            size = len(said) + len(raw)
            head = _VALUE_HEADS[size] if size < _SMALL else delimited(_VALUE, size)
            size += len(key) + len(head)
            around = _ATTRIBUTE_HEADS[size] if size < _SMALL else delimited(_ATTRIBUTE, size)
            pieces += around, key, head, said, raw


def _severity(level: object) -> bytes:
    """Return the field of a level's severity, or nothing."""
    number = severity(level) if type(level) is str else 0
    return _SEVERITY + number.to_bytes() if number else b""


def _value(value: Any) -> bytes:  # noqa: ANN401  JSON is any
    """Return a serialised Value of what is no text; as `hub.ingest.formats.attributes.put`."""
    made = LogRecord()
    put(made, "", value)
    return made.attributes[""].SerializeToString()
