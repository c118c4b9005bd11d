"""The topics of the Kafka log: their names, their making, and the log's epoch."""

from __future__ import annotations

import asyncio
import re
import secrets
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from hub.log.kafka_admin import make_topic
from hub.log.kafka_connection import begin

if TYPE_CHECKING:
    from hub.log.kafka_connection import KafkaConnection

_EPOCH = struct.Struct(">Q")
# No tenant's name begins with an underscore.
_EPOCH_NAME = "_epoch"
_EPOCH_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """How topics are named and made: `template` holds `{tenant}`; times in seconds, sizes in bytes."""

    template: str
    replication_factor: int
    min_insync_replicas: int
    retention_seconds: float
    max_message_bytes: int


class Topics:
    """Makes, names and finds the topics."""

    def __init__(self, connection: KafkaConnection, settings: TopicSettings) -> None:
        self._connection = connection
        self._settings = settings
        before, _, after = settings.template.partition("{tenant}")
        self._pattern = re.compile(re.escape(before) + "([a-z0-9][a-z0-9._-]*)" + re.escape(after))

    def partition(self, tenant: str) -> TopicPartition:
        """Return the tenant's one partition."""
        return TopicPartition(self._settings.template.replace("{tenant}", tenant), 0)

    def tenant(self, topic: str) -> str:
        """Return whose topic it is; "" for topics of others."""
        found = self._pattern.fullmatch(topic)
        return found[1] if found else ""

    async def create(self, tenant: str) -> None:
        """Make a tenant's topic, if it is not there."""
        settings = self._settings
        await self._create(
            self.partition(tenant).topic,
            {
                "cleanup.policy": "delete",
                "retention.ms": str(int(settings.retention_seconds * 1000)),
                "max.message.bytes": str(settings.max_message_bytes),
            },
        )

    async def epoch(self) -> int:
        """Return the log's epoch: the first message of a topic of its own, drawn by the hub that came first."""
        partition = self.partition(_EPOCH_NAME)
        await self._create(partition.topic, {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"})
        consumer = AIOKafkaConsumer(**self._connection.consumer_options(_EPOCH_BYTES))
        try:
            await begin(consumer)
            consumer.assign([partition])
            if not (await consumer.end_offsets([partition]))[partition]:
                await self._draw(partition)
            consumer.seek(partition, 0)
            async with asyncio.timeout(self._connection.timeout_seconds):
                record = await consumer.getone(partition)
            return int(_EPOCH.unpack(record.value)[0])
        finally:
            await consumer.stop()

    async def _draw(self, partition: TopicPartition) -> None:
        producer = AIOKafkaProducer(**self._connection.options(), acks="all", enable_idempotence=True)
        try:
            await begin(producer)
            async with asyncio.timeout(self._connection.timeout_seconds):
                await producer.send_and_wait(partition.topic, _EPOCH.pack(secrets.randbits(64)), partition=0)
        finally:
            await producer.stop()

    async def _create(self, topic: str, config: dict[str, str]) -> None:
        settings = self._settings
        config = {"min.insync.replicas": str(settings.min_insync_replicas), **config}
        await make_topic(self._connection, topic, settings.replication_factor, config)
