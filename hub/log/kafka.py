"""The log on Kafka: a topic of one partition for each tenant, and in each hub a replica of all of them.

What Kafka has in its order is the log. The replica, an LMDB file, is a cache of it that answers reads: it may be thrown
away, and the next start makes it anew. All hubs apply a topic by the same rules, so they agree on what is stored, on
duplicates and on every record's offset; a cursor of one is a cursor of all (`docs/design/kafka-backbone.md`).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from hub.log.backbone_message import Producer, checkpoint_message, forget_message
from hub.log.kafka_connection import begin, explained, let_go, persist
from hub.log.kafka_follower import REPLICA, Follower
from hub.log.kafka_sender import Sender
from hub.log.kafka_topics import Topics, TopicSettings
from hub.log.model import OWN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.core.stored import Hole, StoredBatch
    from hub.log.kafka_connection import KafkaConnection
    from hub.log.kafka_follower import Followed
    from hub.log.lmdb import LmdbLog
    from hub.log.model import Bounds, Entry, Note, Outcome, TenantStats

_log = logging.getLogger(__name__)
_DRAIN_SECONDS = 5.0
# A silent topic is brought to a checkpoint after this time, so that a hub may begin there.
_SILENT_NS = 60 * 10**9
# A topic's last checkpoint is renewed after this part of the retention, so that there always is one.
_RENEWALS = 4


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """How the log uses Kafka; a checkpoint is written after so many messages, or so many bytes."""

    topics: TopicSettings
    producer_seconds: float
    discover_seconds: float
    checkpoint_messages: int
    checkpoint_bytes: int
    max_pending_bytes: int


class KafkaLog:
    """The `Log` on Kafka. `run` must be running for anything to come back."""

    def __init__(self, connection: KafkaConnection, options: KafkaOptions, replica: LmdbLog) -> None:
        """Take the replica over; it must not forget producers by itself."""
        self._connection = connection
        self._options = options
        self._replica = replica
        self._topics = Topics(connection, options.topics)
        self._sender = Sender(
            connection,
            self._topics,
            max_pending_bytes=options.max_pending_bytes,
            max_message_bytes=options.topics.max_message_bytes,
        )
        self._follower = Follower(connection, self._topics, replica, self._sender.applied, self._sender.is_own)
        self._begun = asyncio.Event()
        self._closing = asyncio.Event()
        if replica.is_replica:
            self._begun.set()

    @property
    def epoch(self) -> int:
        """The log's own number, the same in all hubs."""
        return self._replica.epoch

    async def begin(self) -> None:
        """Wait until the epoch is known: for Kafka, the first time."""
        await self._begun.wait()

    async def append(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Store entries; see `Log.append`."""
        await self.room()
        return await self.submit(entries)

    def submit(self, entries: Sequence[Entry]) -> asyncio.Future[list[Outcome]]:
        """Store entries; see `Log.submit`."""
        for tenant in {entry.tenant for entry in entries} - self._follower.followed.keys():
            del tenant
            self._follower.discover()
            break
        return self._sender.submit(entries)

    async def room(self) -> None:
        """Wait while too much waits for Kafka."""
        await self._sender.room()

    async def read(self, tenant: str, offset: int, max_bytes: int) -> list[StoredBatch | Hole]:
        """Read from an offset on; see `Log.read`."""
        return await self._replica.read(tenant, offset, max_bytes)

    async def bounds(self, tenant: str) -> Bounds:
        """Return where the tenant's records begin and end now, in all hubs; see `Log.bounds`."""
        await self._follower.catch_up(tenant)
        return await self._replica.bounds(tenant)

    async def offset_at(self, tenant: str, received_unix_nano: int) -> int:
        """Find an offset by time; see `Log.offset_at`."""
        return await self._replica.offset_at(tenant, received_unix_nano)

    async def last_seq(self, tenant: str, producer_id: str) -> int:
        """Return the producer's last stored sequence number, whichever hub stored it; see `Log.last_seq`."""
        await self._follower.catch_up(tenant)
        return await self._replica.last_seq(tenant, producer_id)

    async def note(self, tenant: str, name: str) -> Note | None:
        """Return a note as this hub's replica has it; who writes it is told where it is another by then."""
        return await self._replica.note(tenant, name)

    async def notes(self, tenant: str) -> list[Note]:
        """Return all notes of the tenant as they are now, whichever hub wrote them; see `Log.notes`."""
        await self._follower.catch_up(tenant)
        return await self._replica.notes(tenant)

    async def stats(self) -> dict[str, TenantStats]:
        """Return what each tenant keeps; see `Log.stats`."""
        return await self._replica.stats()

    def watch(self, listener: Callable[[str, list[StoredBatch]], None]) -> None:
        """Call the listener after each commit of the replica; see `Log.watch`."""
        self._replica.watch(listener)

    # --- running -----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow and send until `finish`; raises StorageFailedError where the replica's disk or the topic failed."""
        async with asyncio.TaskGroup() as tasks:
            storing = tasks.create_task(self._replica.run(), name="replica")
            epoch = await persist("epoch", self._topics.epoch) if not self._begun.is_set() else None
            if epoch is not None:
                await self._replica.adopt(epoch)
                self._begun.set()
            else:
                tasks.create_task(self._check_epoch(), name="kafka-epoch")
            working = [
                tasks.create_task(self._follower.run_discovery(self._options.discover_seconds), name="kafka-topics"),
                tasks.create_task(self._follower.run(), name="kafka-follow"),
                tasks.create_task(self._sender.run(), name="kafka-watch"),
                tasks.create_task(self._checkpoints(), name="kafka-checkpoints"),
            ]
            await self._closing.wait()
            await self._sender.drain(_DRAIN_SECONDS)
            for task in working:
                task.cancel()
            self._replica.finish()
            await storing

    async def _check_epoch(self) -> None:
        """Make sure that the replica is of this Kafka; ConfigError where it is not."""
        checking = asyncio.create_task(persist("epoch", self._topics.epoch))
        closing = asyncio.create_task(self._closing.wait())
        await asyncio.wait((checking, closing), return_when=asyncio.FIRST_COMPLETED)
        closing.cancel()
        if not checking.done():
            checking.cancel()
            return
        await self._replica.adopt(checking.result())

    def finish(self) -> None:
        """Take nothing more; `run` returns once what was taken is settled."""
        self._closing.set()

    async def close(self) -> None:
        """Let go of Kafka and of the replica; call after `run` has returned."""
        self.finish()
        await self._sender.close()
        await self._follower.close()
        await self._replica.close()

    # --- upkeep ------------------------------------------------------------------------------------------------------

    async def retain(self, now_unix_nano: int) -> int:
        """Remove what is too old from the replica, and have all hubs forget silent producers; see `Log.retain`."""
        removed = await self._replica.retain(now_unix_nano)
        before = now_unix_nano - int(self._options.producer_seconds * 1e9)
        for one in list(self._follower.followed.values()):
            rows = (await self._replica.snapshot(one.tenant)).producers
            if any(row.last_seen_unix_nano < before for row in rows if not row.producer_id.startswith(OWN)):
                await self._write(one, forget_message(before))
        return removed

    async def _checkpoints(self) -> None:
        """Write a tenant's checkpoint when it is due."""
        while True:
            await asyncio.sleep(1.0)
            for one in list(self._follower.followed.values()):
                if self._is_due(one):
                    snapshot = await self._replica.snapshot(one.tenant)
                    rows = {row.producer_id: row for row in snapshot.producers}
                    position = rows.pop(REPLICA).last_seq if REPLICA in rows else 0
                    producers = [
                        Producer(row.producer_id, row.last_seq, row.last_seen_unix_nano) for row in rows.values()
                    ]
                    await self._write(
                        one, checkpoint_message(position, snapshot.next_offset, producers, snapshot.notes)
                    )

    def _is_due(self, one: Followed) -> bool:
        if one.seeking_until or not one.last_message_ns:
            return False
        options = self._options
        if one.own_last and (one.messages >= options.checkpoint_messages or one.bytes >= options.checkpoint_bytes):
            return True
        now = time_ns()
        silent = one.messages > 0 and one.own_last and now - one.last_message_ns > _SILENT_NS
        old = now - one.last_checkpoint_ns > options.topics.retention_seconds * 1e9 / _RENEWALS
        return silent or (old and one.own_last and one.last_checkpoint_ns > 0)

    async def _write(self, one: Followed, message: bytes) -> None:
        """Write a message that is no entry, and wait until the replica has applied it."""
        producer = AIOKafkaProducer(
            **self._connection.options(),
            acks="all",
            enable_idempotence=True,
            max_request_size=self._options.topics.max_message_bytes,
        )
        try:
            async with asyncio.timeout(self._connection.timeout_seconds):
                await begin(producer)
                await producer.send_and_wait(one.partition.topic, message, partition=0)
            await self._follower.catch_up(one.tenant)
        except (KafkaError, OSError, TimeoutError) as error:
            fields = {"tenant": one.tenant, "reason": explained(error)}
            _log.warning("kafka_checkpoint_postponed", extra={"fields": fields})
        finally:
            await let_go(producer)
