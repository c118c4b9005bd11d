"""The log as its users see it: what goes in, what comes out, and the protocol between.

The records of a tenant are numbered from 0 without holes; that number is the record's offset. A batch is stored whole
and covers the offsets first_offset … first_offset + records - 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence

    from hub.core.stored import Hole, Parts, StoredBatch


# What the ids of the hub's own producers begin with: no peer's id can (`hub.ingest.admission`), and they are never
# forgotten, since what they count does not begin anew.
OWN = "!"


@dataclass(frozen=True, slots=True)
class Entry:
    """A batch to be stored: `data` is a serialised Batch without first_offset, holding `records` records.

    With a `producer_id`, `seq` is stored as its last sequence number in the same transaction, provided that the last
    one stored until now is `after_seq`; that is what makes a resend harmless. `records` may be 0 where all records were
    refused: then only the sequence number is stored.

    With a `note` it is no batch, and `records` is 0: `data` becomes the tenant's note of that name (b"": there is none
    any more) and `seq` its version, provided that its version until now is `after_seq` (0: there was none). `seq` must
    be larger. So of two who have read the same note, one can write it.

    `parts` are the batch taken apart, for whoever watches; nothing of them is stored.
    """

    tenant: str
    data: bytes
    records: int
    received_unix_nano: int
    producer_id: str = ""
    seq: int = 0
    after_seq: int = 0
    note: str = ""
    parts: Parts | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Note:
    """Something small that is kept of a tenant beside its records, until it is removed; versions only grow."""

    name: str
    version: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Appended:
    """The entry is on disk; `duplicate`: it had been before, and `first_offset` says nothing."""

    first_offset: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class OutOfSequence:
    """The entry was not stored: the producer's last stored sequence number is `last_seq`, not the entry's after_seq.

    Of a note: its version is.
    """

    last_seq: int


Outcome = Appended | OutOfSequence


@dataclass(frozen=True, slots=True)
class Bounds:
    """Offset of the oldest record that is stored, and the one that the next record will get."""

    oldest: int
    next: int


@dataclass(frozen=True, slots=True)
class TenantStats:
    """What a tenant keeps in the log: `stored_bytes` on disk, and how many records retention has removed in all."""

    bounds: Bounds
    stored_bytes: int
    removed_records: int


class Log(Protocol):
    """A durable log of batches for many tenants. Every method is safe to call from the event loop."""

    @property
    def epoch(self) -> int:
        """The log's own number, drawn when it was made; unsigned 64-bit."""

    async def begin(self) -> None:
        """Wait until the epoch is known and everything else can be called, `run` running."""

    async def append(self, entries: Sequence[Entry]) -> list[Outcome]:
        """Store entries, and return what became of each once it is durable.

        All that is stored of one call is stored in order, in one file also together. Raises StorageFullError where
        there is no room (nothing was stored), LogUnavailableError where the log is elsewhere and does not answer (it
        may or may not be stored; a resend with the same seq is harmless), StorageFailedError where the disk failed (the
        log takes nothing any more).
        """

    def submit(self, entries: Sequence[Entry]) -> asyncio.Future[list[Outcome]]:
        """Do as `append` without waiting for room: for callers that bound what they submit, and await `room` between.

        Every error is the future's.
        """

    async def room(self) -> None:
        """Wait while too much waits for the disk."""

    async def read(self, tenant: str, offset: int, max_bytes: int) -> list[StoredBatch | Hole]:
        """Return what is stored from the batch that covers `offset` on, at least one batch and then up to `max_bytes`.

        Holes stand where records are missing; the first item may begin before `offset`. Empty at the end of the log.
        """

    async def bounds(self, tenant: str) -> Bounds:
        """Return where the tenant's stored records begin and end; (0, 0) for a tenant never heard of."""

    async def offset_at(self, tenant: str, received_unix_nano: int) -> int:
        """Return the offset of the first stored record that was received at or after the time; the end if none."""

    async def last_seq(self, tenant: str, producer_id: str) -> int:
        """Return the producer's last stored sequence number; 0 for one never heard of."""

    async def note(self, tenant: str, name: str) -> Note | None:
        """Return a note of the tenant; None where there is none."""

    async def notes(self, tenant: str) -> list[Note]:
        """Return all notes of the tenant, in the order of their names."""

    async def retain(self, now_unix_nano: int) -> int:
        """Remove what is older than the retention; return how many records that were."""

    async def stats(self) -> dict[str, TenantStats]:
        """Return what each tenant keeps."""

    def watch(self, listener: Callable[[str, list[StoredBatch]], None]) -> None:
        """Call `listener` in the event loop after each commit of this process: tenant and batches, in log order.

        A commit of another process calls it with no batches: read what is new.
        """

    async def close(self) -> None:
        """Store what was taken, then let go of the files."""
