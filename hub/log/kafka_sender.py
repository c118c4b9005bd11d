"""Entries on their way to Kafka, and who waits for what becomes of them.

An entry is settled once this hub's own replica has applied it, in the broker's order: only then it is known whether it
was stored, a duplicate, or out of sequence. What takes too long is answered as unavailable; it may be stored all the
same, and its resend is then a duplicate.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordTooLargeError, TopicAuthorizationFailedError

from hub.errors import LoghubError, LogUnavailableError, ShuttingDownError, TooLargeError
from hub.log.backbone_message import Stamp, entry_message
from hub.log.kafka_connection import begin, explained, let_go, persist

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.log.kafka_connection import KafkaConnection
    from hub.log.kafka_topics import Topics
    from hub.log.model import Entry, Outcome

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.25
_RETRY_SECONDS = 2.0
_PRODUCER_BATCH_BYTES = 2**20


@dataclass(slots=True)
class _Call:
    """A call of submit: its outcomes as they come."""

    done: asyncio.Future[list[Outcome]]
    outcomes: list[Outcome | None]
    left: int


@dataclass(frozen=True, slots=True)
class _Open:
    """An entry that is not settled: its call, its place there, its bytes, and since when."""

    call: _Call
    index: int
    size: int
    since: float


@dataclass(slots=True)
class _Lane:
    """A tenant's messages in their order. Bounded by max_pending_bytes of the sender."""

    tenant: str
    waiting: deque[tuple[int, bytes]] = field(default_factory=deque)
    work: asyncio.Event = field(default_factory=asyncio.Event)
    ready: bool = False


class Sender:
    """Sends entries, and settles them as the follower sees them come back."""

    def __init__(
        self, connection: KafkaConnection, topics: Topics, *, max_pending_bytes: int, max_message_bytes: int
    ) -> None:
        self._connection = connection
        self._topics = topics
        self._max_pending_bytes = max_pending_bytes
        self._max_message_bytes = max_message_bytes
        self._node = secrets.randbits(64)
        self._number = 0
        # Bounded by max_pending_bytes: append waits for room; in the order of their numbers, so of their age.
        self._open: OrderedDict[int, _Open] = OrderedDict()
        self._open_bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._lanes: dict[str, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._producer: AIOKafkaProducer | None = None
        self._producing = asyncio.Lock()
        self._down_since = 0.0
        self._tried = 0.0
        self._closing = False

    async def room(self) -> None:
        """Wait while too much waits for Kafka."""
        while not self._room.is_set():
            await self._room.wait()

    def submit(self, entries: Sequence[Entry]) -> asyncio.Future[list[Outcome]]:
        """Send entries; the future has what became of them."""
        done: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        refusal = self._refusal()
        if refusal:
            done.set_exception(refusal)
            return done
        if not entries:
            done.set_result([])
            return done
        call = _Call(done, [None] * len(entries), len(entries))
        now = monotonic()
        for index, entry in enumerate(entries):
            self._number += 1
            self._open[self._number] = _Open(call, index, len(entry.data), now)
            self._open_bytes += len(entry.data)
            lane = self._lane(entry.tenant)
            lane.waiting.append((self._number, entry_message(entry, Stamp(self._node, self._number))))
            lane.work.set()
        if self._open_bytes >= self._max_pending_bytes:
            self._room.clear()
        return done

    def _refusal(self) -> LoghubError | None:
        if self._closing:
            return ShuttingDownError()
        if self._down_since:
            now = monotonic()
            if now - self._tried < _RETRY_SECONDS:
                msg = "Kafka, which is the log, does not answer: send again"
                return LogUnavailableError(msg, retry_after_seconds=_RETRY_SECONDS)
            self._tried = now  # this one finds out
        return None

    def is_own(self, stamp: Stamp) -> bool:
        """Return whether this hub wrote the entry."""
        return stamp.node == self._node

    def applied(self, stamp: Stamp, outcome: Outcome) -> None:
        """Take what became of an entry."""
        if stamp.node != self._node:
            return
        self._down_since = 0.0
        entry = self._close(stamp.number)
        if entry is None or entry.call.done.done():
            return
        call = entry.call
        call.outcomes[entry.index] = outcome
        call.left -= 1
        if not call.left:
            call.done.set_result([one for one in call.outcomes if one is not None])

    async def run(self) -> None:
        """Keep watch over what takes too long."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            late = monotonic() - self._connection.timeout_seconds
            while self._open and (first := next(iter(self._open.items())))[1].since < late:
                self._fail(first[0], self._unavailable("it did not answer in time"))

    async def drain(self, seconds: float) -> None:
        """Take nothing more, and wait until everything is settled, or the time is over."""
        self._closing = True
        deadline = monotonic() + seconds
        while self._open and monotonic() < deadline:  # noqa: ASYNC110  an event would be set for every batch
            await asyncio.sleep(_LOOK_SECONDS / 10)
        for number in list(self._open):
            self._fail(number, ShuttingDownError())

    async def close(self) -> None:
        """End what sends."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._let_go()

    def _unavailable(self, reason: str) -> LogUnavailableError:
        if not self._down_since:
            self._down_since = self._tried = monotonic()
            _log.warning("kafka_unavailable", extra={"fields": {"reason": reason, "advice": "ingest is refused"}})
        return LogUnavailableError(f"Kafka, which is the log: {reason}", retry_after_seconds=_RETRY_SECONDS)

    def _close(self, number: int) -> _Open | None:
        entry = self._open.pop(number, None)
        if entry is not None:
            self._open_bytes -= entry.size
            if self._open_bytes < self._max_pending_bytes:
                self._room.set()
        return entry

    def _fail(self, number: int, error: LoghubError) -> None:
        entry = self._close(number)
        if entry is not None and not entry.call.done.done():
            entry.call.done.set_exception(error)

    # --- sending -----------------------------------------------------------------------------------------------------

    def _lane(self, tenant: str) -> _Lane:
        lane = self._lanes.get(tenant)
        if lane is None:
            lane = self._lanes[tenant] = _Lane(tenant)
            task = asyncio.create_task(self._drive(lane), name=f"kafka-send-{tenant}")
            self._tasks.add(task)
        return lane

    async def _drive(self, lane: _Lane) -> None:
        """Send a tenant's messages, one behind the other."""
        while True:
            await lane.work.wait()
            lane.work.clear()
            while lane.waiting:
                number, message = lane.waiting.popleft()
                if number not in self._open:  # it was answered as unavailable before it was sent
                    continue
                try:
                    if not lane.ready:
                        await self._topics.create(lane.tenant)
                        lane.ready = True
                    await self._send(lane, number, message)
                except (KafkaError, OSError, TimeoutError) as error:
                    self._refused(number, error)

    async def _send(self, lane: _Lane, number: int, message: bytes) -> None:
        producer = await self._connected()
        delivered = await producer.send(self._topics.partition(lane.tenant).topic, message, partition=0)

        def look(delivery: asyncio.Future[object]) -> None:
            if not delivery.cancelled() and (error := delivery.exception()):
                self._refused(number, error)

        delivered.add_done_callback(look)

    def _refused(self, number: int, error: BaseException) -> None:
        if isinstance(error, MessageSizeTooLargeError | RecordTooLargeError):
            msg = f"Kafka takes no message of this size ({explained(error)}): send smaller batches"
            self._fail(number, TooLargeError(msg))
            return
        if isinstance(error, TopicAuthorizationFailedError):
            reason = f"the hub may not write the topic {error}"
        else:
            reason = explained(error)
        self._fail(number, self._unavailable(reason))
        if not getattr(error, "retriable", False):  # the library's producer may not be usable any more
            self._tasks.add(asyncio.create_task(self._let_go()))

    async def _connected(self) -> AIOKafkaProducer:
        async with self._producing:
            if self._producer is None:
                self._producer = await persist("producer", self._connect)
            return self._producer

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._connection.options(),
            acks="all",
            enable_idempotence=True,
            max_batch_size=_PRODUCER_BATCH_BYTES,
            max_request_size=self._max_message_bytes,
        )
        try:
            await begin(producer)
        except BaseException:
            await producer.stop()
            raise
        return producer

    async def _let_go(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        if not await let_go(producer):
            _log.info("kafka_producer_left", extra={"fields": {"reason": "the broker does not answer"}})
