"""Writes messages that could not be read to their topics, and makes these where they are missing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from hub.log.kafka_admin import make_topic
from hub.log.kafka_connection import begin, explained, let_go

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.ingest.kafka.message import DeadLetter
    from hub.ingest.kafka.ports import Partition
    from hub.ingest.kafka.topics import Topics
    from hub.log.kafka_connection import KafkaConnection

# Beside the value: key, headers and the batch around them.
_OVERHEAD_BYTES = 128 * 2**10
_MAX_KEY_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class LetterOptions:
    """The topic of a topic's letters, the size of a letter's value, and the copies of a topic that the hub makes."""

    topic_of: Callable[[str], str]
    max_bytes: int
    replication_factor: int


class DeadLetters:
    """`hub.ingest.kafka.ports.Letters` on a broker. Acknowledged by all copies; a letter may come twice, never not."""

    def __init__(self, connection: KafkaConnection, topics: Topics, options: LetterOptions) -> None:
        self._connection = connection
        self._topics = topics
        self._options = options
        self._known: set[str] = set()
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()

    async def write(self, partition: Partition, letters: tuple[DeadLetter, ...]) -> tuple[tuple[DeadLetter, ...], str]:
        """Write letters; return those that the brokers do not have, and why."""
        topic = self._options.topic_of(partition.topic)
        try:
            async with asyncio.timeout(self._connection.timeout_seconds):
                await self._ensure(topic)
                producer = await self._connected()
        except (KafkaError, OSError, TimeoutError) as error:
            return letters, f"{topic}: {explained(error)}"
        sending = [self._send(producer, topic, partition, letter) for letter in letters]
        results = await asyncio.gather(*sending)
        left = tuple(letter for letter, failed in zip(letters, results, strict=True) if failed)
        if not left:
            return (), ""
        self._known.discard(topic)
        await self.close()  # after some errors the library's producer cannot be used any more
        return left, f"{topic}: {next(filter(None, results))}"

    async def _send(self, producer: AIOKafkaProducer, topic: str, partition: Partition, letter: DeadLetter) -> str:
        """Write a letter; return why that failed, "" where it did not."""
        key = letter.message.key
        try:
            async with asyncio.timeout(self._connection.timeout_seconds):
                await producer.send_and_wait(
                    topic,
                    letter.value(self._options.max_bytes),
                    key=key[:_MAX_KEY_BYTES] if key else None,
                    headers=letter.headers(*partition, self._options.max_bytes),
                )
        except (KafkaError, OSError, TimeoutError) as error:
            return explained(error)
        return ""

    async def _ensure(self, topic: str) -> None:
        """Make the topic where it is missing."""
        if topic in self._known:
            return
        if topic not in (await self._topics.look([topic])).topics:
            await make_topic(self._connection, topic, self._options.replication_factor)
        self._known.add(topic)

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self._connection.options(),
                    acks="all",
                    enable_idempotence=True,
                    max_request_size=self._options.max_bytes + _OVERHEAD_BYTES,
                )
                try:
                    await begin(producer)
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def close(self) -> None:
        """End the connection."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await let_go(producer)
