"""A log in memory: for tests, and for whoever wants to see what a `Log` does without a disk."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.core.stored import Hole, HoleReason, StoredBatch
from hub.log.model import OWN, Appended, Bounds, Entry, Note, Outcome, OutOfSequence, TenantStats

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.log.retention import Retention


@dataclass(slots=True)
class _Tenant:
    batches: list[StoredBatch] = field(default_factory=list)
    next: int = 0
    removed: int = 0

    @property
    def oldest(self) -> int:
        return self.batches[0].first_offset if self.batches else self.next

    @property
    def size(self) -> int:
        return sum(len(batch.data) for batch in self.batches)


class MemoryLog:
    """The `Log` in memory. `refuse` is raised by the next appends, for tests of a full or broken disk."""

    def __init__(self, retention: Retention, *, epoch: int = 1) -> None:
        self.epoch = epoch
        self.refuse: Exception | None = None
        self._retention = retention
        self._tenants: dict[str, _Tenant] = {}
        self._producers: dict[tuple[str, str], tuple[int, int]] = {}
        self._notes: dict[tuple[str, str], Note] = {}
        self._listeners: list[Callable[[str, list[StoredBatch]], None]] = []

    async def begin(self) -> None:
        """Return: there is nothing to wait for."""

    async def append(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Store entries; see `Log.append`."""
        if self.refuse:
            raise self.refuse
        outcomes = []
        stored: dict[str, list[StoredBatch]] = {}
        for entry in entries:
            outcome = self._put(entry)
            outcomes.append(outcome)
            if entry.note:
                continue
            if isinstance(outcome, Appended) and not outcome.duplicate and entry.records:
                stored.setdefault(entry.tenant, []).append(self._tenants[entry.tenant].batches[-1])
        for tenant, batches in stored.items():
            self._trim(tenant, 0)
            for listener in self._listeners:
                listener(tenant, batches)
        return outcomes

    def submit(self, entries: Sequence[Entry]) -> asyncio.Future[list[Outcome]]:
        """Store entries; see `Log.submit`."""
        return asyncio.ensure_future(self.append(entries))

    async def room(self) -> None:
        """Return: there is always room."""

    def _put(self, entry: Entry) -> Outcome:
        if entry.note:
            return self._put_note(entry)
        tenant = self._tenants.setdefault(entry.tenant, _Tenant())
        if entry.producer_id:
            last = self._producers.get((entry.tenant, entry.producer_id), (0, 0))[0]
            if last >= entry.seq:
                return Appended(0, duplicate=True)
            if last != entry.after_seq:
                return OutOfSequence(last)
            self._producers[entry.tenant, entry.producer_id] = (entry.seq, entry.received_unix_nano)
        first = tenant.next
        if entry.records:
            tenant.batches.append(StoredBatch(first, entry.records, entry.received_unix_nano, entry.data))
            tenant.next += entry.records
        return Appended(first)

    def _put_note(self, entry: Entry) -> Outcome:
        key = entry.tenant, entry.note
        version = self._notes[key].version if key in self._notes else 0
        if version != entry.after_seq:
            return OutOfSequence(version)
        if entry.data:
            self._notes[key] = Note(entry.note, entry.seq, entry.data)
        else:
            self._notes.pop(key, None)
        return Appended(0)

    def _trim(self, name: str, before: int) -> int:
        tenant, removed = self._tenants[name], 0
        while len(tenant.batches) > 1 and (
            tenant.size > self._retention.bytes_of(name) or tenant.batches[0].received_unix_nano < before
        ):
            removed += tenant.batches.pop(0).records
        tenant.removed += removed
        return removed

    async def read(self, tenant: str, offset: int, max_bytes: int) -> list[StoredBatch | Hole]:
        """Read from an offset on; see `Log.read`."""
        row = self._tenants.get(tenant, _Tenant())
        items: list[StoredBatch | Hole] = []
        if offset < row.oldest:
            items.append(Hole(offset, row.oldest, HoleReason.RETENTION))
        size = 0
        for batch in row.batches:
            if batch.next_offset > offset and size < max(max_bytes, 1):
                items.append(batch)
                size += len(batch.data)
        return items

    async def bounds(self, tenant: str) -> Bounds:
        """Return where the tenant's records begin and end; see `Log.bounds`."""
        row = self._tenants.get(tenant, _Tenant())
        return Bounds(row.oldest, row.next)

    async def offset_at(self, tenant: str, received_unix_nano: int) -> int:
        """Find an offset by time; see `Log.offset_at`."""
        row = self._tenants.get(tenant, _Tenant())
        later = (batch.first_offset for batch in row.batches if batch.received_unix_nano >= received_unix_nano)
        return next(later, row.next)

    async def last_seq(self, tenant: str, producer_id: str) -> int:
        """Return the producer's last stored sequence number; see `Log.last_seq`."""
        return self._producers.get((tenant, producer_id), (0, 0))[0]

    async def note(self, tenant: str, name: str) -> Note | None:
        """Return a note; see `Log.note`."""
        return self._notes.get((tenant, name))

    async def notes(self, tenant: str) -> list[Note]:
        """Return all notes of the tenant; see `Log.notes`."""
        return [self._notes[key] for key in sorted(self._notes) if key[0] == tenant]

    async def retain(self, now_unix_nano: int) -> int:
        """Remove what is too old; see `Log.retain`."""
        forget = now_unix_nano - int(self._retention.producer_seconds * 1e9)
        self._producers = {
            key: value for key, value in self._producers.items() if value[1] >= forget or key[1].startswith(OWN)
        }
        before = now_unix_nano - int(self._retention.seconds * 1e9)
        return sum(self._trim(name, before) for name in self._tenants)

    async def stats(self) -> dict[str, TenantStats]:
        """Return what each tenant keeps; see `Log.stats`."""
        return {
            name: TenantStats(Bounds(row.oldest, row.next), row.size, row.removed)
            for name, row in self._tenants.items()
        }

    def watch(self, listener: Callable[[str, list[StoredBatch]], None]) -> None:
        """Call the listener after each commit; see `Log.watch`."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Do nothing: appends are stored at once."""

    def finish(self) -> None:
        """Do nothing: nothing waits."""

    async def close(self) -> None:
        """Do nothing: there is nothing to let go of."""
