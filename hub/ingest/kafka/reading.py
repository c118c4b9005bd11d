"""What the messages of a topic say: the records of each, or why it cannot be read."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING

from hub.errors import FormatError, FormatReason
from hub.ingest.formats.payload import Budget, headed
from hub.ingest.kafka.message import REFUSED_RECORDS, TOO_LARGE, DeadLetter
from hub.pb.record_pb2 import LogRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.ingest.formats import Decode, DecodeRun
    from hub.ingest.kafka.message import Message

# Messages that are read at once, and their bytes: 1 to 4 ms of JSON, after which others may have their turn.
RUN, RUN_BYTES = 250, 512 * 1024
# Fewer than these are read one by one. A run with a message that cannot be read is halved until it is as short.
_SHORT_RUN = 8
_LONGEST_ATTRIBUTE_BYTES = 1024
_VALUE = attrgetter("value")


@dataclass(frozen=True, slots=True)
class Reading:
    """How messages of a topic are read: their format, and which of key and headers become attributes.

    `decode_run` reads several messages at once, where the format can.
    """

    decode: Decode
    key_attribute: str
    headers: tuple[str, ...]
    max_message_bytes: int
    max_record_bytes: int
    parcel_records: int
    parcel_bytes: int
    decode_run: DecodeRun | None = None


def runs(messages: Sequence[Message], reading: Reading) -> Iterator[tuple[Sequence[Message], list[bytes] | None]]:
    """Yield the messages in runs, each with the one record of each, or None where each is to be read by itself."""
    ends = list(accumulate(len(value or b"") for value in map(_VALUE, messages)))
    first = 0
    while first < len(messages):
        within = bisect_right(ends, RUN_BYTES + (ends[first - 1] if first else 0))
        last = min(first + RUN, max(first + 1, within))
        yield from _halved(messages[first:last], reading)
        first = last


def _halved(run: Sequence[Message], reading: Reading) -> Iterator[tuple[Sequence[Message], list[bytes] | None]]:
    if reading.decode_run is None or len(run) < _SHORT_RUN:
        yield run, None
        return
    records = _of_run(run, reading.decode_run, reading)
    if records:
        yield run, records
        return
    middle = len(run) // 2
    yield from _halved(run[:middle], reading)
    yield from _halved(run[middle:], reading)


def _of_run(run: Sequence[Message], decode: DecodeRun, reading: Reading) -> list[bytes]:
    """Return the one record of each message; nothing where there is more to be said of one."""
    values = [value for value in map(_VALUE, run) if value is not None]
    if len(values) < len(run) or max(map(len, values)) > reading.max_message_bytes:
        return []
    try:
        records = decode(values)
    except FormatError:
        return []
    if reading.key_attribute or reading.headers:
        records = [_attributes(message, reading) + record for message, record in zip(run, records, strict=True)]
    return [] if max(map(len, records)) > reading.max_record_bytes else records


def read(message: Message, reading: Reading) -> tuple[list[bytes], DeadLetter | None]:
    """Return the records of a message that can be kept, and the letter that tells of what cannot."""
    records, letter = _decoded(message, reading)
    longest = len(records[0]) if len(records) == 1 else max(map(len, records), default=0)
    if longest > reading.max_record_bytes:
        long = tuple(index for index, record in enumerate(records) if len(record) > reading.max_record_bytes)
        text = f"record {long[0]}: has {len(records[long[0]])} bytes, the limit is {reading.max_record_bytes}"
        letter = DeadLetter(message, REFUSED_RECORDS, text, long)
        records = [record for record in records if len(record) <= reading.max_record_bytes]
    return records, letter


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
