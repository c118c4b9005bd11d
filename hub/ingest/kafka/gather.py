"""Messages become parcels: records of messages that follow each other, as many as one entry of the log holds.

Pure but for the formats. Many small messages make one parcel, so that a fetch costs few entries; one message may make
several. A message that cannot be read leaves its place to the next one, and a dead letter in the parcel.
"""

from __future__ import annotations

from bisect import bisect_left
from operator import attrgetter
from typing import TYPE_CHECKING

from hub.ingest.kafka.parcel import Parcel
from hub.ingest.kafka.reading import read, runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.ingest.kafka.message import Message
    from hub.ingest.kafka.place import Place
    from hub.ingest.kafka.reading import Reading

# After so many records others have their turn, and after each run.
_BREATH_RECORDS = 250
_OFFSET = attrgetter("offset")


def gather(messages: Sequence[Message], begin: Place, reading: Reading) -> Iterator[Parcel | None]:
    """Yield parcels of the messages from `begin` on; None in between where others may have their turn."""
    gathering = _Gathering(begin, reading)
    first = bisect_left(messages, begin.offset, key=_OFFSET)
    for run, records in runs(messages[first:], reading):
        if records is not None and not (begin.records and run[0].offset == begin.offset):
            yield from gathering.take_run(run, records)
        else:
            for message in run:
                yield from gathering.take(message)
    yield from gathering.rest()


class _Gathering:
    """The parcel that is being filled, and what was read since others had their turn."""

    def __init__(self, begin: Place, reading: Reading) -> None:
        self._begin = begin
        self._reading = reading
        self._parcel = Parcel()
        self._breath = 0
        self._behind = -1

    def take_run(self, run: Sequence[Message], records: list[bytes]) -> Iterator[Parcel | None]:
        """Take messages with one record each."""
        while run:
            count = self._parcel.add_run(run, records, self._reading)
            self._behind = run[-1].offset + 1
            run, records = run[count:], records[count:]
            if run:
                yield self._full(self._begin.at(run[0].offset))
        self._breath = 0
        yield None

    def take(self, message: Message) -> Iterator[Parcel | None]:
        """Take a message with any number of records, or none."""
        begin, reading = self._begin, self._reading
        done = begin.records if message.offset == begin.offset else 0
        records, letter = read(message, reading)
        if done:  # then it has been counted, and its letter written
            records = records[done:]
        else:
            self._parcel.count(message, letter)
        while not self._parcel.add(message, records, reading):
            count = self._parcel.fill(message, records, reading)
            records, done = records[count:], done + count
            yield self._full(begin.at(message.offset).behind(done))
        self._behind = message.offset + 1
        self._breath += len(records) or 1
        if self._breath >= _BREATH_RECORDS:
            self._breath = 0
            yield None

    def rest(self) -> Iterator[Parcel]:
        """Give what is left, behind the last message."""
        if self._behind >= 0:
            yield self._full(self._begin.at(self._behind))

    def _full(self, place: Place) -> Parcel:
        """Return the parcel, which ends at the place, and begin another."""
        parcel, self._parcel = self._parcel, Parcel()
        parcel.place = place
        return parcel
