"""The contract of every log, on Kafka."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest_asyncio

from tests.fakes import FOREVER
from tests.kafka import kafka_log
from tests.log_contract import *  # noqa: F403  its tests

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.cli.broker import Broker
    from hub.log.model import Log
    from hub.log.retention import Retention
    from tests.log_contract import Make


@pytest_asyncio.fixture(loop_scope="session")
async def make(broker: Broker, tmp_path: Path) -> AsyncIterator[Make]:
    """Return a function that makes a log with a retention, in topics of its own."""
    async with AsyncExitStack() as stack:

        async def make(retention: Retention) -> Log:
            name = uuid4().hex
            return await stack.enter_async_context(kafka_log(broker, tmp_path / name, name, retention))

        yield make


@pytest_asyncio.fixture(loop_scope="session")
async def log(make: Make) -> Log:
    """A log that keeps everything."""
    return await make(FOREVER)
