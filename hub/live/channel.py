"""Channels: one evaluation and one encoding for every watcher of the same records.

A channel belongs to a tenant, a canonical filter and a wire. What matches of a batch is encoded once for it; what is
left for each watcher is one write of ready bytes. What was delivered is counted by the channel too: a watcher's own is
the difference since it joined. Metered watchers, which may get less than the others, are asked about each batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hub.live.matcher.lead import Lead

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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


class Channel(Lead):
    """Watchers that all stand at the head of their tenant's log; what its filter leads to, or one of several.

    delivered   records sent to each plain watcher since the channel was made
    said        the offset up to which the watchers know where they stand
    plain       for each watcher its name, its label in messages, and its sink
    label       of the only watcher, where there is but one, and a plain one; and `offer` of its sink
    """

    __slots__ = ("delivered", "filter", "label", "metered", "offer", "plain", "said", "users", "wire")

    def __init__(self, wanted: Filter, wire: Wire, head: int) -> None:
        super().__init__()
        self.filter = wanted
        self.wire = wire
        self.delivered = 0
        self.said = head
        self.plain: dict[Watcher, Way] = {}
        self.metered: dict[Watcher, Way] = {}
        self.users = 0
        self.label = b""
        self.offer: Callable[[bytes], bool] | None = None

    @property
    def watched(self) -> bool:
        """Whether there is any watcher."""
        return bool(self.plain or self.metered)

    def join(self, watcher: Watcher, *, metered: bool) -> None:
        """Take a watcher that stands at the head."""
        (self.metered if metered else self.plain)[watcher] = watcher.id, self.wire.label(watcher.id), watcher.sink
        self._choose()

    def leave(self, watcher: Watcher) -> bool:
        """Let a watcher go; return whether it was a plain one."""
        self.metered.pop(watcher, None)
        was_plain = self.plain.pop(watcher, None) is not None
        self._choose()
        return was_plain

    def _choose(self) -> None:
        self.label, self.offer = b"", None
        if len(self.plain) == 1 and not self.metered:
            [(_, self.label, sink)] = self.plain.values()
            self.offer = sink.offer

    def publish(self, batch: TailBatch, indexes: Sequence[int]) -> int:
        """Send what matches of a batch, at least one record; return the number of records sent to plain watchers."""
        self.said = batch.next_offset
        count = len(indexes)
        if self.metered:
            self._ask(batch, indexes)
        plain = self.plain
        if not plain:
            self.delivered += count
            return 0
        wire, cursor = self.wire, batch.cursor
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
        for name, label, sink in (*self.plain.values(), *self.metered.values()):
            if sink.full:
                continue
            frame = frames.get(name)
            if frame is None:
                frame = frames[name] = self.wire.position(label, cursor)
            sink.write(frame)


class Several(Lead):
    """The channels of a filter, where there are several; they differ in their wire."""

    __slots__ = ("channels",)

    def __init__(self, channels: Sequence[Channel]) -> None:
        super().__init__()
        self.channels = channels

    def publish(self, batch: TailBatch, indexes: Sequence[int]) -> int:
        """Send what matches of a batch to all; see `Channel.publish`."""
        return sum(channel.publish(batch, indexes) for channel in self.channels)


def publish(batch: TailBatch, leads: list[Channel | Several]) -> int:
    """Send what passes filters of a batch to their channels; return the number of records sent to plain watchers.

    Of thousands of channels hardly any is in the processor's cache when its turn comes, so what goes to the only
    watcher of one takes no more than the channel itself and the watcher's label, and no call that can be spared. The
    leads forget what they led here, and are left out of the list.
    """
    whole, said = batch.count, batch.next_offset
    delivered = 0
    for lead in leads:
        indexes, lead.indexes = lead.indexes or (), None
        count = len(indexes)
        if (
            type(lead) is Channel
            and (offer := lead.offer) is not None
            and count < whole
            and offer(lead.wire.part(batch, indexes, lead.label))
        ):
            lead.said = said
            lead.delivered += count
            delivered += count
        else:
            delivered += lead.publish(batch, indexes)
    leads.clear()
    return delivered
