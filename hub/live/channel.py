"""Channels: one evaluation and one encoding for every watcher of the same records.

A channel belongs to a tenant, a canonical filter and a wire. A batch is matched and encoded once for it; what is left
for each watcher is one write of ready bytes. Accounts are kept by the channel too: a watcher's own is the difference
since it joined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hub.pb.tail_pb2 import Position, ServerMessage

if TYPE_CHECKING:
    from hub.core.filter import Filter
    from hub.core.ports import Sink, Wire
    from hub.core.tail_batch import TailBatch
    from hub.observe.metrics import TenantCounts


@dataclass(frozen=True, slots=True)
class Account:
    """Records that passed by, and those of them that were sent."""

    accepted: int = 0
    delivered: int = 0

    def __sub__(self, other: Account) -> Account:
        """Return what came since."""
        return Account(self.accepted - other.accepted, self.delivered - other.delivered)


class Watcher(Protocol):
    """A subscription, as a channel sees it."""

    id: str
    sink: Sink

    def fell_behind(self, offset: int) -> None:
        """Go back to reading the log from an offset: the peer does not keep up."""


class Channel:
    """Watchers that all stand at the head of their tenant's log."""

    def __init__(self, wanted: Filter, wire: Wire, counts: TenantCounts) -> None:
        self.filter = wanted
        self.wire = wire
        self.account = Account()
        self.watchers: set[Watcher] = set()
        self._counts = counts
        self._unsaid: str | None = None

    def publish(self, batch: TailBatch) -> None:
        """Send what matches of a batch to all watchers; those that do not keep up leave first."""
        for watcher in [watcher for watcher in self.watchers if watcher.sink.full]:
            self.watchers.discard(watcher)
            watcher.fell_behind(batch.stored.first_offset)
        indexes = batch.indexes(self.filter, 0)
        total, matched = batch.stored.records, len(indexes)
        self.account = Account(self.account.accepted + total, self.account.delivered + matched)
        if matched < total:
            self._counts.filtered.inc((total - matched) * len(self.watchers))
        if not matched:
            self._unsaid = batch.cursor
            return
        self._unsaid = None
        self._counts.delivered.inc(matched * len(self.watchers))
        body = self.wire.body(batch, indexes)
        frames: dict[str, bytes] = {}
        for watcher in self.watchers:
            frame = frames.get(watcher.id)
            if frame is None:
                frame = frames[watcher.id] = self.wire.records(watcher.id, batch.cursor, body)
            watcher.sink.write(frame)

    def say_position(self) -> None:
        """Tell watchers where they stand, if records went by of which none matched."""
        if self._unsaid is None:
            return
        for watcher in self.watchers:
            position = Position(id=watcher.id, cursor=self._unsaid)
            watcher.sink.write(self.wire.message(ServerMessage(position=position)))
        self._unsaid = None
