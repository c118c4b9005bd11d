"""A batch by its fields: for each value that occurs, a mask of the records that have it.

A mask is an integer with a bit for each record of the batch, the first record's the lowest: and, or and not of 500
records take 0.05 µs each. Fields with few values become a table of masks; long texts stay a list of pieces.

Fields that all records have, or none, come as columns (`hub.core.views.fields`); the records themselves are only made
where a field is there in some of them, or lies inside an attribute or exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from hub.core.columns import Columns
from hub.core.filter import nodes
from hub.core.filter.records import PLAIN, number_of, text_of
from hub.core.views import fields
from hub.pb.record_pb2 import Batch as BatchMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hub.pb.record_pb2 import Batch, LogRecord, Value

    Masks = Mapping[str, int]

T = TypeVar("T")
# Where fewer than one bit in this many is set, it is cheaper to take them one by one.
_SPARSE = 8
_FIELDS: Any = fields(BatchMessage)
_COLUMN_OF = {name: name for name in (nodes.SERVICE, nodes.HOST, nodes.LOGGER, nodes.THREAD)} | {
    nodes.TRACE: "trace_id",
    nodes.SPAN: "span_id",
}


@dataclass(frozen=True, slots=True)
class Pieces:
    """Texts that are looked through, and the record that each belongs to; the first `bodies` of them are bodies."""

    texts: list[str]
    owners: list[int]
    bodies: int


def columns_of(data: bytes) -> Columns:
    """Return the columns of a serialised Batch."""
    return Columns.of_fields(_FIELDS.FromString(data))


class BatchView:
    """The columns of one batch, each made when it is first asked for."""

    def __init__(self, columns: Columns, count: int, message: Callable[[], Batch]) -> None:
        """Take the columns of a batch, its number of records, and what parses it as a message."""
        self._columns = columns
        self._message = message
        self.count = count
        self.all = (1 << count) - 1
        self._strings: dict[str, Masks] = {}
        self._folded: dict[str, Masks] = {}
        self._numbers: dict[str, dict[float, int]] = {}
        self._values: dict[str, list[Value | None]] = {}

    @cached_property
    def _records(self) -> list[LogRecord]:
        return list(self._message().records)

    def _column(self, name: str) -> Sequence[Any] | None:
        """Return a field's value of each record; empty: none has it, None: some have."""
        column = getattr(self._columns, name)
        return column if len(column) in (0, self.count) else None

    def strings(self, field: str) -> Masks:
        """Return the mask of each text that the field has; records without one are in none."""
        column = self._strings.get(field)
        if column is None:
            uniform = self._uniform(field)
            column = _masks(self._texts_of(field)) if uniform is None else {uniform: self.all}
            self._strings[field] = column
        return column

    def folded(self, field: str) -> Masks:
        """Return the same with case ignored."""
        column = self._folded.get(field)
        if column is None:
            column = self._folded[field] = _merged(
                (text.casefold(), mask) for text, mask in self.strings(field).items()
            )
        return column

    def numbers(self, attribute: str) -> Mapping[float, int]:
        """Return the mask of each number that the attribute has, or whose text reads as one."""
        column = self._numbers.get(attribute)
        if column is None:
            column = self._numbers[attribute] = _masks(map(number_of, self._attributes(attribute)))
        return column

    @cached_property
    def severities(self) -> Mapping[int, int]:
        """The mask of each severity number."""
        column = self._column("severity")
        if column is None:
            column = [record.severity for record in self._records]
        return _masks(column) if column else {0: self.all}

    def present(self, field: str) -> int:
        """Return the mask of the records that have a value in the field."""
        if field.startswith(nodes.ATTRIBUTE):
            return mask_of(i for i, value in enumerate(self._attributes(field)) if value is not None)
        if field == nodes.EXCEPTION:
            if not self._columns.exception:
                return 0
            return mask_of(i for i, record in enumerate(self._records) if record.HasField("exception"))
        if field in (nodes.TEXT, nodes.BODY):
            return mask_of(owner for text, owner in zip(*self._looked_through(field), strict=True) if text)
        column = self.strings(field)
        return sum(mask for text, mask in column.items() if text)

    @cached_property
    def pieces(self) -> Pieces:
        """All texts: the body of each record first, then the parts of exceptions."""
        column = self._column("body")
        texts = [record.body for record in self._records] if column is None else list(column) or [""] * self.count
        owners = list(range(self.count))
        for owner, record in enumerate(self._records) if self._columns.exception else ():
            if record.HasField("exception"):
                error = record.exception
                parts = [part for part in (error.type, error.message, error.stacktrace) if part]
                texts.extend(parts)
                owners.extend([owner] * len(parts))
        return Pieces(texts, owners, self.count)

    def looked_through(self, field: str, test: Callable[[str], bool]) -> int:
        """Return the mask of the records of which a piece passes."""
        return mask_of(owner for text, owner in zip(*self._looked_through(field), strict=True) if test(text))

    def _looked_through(self, field: str) -> tuple[list[str], list[int]]:
        pieces = self.pieces
        if field == nodes.BODY:
            return pieces.texts[: self.count], pieces.owners[: self.count]
        if field == nodes.EXCEPTION:
            return pieces.texts[self.count :], pieces.owners[self.count :]
        return pieces.texts, pieces.owners

    def _texts_of(self, field: str) -> Iterable[str | None]:
        if field.startswith(nodes.ATTRIBUTE):
            return (None if value is None else text_of(value) for value in self._attributes(field))
        resource = self._columns.resource
        if field == nodes.SERVICE:
            return (record.service or resource.service for record in self._records)
        if field == nodes.HOST:
            return (record.host or resource.host for record in self._records)
        return map(PLAIN[field], self._records)

    def _uniform(self, field: str) -> str | None:
        """Return the text that all records have in a field, or None where they may differ."""
        if field not in _COLUMN_OF or len(getattr(self._columns, _COLUMN_OF[field])):
            return None
        return str(getattr(self._columns.resource, field)) if field in (nodes.SERVICE, nodes.HOST) else ""

    def _attributes(self, field: str) -> list[Value | None]:
        column = self._values.get(field)
        if column is None:
            name = field.removeprefix(nodes.ATTRIBUTE)
            default = self._columns.resource.attributes.get(name)
            if self._columns.attributes:
                column = [record.attributes.get(name, default) for record in self._records]
            else:
                column = [default] * self.count
            self._values[field] = column
        return column


def _masks(values: Iterable[T | None]) -> dict[T, int]:
    masks: dict[T, int] = {}
    bit = 1
    for value in values:
        if value is not None:
            masks[value] = masks.get(value, 0) | bit
        bit <<= 1
    return masks


def _merged(masks: Iterable[tuple[str, int]]) -> dict[str, int]:
    merged: dict[str, int] = {}
    for value, mask in masks:
        merged[value] = merged.get(value, 0) | mask
    return merged


def mask_of(indexes: Iterable[int]) -> int:
    """Return the mask of records by their indexes."""
    mask = 0
    for index in indexes:
        mask |= 1 << index
    return mask


def indexes_of(mask: int) -> list[int]:
    """Return the places of the bits that are set, in order."""
    if mask & mask - 1 == 0:
        return [mask.bit_length() - 1] if mask else []
    if mask.bit_count() * _SPARSE < mask.bit_length():
        indexes = []
        while mask:
            lowest = mask & -mask
            indexes.append(lowest.bit_length() - 1)
            mask ^= lowest
        return indexes
    return [index for index, bit in enumerate(reversed(bin(mask))) if bit == "1"]
