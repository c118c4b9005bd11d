"""Topics of a real Kafka broker, as the services that log to them use it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from aiokafka import ConsumerRecord

    from hub.cli.broker import Broker

SECONDS = 20.0


async def create_topic(broker: Broker, name: str, partitions: int = 1, **config: str) -> None:
    """Make a topic; `config` with `_` for `.`."""
    async with _admin(broker) as admin:
        configs = {key.replace("_", "."): value for key, value in config.items()}
        response = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        assert not response.topic_errors[0][1], response


async def delete_topic(broker: Broker, name: str) -> None:
    """Remove a topic."""
    async with _admin(broker) as admin:
        await admin.delete_topics([name])


async def delete_messages(broker: Broker, name: str, before: int) -> None:
    """Remove the first messages of a topic's first partition, as retention does."""
    async with _admin(broker) as admin:
        await admin.delete_records({TopicPartition(name, 0): RecordsToDelete(before_offset=before)})


async def partitions(broker: Broker, name: str) -> int:
    """Return how many partitions a topic has."""
    async with _admin(broker) as admin:
        (topic,) = await admin.describe_topics([name])
        return len(topic["partitions"])


@asynccontextmanager
async def _admin(broker: Broker) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def producer(broker: Broker, **options: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A producer of any messages."""
    made = AIOKafkaProducer(bootstrap_servers=broker.address, max_request_size=32 * 2**20, **options)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def produce(
    broker: Broker, topic: str, *values: bytes | None, partition: int = 0, key: bytes | None = None, **options: Any
) -> None:
    """Write messages to a partition, in this order, and wait for the last one's acknowledgement."""
    headers = options.pop("headers", None)
    async with producer(broker, **options) as made:
        sent = [await made.send(topic, value, key=key, partition=partition, headers=headers) for value in values]
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*sent)


async def messages(broker: Broker, topic: str, count: int) -> list[ConsumerRecord]:
    """Return the first messages of a topic's first partition, once there are so many."""
    partition = TopicPartition(topic, 0)
    async with asyncio.timeout(SECONDS):
        while topic not in await _topics(broker):  # noqa: ASYNC110  the hub makes it
            await asyncio.sleep(0.1)
        consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, max_partition_fetch_bytes=32 * 2**20)
        await consumer.start()
        try:
            consumer.assign([partition])
            consumer.seek(partition, 0)
            found: list[ConsumerRecord] = []
            while len(found) < count:
                found += (await consumer.getmany(timeout_ms=200)).get(partition, [])
            return found
        finally:
            await consumer.stop()


async def _topics(broker: Broker) -> Sequence[str]:
    async with _admin(broker) as admin:
        topics: list[str] = await admin.list_topics()
        return topics


def header(message: ConsumerRecord, name: str) -> str:
    """Return what a dead letter says."""
    value: bytes = dict(message.headers)[f"loghub-{name}"]
    return value.decode()


def names(message: ConsumerRecord) -> Iterable[str]:
    """Return the names of a message's headers."""
    return [name for name, _ in message.headers]
