"""`loghub doctor` on Kafka: whether brokers can be reached, by whom, and whether the topics are there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hub.cli.finding import failed, ok, warning
from hub.errors import BrokerUnavailableError, LoghubError
from hub.ingest.kafka.settings import rules_of
from hub.ingest.kafka.topics import Topics
from hub.log.kafka_probe import Step, probe
from hub.options import kafka_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.cli.finding import Finding
    from hub.config import Settings
    from hub.ingest.kafka.topics import Census
    from hub.log.kafka_connection import KafkaConnection
    from hub.log.kafka_probe import Trouble

_ADVICE = {
    Step.NAME: "set kafka.brokers to names that this machine can resolve",
    Step.PORT: "start the broker, open the firewall, or set kafka.brokers",
    Step.TLS: "set kafka.ca to the brokers' authority and the port to one with TLS 1.3; without TLS unset kafka.ca",
    Step.CERTIFICATE: "set kafka.cert and kafka.key to a pair from an authority that the broker trusts",
    Step.USER: "set kafka.username, kafka.password_file and kafka.sasl_mechanism as the broker has them",
}


def kafka(settings: Settings) -> Iterator[Finding]:
    """Look at all of it, where Kafka is used."""
    if not settings.kafka.brokers:
        return
    try:
        connection = kafka_connection(settings)
        troubles = asyncio.run(probe(connection))
    except LoghubError as error:
        yield failed("kafka", error.message, "set the files of kafka.ca, kafka.cert, kafka.key, kafka.password_file")
        return
    yield from map(_finding, troubles)
    if any(one.step is None for one in troubles) and settings.kafka.sources:
        yield from _topics(settings, connection)


def _finding(trouble: Trouble) -> Finding:
    if trouble.step is None:
        return ok("kafka", f"{trouble.broker} takes the hub in")
    return failed(f"kafka-{trouble.step}", f"{trouble.broker}: {trouble.reason}", _ADVICE[trouble.step])


def _topics(settings: Settings, connection: KafkaConnection) -> Iterator[Finding]:
    rules = rules_of(settings)
    try:
        census = asyncio.run(_census(connection, rules.named))
    except BrokerUnavailableError as error:
        yield failed("kafka-topics", f"topics cannot be listed: {error.message}", "look at the broker's log")
        return
    for topic in sorted(census.missing):
        yield warning("kafka-topics", f"the topic {topic} does not exist", "make it; the hub reads it once it is there")
    for topic in sorted(census.forbidden):
        yield failed("kafka-topics", f"the hub may not see the topic {topic}", "allow it DESCRIBE and READ")
    if wanted := rules.wanted(census.topics):
        yield ok("kafka-topics", f"{len(wanted)} topics are read: {', '.join(sorted(wanted))}")
    elif not census.missing and not census.forbidden:
        yield warning("kafka-topics", "no topic fits kafka.sources", "set other names or patterns")


async def _census(connection: KafkaConnection, named: frozenset[str]) -> Census:
    topics = Topics(connection)
    try:
        return await topics.census(named)
    finally:
        await topics.close()
