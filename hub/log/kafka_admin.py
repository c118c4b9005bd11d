"""Makes topics: the log's, and those of whoever else writes to the brokers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from hub.log.kafka_connection import begin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.log.kafka_connection import KafkaConnection


class TopicError(KafkaError):  # type: ignore[misc]
    """A topic could not be made."""


async def make_topic(
    connection: KafkaConnection, topic: str, replication_factor: int, config: Mapping[str, str] | None = None
) -> None:
    """Make a topic of one partition, if it is not there; TopicError where the brokers refuse to.

    `config` is the topic's own; what it does not name is as the brokers are set.
    """
    admin = AIOKafkaAdminClient(**connection.options())
    try:
        await begin(admin)
        new = NewTopic(topic, 1, replication_factor, topic_configs=dict(config or {}))
        response = await admin.create_topics([new])
    finally:
        await admin.close()
    for name, code, *rest in response.topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:  # another hub was quicker
            msg = f"topic {name} cannot be made: {error.__name__} {(rest or [''])[0] or ''}".rstrip()
            raise TopicError(msg)
