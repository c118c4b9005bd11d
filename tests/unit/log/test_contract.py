"""The contract of every log, on the one in memory and the one on disk."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest_asyncio

from hub.log.memory import MemoryLog
from tests.fakes import FOREVER
from tests.log_contract import *  # noqa: F403  its tests
from tests.unit.log.disk import disk_log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.log.model import Log
    from hub.log.retention import Retention
    from tests.log_contract import Make


@pytest_asyncio.fixture(params=["memory", "lmdb"])
async def make(request: Any, tmp_path: Path) -> AsyncIterator[Make]:
    """Return a function that makes a log with a retention."""
    async with AsyncExitStack() as stack:

        async def make(retention: Retention) -> Log:
            if request.param == "memory":
                return MemoryLog(retention)
            return await stack.enter_async_context(disk_log(tmp_path / "log.mdb", retention))

        yield make


@pytest_asyncio.fixture
async def log(make: Make) -> Log:
    """A log that keeps everything."""
    return await make(FOREVER)
