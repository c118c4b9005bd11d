"""How far a partition has been read, as a sequence number of the log.

The log stores a producer's number in the transaction that stores its batch, takes none that does not follow the one
before, and takes none twice. A partition is such a producer, so its number must say where to read on, and must grow:

    incarnation  4 bits   how often the topic was made anew, with offsets that began again
    offset      44 bits   of the next message
    records     16 bits   how many records of that message are stored already: one may be more than an entry holds

44 bits are 5 years of 100,000 messages a second in one partition.
"""

from __future__ import annotations

from dataclasses import dataclass

from hub.errors import LoghubError

_RECORD_BITS, _OFFSET_BITS, _INCARNATION_BITS = 16, 44, 4


class PlaceError(LoghubError):
    """The place in a Kafka partition is beyond what the log can count: read the topic with another source_group."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Behind all messages before `offset`, and behind the first `records` records of the message there."""

    incarnation: int = 0
    offset: int = 0
    records: int = 0

    def __post_init__(self) -> None:
        """Refuse what has no number."""
        bits = ((self.incarnation, _INCARNATION_BITS), (self.offset, _OFFSET_BITS), (self.records, _RECORD_BITS))
        if any(not 0 <= value < 1 << width for value, width in bits):
            raise PlaceError

    @property
    def seq(self) -> int:
        """The sequence number: unsigned 64-bit, and in the order of places."""
        return (self.incarnation << _OFFSET_BITS | self.offset) << _RECORD_BITS | self.records

    @classmethod
    def of(cls, seq: int) -> Place:
        """Return the place that a sequence number stands for; 0 is the beginning."""
        rest, records = divmod(seq, 1 << _RECORD_BITS)
        incarnation, offset = divmod(rest, 1 << _OFFSET_BITS)
        return cls(incarnation, offset, records)

    def at(self, offset: int) -> Place:
        """Return the place before a message of the same topic."""
        return Place(self.incarnation, offset)

    def behind(self, records: int) -> Place:
        """Return the place behind the first records of the message here."""
        return Place(self.incarnation, self.offset, records)

    def anew(self, offset: int) -> Place:
        """Return the place before a message of the topic as it was made anew."""
        return Place(self.incarnation + 1, offset)
