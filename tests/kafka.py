"""Logs on a real Kafka broker."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from hub.errors import StorageFailedError
from hub.log.kafka import KafkaLog, KafkaOptions
from hub.log.kafka_connection import KafkaConnection
from hub.log.kafka_topics import TopicSettings
from hub.log.lmdb import LmdbLog
from tests.unit.log.disk import ROOMY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.cli.broker import Broker
    from hub.log.retention import Retention


def kafka_options(prefix: str, retention: Retention) -> KafkaOptions:
    """Return options for a broker that is alone."""
    topics = TopicSettings(prefix + ".{tenant}", 1, 1, retention.seconds, 8 * 2**20)
    return KafkaOptions(topics, retention.producer_seconds, 0.2, 50, 2**24, 2**22)


@asynccontextmanager
async def kafka_log(
    broker: Broker, folder: Path, prefix: str, retention: Retention, *, timeout_seconds: float = 5.0
) -> AsyncIterator[KafkaLog]:
    """A running log whose topics begin with a prefix, its replica in a folder."""
    connection = KafkaConnection((broker.address,), timeout_seconds=timeout_seconds)
    replica = LmdbLog(folder / "log.mdb", ROOMY, replace(retention, producer_seconds=1e9))
    log = KafkaLog(connection, kafka_options(prefix, retention), replica)
    running = asyncio.create_task(log.run(), name="log")
    try:
        await asyncio.wait_for(log.begin(), 20)
        yield log
    finally:
        log.finish()
        try:
            with suppress(StorageFailedError):
                await running
        finally:
            await log.close()
