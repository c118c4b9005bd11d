"""Applies the tenants' topics, in the broker's order, to this hub's replica.

The replica keeps the broker's offset that comes next as the sequence number of a producer of its own, in the same
transaction as what was applied, so that nothing is applied twice or left out.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from functools import partial
from time import time_ns
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from hub.errors import StorageFailedError, StorageFullError
from hub.log.backbone_message import Checkpoint, Forget, Stamped, read_message
from hub.log.kafka_connection import begin, explained, persist
from hub.log.lmdb_store import ProducerRow, Snapshot
from hub.log.model import OWN, Appended, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiokafka import ConsumerRecord, TopicPartition

    from hub.log.backbone_message import Stamp
    from hub.log.kafka_connection import KafkaConnection
    from hub.log.kafka_topics import Topics
    from hub.log.lmdb import LmdbLog
    from hub.log.model import Outcome

_log = logging.getLogger(__name__)
# A producer id that no producer can have.
REPLICA = OWN + "replica"
_POLL_MS = 200
_FETCH_BYTES = 4 * 2**20
_FULL_PAUSE_SECONDS = 1.0
_OFFSETS_SECONDS = 3.0
# Where nothing tells how many records a topic held, each message is taken for so many: no offset is given twice.
_RECORDS_OF_A_LOST_MESSAGE = 2**20


@dataclass(slots=True)
class Followed:
    """A tenant's topic: the broker's offset that comes next, and what came since the last checkpoint."""

    tenant: str
    partition: TopicPartition
    position: int = 0
    # Looking for a checkpoint to begin with, up to this offset; 0: not looking.
    seeking_until: int = 0
    messages: int = 0
    bytes: int = 0
    own_last: bool = False
    last_message_ns: int = 0
    last_checkpoint_ns: int = 0
    waiters: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)
    barrier: asyncio.Task[None] | None = None

    def moved(self) -> None:
        """Wake whoever waits for the position that has been reached."""
        if self.seeking_until or not self.waiters:
            return
        for target, waiter in self.waiters:
            if target <= self.position and not waiter.done():
                waiter.set_result(None)
        self.waiters = [one for one in self.waiters if not one[1].done()]


class Follower:
    """Follows every tenant's topic that the brokers have."""

    def __init__(
        self,
        connection: KafkaConnection,
        topics: Topics,
        replica: LmdbLog,
        settled: Callable[[Stamp, Outcome], None],
        is_own: Callable[[Stamp], bool],
    ) -> None:
        self._connection = connection
        self._topics = topics
        self._replica = replica
        self._settled = settled
        self._is_own = is_own
        self._consumer: AIOKafkaConsumer | None = None
        # Asks for offsets on a connection of its own: brokers answer one in order, and a fetch may wait there.
        self._asker: AIOKafkaConsumer | None = None
        self.followed: dict[str, Followed] = {}
        self._by_partition: dict[TopicPartition, Followed] = {}
        self._discovery = asyncio.Event()
        self._connecting = asyncio.Lock()
        self._finding = asyncio.Lock()

    # --- finding topics ----------------------------------------------------------------------------------------------

    def discover(self) -> None:
        """Look for new topics now."""
        self._discovery.set()

    async def run_discovery(self, interval_seconds: float) -> None:
        """Look for topics of new tenants, at intervals and when asked to."""
        while True:
            await persist("topics", self._find)
            try:
                async with asyncio.timeout(interval_seconds):
                    await self._discovery.wait()
            except TimeoutError:
                continue
            self._discovery.clear()

    async def _find(self) -> None:
        async with self._finding:
            consumer = await self._connected()
            asker = await self._asking()
            async with asyncio.timeout(self._connection.timeout_seconds):
                topics = await asker.topics()
            tenants = {tenant for topic in topics if (tenant := self._topics.tenant(topic))}
            for tenant in sorted(tenants - self.followed.keys()):
                await self._follow(consumer, tenant)

    async def _follow(self, consumer: AIOKafkaConsumer, tenant: str) -> None:
        one = Followed(tenant, self._topics.partition(tenant))
        one.position = await self._replica.last_seq(tenant, REPLICA)
        self.followed[tenant] = self._by_partition[one.partition] = one
        consumer.assign(list(self._by_partition))
        for other in self._by_partition.values():
            consumer.seek(other.partition, other.position)
        try:
            await self._settle_beginning(consumer, one)
        except (KafkaError, OSError, TimeoutError):
            del self.followed[tenant], self._by_partition[one.partition]
            consumer.assign(list(self._by_partition))
            for other in self._by_partition.values():
                consumer.seek(other.partition, other.position)
            raise

    async def _settle_beginning(self, consumer: AIOKafkaConsumer, one: Followed) -> None:
        """Begin where the replica is; where the topic does not go back so far, at its first checkpoint."""
        begin, end = await self._begin_of(one), await self._end_of(one)
        if one.position > end:
            msg = (
                f"the topic {one.partition.topic} ends at {end}, before what this hub has of it ({one.position}): "
                "Kafka has lost records; move the replica away to go on with what is left"
            )
            raise StorageFailedError(msg)
        if one.position < begin:
            one.seeking_until = end
            consumer.seek(one.partition, begin)
            _log.info("kafka_replica_begins", extra={"fields": {"tenant": one.tenant, "offset": begin}})
        if one.seeking_until and begin == end:
            await self._begin_without(one, begin)
        one.moved()

    # --- applying ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Apply what comes, until cancelled; StorageFailedError where the replica's disk or the topic failed."""
        while True:
            if not self._by_partition:
                await asyncio.sleep(_POLL_MS / 4000)
                continue
            consumer = await self._connected()
            try:
                fetched = await consumer.getmany(timeout_ms=_POLL_MS)
            except OffsetOutOfRangeError as error:
                for partition in error.args[0]:
                    one = self._by_partition[partition]
                    await persist("offsets", partial(self._settle_beginning, consumer, one))
                continue
            except KafkaError as error:
                _log.warning("kafka_fetch_failed", extra={"fields": {"reason": explained(error)}})
                await asyncio.sleep(_FULL_PAUSE_SECONDS)
                continue
            await asyncio.gather(*(self._take(consumer, partition, records) for partition, records in fetched.items()))

    async def _take(
        self, consumer: AIOKafkaConsumer, partition: TopicPartition, records: Sequence[ConsumerRecord]
    ) -> None:
        one = self._by_partition.get(partition)
        if one is None:
            return
        if one.seeking_until:
            await self._seek_checkpoint(consumer, one, records)
            return
        run: list[Stamped] = []
        for record in records:
            if record.offset < one.position:
                continue
            message = read_message(one.tenant, record.value)
            one.messages += 1
            one.bytes += len(record.value or b"")
            one.last_message_ns = record.timestamp * 1_000_000
            if isinstance(message, Stamped):
                run.append(message)
                one.own_last = self._is_own(message.stamp)
            elif isinstance(message, Checkpoint):
                one.messages, one.bytes, one.last_checkpoint_ns = 0, 0, one.last_message_ns
            elif isinstance(message, Forget):
                await self._apply(one, run, record.offset)
                run = []
                await self._replica.forget(one.tenant, message.before_unix_nano)
        if records and records[-1].offset >= one.position:
            await self._apply(one, run, records[-1].offset + 1)

    async def _apply(self, one: Followed, run: Sequence[Stamped], position: int) -> None:
        """Store a run of entries and the position behind them, in one transaction."""
        if position == one.position:
            return
        marker = Entry(one.tenant, b"", 0, time_ns(), REPLICA, position, one.position)
        entries = [*(stamped.entry for stamped in run), marker]
        said = False
        while True:
            await self._replica.room()
            try:
                outcomes = await self._replica.submit(entries)
                break
            except StorageFullError as error:
                if not said:
                    _log.warning("kafka_replica_full", extra={"fields": {"reason": error.message}})
                    said = True
                await asyncio.sleep(_FULL_PAUSE_SECONDS)
        mark = outcomes[-1]
        if not isinstance(mark, Appended) or mark.duplicate:
            msg = f"another process has written the replica of {one.tenant}: each hub needs a data-dir of its own"
            raise StorageFailedError(msg)
        one.position = position
        for stamped, outcome in zip(run, outcomes, strict=False):
            self._settled(stamped.stamp, outcome)
        one.moved()

    async def _seek_checkpoint(
        self, consumer: AIOKafkaConsumer, one: Followed, records: Sequence[ConsumerRecord]
    ) -> None:
        """Begin at the first checkpoint whose own position the topic still has."""
        begin = await self._begin_of(one)
        for record in records:
            message = read_message(one.tenant, record.value)
            if isinstance(message, Checkpoint) and message.position >= begin:
                rows = [
                    ProducerRow(row.producer_id, row.last_seq, row.last_seen_unix_nano) for row in message.producers
                ]
                snapshot = Snapshot(message.next_offset, tuple(rows), message.notes)
                await self._install(consumer, one, message.position, snapshot)
                return
        if records and records[-1].offset + 1 >= one.seeking_until:
            await self._begin_without(one, begin)
            consumer.seek(one.partition, begin)

    async def _begin_without(self, one: Followed, begin: int) -> None:
        """Begin where no checkpoint says how many records there were: with offsets that were never given."""
        _log.warning("kafka_no_checkpoint", extra={"fields": {"tenant": one.tenant, "offset": begin}})
        await self._install(None, one, begin, Snapshot(begin * _RECORDS_OF_A_LOST_MESSAGE, ()))

    async def _install(
        self, consumer: AIOKafkaConsumer | None, one: Followed, position: int, snapshot: Snapshot
    ) -> None:
        marker = ProducerRow(REPLICA, position, time_ns())
        known = (row for row in snapshot.producers if row.producer_id != REPLICA)
        await self._replica.install(one.tenant, replace(snapshot, producers=(*known, marker)))
        one.position, one.seeking_until = position, 0
        if consumer:
            consumer.seek(one.partition, position)
        one.moved()

    # --- catching up -------------------------------------------------------------------------------------------------

    async def catch_up(self, tenant: str) -> bool:
        """Wait until the replica has what the topic held when this was called; False where Kafka does not answer."""
        one = self.followed.get(tenant)
        if one is None:
            try:
                async with asyncio.timeout(_OFFSETS_SECONDS):
                    await self._find()
            except (KafkaError, OSError, TimeoutError):
                return False
            one = self.followed.get(tenant)
            if one is None:
                return True  # there is no such topic
        if one.barrier is None:
            one.barrier = asyncio.create_task(self._barrier(one))
        try:
            await asyncio.shield(one.barrier)
        except (KafkaError, OSError, TimeoutError):
            return False
        return True

    async def _barrier(self, one: Followed) -> None:
        await asyncio.sleep(0)  # those who ask in the same turn of the loop share it
        one.barrier = None
        end = await self._end_of(one)
        async with asyncio.timeout(_OFFSETS_SECONDS):
            if one.position < end or one.seeking_until:
                waiter = asyncio.get_running_loop().create_future()
                one.waiters.append((end, waiter))
                await waiter

    async def _connected(self) -> AIOKafkaConsumer:
        async with self._connecting:
            if self._consumer is None:
                self._consumer = await self._started()
            return self._consumer

    async def _asking(self) -> AIOKafkaConsumer:
        async with self._connecting:
            if self._asker is None:
                self._asker = await self._started()
            return self._asker

    async def _started(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(**self._connection.consumer_options(_FETCH_BYTES))
        try:
            await begin(consumer)
        except BaseException:
            await consumer.stop()
            raise
        return consumer

    async def _begin_of(self, one: Followed) -> int:
        asker = await self._asking()
        async with asyncio.timeout(_OFFSETS_SECONDS):
            return int((await asker.beginning_offsets([one.partition]))[one.partition])

    async def _end_of(self, one: Followed) -> int:
        asker = await self._asking()
        async with asyncio.timeout(_OFFSETS_SECONDS):
            return int((await asker.end_offsets([one.partition]))[one.partition])

    async def close(self) -> None:
        """End the connections, and what still asks on them: it would make new ones."""
        asking = [one.barrier for one in self.followed.values() if one.barrier is not None]
        for barrier in asking:
            barrier.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        for consumer in (self._consumer, self._asker):
            if consumer:
                await consumer.stop()
