"""hub.log.memory: what the log in memory does beside the contract (`test_contract.py`)."""

from __future__ import annotations

import asyncio

import pytest

from hub.errors import StorageFullError
from hub.log.memory import MemoryLog
from hub.log.model import Appended, Bounds
from tests.fakes import FOREVER
from tests.unit.log.disk import numbered


async def test_it_refuses_as_a_full_disk_does_while_told_to() -> None:
    """Nothing is stored and nobody hears of it; afterwards it goes on."""
    log = MemoryLog(FOREVER)
    heard: list[str] = []
    log.watch(lambda tenant, _: heard.append(tenant))
    log.refuse = StorageFullError(retry_after_seconds=5)
    with pytest.raises(StorageFullError):
        await log.append([numbered(1)])
    with pytest.raises(StorageFullError):
        await log.submit([numbered(1)])
    assert (await log.bounds("a"), await log.last_seq("a", "p1"), heard) == (Bounds(0, 0), 0, [])
    log.refuse = None
    assert await log.append([numbered(1)]) == [Appended(0)]


async def test_its_epoch_is_the_one_that_a_test_gives_it() -> None:
    """So a test can make a log that was made anew."""
    assert (MemoryLog(FOREVER).epoch, MemoryLog(FOREVER, epoch=7).epoch) == (1, 7)


async def test_it_stores_and_reads_without_being_run() -> None:
    """Running, finishing and closing do nothing: what is stored can still be read."""
    log = MemoryLog(FOREVER)
    async with asyncio.timeout(1):
        await log.room()
        await log.append([numbered(1)])
        await log.run()
        log.finish()
        await log.close()
    assert len(await log.read("a", 0, 1)) == 1
