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
        count = len(records)
        size = (len(records[0]) if count == 1 else sum(map(len, records))) + _FRAME_BYTES * count
        if self.size + size > reading.parcel_bytes or len(self.records) + count > reading.parcel_records:
            return False
        if count:
            self.records += records
            self.size += size
            self.spans.append((message, count))
        return True

    def add_run(self, run: Sequence[Message], records: list[bytes], reading: Reading) -> int:
        """Take messages with one record each while there is room; return how many that were."""
        size = sum(map(len, records)) + _FRAME_BYTES * len(records)
        count = len(records)
        if self.size + size > reading.parcel_bytes or len(self.records) + count > reading.parcel_records:
            ends = list(accumulate(len(record) + _FRAME_BYTES for record in records))
            room = reading.parcel_records - len(self.records)
            count = min(room, bisect_right(ends, reading.parcel_bytes - self.size))
            run, records, size = run[:count], records[:count], ends[count - 1] if count else 0
        self.records += records
        self.size += size
        self.spans += [(message, 1) for message in run]
        self.messages += count
        self.message_bytes += sum(map(len, map(_VALUE, run)))
        return count

    def fill(self, message: Message, records: list[bytes], reading: Reading) -> int:
        """Take as many records of a message as there is room for; return how many that were."""
        ends = list(accumulate(len(record) + _FRAME_BYTES for record in records))
        room = reading.parcel_records - len(self.records)
        count = min(room, bisect_right(ends, reading.parcel_bytes - self.size))
        self.add(message, records[:count], reading)
        return count

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
