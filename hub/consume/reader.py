"""Finds a group's next piece in the log: what matches from an offset on, as much as one delivery may hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.core.consumer_group import Piece
from hub.core.stored import Hole
from hub.core.tail_batch import TailBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core.filter import Filter
    from hub.core.stored import StoredBatch
    from hub.log.model import Log

# So much is read for one piece without anything that matters; then others have their turn.
_SCAN_READS = 16
_LAST_OFFSET = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Want:
    """What a piece may hold at most, and where it must end."""

    max_records: int
    max_bytes: int
    end: int = _LAST_OFFSET


@dataclass(slots=True)
class Found:
    """A piece from `begin` up to `next`: parts of batches, and holes. `size` is about how many bytes that is."""

    begin: int
    next: int
    parts: list[tuple[TailBatch, Sequence[int]]] = field(default_factory=list)
    holes: list[Hole] = field(default_factory=list)
    records: int = 0
    size: int = 0
    full: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing in it matters."""
        return not self.parts and not self.holes

    def piece(self, begin: int) -> Piece:
        """Return it as a piece that begins at an offset from which on nothing else matters."""
        firsts = [batch.stored.first_offset + indexes[0] for batch, indexes in self.parts]
        first = min([*firsts, *(hole.first_offset for hole in self.holes)], default=self.next)
        return Piece(begin, first, self.next, self.records)


class PieceReader:
    """Reads a tenant's log for one group; keeps what it read last, since the next piece mostly begins there."""

    def __init__(self, log: Log, tenant: str, wanted: Filter, read_bytes: int) -> None:
        self._log = log
        self._tenant = tenant
        self._wanted = wanted
        self._read_bytes = read_bytes
        self._kept: list[StoredBatch | Hole] = []
        self._batch: TailBatch | None = None

    async def find(self, begin: int, want: Want) -> Found:
        """Return what is there from an offset on: an empty piece where nothing matters in it, or at the log's end."""
        found = Found(begin, begin)
        for _ in range(_SCAN_READS):
            items = await self._items(found.next)
            if not items:
                break
            for item in items:
                if found.full or found.next >= want.end:
                    break
                self._take(found, item, want)
            if not found.empty or found.next >= want.end:
                break
        return found

    async def _items(self, offset: int) -> list[StoredBatch | Hole]:
        rest = [item for item in self._kept if item.next_offset > offset]
        if not rest or rest[0].first_offset > offset:
            rest = await self._log.read(self._tenant, offset, self._read_bytes)
        self._kept = rest
        return rest

    def _take(self, found: Found, item: StoredBatch | Hole, want: Want) -> None:
        """Take as much of an item as there is room for."""
        if item.next_offset <= found.next:
            return
        end = min(item.next_offset, want.end)
        if isinstance(item, Hole):
            found.holes.append(Hole(max(item.first_offset, found.next), end, item.reason))
            found.next = end
            return
        batch = self._parsed(item)
        matching = batch.indexes(self._wanted, found.next)
        if end < item.next_offset:
            matching = [index for index in matching if item.first_offset + index < end]
        average = len(item.data) // item.records + 1
        room = min(want.max_records - found.records, max((want.max_bytes - found.size) // average, 1))
        taken = matching[:room]
        if taken:
            found.parts.append((batch, taken))
            found.records += len(taken)
            found.size += average * len(taken)
        cut = len(taken) < len(matching)
        found.full = cut or found.records >= want.max_records or found.size >= want.max_bytes
        found.next = item.first_offset + taken[-1] + 1 if cut else end

    def _parsed(self, item: StoredBatch) -> TailBatch:
        """Return the batch, parsed once for all the pieces that are cut from it."""
        if self._batch is None or self._batch.stored is not item:
            self._batch = TailBatch(item, self._log.epoch, self._tenant)
        return self._batch
