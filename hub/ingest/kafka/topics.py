"""Which topics there are, and what is the matter with those that are named and not there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, NoBrokersAvailable, TopicAuthorizationFailedError, for_code
from aiokafka.protocol.metadata import MetadataRequest

from hub.errors import BrokerUnavailableError
from hub.log.kafka_connection import explained

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.log.kafka_connection import KafkaConnection


@dataclass(frozen=True, slots=True)
class Census:
    """The topics that the hub may see, and of those that were asked for the missing and the forbidden."""

    topics: frozenset[str]
    missing: frozenset[str] = frozenset()
    forbidden: frozenset[str] = frozenset()


class Topics:
    """Asks the brokers; it never has them make a topic."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._client: AIOKafkaClient | None = None

    async def census(self, named: Iterable[str]) -> Census:
        """Return what there is; BrokerUnavailableError."""
        try:
            return await self.look(named)
        except (KafkaError, OSError, TimeoutError) as error:
            raise BrokerUnavailableError(explained(error)) from error

    async def look(self, named: Iterable[str]) -> Census:
        """Do as `census`, and raise what the client library raises."""
        try:
            async with asyncio.timeout(self._connection.timeout_seconds):
                return await self._look(frozenset(named))
        except (KafkaError, OSError, TimeoutError):
            await self.close()
            raise

    async def _look(self, named: frozenset[str]) -> Census:
        if self._client is None:
            options = self._connection.options()
            client = self._client = AIOKafkaClient(**options)
            await client.bootstrap()
        topics = frozenset(await self._ask(None))
        absent = named - topics
        if not absent:
            return Census(topics)
        answers = await self._ask(sorted(absent))
        forbidden = {topic for topic, error in answers.items() if error is TopicAuthorizationFailedError}
        there = {topic for topic, error in answers.items() if not issubclass(error, KafkaError) or not error.errno}
        return Census(topics | there, absent - forbidden - there, frozenset(forbidden))

    async def _ask(self, topics: list[str] | None) -> dict[str, type[KafkaError]]:
        """Return topics and their errors."""
        client = self._client
        node = client.get_random_node() if client else None
        if client is None or node is None:
            raise NoBrokersAvailable
        answer = await client.send(node, MetadataRequest(topics, allow_auto_topic_creation=False))
        return {topic: for_code(code) for code, topic, *_ in answer.topics}

    async def close(self) -> None:
        """End the connection."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
