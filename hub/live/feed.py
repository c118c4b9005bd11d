"""A tenant's feed: the head of its log as this process has seen it, and the channels that hang on it.

    head   the offset of the next record to publish; None until the first watcher came

A commit of this process brings its batches along; they are published if they begin at the head. Whatever else happens
(another process wrote in between, the head is not known yet) the feed reads on from the log until it has caught up.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hub.core.cursor import Cursor
from hub.core.stored import Hole
from hub.core.tail_batch import TailBatch
from hub.live.channel import Channel, Several, publish
from hub.live.matcher.matcher import Matcher

if TYPE_CHECKING:
    from hub.core.filter import Filter
    from hub.core.ports import Wire
    from hub.core.stored import StoredBatch
    from hub.live.channel import Watcher
    from hub.live.matcher.scanner import Spawn
    from hub.log.model import Log
    from hub.observe.metrics import TenantCounts

_CATCH_UP_BYTES = 4 * 2**20
_EVERYTHING = ""  # the canonical form of the filter that every record passes


class Feed:
    """The live end of one tenant's log."""

    def __init__(self, tenant: str, log: Log, counts: TenantCounts, spawn: Spawn) -> None:
        """Take the tenant, and what starts tasks that run beside the feed."""
        self.tenant = tenant
        self.head: int | None = None
        self._log = log
        self._counts = counts
        self._spawn = spawn
        self._matcher: Matcher[Channel | Several] = Matcher(spawn)
        self._behind = False
        self._rung = False
        self._published = False
        # Where the head was when positions were told last: who has heard of more since then needs none.
        self._told = 0
        # By canonical filter; those of a filter differ in their wire.
        self._channels: dict[str, list[Channel]] = {}
        # Watchers in channels, and those of them that keep no account of their own.
        self._live = 0
        self._live_plain = 0
        self._users: set[object] = set()
        self._moved = asyncio.Event()

    @property
    def unused(self) -> bool:
        """Whether no subscription holds on to it, live or reading the log."""
        return not self._users

    @property
    def live_head(self) -> int | None:
        """The head, where it moves with every commit: while somebody watches and nothing is missing."""
        return self.head if self._live and not self._behind else None

    def attach(self, user: object) -> None:
        """Stay for a subscription: one that reads the log will join a channel here."""
        self._users.add(user)

    def detach(self, user: object) -> None:
        """Let a subscription go."""
        self._users.discard(user)

    async def begin(self) -> int:
        """Return the head, finding it first where it is not known."""
        if self.head is None:
            bounds = await self._log.bounds(self.tenant)
            if self.head is None:
                self.head = bounds.next
            if self._rung:
                self.catch_up_soon()
        return self.head

    def committed(self, batches: list[StoredBatch]) -> None:
        """Take batches that this process stored, or none where another did."""
        if not self._live:
            self.head = None  # nobody watches: whoever comes next finds the head anew
            self._rung = True  # and looks again whether this came between
            return
        if self.head is None or self._behind or not batches or batches[0].first_offset != self.head:
            if not batches or self.head is None or batches[-1].next_offset > self.head:
                self.catch_up_soon()
            return
        for batch in batches:
            if batch.first_offset != self.head:
                self.catch_up_soon()
                return
            self._publish(batch)

    def catch_up_soon(self) -> None:
        """Have what is missing read from the log."""
        self._rung = True
        if self.head is not None and not self._behind:
            self._behind = True
            self._spawn(self.catch_up(), f"catch-up-{self.tenant}")

    async def catch_up(self) -> None:
        """Read from the head to the end of the log and publish it.

        Once nobody watches the head may be unknown, and there is nothing to go on from: whoever comes next finds it.
        """
        while self._rung and self.head is not None:
            self._rung = False
            while (head := self.head) is not None and (
                items := await self._log.read(self.tenant, head, _CATCH_UP_BYTES)
            ):
                for item in items:
                    self._advance(item)
        self._behind = False
        self._stir()

    def _advance(self, item: StoredBatch | Hole) -> None:
        """Publish what was read, unless the head is beyond it, or unknown, since."""
        if self.head is None or item.next_offset <= self.head:
            return
        if isinstance(item, Hole):
            self._behind_all(max(item.first_offset, self.head))
            self.head = item.next_offset
        else:
            self._publish(item)

    def _behind_all(self, offset: int) -> None:
        """Send all watchers back to the log: there is a hole, and each must be told of it."""
        for channel in self._all_channels():
            for watcher in (*channel.plain, *channel.metered):
                watcher.fell_behind(offset)

    def _publish(self, stored: StoredBatch) -> None:
        batch = TailBatch(stored, self._log.epoch, self.tenant)
        self.head = stored.next_offset
        self._published = True
        delivered = 0
        everything = range(stored.records)
        for channel in list(self._channels.get(_EVERYTHING, ())):
            delivered += channel.publish(batch, everything)
        if self._matcher.watched:
            delivered += publish(batch, self._matcher.match(batch))
        self._counts.delivered.inc(delivered)
        self._counts.filtered.inc(stored.records * self._live_plain - delivered)
        self._stir()

    def _stir(self) -> None:
        """Have whoever waits for the head look at it again."""
        self._moved.set()
        self._moved = asyncio.Event()

    def _all_channels(self) -> list[Channel]:
        return [channel for channels in self._channels.values() for channel in channels]

    async def moved(self, offset: int) -> None:
        """Wait until the head has reached an offset that the log holds already."""
        while self.head is not None and self.head < offset:
            moved = self._moved
            self.catch_up_soon()
            await moved.wait()

    def channel(self, wanted: Filter, wire: Wire) -> Channel:
        """Return the channel of a filter and wire, making it for the first user; `release` must follow."""
        channels = self._channels.get(wanted.canonical)
        if channels is None:
            channels = self._channels[wanted.canonical] = []
            if not wanted.everything:
                self._matcher.add(wanted)
        channel = next((one for one in channels if one.wire.name == wire.name), None)
        if channel is None:
            channel = Channel(wanted, wire, self.head or 0)
            channels.append(channel)
        channel.users += 1
        return channel

    def release(self, channel: Channel) -> None:
        """Let go of a channel; forget it with its last user."""
        channel.users -= 1
        if channel.users:
            return
        key = channel.filter.canonical
        channels = self._channels[key]
        channels.remove(channel)
        if not channels:
            del self._channels[key]
            if not channel.filter.everything:
                self._matcher.remove(key)

    async def settle(self) -> None:
        """Wait until a new filter can be judged beside the others without holding them up."""
        await self._matcher.settle()

    def join(self, channel: Channel, watcher: Watcher, *, metered: bool) -> None:
        """Have a watcher that stands at the head get what comes."""
        first = not channel.watched
        if first:
            channel.said = self.head or 0
        channel.join(watcher, metered=metered)
        self._live += 1
        self._live_plain += not metered
        if first:
            self._lead(channel)

    def leave(self, channel: Channel, watcher: Watcher) -> None:
        """Let a watcher go that has joined."""
        self._live -= 1
        self._live_plain -= channel.leave(watcher)
        if not channel.watched:
            self._lead(channel)

    def _lead(self, changed: Channel) -> None:
        """Have a filter lead to those of its channels that anybody watches."""
        if changed.filter.everything:
            return
        key = changed.filter.canonical
        watched = [channel for channel in self._channels[key] if channel.watched]
        if len(watched) > 1:
            self._matcher.lead(key, Several(watched))
        else:
            self._matcher.lead(key, watched[0] if watched else None)

    def sweep(self, *, tell_positions: bool) -> None:
        """Look at the log if nothing came for a while, and have channels tell where their watchers stand.

        While batches of this process come one after the other, nothing can lie between them unseen.
        """
        if self.head is not None and tell_positions:
            cursor = Cursor(self._log.epoch, self.head).encode(self.tenant)
            for channel in self._all_channels():
                channel.say_position(self._told, self.head, cursor)
            self._told = self.head
        if not self._published:
            self.committed([])
        self._published = False
