"""The embedded log: group commits to an LMDB file, and reads beside them.

One thread writes. While it waits for the disk, appends gather; the next transaction takes them all, so the cost of an
fsync is shared by whatever came in the meantime. Two threads read, in transactions of a few milliseconds, since a long
one would stop LMDB from using freed pages again.

Batches are compressed as they come, in the event loop: handing each to the writer's thread and back costs more than it
saves, and a commit is then over sooner. Only large ones, which would hold the loop up, are left to the thread
(`docs/design/group-commit.md`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeVar

from hub.core.stored import Hole, StoredBatch
from hub.errors import ShuttingDownError, StorageFailedError, StorageFullError
from hub.log.lmdb_frame import Compression, Packed, Packer
from hub.log.lmdb_store import Snapshot, Store, StoreLimits
from hub.log.model import Appended, Bounds, Entry, Note, Outcome, TenantStats
from hub.log.writer_thread import WriterThread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.log.retention import Retention

T = TypeVar("T")

_READERS = 2
# A batch of more is compressed in the writer's thread: 1 ms at the usual level.
_INLINE_BYTES = 512 * 1024
# While the log is busy, how long nothing may have come for a group to be closed, and how long one gathers at most.
_PAUSE_SECONDS = 0.002
_GATHER_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class LmdbOptions:
    """How the embedded log works: its room, its compression, and the bytes of one group commit.

    A busy log gathers `busy_group_bytes` before it commits, as long as they keep coming. `max_pending_bytes` bounds
    what waits for the disk; when it is full, `append` waits.
    """

    limits: StoreLimits
    compression: Compression
    busy_group_bytes: int
    group_max_bytes: int
    max_pending_bytes: int


class CommitObserver(Protocol):
    """Who wants to know how commits go."""

    def committed(self, seconds: float, batches: int, size_bytes: int) -> None:
        """Take the time of a group commit, its batches and their bytes before compression."""


class Bell(Protocol):
    """Tells the other processes on the same file that something was stored."""

    def ring(self, tenants: Sequence[str]) -> None:
        """Wake them for these tenants."""

    def answer(self, listener: Callable[[str], None]) -> None:
        """Call the listener with each tenant that another process rings for."""

    def close(self) -> None:
        """Stop listening."""


@dataclass(slots=True)
class _Waiting:
    """Entries on their way to the disk, and their bytes; `packed` are frames, or None until the writer makes them."""

    entries: Sequence[Entry]
    size: int
    packed: list[Packed] | None
    done: asyncio.Future[list[Outcome]]


class LmdbLog:
    """The `Log` on LMDB. `run` must be running for `append` to return."""

    def __init__(
        self,
        path: Path,
        options: LmdbOptions,
        retention: Retention,
        *,
        observer: CommitObserver | None = None,
        bell: Bell | None = None,
    ) -> None:
        """Open the file; ConfigError where it cannot be used."""
        self._store = Store(path, options.limits, retention)
        self._options = options
        self._observer = observer
        self._bell = bell
        self._packer = Packer(options.compression)
        self._packer_of_writer = Packer(options.compression)
        self._writer = WriterThread("log-writer")
        self._readers = ThreadPoolExecutor(_READERS, "log-reader")
        # Bounded by max_pending_bytes: append waits for room.
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._committing_bytes = 0
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closing = False
        self._failed: StorageFailedError | None = None
        self._listeners: list[Callable[[str, list[StoredBatch]], None]] = []
        if bell:
            bell.answer(self._rung)

    @property
    def epoch(self) -> int:
        """The log's own number, drawn when it was made."""
        return self._store.epoch

    async def begin(self) -> None:
        """Return: the file is open."""

    async def append(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Store entries; see `Log.append`."""
        await self.room()
        return await self.submit(entries)

    async def room(self) -> None:
        """Wait while too much waits for the disk."""
        while not self._room.is_set():
            await self._room.wait()

    def submit(self, entries: Sequence[Entry]) -> asyncio.Future[list[Outcome]]:
        """Store entries; see `Log.submit`."""
        done: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        if self._failed or self._closing:
            done.set_exception(self._failed or ShuttingDownError())
            return done
        size = sum(len(entry.data) for entry in entries)
        busy_bytes = self._committing_bytes + self._waiting_bytes + size
        if busy_bytes > self._options.compression.busy_bytes:  # it will wait, and is kept once, not in parts too
            entries = [replace(entry, parts=None) if entry.parts else entry for entry in entries]
        packed = _pack(self._packer, entries, busy_bytes) if size <= _INLINE_BYTES else None
        self._waiting.append(_Waiting(entries, size, packed, done))
        self._waiting_bytes += size
        if self._waiting_bytes >= self._options.max_pending_bytes:
            self._room.clear()
        self._work.set()
        return done

    async def run(self) -> None:
        """Commit group after group until `close`; raises StorageFailedError where the disk failed."""
        while True:
            await self._work.wait()
            group = self._take()
            if not group:
                if self._closing:
                    return
                self._work.clear()
                continue
            await self._commit(group)
            if self._committing_bytes > self._options.compression.busy_bytes:
                await self._gather()
            self._committing_bytes = 0

    async def _commit(self, group: list[_Waiting]) -> None:
        """Store a group, publish it, and tell whoever waits; StorageFailedError where the disk failed."""
        self._committing_bytes = sum(waiting.size for waiting in group)
        started = monotonic()
        try:
            outcomes = await self._writer.do(partial(self._write, group))
        except StorageFullError as error:
            for waiting in group:
                _settle(waiting.done, error)
            return
        except StorageFailedError as error:
            self._fail(group, error)
            raise
        entries = [entry for waiting in group for entry in waiting.entries]
        frames = [one for waiting in group for one in waiting.packed or ()]
        if self._observer:
            self._observer.committed(monotonic() - started, len(entries), self._committing_bytes)
        self._publish(entries, frames, outcomes)
        at = 0
        for waiting in group:
            _settle(waiting.done, outcomes[at : at + len(waiting.entries)])
            at += len(waiting.entries)

    async def _gather(self) -> None:
        """Wait for more to share an fsync, while it keeps coming and the group is small."""
        deadline = monotonic() + _GATHER_SECONDS
        before = -1
        while before < self._waiting_bytes < self._options.busy_group_bytes and monotonic() < deadline:
            before = self._waiting_bytes
            await asyncio.sleep(_PAUSE_SECONDS)

    def _take(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        size = 0
        while self._waiting and (not group or size + self._waiting[0].size <= self._options.group_max_bytes):
            waiting = self._waiting.popleft()
            size += waiting.size
            if not waiting.done.cancelled():
                group.append(waiting)
        self._waiting_bytes -= size
        if self._waiting_bytes < self._options.max_pending_bytes:
            self._room.set()
        return group

    def _write(self, group: list[_Waiting]) -> list[Outcome]:
        frames: list[tuple[Entry, Packed]] = []
        for waiting in group:
            if waiting.packed is None:
                waiting.packed = _pack(self._packer_of_writer, waiting.entries, self._committing_bytes)
            frames.extend(zip(waiting.entries, waiting.packed, strict=True))
        return self._store.append(frames)

    def _publish(self, entries: Sequence[Entry], frames: Sequence[Packed], outcomes: Sequence[Outcome]) -> None:
        stored: dict[str, list[StoredBatch]] = {}
        for entry, packed, outcome in zip(entries, frames, outcomes, strict=True):
            if isinstance(outcome, Appended) and not outcome.duplicate and entry.records:
                at, received = outcome.first_offset, entry.received_unix_nano
                batch = StoredBatch(at, entry.records, received, entry.data, packed.zstd, entry.parts)
                stored.setdefault(entry.tenant, []).append(batch)
        for tenant, batches in stored.items():
            for listener in self._listeners:
                listener(tenant, batches)
        if self._bell and stored:
            self._bell.ring(list(stored))

    def _rung(self, tenant: str) -> None:
        for listener in self._listeners:
            listener(tenant, [])

    def _fail(self, group: list[_Waiting], error: StorageFailedError) -> None:
        self._failed = error
        for waiting in [*group, *self._waiting]:
            _settle(waiting.done, error)
        self._waiting.clear()
        self._room.set()

    async def read(self, tenant: str, offset: int, max_bytes: int) -> list[StoredBatch | Hole]:
        """Read from an offset on; see `Log.read`."""
        return await self._reading(partial(self._store.read, tenant, offset, max_bytes))

    async def bounds(self, tenant: str) -> Bounds:
        """Return where the tenant's records begin and end; see `Log.bounds`."""
        return await self._reading(partial(self._store.bounds, tenant))

    async def offset_at(self, tenant: str, received_unix_nano: int) -> int:
        """Find an offset by time; see `Log.offset_at`."""
        return await self._reading(partial(self._store.offset_at, tenant, received_unix_nano))

    async def last_seq(self, tenant: str, producer_id: str) -> int:
        """Return the producer's last stored sequence number; see `Log.last_seq`."""
        return await self._reading(partial(self._store.last_seq, tenant, producer_id))

    async def note(self, tenant: str, name: str) -> Note | None:
        """Return a note; see `Log.note`."""
        return await self._reading(partial(self._store.note, tenant, name))

    async def notes(self, tenant: str) -> list[Note]:
        """Return all notes of the tenant; see `Log.notes`."""
        return await self._reading(partial(self._store.notes, tenant))

    async def stats(self) -> dict[str, TenantStats]:
        """Return what each tenant keeps; see `Log.stats`."""
        return await self._reading(self._store.stats)

    async def retain(self, now_unix_nano: int) -> int:
        """Remove what is too old; see `Log.retain`."""
        return await self._writing(partial(self._store.retain, now_unix_nano))

    # --- as the replica of a log elsewhere ---------------------------------------------------------------------------

    @property
    def is_replica(self) -> bool:
        """Whether the file is the replica of a log elsewhere, whose epoch it has."""
        return self._store.is_replica

    async def adopt(self, epoch: int) -> None:
        """Take another log's epoch; ConfigError where the file is of another one."""
        await self._writing(partial(self._store.adopt, epoch))

    async def install(self, tenant: str, snapshot: Snapshot) -> None:
        """Have the tenant begin anew where a snapshot was taken."""
        await self._writing(partial(self._store.install, tenant, snapshot))

    async def forget(self, tenant: str, before_unix_nano: int) -> None:
        """Forget the tenant's producers whose last batch was received before."""
        await self._writing(partial(self._store.forget, tenant, before_unix_nano))

    async def snapshot(self, tenant: str) -> Snapshot:
        """Return where the tenant's records end, its producers, and its notes."""
        return await self._reading(partial(self._store.snapshot, tenant))

    async def _writing(self, call: Callable[[], T]) -> T:
        return await self._writer.do(call)

    async def _reading(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, call)

    def watch(self, listener: Callable[[str, list[StoredBatch]], None]) -> None:
        """Call the listener after each commit; see `Log.watch`."""
        self._listeners.append(listener)

    def finish(self) -> None:
        """Take nothing more; `run` returns once what was taken is stored."""
        self._closing = True
        self._room.set()
        self._work.set()

    async def close(self) -> None:
        """Let go of the file and the threads; call after `run` has returned."""
        self.finish()
        if self._bell:
            self._bell.close()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._writer.shutdown)
        await loop.run_in_executor(None, self._readers.shutdown)
        self._store.close()


def _pack(packer: Packer, entries: Sequence[Entry], busy_bytes: int) -> list[Packed]:
    pack = partial(packer.pack, busy_bytes=busy_bytes)
    return [pack(entry.data, entry.records, entry.received_unix_nano) for entry in entries]


def _settle(done: asyncio.Future[list[Outcome]], result: list[Outcome] | Exception) -> None:
    if done.done():  # whoever waited was cancelled; what is stored stays stored
        return
    if isinstance(result, Exception):
        done.set_exception(result)
    else:
        done.set_result(result)
