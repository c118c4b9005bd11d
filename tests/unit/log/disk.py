"""Logs on a real disk, for the tests of this folder."""

from __future__ import annotations

import asyncio
import random
import threading
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from hub.errors import StorageFailedError
from hub.log.lmdb import Bell, CommitObserver, LmdbLog, LmdbOptions
from hub.log.lmdb_frame import Compression
from hub.log.lmdb_store import Store, StoreLimits
from hub.log.model import Entry
from tests.fakes import FOREVER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    import pytest

    from hub.core.stored import Hole, StoredBatch
    from hub.log.lmdb_frame import Packed
    from hub.log.model import Log, Outcome
    from hub.log.retention import Retention

ROOMY = LmdbOptions(StoreLimits(2**26, 0), Compression(1, 1, 0), 0, 2**20, 2**20)
_NOISE = random.Random(1)  # noqa: S311  payload that zstd cannot make smaller


@asynccontextmanager
async def disk_log(
    path: Path,
    retention: Retention = FOREVER,
    options: LmdbOptions = ROOMY,
    *,
    observer: CommitObserver | None = None,
    bell: Bell | None = None,
) -> AsyncIterator[LmdbLog]:
    """A running log; at the end it stores what it took and is closed. What its disk failed of is not raised again."""
    log = LmdbLog(path, options, retention, observer=observer, bell=bell)
    running = asyncio.create_task(log.run(), name="log")
    try:
        yield log
    finally:
        log.finish()
        with suppress(StorageFailedError):
            await running
        await log.close()


def noise(size: int) -> bytes:
    """Return bytes that take as much room stored as they have."""
    return _NOISE.randbytes(size)


def numbered(seq: int, *, producer: str = "p1", tenant: str = "a", after: int | None = None, records: int = 1) -> Entry:
    """Return a producer's batch number `seq`, which follows the one before it unless `after` says else."""
    data = f"{tenant}/{producer}/{seq}".encode()
    return Entry(tenant, data, records, 1, producer, seq, seq - 1 if after is None else after)


async def read_all(log: Log, tenant: str, offset: int = 0, max_bytes: int = 1) -> list[StoredBatch | Hole]:
    """Read to the end as a subscriber does: again and again from where the last read ended."""
    items: list[StoredBatch | Hole] = []
    while found := await log.read(tenant, offset, max_bytes):
        items.extend(found)
        offset = found[-1].next_offset
    return items


class SlowDisk:
    """Holds commits back, as a disk does, until `go`; `busy` is set while one waits."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.busy = asyncio.Event()
        self._go = threading.Event()
        loop, append = asyncio.get_running_loop(), Store.append

        def slow(store: Store, entries: Sequence[tuple[Entry, Packed]]) -> list[Outcome]:
            loop.call_soon_threadsafe(self.busy.set)
            self._go.wait(10)
            return append(store, entries)

        patch.setattr(Store, "append", slow)

    def go(self) -> None:
        """Let this and all further commits through."""
        self._go.set()
