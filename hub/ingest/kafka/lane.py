"""One partition on its way into the log.

A lane turns messages into parcels and has each stored as an entry whose sequence number is the place behind it. It does
not wait for one to be stored before it reads on. Where one is not, what followed is refused by the log too, since it
does not follow what is stored; the lane then asks the log how far it is, and reads on from there. So nothing is lost or
doubled, whoever else writes, and whenever the hub dies.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from operator import attrgetter
from time import monotonic, time_ns
from typing import TYPE_CHECKING, Any

from hub.core.batch import Offer
from hub.core.views import columns, opaque
from hub.errors import LoghubError, ShuttingDownError, StorageFailedError
from hub.ingest.admission import Source
from hub.ingest.kafka.gather import gather
from hub.ingest.kafka.place import Place
from hub.log.model import OWN, Appended, Entry
from hub.pb.record_pb2 import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hub.core.quota import Allowance
    from hub.ingest.admission import Admission
    from hub.ingest.kafka.message import DeadLetter, Message
    from hub.ingest.kafka.parcel import Parcel
    from hub.ingest.kafka.ports import Group, Letters, Partition
    from hub.ingest.kafka.reading import Reading
    from hub.ingest.kafka.room import Room
    from hub.log.model import Log, Outcome
    from hub.observe.metrics import Metrics

_log = logging.getLogger(__name__)
_OPAQUE, _COLUMNS = opaque(Batch), columns(Batch)
_FIRST_PAUSE_SECONDS = 0.1
_VALUE = attrgetter("value")


def source_id(group: str, partition: Partition) -> str:
    """Return the producer id under which the log keeps a partition's place."""
    return f"{OWN}source:{group}/{partition.topic}/{partition.partition}"


@dataclass(frozen=True, slots=True)
class LaneOptions:
    """The group's name, the bytes that may wait to be read, and the longest pause before another try."""

    group: str
    queue_bytes: int
    retry_seconds: float


@dataclass(frozen=True, slots=True)
class Works:
    """What all lanes share."""

    log: Log
    admission: Admission
    group: Group
    letters: Letters
    room: Room
    metrics: Metrics
    options: LaneOptions


@dataclass(frozen=True, slots=True)
class Feed:
    """Whose a partition's records are, how its messages are read, and whether an unknown one begins at its end."""

    tenant: str
    reading: Reading
    latest: bool


class _MisplacedError(Exception):
    """The log is elsewhere than the lane thought, or the broker does not have what comes next."""


class Lane:
    """Reads one partition until its task is cancelled; `offer` it messages while it `wants` them."""

    def __init__(self, works: Works, partition: Partition, feed: Feed, allowance: Allowance) -> None:
        self.partition = partition
        self._works = works
        self._feed = feed
        self._allowance = allowance
        self._id = source_id(works.options.group, partition)
        self._source = Source(feed.tenant, f"kafka:{partition.topic}/{partition.partition}")
        self._counts = works.metrics.tenant(feed.tenant)
        self._own = works.metrics.source.partition(partition.topic, partition.partition)
        # Bounded by queue_bytes and one offer: who offers looks at `wants` before.
        self._queue: deque[Sequence[Message]] = deque()
        self._queue_bytes = 0
        self._work = asyncio.Event()
        # Entries that the log has not answered; bounded by the room that all lanes share.
        self._open = 0
        self._settled = asyncio.Event()
        self._settled.set()
        self._failure: Exception | None = None
        self._gone = False
        # Whether it is known where to read; before, what comes was fetched from somewhere else.
        self.placed = False
        # Behind what was given to the log, behind what was offered, and behind what is stored.
        self._place = Place()
        self._offered = 0
        self._logged = 0
        self.stored = 0
        self.paused = False

    @property
    def wants(self) -> bool:
        """Whether there is room for more messages."""
        return self.placed and not self.paused and self._queue_bytes < self._works.options.queue_bytes

    def offer(self, messages: Sequence[Message]) -> None:
        """Take messages that were fetched behind those that were offered before; ignored until the lane has its place.

        What comes before then was fetched from somewhere else, and the lane has it fetched again.
        """
        if self.placed and messages:
            self._queue.append(messages)
            self._offered = messages[-1].offset + 1
            self._queue_bytes += _bytes_of(messages)
            self._work.set()

    def fetch_again(self) -> None:
        """Have fetched again what was not offered yet."""
        if self.placed:
            self._works.group.seek(self.partition, self._offered)

    def behind(self, end: int) -> None:
        """Take note of the offset that the partition's next message will get."""
        self._own.lag.set(max(end - self.stored, 0))

    def offset_gone(self, offset: int) -> None:
        """Take note that the broker does not have an offset, where that is the one to be read next."""
        if self.placed and offset == self._offered:
            self.placed, self._gone = False, True
            self._fail(_MisplacedError())

    # --- running -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Read until cancelled; StorageFailedError where the log failed for good."""
        pause, said = _FIRST_PAUSE_SECONDS, False
        while True:
            try:
                before = self.stored
                await self._begin()
                await self._follow()
            except _MisplacedError:
                await self._settled.wait()
                continue
            except ShuttingDownError:
                return
            except StorageFailedError:
                raise
            except LoghubError as error:
                if self.stored > before:
                    pause, said = _FIRST_PAUSE_SECONDS, False
                if not said:
                    _log.warning("kafka_source_held", extra={"fields": {**self._fields, "reason": error.message}})
                    said = True
                await self._hold(pause)
                pause = min(pause * 2, self._works.options.retry_seconds)

    async def _hold(self, seconds: float) -> None:
        """Have nothing fetched while waiting for another try."""
        with self._pause():
            await self._settled.wait()
            await asyncio.sleep(seconds)

    @contextmanager
    def _pause(self) -> Iterator[None]:
        self.paused = True
        self._own.paused.set(1)
        self._works.group.pause(self.partition)
        try:
            yield
        finally:
            self.paused = False
            self._own.paused.set(0)
            self._works.group.resume(self.partition)

    @property
    def _fields(self) -> dict[str, object]:
        return {"topic": self.partition.topic, "partition": self.partition.partition, "tenant": self._feed.tenant}

    async def stop(self, task: asyncio.Task[None], seconds: float) -> None:
        """Cancel the lane's task, and wait until what it gave the log is settled, or the time is over."""
        task.cancel()
        await asyncio.wait([task])
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._settled.wait()
        self._own.forget()

    async def _begin(self) -> None:
        """Find where to read on: behind what this log has, and behind what another hub's log has of the partition."""
        works, gone = self._works, self._gone
        self.placed, self._failure, self._gone = False, None, False
        self._queue.clear()
        self._queue_bytes = 0
        last = await works.log.last_seq(self._feed.tenant, self._id)
        place, committed = Place.of(last), await works.group.committed(self.partition)
        if committed is not None and committed > place.offset:
            place = place.at(committed)
        unknown = not last and committed is None
        if unknown or gone:
            begin, end = await works.group.bounds(self.partition)
            place = place.at(end if self._feed.latest else begin) if unknown else self._found(place, begin, end)
            if unknown and self._feed.latest:  # where "now" was is to be known after a crash too
                await works.group.commit({self.partition: end})
        self._logged, self._place = last, place
        self.stored = self._offered = place.offset
        works.group.seek(self.partition, place.offset)
        self.placed = True

    def _found(self, place: Place, begin: int, end: int) -> Place:
        """Return where to go on where the broker does not have the place."""
        fields = {**self._fields, "offset": place.offset, "begin": begin, "end": end}
        if place.offset < begin:
            self._own.lost.inc(begin - place.offset)
            _log.error("kafka_source_messages_lost", extra={"fields": {**fields, "messages": begin - place.offset}})
            return place.at(begin)
        if place.offset > end:
            _log.error("kafka_source_topic_anew", extra={"fields": fields})
            return place.anew(begin)
        return place

    async def _follow(self) -> None:
        while True:
            messages = await self._next()
            for parcel in gather(messages, self._place, self._feed.reading):
                if parcel is None:
                    await asyncio.sleep(0)
                else:
                    await self._hand_over(parcel)
                if self._failure:
                    raise self._failure

    async def _next(self) -> Sequence[Message]:
        while not self._queue:
            self._work.clear()
            if self._failure:
                raise self._failure
            await self._work.wait()
        messages = self._queue.popleft()
        self._queue_bytes -= _bytes_of(messages)
        return messages

    # --- into the log ------------------------------------------------------------------------------------------------

    async def _hand_over(self, parcel: Parcel) -> None:
        """Have a parcel stored, after its dead letters are written."""
        works, size = self._works, parcel.size
        entry, letters = self._entry(parcel)
        if letters:
            await self._bury(letters)
        while wait := self._allowance.wait(monotonic()):
            self._counts.throttled.inc(wait)
            await asyncio.sleep(wait)
        self._allowance.spend(entry.records, size)
        await works.room.take(size)
        try:
            await works.log.room()
        except BaseException:
            works.room.give(size)
            raise
        self._place, self._logged = parcel.place, parcel.place.seq
        self._open += 1
        self._settled.clear()
        stored = works.log.submit([entry])
        stored.add_done_callback(lambda stored: self._settle(parcel, entry.records, stored))

    def _entry(self, parcel: Parcel) -> tuple[Entry, list[DeadLetter]]:
        """Return what is to be stored, and the letters of what is not."""
        letters = parcel.letters
        seq, after_seq = parcel.place.seq, self._logged
        if not parcel.records:
            return Entry(self._feed.tenant, b"", 0, time_ns(), self._id, seq, after_seq), letters
        batch: Any = _OPAQUE()
        batch.records.extend(parcel.records)
        offer = Offer(batch, _COLUMNS.FromString(batch.SerializeToString()))
        entry, rejected = self._works.admission.entry(self._source, offer)
        entry = replace(entry, producer_id=self._id, seq=seq, after_seq=after_seq)
        return entry, [*letters, *parcel.letters_of(rejected)] if rejected else letters

    async def _bury(self, letters: Sequence[DeadLetter]) -> None:
        """Write dead letters, however long it takes: the lane does not move past a message that is nowhere."""
        left, pause = tuple(letters), _FIRST_PAUSE_SECONDS
        while left := await self._write(left, said=pause > _FIRST_PAUSE_SECONDS):
            with self._pause():
                await asyncio.sleep(pause)
            pause = min(pause * 2, self._works.options.retry_seconds)
        for letter in letters:
            self._own.dead_letter(letter.reason)

    async def _write(self, letters: tuple[DeadLetter, ...], *, said: bool) -> tuple[DeadLetter, ...]:
        """Return those that could not be written; say so once."""
        left, reason = await self._works.letters.write(self.partition, letters)
        if left and not said:
            fields = {**self._fields, "letters": len(left), "reason": reason}
            _log.warning("kafka_dead_letters_held", extra={"fields": fields})
        return left

    def _settle(self, parcel: Parcel, records: int, stored: asyncio.Future[list[Outcome]]) -> None:
        """Take what became of an entry."""
        self._works.room.give(parcel.size)
        self._open -= 1
        if not self._open:
            self._settled.set()
        if stored.cancelled():
            return
        error = stored.exception()
        outcome = None if error else stored.result()[0]
        if not isinstance(outcome, Appended):
            self._fail(error if isinstance(error, Exception) else _MisplacedError())
            return
        self.stored = max(self.stored, parcel.place.offset)
        if outcome.duplicate:
            self._counts.duplicates.inc()
            return
        self._counts.batches.inc()
        self._counts.records.inc(records)
        self._counts.bytes.inc(parcel.size)
        self._own.records.inc(records)
        self._own.messages.inc(parcel.messages)
        self._own.bytes.inc(parcel.message_bytes)

    def _fail(self, error: Exception) -> None:
        if self._failure is None:
            self._failure = error
        self._work.set()


def _bytes_of(messages: Sequence[Message]) -> int:
    return sum(map(len, filter(None, map(_VALUE, messages))))
