"""Channels: one evaluation and one encoding for every watcher of the same records.

A channel belongs to a tenant, a canonical filter and a wire. What matches of a batch is encoded once for it; what is
left for each watcher is one write of ready bytes. What was delivered is counted by the channel too: a watcher's own is
the difference since it joined. Metered watchers, which may get less than the others, are asked about each batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hub.pb.tail_pb2 import Position, ServerMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core.filter import Filter
    from hub.core.ports import Sink, Wire
    from hub.core.tail_batch import TailBatch


class Watcher(Protocol):
    """A subscription, as a channel sees it."""

    id: str
    sink: Sink

    def fell_behind(self, offset: int) -> None:
        """Go back to reading the log from an offset: the peer does not keep up."""

    def take(self, batch: TailBatch, indexes: Sequence[int]) -> None:
        """Send as much of a batch as is allowed."""


class Channel:
    """Watchers that all stand at the head of their tenant's log.

    delivered   records sent to each plain watcher since the channel was made
    said        the offset up to which the plain watchers know where they stand
    """

    def __init__(self, wanted: Filter, wire: Wire, head: int) -> None:
        self.filter = wanted
        self.wire = wire
        self.delivered = 0
        self.said = head
        self.plain: set[Watcher] = set()
        self.metered: set[Watcher] = set()
        self.users = 0

    @property
    def key(self) -> tuple[str, str]:
        """What its watchers have in common."""
        return self.filter.canonical, self.wire.name

    @property
    def watchers(self) -> int:
        """How many stand at the head."""
        return len(self.plain) + len(self.metered)

    def publish(self, batch: TailBatch, indexes: Sequence[int]) -> int:
        """Send what matches of a batch, at least one record; return the number of records sent to plain watchers."""
        self.said = batch.stored.next_offset
        if slow := [watcher for watcher in self.plain if watcher.sink.full]:
            self._let_go(slow, batch.stored.first_offset)
        self.delivered += len(indexes)
        if self.metered:
            self._ask(batch, indexes)
        if not self.plain:
            return 0
        wire, cursor, body = self.wire, batch.cursor, self.wire.body(batch, indexes)
        frames: dict[str, bytes] = {}
        for watcher in self.plain:
            frame = frames.get(watcher.id)
            if frame is None:
                frame = frames[watcher.id] = wire.records(watcher.id, cursor, body)
            watcher.sink.write(frame)
        return len(indexes) * len(self.plain)

    def _ask(self, batch: TailBatch, indexes: Sequence[int]) -> None:
        self._let_go([watcher for watcher in self.metered if watcher.sink.full], batch.stored.first_offset)
        for watcher in list(self.metered):
            watcher.take(batch, indexes)

    def _let_go(self, slow: Sequence[Watcher], offset: int) -> None:
        for watcher in slow:
            watcher.fell_behind(offset)

    def say_position(self, head: int, cursor: str) -> None:
        """Tell watchers where they stand, if records went by of which none matched."""
        if self.said == head:
            return
        self.said = head
        frames: dict[str, bytes] = {}
        for watcher in (*self.plain, *self.metered):
            if watcher.sink.full:
                continue
            frame = frames.get(watcher.id)
            if frame is None:
                position = Position(id=watcher.id, cursor=cursor)
                frame = frames[watcher.id] = self.wire.message(ServerMessage(position=position))
            watcher.sink.write(frame)
