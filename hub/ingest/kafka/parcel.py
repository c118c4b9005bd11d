"""Parcels: records of messages that follow each other, as many as one entry of the log holds."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING

from hub.ingest.kafka.message import REFUSED_RECORDS, DeadLetter
from hub.ingest.kafka.place import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core.batch import Rejected
    from hub.ingest.kafka.message import Message
    from hub.ingest.kafka.reading import Reading

# Tag and length of a record within a batch.
_FRAME_BYTES = 5
_VALUE = attrgetter("value")


@dataclass(slots=True)
class Parcel:
    """Records on their way into the log, how many of each message, and the place behind them."""

    place: Place = field(default_factory=Place)
    records: list[bytes] = field(default_factory=list)
    size: int = 0
    spans: list[tuple[Message, int]] = field(default_factory=list)
    messages: int = 0
    message_bytes: int = 0
    letters: list[DeadLetter] = field(default_factory=list)

    def count(self, message: Message, letter: DeadLetter | None) -> None:
        """Take note of a message, and of the letter that tells of it."""
        self.messages += 1
        self.message_bytes += len(message.value or b"")
        if letter:
            self.letters.append(letter)

    def add(self, message: Message, records: list[bytes], reading: Reading) -> bool:
        """Take records of a message, unless they are too many for the parcel."""
        count, size = len(records), _size(records)
        if not self._takes(count, size, reading):
            return False
        if count:
            self.records += records
            self.size += size
            self.spans.append((message, count))
        return True

    def add_run(self, run: Sequence[Message], records: list[bytes], reading: Reading) -> int:
        """Take messages with one record each while there is room; return how many that were."""
        count, size = len(records), _size(records)
        if not self._takes(count, size, reading):
            count = self._fitting(records, reading)
            run, records = run[:count], records[:count]
            size = _size(records)
        self.records += records
        self.size += size
        self.spans += [(message, 1) for message in run]
        self.messages += count
        self.message_bytes += sum(map(len, map(_VALUE, run)))
        return count

    def fill(self, message: Message, records: list[bytes], reading: Reading) -> int:
        """Take as many records of a message as there is room for; return how many that were."""
        count = self._fitting(records, reading)
        self.add(message, records[:count], reading)
        return count

    def _takes(self, count: int, size: int, reading: Reading) -> bool:
        return self.size + size <= reading.parcel_bytes and len(self.records) + count <= reading.parcel_records

    def _fitting(self, records: Sequence[bytes], reading: Reading) -> int:
        """Return how many of the records there is room for."""
        ends = list(accumulate(len(record) + _FRAME_BYTES for record in records))
        return min(reading.parcel_records - len(self.records), bisect_right(ends, reading.parcel_bytes - self.size))

    def letters_of(self, rejected: Sequence[Rejected]) -> list[DeadLetter]:
        """Return a dead letter for each message some of whose records were refused, by their indexes in the parcel."""
        ends = list(accumulate(count for _, count in self.spans))
        found: dict[int, list[Rejected]] = {}
        for one in rejected:
            found.setdefault(bisect_right(ends, one.index), []).append(one)
        letters = []
        for span, those in found.items():
            message, count = self.spans[span]
            first = ends[span] - count
            text = f"record {those[0].index - first}: {those[0].field} {those[0].reason}"
            indexes = tuple(one.index - first for one in those)
            letters.append(DeadLetter(message, REFUSED_RECORDS, text, indexes))
        return letters


def _size(records: Sequence[bytes]) -> int:
    return (len(records[0]) if len(records) == 1 else sum(map(len, records))) + _FRAME_BYTES * len(records)
