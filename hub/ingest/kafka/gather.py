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
from hub.pb.record_pb2 import LogRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from hub.core.batch import Rejected
    from hub.ingest.formats import Decode
    from hub.ingest.kafka.message import Message
    from hub.ingest.kafka.place import Place

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

    place: Place
    records: list[bytes] = field(default_factory=list)
    size: int = 0
    spans: list[tuple[Message, int]] = field(default_factory=list)
    messages: int = 0
    message_bytes: int = 0
    letters: list[DeadLetter] = field(default_factory=list)

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
    parcel, breath = Parcel(begin), 0
    for message in messages:
        if message.offset < begin.offset:
            continue
        done = begin.records if message.offset == begin.offset else 0
        records = _read(message, reading, parcel, first=not done)
        while len(records) > done and (fitting := _fitting(parcel, records, done, reading)) < len(records):
            _put(parcel, message, records[done:fitting])
            parcel.place = begin.at(message.offset).behind(fitting)
            done = fitting
            yield parcel
            parcel = Parcel(parcel.place)
        _put(parcel, message, records[done:])
        parcel.place = begin.at(message.offset + 1)
        breath += len(records) or 1
        if breath >= _BREATH_RECORDS:
            breath = 0
            yield None
    if parcel.place != begin:
        yield parcel


def _read(message: Message, reading: Reading, parcel: Parcel, *, first: bool) -> list[bytes]:
    """Return the message's records; of one that cannot be read none, and its letter is in the parcel.

    `first` is false where the message is read on in its middle: then it has been counted, and its letter written.
    """
    records, letter = _decoded(message, reading)
    if max(map(len, records), default=0) > reading.max_record_bytes:
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


def _fitting(parcel: Parcel, records: list[bytes], done: int, reading: Reading) -> int:
    """Return up to which index the records behind the first `done` fit into the parcel."""
    room, left = reading.parcel_records - len(parcel.records), reading.parcel_bytes - parcel.size
    rest = records[done:] if done else records
    if len(rest) <= room and _size(rest) <= left:
        return len(records)
    ends = list(accumulate(len(record) + _FRAME_BYTES for record in rest))
    return done + min(room, bisect_right(ends, left))


def _put(parcel: Parcel, message: Message, records: list[bytes]) -> None:
    if records:
        parcel.records += records
        parcel.size += _size(records)
        parcel.spans.append((message, len(records)))


def _size(records: list[bytes]) -> int:
    return sum(map(len, records)) + _FRAME_BYTES * len(records)
