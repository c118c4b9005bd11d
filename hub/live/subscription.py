"""One subscription: REPLAY from the log until it stands at the head, then LIVE on a channel, and back when it is slow.

    REPLAY  a task reads the log from `position` and writes what matches, as fast as the peer reads
    LIVE    no task: the channel writes. A peer that does not keep up falls back to REPLAY at the batch it did not get
    ENDED   unsubscribed, or the peer is gone

It joins the channel in the same step of the event loop in which it sees that its position is the head, so nothing can
come in between: no record is missed, none is sent twice. What the log no longer has is sent as a gap with exact bounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from hub.core.cursor import Cursor
from hub.core.stored import Hole, HoleReason, StoredBatch
from hub.core.tail_batch import TailBatch
from hub.live.channel import Account
from hub.pb.tail_pb2 import (
    GAP_REASON_CORRUPT,
    GAP_REASON_RETENTION,
    Gap,
    Ledger,
    Position,
    ServerMessage,
    Unsubscribed,
)

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from hub.core.filter import Filter
    from hub.core.ports import Sink, Wire
    from hub.live.channel import Channel
    from hub.live.feed import Feed
    from hub.log.model import Log
    from hub.observe.metrics import TenantCounts

_REASONS = {HoleReason.RETENTION: GAP_REASON_RETENTION, HoleReason.CORRUPT: GAP_REASON_CORRUPT}


class Phase(Enum):
    """Where a subscription gets its records from."""

    REPLAY = auto()
    LIVE = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Outlet:
    """The connection of a subscription: its way out, its encoding, and what starts a task that ends with it."""

    sink: Sink
    wire: Wire
    start: Callable[[Coroutine[None, None, None], str], asyncio.Task[None]]

    def send(self, message: ServerMessage) -> None:
        """Write a message."""
        self.sink.write(self.wire.message(message))


@dataclass(frozen=True, slots=True)
class Origin:
    """What a subscription reads: the feed, the log behind it, and how much of it at once."""

    feed: Feed
    log: Log
    replay_bytes: int
    counts: TenantCounts


class Subscription:
    """A subscription of one connection; implements `hub.live.channel.Watcher`."""

    def __init__(self, name: str, wanted: Filter, outlet: Outlet, origin: Origin) -> None:
        self.id = name
        self.filter = wanted
        self.sink = outlet.sink
        self.phase = Phase.REPLAY
        self.on_end: Callable[[], None] | None = None
        self._outlet = outlet
        self._origin = origin
        self._position = 0
        self._until: int | None = None
        self._channel: Channel | None = None
        self._joined = Account()
        self._passed = Account()
        self._lost = 0
        self._replay: asyncio.Task[None] | None = None
        origin.feed.attach(self)

    def begin(self, offset: int, until: int | None = None) -> None:
        """Read from an offset on; with `until`, end there instead of going live."""
        self._position = offset
        self._until = until
        self._start()

    def refilter(self, wanted: Filter) -> None:
        """Judge every record after the last one sent by another filter."""
        position = self.position
        self._leave()
        if self._replay:
            self._replay.cancel()
        self.filter = wanted
        self._position = position
        self._start()

    def end(self) -> None:
        """Stop; nothing is written afterwards."""
        self._leave()
        self.phase = Phase.ENDED
        self._origin.feed.detach(self)
        if self._replay:
            self._replay.cancel()

    @property
    def position(self) -> int:
        """The offset of the next record to look at."""
        if self._channel is None:
            return self._position
        return self._origin.feed.head or 0

    @property
    def cursor(self) -> str:
        """The cursor at the position."""
        return Cursor(self._origin.log.epoch, self.position).encode(self._origin.feed.tenant)

    @property
    def ledger(self) -> Ledger:
        """The account until now."""
        live = self._channel.account - self._joined if self._channel else Account()
        accepted = self._passed.accepted + live.accepted
        delivered = self._passed.delivered + live.delivered
        return Ledger(
            id=self.id,
            accepted=accepted + self._lost,
            delivered=delivered,
            filtered=accepted - delivered,
            lost=self._lost,
        )

    def fell_behind(self, offset: int) -> None:
        """Go back to the log: called by the channel, which has let go already."""
        self._origin.counts.replays.inc()
        self._settle()
        self._position = offset
        self._start()

    def _start(self) -> None:
        self.phase = Phase.REPLAY
        self._replay = self._outlet.start(self._read_on(), f"replay-{self.id}")

    async def _read_on(self) -> None:
        feed = self._origin.feed
        while not self._ended():
            await self._outlet.sink.drain()
            head = await feed.begin()
            if self._position == feed.head:
                self._join()
                return
            if self._until is None and self._position > head:
                await feed.moved(self._position)
                continue
            items = await self._origin.log.read(feed.tenant, self._position, self._origin.replay_bytes)
            self._send(items)

    def _ended(self) -> bool:
        if self._until is None or self._position < self._until:
            return False
        self.phase = Phase.ENDED
        self._origin.feed.detach(self)
        self._outlet.send(ServerMessage(unsubscribed=Unsubscribed(id=self.id, ledger=self.ledger, cursor=self.cursor)))
        if self.on_end:
            self.on_end()
        return True

    def _join(self) -> None:
        channel = self._origin.feed.channel(self.filter, self._outlet.wire)
        self._channel = channel
        self._joined = channel.account
        channel.watchers.add(self)
        self.phase = Phase.LIVE
        self._replay = None

    def _leave(self) -> None:
        if self._channel:
            self._channel.watchers.discard(self)
            self._settle()

    def _settle(self) -> None:
        """Take over what the channel counted since the subscription joined it."""
        if self._channel is None:
            return
        live = self._channel.account - self._joined
        self._passed = Account(self._passed.accepted + live.accepted, self._passed.delivered + live.delivered)
        self._origin.feed.release(self._channel)
        self._channel = None

    def _send(self, items: list[StoredBatch | Hole]) -> None:
        """Write what was read, and at the end of it say where the subscription stands if nothing matched."""
        said = True
        for item in items:
            if item.next_offset <= self._position:
                continue
            said = self._send_gap(item) if isinstance(item, Hole) else self._send_batch(item)
            self._position = item.next_offset
        if not said:
            self._outlet.send(ServerMessage(position=Position(id=self.id, cursor=self.cursor)))

    def _send_batch(self, stored: StoredBatch) -> bool:
        origin = self._origin
        batch = TailBatch(stored, origin.log.epoch, origin.feed.tenant)
        indexes = batch.indexes(self.filter, self._position)
        total = stored.next_offset - max(self._position, stored.first_offset)
        self._passed = Account(self._passed.accepted + total, self._passed.delivered + len(indexes))
        origin.counts.filtered.inc(total - len(indexes))
        origin.counts.delivered.inc(len(indexes))
        if indexes:
            wire = self._outlet.wire
            self._outlet.sink.write(wire.records(self.id, batch.cursor, wire.body(batch, indexes)))
        return bool(indexes)

    def _send_gap(self, hole: Hole) -> bool:
        first = max(hole.first_offset, self._position)
        count = hole.next_offset - first
        self._lost += count
        self._origin.counts.lost.inc(count)
        gap = Gap(
            id=self.id,
            from_offset=first,
            to_offset=hole.next_offset,
            count=count,
            reason=_REASONS[hole.reason],
            cursor=Cursor(self._origin.log.epoch, hole.next_offset).encode(self._origin.feed.tenant),
        )
        self._outlet.send(ServerMessage(gap=gap))
        return True
