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

    Way = tuple[str, bytes, Sink]


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
    said        the offset up to which the watchers know where they stand
    plain       for each watcher its name, its label in messages, and its sink: nothing else of it has to be touched
    """

    __slots__ = ("delivered", "filter", "metered", "plain", "said", "users", "wire")

    def __init__(self, wanted: Filter, wire: Wire, head: int) -> None:
        self.filter = wanted
        self.wire = wire
        self.delivered = 0
        self.said = head
        self.plain: dict[Watcher, Way] = {}
        self.metered: dict[Watcher, Way] = {}
        self.users = 0

    def join(self, watcher: Watcher, *, metered: bool) -> None:
        """Take a watcher that stands at the head."""
        (self.metered if metered else self.plain)[watcher] = watcher.id, self.wire.label(watcher.id), watcher.sink

    def leave(self, watcher: Watcher) -> bool:
        """Let a watcher go; return whether it was a plain one."""
        self.metered.pop(watcher, None)
        return self.plain.pop(watcher, None) is not None

    def publish(self, batch: TailBatch, indexes: Sequence[int]) -> int:
        """Send what matches of a batch, at least one record; return the number of records sent to plain watchers."""
        self.said = batch.stored.next_offset
        if self.metered:
            self._ask(batch, indexes)
        plain = self.plain
        if not plain:
            self.delivered += len(indexes)
            return 0
        wire, cursor, count = self.wire, batch.cursor, len(indexes)
        if len(plain) == count == 1 < batch.stored.records:
            [(watcher, (_, label, sink))] = plain.items()
            if sink.offer(wire.record(batch, indexes[0], label)):
                self.delivered += 1
                return 1
            watcher.fell_behind(batch.stored.first_offset)
            return 0
        body = wire.body(batch, indexes)
        frames: dict[str, bytes] = {}
        slow: list[Watcher] = []
        for watcher, (name, _, sink) in plain.items():
            frame = frames.get(name)
            if frame is None:
                frame = frames[name] = wire.records(name, cursor, body)
            if not sink.offer(frame):
                slow.append(watcher)
        for watcher in slow:
            watcher.fell_behind(batch.stored.first_offset)
        self.delivered += count
        return count * len(plain)

    def _ask(self, batch: TailBatch, indexes: Sequence[int]) -> None:
        for watcher, (_, _, sink) in list(self.metered.items()):
            if sink.full:
                watcher.fell_behind(batch.stored.first_offset)
            else:
                watcher.take(batch, indexes)

    def say_position(self, since: int, head: int, cursor: str) -> None:
        """Tell watchers where they stand, if records went by since an offset of which none matched."""
        if self.said > since or self.said == head:
            return
        self.said = head
        frames: dict[str, bytes] = {}
        for name, _, sink in (*self.plain.values(), *self.metered.values()):
            if sink.full:
                continue
            frame = frames.get(name)
            if frame is None:
                frame = frames[name] = self.wire.message(ServerMessage(position=Position(id=name, cursor=cursor)))
            sink.write(frame)
