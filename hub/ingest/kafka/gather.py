"""Messages become parcels: records of messages that follow each other, as many as one entry of the log holds.

Pure but for the formats. Many small messages make one parcel, so that a fetch costs few entries; one message may make
several. A message that cannot be read leaves its place to the next one, and a dead letter in the parcel.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from hub.errors import FormatError, FormatReason
from hub.ingest.formats.payload import Budget, headed
from hub.ingest.kafka.message import REFUSED_RECORDS, TOO_LARGE, DeadLetter
from hub.ingest.kafka.place import Place
from hub.pb.record_pb2 import LogRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hub.core.batch import Rejected
    from hub.ingest.formats import Decode
    from hub.ingest.kafka.message import Message

# After so many records others have their turn: 2.5 ms of JSON.
_BREATH_RECORDS = 250
# Tag and length of a record within a batch.
_FRAME_BYTES = 5
_LONGEST_ATTRIBUTE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Reading:
    """How messages of a topic are read: their format, and which of key and headers become attributes."""

    decode: Decode
    key_attribute: str
    headers: tuple[str, ...]
    max_message_bytes: int
    max_record_bytes: int
    parcel_records: int
    parcel_bytes: int


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


def gather(messages: Iterable[Message], begin: Place, reading: Reading) -> Iterator[Parcel | None]:
    """Yield parcels of the messages from `begin` on; None in between where others may have their turn."""
    parcel, breath, behind = Parcel(), 0, -1
    for message in messages:
        offset = message.offset
        if offset < begin.offset:
            continue
        done = begin.records if offset == begin.offset else 0
        records = _read(message, reading, parcel, first=not done)
        if done:
            records = records[done:]
        while not parcel.add(message, records, reading):
            count = parcel.fill(message, records, reading)
            records, done = records[count:], done + count
            parcel.place = begin.at(offset).behind(done)
            yield parcel
            parcel = Parcel()
        behind = offset + 1
        breath += len(records) or 1
        if breath >= _BREATH_RECORDS:
            breath = 0
            yield None
    if behind >= 0:
        parcel.place = begin.at(behind)
        yield parcel


def _read(message: Message, reading: Reading, parcel: Parcel, *, first: bool) -> list[bytes]:
    """Return the message's records; of one that cannot be read none, and its letter is in the parcel.

    `first` is false where the message is read on in its middle: then it has been counted, and its letter written.
    """
    records, letter = _decoded(message, reading)
    longest = len(records[0]) if len(records) == 1 else max(map(len, records), default=0)
    if longest > reading.max_record_bytes:
        long = tuple(index for index, record in enumerate(records) if len(record) > reading.max_record_bytes)
        text = f"record {long[0]}: has {len(records[long[0]])} bytes, the limit is {reading.max_record_bytes}"
        letter = DeadLetter(message, REFUSED_RECORDS, text, long)
        records = [record for record in records if len(record) <= reading.max_record_bytes]
    if first:
        parcel.messages += 1
        parcel.message_bytes += len(message.value or b"")
        if letter:
            parcel.letters.append(letter)
    return records


def _decoded(message: Message, reading: Reading) -> tuple[list[bytes], DeadLetter | None]:
    value = message.value
    if value is None:
        return [], DeadLetter(message, FormatReason.EMPTY.value, "the message is a tombstone: it has no value")
    if len(value) > reading.max_message_bytes:
        text = f"the message has {len(value)} bytes, kafka.source_max_message_bytes is {reading.max_message_bytes}"
        return [], DeadLetter(message, TOO_LARGE, text)
    try:
        records = reading.decode(value)
        if reading.key_attribute or reading.headers:
            records = headed(_attributes(message, reading), records, Budget())
    except FormatError as error:
        return [], DeadLetter(message, error.reason.value, error.message)
    return records, None


def _attributes(message: Message, reading: Reading) -> bytes:
    """Return the attributes that key and headers become; a record's own of the same name win (`own.shared`)."""
    head = LogRecord()
    key = [(reading.key_attribute, message.key)] if reading.key_attribute else []
    for name, value in (*key, *((name, value) for name, value in message.headers if name in reading.headers)):
        if value is not None:
            head.attributes[name].string_value = value[:_LONGEST_ATTRIBUTE_BYTES].decode("utf-8", "replace")
    return head.SerializeToString(deterministic=True)
