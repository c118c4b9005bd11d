"""Records of JSON objects that all have the same fields, as an encoder writes them: which goes where is found once.

Objects are read a column at a time: what one of them takes is mostly the steps from one field to the next, and a column
takes one such step for all. A shape writes the records' bytes itself, and takes the common case only: an object with
something that is not text where text is expected, a time that is none, an exception, is left to
`hub.ingest.formats.layout.record`, which says what becomes of every one; both make the same record.
"""

from __future__ import annotations

import struct
from itertools import repeat
from typing import TYPE_CHECKING, Any

from hub.core.wire import delimited, tag
from hub.ingest.formats.attributes import fill, flat, text
from hub.ingest.formats.layout import final_name, record
from hub.ingest.formats.levels import severity
from hub.ingest.formats.moments import nanos, nanos_of
from hub.pb.record_pb2 import LogRecord, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from hub.ingest.formats.layout import Layout

# Shapes that are kept of a layout, the fields of one, and the bytes of their names: services write a few. Where there
# are more, all are forgotten and those that are in use found anew.
_MOST, _MOST_FIELDS, _MOST_BYTES = 256, 64, 2048
# So it is with the heads that all shapes of a layout keep: 100 bytes each, and some hundreds for a service.
_MOST_HEADS = 100_000
# Fewer objects than these are read one by one: columns that short cost more than they save.
_FEW = 3
# Heads are kept for values up to this size.
_SMALL = 256
# A column whose values come again so often has each encoded once.
_REPEATED = 4
_FIXED = struct.Struct("<Q")
_FIELDS = LogRecord.DESCRIPTOR.fields_by_name
_SEVERITY = tag(LogRecord.SEVERITY_FIELD_NUMBER, 0)
# Key and value of an attribute, and the value's text: fields 1 and 2 of a map's entry, field 1 of a Value.
_KEY, _VALUE, _STRING = 1, 2, Value.STRING_VALUE_FIELD_NUMBER
_ATTRIBUTE = LogRecord.ATTRIBUTES_FIELD_NUMBER
_WIRE_FIXED64 = 1
_TEXTS: AbstractSet[type] = {str}
# What may be looked up by its value: equal ones of one of these types are the same in every way.
_PLAIN: tuple[AbstractSet[type], ...] = ({int}, {bool}, {type(None)})


class Encoder:
    """Makes the serialised records of JSON objects by a layout, and keeps what it has found of their fields."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        # Bounded by _MOST and _MOST_HEADS.
        self.shapes: dict[tuple[str, ...], Shape] = {}
        self._room = _MOST_HEADS

    def encoded(self, rows: Sequence[dict[str, Any]], *, flattened: bool = False) -> list[bytes]:
        """Return the record of each object; they may be used up, and may be `flattened` already."""
        names = list(map(tuple, rows))
        if names.count(names[0]) == len(rows):
            return self._alike(names[0], rows, flattened=flattened)
        groups: dict[tuple[str, ...], list[int]] = {}
        for index, one in enumerate(names):
            groups.setdefault(one, []).append(index)
        made = [b""] * len(rows)
        for one, indexes in groups.items():
            of_group = self._alike(one, [rows[index] for index in indexes], flattened=flattened)
            for index, raw in zip(indexes, of_group, strict=True):
                made[index] = raw
        return made

    def _alike(self, names: tuple[str, ...], rows: Sequence[dict[str, Any]], *, flattened: bool) -> list[bytes]:
        """Return the records of objects that have the same fields."""
        if len(rows) < _FEW or not _usual(names):
            return [self._thorough(fields if flattened else flat(fields)) for fields in rows]
        columns = list(zip(*map(dict.values, rows), strict=True))
        kinds = [set(map(type, column)) for column in columns]
        if not flattened and any(dict in kind for kind in kinds):
            return self.encoded([flat(fields) for fields in rows], flattened=True)
        made, uncommon = self._shape(names).encode(columns, kinds)
        for index in uncommon:
            made[index] = self._thorough(rows[index])
        return made

    def _shape(self, names: tuple[str, ...]) -> Shape:
        shape = self.shapes.get(names)
        if shape is None or self._room <= 0:
            if len(self.shapes) >= _MOST or self._room <= 0:
                self.shapes.clear()
                self._room = _MOST_HEADS
            shape = self.shapes[names] = Shape(names, self._layout, self._keep)
        return shape

    def _keep(self) -> bool:
        """Tell whether one more head may be kept."""
        if self._room > 0:
            self._room -= 1
            return True
        return False

    def _thorough(self, fields: dict[str, Any]) -> bytes:
        return record(fields, self._layout).SerializeToString()


def _usual(names: Sequence[str]) -> bool:
    return 0 < len(names) <= _MOST_FIELDS and sum(map(len, names)) <= _MOST_BYTES


class _Heads(dict[int, bytes]):
    """What goes before a value of so many bytes."""

    def __init__(self, head: Callable[[int], bytes], keep: Callable[[], bool]) -> None:
        super().__init__()
        self._head = head
        self._keep = keep

    def __missing__(self, size: int) -> bytes:
        head = self._head(size)
        if size < _SMALL and self._keep():
            self[size] = head
        return head


class Shape:
    """What becomes of each field of objects that have these fields; a field is known by its index."""

    __slots__ = ("_attributes", "_common", "_ids", "_level", "_texts", "_times")

    def __init__(self, names: Sequence[str], layout: Layout, keep: Callable[[], bool]) -> None:
        left = {name: index for index, name in enumerate(names)}
        self._common = layout.errors.isdisjoint(left) and left.keys().isdisjoint(layout.syslog)
        self._level: int | None = None
        self._times: list[tuple[int, bytes]] = []
        self._texts: list[tuple[int, _Heads]] = []
        self._ids: list[tuple[int, Callable[[Any], bytes | None], _Heads]] = []
        for column, candidates, convert in layout.columns:
            name = next((one for one in candidates if one in left), None)
            if name is None:
                continue
            index, number = left.pop(name), _FIELDS[column].number
            if convert is nanos:
                self._times.append((index, tag(number, _WIRE_FIXED64)))
            elif convert is text:
                self._texts.append((index, _Heads(_field(number), keep)))
                self._level = index if column == "severity_text" else self._level
            else:
                self._ids.append((index, convert, _Heads(_field(number), keep)))
        kept = [(index, final_name(name, left, layout)) for name, index in left.items() if name not in layout.dropped]
        self._attributes = [(index, _attribute(name.encode(), keep)) for index, name in kept]
        self._common &= len({name for _, name in kept}) == len(kept)

    def encode(
        self, columns: Sequence[Sequence[Any]], kinds: Sequence[AbstractSet[type]]
    ) -> tuple[list[bytes], AbstractSet[int]]:
        """Return the records, and the indexes of objects that are not of the common kind, whose records are none.

        `columns` has the values of each field, `kinds` their types.
        """
        count = len(columns[0])
        if not self._common:
            return [b""] * count, set(range(count))
        uncommon: set[int] = set()
        pieces: list[Iterable[bytes]] = []
        for index, head in self._times:
            pieces += repeat(head, count), _times(columns[index], uncommon)
        for index, heads in self._texts:
            column = _checked(columns[index], kinds[index], uncommon)
            if index == self._level:
                pieces.append(map({level: _severity(level) for level in set(column)}.__getitem__, column))
            pieces += _texts(column, heads)
        for index, convert, heads in self._ids:
            pieces += _ids(columns[index], convert, heads, uncommon)
        for index, (of_text, of_value) in self._attributes:
            if kinds[index] == _TEXTS:
                pieces += _texts(columns[index], of_text)
            else:
                pieces.append(_values(columns[index], kinds[index], of_value))
        return list(map(b"".join, zip(*pieces, strict=True))) if pieces else [b""] * count, uncommon


def _field(number: int) -> Callable[[int], bytes]:
    return lambda size: delimited(number, size)


def _attribute(key: bytes, keep: Callable[[], bool]) -> tuple[_Heads, _Heads]:
    """Return what goes before an attribute's text, and before its serialised Value."""
    name = delimited(_KEY, len(key)) + key

    def value(size: int) -> bytes:
        inner = name + delimited(_VALUE, size)
        return delimited(_ATTRIBUTE, len(inner) + size) + inner

    def string(size: int) -> bytes:
        said = delimited(_STRING, size)
        return value(len(said) + size) + said

    return _Heads(string, keep), _Heads(value, keep)


def _times(column: Sequence[Any], uncommon: set[int]) -> Iterable[bytes]:
    moments = nanos_of(column)
    if not all(moments):
        uncommon.update(index for index, moment in enumerate(moments) if not moment)
        moments = [moment or 0 for moment in moments]
    return map(_FIXED.pack, moments)


def _checked(column: Sequence[Any], kinds: AbstractSet[type], uncommon: set[int]) -> Sequence[str]:
    """Return a column of text; what is none, or empty, is uncommon."""
    if kinds == _TEXTS and "" not in column:
        return column
    uncommon.update(index for index, value in enumerate(column) if type(value) is not str or not value)
    return ["" if index in uncommon else value for index, value in enumerate(column)]


def _texts(column: Sequence[str], heads: _Heads) -> tuple[Iterable[bytes], ...]:
    """Return the encoded texts of a column, and what goes before each."""
    distinct = set(column)
    if len(distinct) * _REPEATED <= len(column):
        made = {value: heads[len(raw)] + raw for value, raw in zip(distinct, map(str.encode, distinct), strict=True)}
        return (map(made.__getitem__, column),)
    raws = list(map(str.encode, column))
    return map(heads.__getitem__, map(len, raws)), raws


def _ids(
    column: Sequence[Any], convert: Callable[[Any], bytes | None], heads: _Heads, uncommon: set[int]
) -> tuple[Iterable[bytes], ...]:
    raws = [convert(value) or b"" for value in column]
    if b"" in raws:
        uncommon.update(index for index, raw in enumerate(raws) if not raw)
    return map(heads.__getitem__, map(len, raws)), raws


def _severity(level: str) -> bytes:
    """Return the field of a level's severity, or nothing."""
    number = severity(level)
    return _SEVERITY + number.to_bytes() if number else b""


def _values(column: Sequence[Any], kinds: AbstractSet[type], heads: _Heads) -> Iterable[bytes]:
    """Return the serialised values of a column that is not all text, with what goes before each."""
    if kinds in _PLAIN:
        return map({value: _value(value, heads) for value in set(column)}.__getitem__, column)
    return [_value(value, heads) for value in column]


def _value(value: Any, heads: _Heads) -> bytes:  # noqa: ANN401  JSON is any
    made = Value()
    fill(made, value)
    raw = made.SerializeToString()
    return heads[len(raw)] + raw
