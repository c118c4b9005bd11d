"""One subscription: carries out what its standing (`hub.core.session`) says, between the log, a channel and its peer.

In REPLAY a task reads the log from the position and writes what matches. It joins the channel in the same step of the
event loop in which it sees that its position is the head, so nothing can come in between: no record is missed, none is
sent twice. What the log no longer has is sent as a gap with exact bounds.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hub.core.cursor import Cursor
from hub.core.session import Event, Phase, Sampler, Standing
from hub.core.stored import Hole, HoleReason, StoredBatch
from hub.core.tail_batch import TailBatch
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
    from collections.abc import Callable, Coroutine, Sequence

    from hub.core.filter import Filter
    from hub.core.ports import Sink, Wire
    from hub.live.feed import Feed
    from hub.log.model import Log
    from hub.observe.metrics import TenantCounts

_REASONS = {HoleReason.RETENTION: GAP_REASON_RETENTION, HoleReason.CORRUPT: GAP_REASON_CORRUPT}


@dataclass(frozen=True, slots=True)
class Outlet:
    """The connection of a subscription.

    sink, wire   its way out, and its encoding
    start        starts a task that ends with it
    ended        is told the id of a subscription that has come to its end by itself
    """

    sink: Sink
    wire: Wire
    start: Callable[[Coroutine[None, None, None], str], asyncio.Task[None]]
    ended: Callable[[str], None]

    def in_wire(self, wire: Wire) -> Outlet:
        """Return the same way out in another encoding."""
        return replace(self, wire=wire)

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


@dataclass(frozen=True, slots=True)
class Begin:
    """Where a subscription begins and ends, and how much it may send; 0: not limited.

    offset, until        offsets in the log; without `until` it goes live
    credit               records until the client gives more
    max_records_per_s    what is over is left out and counted
    """

    offset: int
    until: int | None = None
    credit: int = 0
    max_records_per_s: int = 0


class Subscription:
    """A subscription of one connection; implements `hub.live.channel.Watcher`."""

    __slots__ = (
        *("_channel", "_joined", "_origin", "_outlet", "_replay", "_standing"),
        *("counts", "filter", "id", "sink"),
    )

    def __init__(self, name: str, wanted: Filter, outlet: Outlet, origin: Origin) -> None:
        self.id = name
        self.filter = wanted
        self.sink = outlet.sink
        self.counts = origin.counts
        self._outlet = outlet
        self._origin = origin
        self._standing = Standing(0)
        self._channel = origin.feed.channel(wanted, outlet.wire)
        # Set while it stands at the head: what its channel had delivered when it joined.
        self._joined: int | None = None
        self._replay: asyncio.Task[None] | None = None
        origin.feed.attach(self)

    @property
    def phase(self) -> Phase:
        """Where it gets its records from."""
        return self._standing.phase

    @property
    def compression(self) -> int:
        """How its batches are compressed."""
        return self._outlet.wire.compression

    @property
    def flow_controlled(self) -> bool:
        """Whether the client gives credit."""
        return self._standing.credit is not None

    async def settle(self) -> None:
        """Wait until its filter can be judged beside the others without holding them up."""
        await self._origin.feed.settle()

    def begin(self, begin: Begin) -> None:
        """Read from an offset on."""
        sampler = Sampler(begin.max_records_per_s) if begin.max_records_per_s else None
        self._standing = Standing(begin.offset, begin.until, credit=begin.credit or None, sampler=sampler)
        self._start()

    def refilter(self, wanted: Filter) -> None:
        """Judge every record after the last one sent by another filter."""
        self._leave()
        if self._replay:
            self._replay.cancel()
        channel = self._origin.feed.channel(wanted, self._outlet.wire)
        self._origin.feed.release(self._channel)
        self.filter, self._channel = wanted, channel
        if self._standing.apply(Event.REFILTERED) is Phase.REPLAY:
            self._start()

    def give(self, records: int) -> None:
        """Take credit for more records."""
        paused = self.phase is Phase.PAUSED
        self._standing.give(records)
        self._standing.apply(Event.CREDIT_GIVEN)
        if paused:
            self._start()

    def end(self) -> None:
        """Stop; nothing is written afterwards."""
        if self.phase is Phase.ENDED:
            return
        self._leave()
        self._finish()
        if self._replay:
            self._replay.cancel()

    def _finish(self) -> None:
        self._standing.apply(Event.FINISHED)
        self._origin.feed.release(self._channel)
        self._origin.feed.detach(self)

    @property
    def position(self) -> int:
        """The offset of the next record to look at."""
        if self._joined is None:
            return self._standing.position
        return self._origin.feed.head or 0

    @property
    def cursor(self) -> str:
        """The cursor at the position."""
        return self._cursor(self.position)

    def _cursor(self, offset: int) -> str:
        return Cursor(self._origin.log.epoch, offset).encode(self._origin.feed.tenant)

    @property
    def ledger(self) -> Ledger:
        """The account until now."""
        account = self._standing.account(self.position, self._delivered_live)
        return Ledger(
            id=self.id,
            accepted=account.accepted,
            delivered=account.delivered,
            filtered=account.filtered,
            sampled=account.sampled,
            lost=account.lost,
        )

    @property
    def _delivered_live(self) -> int:
        """What its channel has sent it and its standing does not know of: a metered one counts by itself."""
        if self._joined is None or self._standing.metered:
            return 0
        return self._channel.delivered - self._joined

    # --- live --------------------------------------------------------------------------------------------------------

    def fell_behind(self, offset: int) -> None:
        """Go back to the log, from an offset on: called by the channel."""
        self._origin.counts.replays.inc()
        self._leave(offset)
        self._standing.apply(Event.FELL_BEHIND)
        self._start()

    def take(self, batch: TailBatch, indexes: Sequence[int]) -> None:
        """Send as much of a batch as is allowed: called by the channel of a metered subscription."""
        self._pass_unmatched(batch.stored.first_offset)
        if self._write(batch, indexes):
            self._leave(self._standing.position)
            self._standing.apply(Event.CREDIT_SPENT)

    def _pass_unmatched(self, offset: int) -> None:
        """Pass what went by while it was live and did not match, of which a metered one is not told."""
        self._origin.counts.filtered.inc(offset - self._standing.position)
        self._standing.position = offset

    def _join(self) -> None:
        self._origin.feed.join(self._channel, self, metered=self._standing.metered)
        self._joined = self._channel.delivered
        self._standing.apply(Event.CAUGHT_UP)
        self._replay = None

    def _leave(self, position: int | None = None) -> None:
        """Leave the head, where it stands there, and take over what the channel counted."""
        if self._joined is None:
            return
        offset = self.position if position is None else position
        if self._standing.metered:
            self._pass_unmatched(offset)
        else:
            self._standing.pass_live(offset, self._delivered_live)
        self._joined = None
        self._origin.feed.leave(self._channel, self)

    # --- replay ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._replay = self._outlet.start(self._read_on(), f"replay-{self.id}")

    async def _read_on(self) -> None:
        feed, standing = self._origin.feed, self._standing
        await feed.settle()
        while not self._ended():
            await self._outlet.sink.drain()
            if not standing.bounded:  # a bounded read ends by the log: the feed's head may lag behind its bound
                head = await feed.begin()
                if standing.position == feed.head:
                    self._join()
                    return
                if standing.position > head:
                    await feed.moved(standing.position)
                    continue
            items = await self._origin.log.read(feed.tenant, standing.position, self._origin.replay_bytes)
            if self._send(items) and not standing.finished:
                standing.apply(Event.CREDIT_SPENT)
                return

    def _ended(self) -> bool:
        if not self._standing.finished:
            return False
        self._finish()
        self._outlet.send(ServerMessage(unsubscribed=Unsubscribed(id=self.id, ledger=self.ledger, cursor=self.cursor)))
        self._outlet.ended(self.id)
        return True

    def _send(self, items: list[StoredBatch | Hole]) -> bool:
        """Write what was read; True where the credit is spent.

        At the end of it, say where the subscription stands if nothing matched.
        """
        standing, said = self._standing, True
        for item in items:
            if item.next_offset <= standing.position:
                continue
            if standing.finished:  # what was stored since comes along in the same read
                break
            if isinstance(item, Hole):
                self._send_gap(item)
                said = True
                continue
            batch = TailBatch(item, self._origin.log.epoch, self._origin.feed.tenant)
            indexes = batch.indexes(self.filter, standing.position)
            said = bool(indexes)
            if self._write(batch, indexes):
                return True
        if not said:
            self._outlet.send(ServerMessage(position=Position(id=self.id, cursor=self.cursor)))
        return False

    def _write(self, batch: TailBatch, indexes: Sequence[int]) -> bool:
        """Pass a batch and write what is allowed of it; True where the credit is spent."""
        standing, counts = self._standing, self._origin.counts
        before = standing.position
        taken = standing.take(batch.stored, indexes, asyncio.get_running_loop().time())
        sent = len(taken.indexes)
        counts.delivered.inc(sent)
        counts.sampled.inc(taken.left_out)
        counts.filtered.inc(standing.position - before - sent - taken.left_out)
        if sent:
            wire = self._outlet.wire
            body = wire.body(batch, taken.indexes)
            self.sink.write(wire.records(self.id, self._cursor(standing.position), body, taken.said))
        return standing.credit == 0

    def _send_gap(self, hole: Hole) -> None:
        first, count = self._standing.lose(hole)
        self._origin.counts.lost.inc(count)
        gap = Gap(
            id=self.id,
            from_offset=first,
            to_offset=hole.next_offset,
            count=count,
            reason=_REASONS[hole.reason],
            cursor=self._cursor(hole.next_offset),
        )
        self._outlet.send(ServerMessage(gap=gap))
