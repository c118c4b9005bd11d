"""The Kafka source: finds topics, shares their partitions with the other hubs of its group, and runs a lane for each.

A broker that is away, a topic that is missing or forbidden are said once, and tried again; the hub's other doors do not
notice. What a lane raises ends the hub: its log has failed.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from hub.core.principal import Principal
from hub.errors import BrokerUnavailableError
from hub.ingest.formats import FORMATS, RUNS
from hub.ingest.kafka.dead_letters import DeadLetters
from hub.ingest.kafka.group import KafkaGroup, Watcher
from hub.ingest.kafka.lane import Feed, Lane, Works
from hub.ingest.kafka.ports import OffsetsGoneError, TopicForbiddenError
from hub.ingest.kafka.reading import Reading
from hub.ingest.kafka.room import Room
from hub.ingest.kafka.topics import Topics
from hub.log.kafka_connection import persist

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hub.core.batch import BatchLimits
    from hub.ingest.kafka.dead_letters import LetterOptions
    from hub.ingest.kafka.group import GroupOptions
    from hub.ingest.kafka.lane import LaneOptions
    from hub.ingest.kafka.ports import Partition
    from hub.ingest.kafka.rules import Rule, Rules
    from hub.ingest.kafka.topics import Census
    from hub.ingest.stream import Ingest
    from hub.log.kafka_connection import KafkaConnection

_log = logging.getLogger(__name__)
# How long a fetch may take, and how long while some lanes have enough to do for now and are not asked.
_LONG_SECONDS, _SHORT_SECONDS = 0.5, 0.01
_PAUSE_SECONDS = 0.5
_SETTLE_SECONDS = 5.0
# After so many fetches in a row that failed, the connection is made anew.
_FAILURES = 5
# A topic that may not be read is tried again after this time.
_FORBIDDEN_SECONDS = 300.0
# What a batch has beside its records: the hub's stamps, and who sent it.
_STAMP_BYTES = 512
# Larger entries are compressed outside the event loop, and gain nothing (`hub.log.lmdb`).
_PARCEL_BYTES = 512 * 2**10


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How the source works; see the settings `kafka.source_…`."""

    rules: Rules
    group: GroupOptions
    letters: LetterOptions
    lane: LaneOptions
    batch: BatchLimits
    pending_bytes: int
    commit_seconds: float
    max_message_bytes: int

    def reading(self, rule: Rule) -> Reading:
        """Return how messages of a rule's topics are read."""
        most = self.batch.max_batch_bytes - _STAMP_BYTES
        parcel_bytes = min(max(_PARCEL_BYTES, self.batch.max_record_bytes + _STAMP_BYTES), most)
        return Reading(
            FORMATS[rule.format],
            rule.key_attribute,
            rule.headers,
            self.max_message_bytes,
            min(self.batch.max_record_bytes, parcel_bytes - _STAMP_BYTES),
            self.batch.max_batch_records,
            parcel_bytes,
            RUNS.get(rule.format),
        )


class KafkaSource:
    """Reads the topics of its rules until `stop`."""

    def __init__(self, connection: KafkaConnection, options: SourceOptions, ingest: Ingest) -> None:
        self._connection = connection
        self._options = options
        self._ingest = ingest
        self._topics = Topics(connection)
        self._letters = DeadLetters(connection, self._topics, options.letters)
        self._room = Room(options.pending_bytes)
        self._group: KafkaGroup | None = None
        self._wanted: frozenset[str] = frozenset()
        self._there = asyncio.Event()
        # What was said of a topic, so that it is said once.
        self._said: dict[str, str] = {}
        # Topics that may not be read, and until when they are left alone.
        self._forbidden: dict[str, float] = {}
        self._lanes: dict[Partition, tuple[Lane, asyncio.Task[None]]] = {}
        # What the group was told of each partition.
        self._told: dict[Partition, int] = {}
        # Why the last connection was given up, so that it is said once; "" once there are partitions again.
        self._interruption = ""
        self._tasks: asyncio.TaskGroup | None = None
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Have `run` end: what was given to the log is settled, and the group is told."""
        self._stopping.set()

    async def run(self) -> None:
        """Read; StorageFailedError where the log failed for good."""
        try:
            async with asyncio.TaskGroup() as tasks:
                self._tasks = tasks
                working = [
                    tasks.create_task(self._discover(), name="kafka-source-topics"),
                    tasks.create_task(self._read(), name="kafka-source-fetch"),
                    tasks.create_task(self._tell(), name="kafka-source-commits"),
                ]
                await self._stopping.wait()
                for task in working:
                    task.cancel()
                await asyncio.wait(working)
                await self._revoked()
        finally:
            if self._group:
                await self._group.stop()
            await self._letters.close()
            await self._topics.close()

    # --- topics ------------------------------------------------------------------------------------------------------

    async def _discover(self) -> None:
        """Look which topics there are, at intervals."""
        rules = self._options.rules
        while True:
            census: Census = await persist("source-topics", lambda: self._topics.look(rules.named))
            self._judge(census)
            wanted = rules.wanted(census.topics) - self._left_alone()
            if wanted and wanted != self._wanted:
                await self._want(wanted)
            await asyncio.sleep(self._options.group.discover_seconds)

    def _judge(self, census: Census) -> None:
        for topic in sorted(census.missing):
            self._say(topic, "kafka_topic_missing", "the topic does not exist: it is read once it does")
        for topic in sorted(census.forbidden):
            self._say(topic, "kafka_topic_forbidden", "the hub may not see the topic: allow it DESCRIBE and READ")
        for topic in sorted(self._said.keys() & census.topics - self._forbidden.keys()):
            _log.info("kafka_topic_found", extra={"fields": {"topic": topic}})
            del self._said[topic]

    def _left_alone(self) -> frozenset[str]:
        now = monotonic()
        self._forbidden = {topic: until for topic, until in self._forbidden.items() if until > now}
        return frozenset(self._forbidden)

    def _say(self, topic: str, event: str, reason: str) -> None:
        if self._said.get(topic) != event:
            self._said[topic] = event
            _log.warning(event, extra={"fields": {"topic": topic, "reason": reason}})

    async def _want(self, topics: frozenset[str]) -> None:
        """Read these topics from now on."""
        self._wanted = topics
        self._there.set()
        if self._group:
            await self._commit(self._stored())
            self._group.subscribe(topics)

    async def _forbid(self, topic: str) -> None:
        """Read the others."""
        self._say(topic, "kafka_topic_forbidden", "the hub may not read the topic: allow it READ")
        self._forbidden[topic] = monotonic() + _FORBIDDEN_SECONDS
        if others := self._wanted - {topic}:
            await self._want(others)
        else:
            await asyncio.sleep(_PAUSE_SECONDS)

    # --- reading -----------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        """Fetch for the lanes, over one connection after another."""
        await self._there.wait()
        while True:
            group = self._group = await persist("source-group", self._joined)
            try:
                await self._fetch(group)
            except BrokerUnavailableError as error:
                if error.message != self._interruption:
                    self._interruption = error.message
                    _log.warning("kafka_source_interrupted", extra={"fields": {"reason": error.message}})
            await self._revoked()
            await group.stop()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _joined(self) -> KafkaGroup:
        group = KafkaGroup(self._connection, self._options.group, Watcher(self._revoked, self._assigned))
        self._group = group
        await group.start(self._wanted)
        return group

    async def _fetch(self, group: KafkaGroup) -> None:
        """Fetch until that fails time and again."""
        failures = 0
        while True:
            hungry = [partition for partition, (lane, _) in self._lanes.items() if lane.wants]
            if self._lanes and not hungry:
                await asyncio.sleep(_SHORT_SECONDS)
                continue
            try:
                await self._feed(group, hungry)
            except BrokerUnavailableError as error:
                failures += 1
                if failures >= _FAILURES:
                    raise
                if failures == 1:
                    _log.info("kafka_fetch_failed", extra={"fields": {"reason": error.message}})
                self._fetch_again()
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                failures = 0

    async def _feed(self, group: KafkaGroup, hungry: Sequence[Partition]) -> None:
        """Fetch once, and give the lanes what came."""
        all_are = len(hungry) == len(self._lanes)
        try:
            fetched = await group.fetch(() if all_are else hungry, _LONG_SECONDS if all_are else _SHORT_SECONDS)
        except OffsetsGoneError as error:
            for partition, offset in error.offsets.items():
                if partition in self._lanes:
                    self._lanes[partition][0].offset_gone(offset)
            self._fetch_again()
        except TopicForbiddenError as error:
            self._fetch_again()
            await self._forbid(error.topic)
        else:
            for partition, messages in fetched.items():
                if partition in self._lanes:
                    self._lanes[partition][0].offer(messages)

    def _fetch_again(self) -> None:
        """Go back to what was offered: a fetch that failed may have let go of messages that it had."""
        for lane, _ in self._lanes.values():
            lane.fetch_again()

    # --- partitions come and go --------------------------------------------------------------------------------------

    def _assigned(self, partitions: Iterable[Partition]) -> None:
        group, tasks = self._group, self._tasks
        if self._stopping.is_set() or group is None or tasks is None:
            return
        ingest, options = self._ingest, self._options
        works = Works(ingest.log, ingest.admission, group, self._letters, self._room, ingest.metrics, options.lane)
        for partition in partitions:
            rule = options.rules.of(partition.topic)
            if rule is None or partition in self._lanes:
                continue
            principal = Principal(rule.tenant, f"kafka:{options.group.name}", frozenset())
            allowance = ingest.quotas.of(principal, monotonic())
            lane = Lane(works, partition, Feed(rule.tenant, options.reading(rule), rule.latest), allowance)
            name = f"kafka-source-{partition.topic}-{partition.partition}"
            self._lanes[partition] = (lane, tasks.create_task(lane.run(), name=name))
        self._interruption = ""
        _log.info("kafka_source_assigned", extra={"fields": {"partitions": len(self._lanes)}})

    async def _revoked(self) -> None:
        """Settle what the lanes have given to the log, and tell the group, which waits for this."""
        lanes, self._lanes = self._lanes, {}
        await asyncio.gather(*(lane.stop(task, _SETTLE_SECONDS) for lane, task in lanes.values()))
        await self._commit({partition: lane.stored for partition, (lane, _) in lanes.items() if lane.placed})
        self._told.clear()

    # --- the group's offsets -----------------------------------------------------------------------------------------

    async def _tell(self) -> None:
        """Tell the group how far the log is, and the metrics how far it is behind."""
        while True:
            await asyncio.sleep(self._options.commit_seconds)
            for partition, (lane, _) in self._lanes.items():
                end = self._group.end(partition) if self._group else None
                if end is not None and lane.placed:
                    lane.behind(end)
            await self._commit(self._stored())

    def _stored(self) -> dict[Partition, int]:
        return {partition: lane.stored for partition, (lane, _) in self._lanes.items() if lane.placed}

    async def _commit(self, stored: Mapping[Partition, int]) -> None:
        """Tell the group; that it does not answer matters to nobody but hubs with other logs."""
        news = {partition: offset for partition, offset in stored.items() if self._told.get(partition) != offset}
        if not news or self._group is None:
            return
        try:
            await self._group.commit(news)
        except BrokerUnavailableError as error:
            _log.info("kafka_source_not_committed", extra={"fields": {"reason": error.message}})
            return
        self._told.update(news)
