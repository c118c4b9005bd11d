"""A batch by its fields: for each value that occurs, a mask of the records that have it.

A mask is an integer with a bit for each record of the batch, the first record's the lowest: and, or and not of 500
records take 0.05 µs each. Fields with few values become a table of masks; long texts stay a list of pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from hub.core.filter import nodes
from hub.core.filter.records import PLAIN, number_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hub.pb.record_pb2 import Batch, Value

    Masks = Mapping[str, int]

T = TypeVar("T")
# Where fewer than one bit in this many is set, it is cheaper to take them one by one.
_SPARSE = 8


@dataclass(frozen=True, slots=True)
class Pieces:
    """Texts that are looked through, and the record that each belongs to."""

    texts: list[str]
    owners: list[int]


class BatchView:
    """The columns of one batch, each made when it is first asked for."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self._records = list(batch.records)
        self.count = len(self._records)
        self.all = (1 << self.count) - 1
        self._strings: dict[str, Masks] = {}
        self._folded: dict[str, Masks] = {}
        self._numbers: dict[str, dict[float, int]] = {}
        self._values: dict[str, list[Value | None]] = {}

    def strings(self, field: str) -> Masks:
        """Return the mask of each text that the field has; records without one are in none."""
        column = self._strings.get(field)
        if column is None:
            column = self._strings[field] = _masks(self._texts_of(field))
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
        return _masks(record.severity for record in self._records)

    def present(self, field: str) -> int:
        """Return the mask of the records that have a value in the field."""
        if field.startswith(nodes.ATTRIBUTE):
            return _mask(i for i, value in enumerate(self._attributes(field)) if value is not None)
        if field == nodes.EXCEPTION:
            return _mask(i for i, record in enumerate(self._records) if record.HasField("exception"))
        if field in (nodes.TEXT, nodes.BODY):
            return _mask(owner for text, owner in zip(*self._looked_through(field), strict=True) if text)
        column = self.strings(field)
        return sum(mask for text, mask in column.items() if text)

    @cached_property
    def pieces(self) -> Pieces:
        """All texts: the body of each record first, then the parts of exceptions."""
        texts = [record.body for record in self._records]
        owners = list(range(self.count))
        for owner, record in enumerate(self._records):
            if record.HasField("exception"):
                error = record.exception
                parts = [part for part in (error.type, error.message, error.stacktrace) if part]
                texts.extend(parts)
                owners.extend([owner] * len(parts))
        return Pieces(texts, owners)

    def looked_through(self, field: str, test: Callable[[str], bool]) -> int:
        """Return the mask of the records of which a piece passes."""
        return _mask(owner for text, owner in zip(*self._looked_through(field), strict=True) if test(text))

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
        resource = self._batch.resource
        if field == nodes.SERVICE:
            return (record.service or resource.service for record in self._records)
        if field == nodes.HOST:
            return (record.host or resource.host for record in self._records)
        return map(PLAIN[field], self._records)

    def _attributes(self, field: str) -> list[Value | None]:
        column = self._values.get(field)
        if column is None:
            name = field.removeprefix(nodes.ATTRIBUTE)
            shared = self._batch.resource.attributes
            default = shared.get(name)
            column = self._values[field] = [record.attributes.get(name, default) for record in self._records]
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


def _mask(indexes: Iterable[int]) -> int:
    mask = 0
    for index in indexes:
        mask |= 1 << index
    return mask


def indexes_of(mask: int) -> list[int]:
    """Return the places of the bits that are set, in order."""
    if mask.bit_count() * _SPARSE < mask.bit_length():
        indexes = []
        while mask:
            lowest = mask & -mask
            indexes.append(lowest.bit_length() - 1)
            mask ^= lowest
        return indexes
    return [index for index, bit in enumerate(reversed(bin(mask))) if bit == "1"]
