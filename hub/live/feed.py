"""A tenant's feed: the head of its log as this process has seen it, and the channels that hang on it.

    head   the offset of the next record to publish; None until the first watcher came

A commit of this process brings its batches along; they are published if they begin at the head. Whatever else happens
(another process wrote in between, the head is not known yet) the feed reads on from the log until it has caught up.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hub.core.stored import Hole
from hub.core.tail_batch import TailBatch
from hub.live.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.core.filter import Filter
    from hub.core.ports import Wire
    from hub.core.stored import StoredBatch
    from hub.log.model import Log
    from hub.observe.metrics import TenantCounts

_CATCH_UP_BYTES = 4 * 2**20


class Feed:
    """The live end of one tenant's log."""

    def __init__(self, tenant: str, log: Log, counts: TenantCounts, start: Callable[[Feed], None]) -> None:
        """Take the tenant, and what starts `catch_up` as a task."""
        self.tenant = tenant
        self.head: int | None = None
        self._log = log
        self._counts = counts
        self._start = start
        self._behind = False
        self._rung = False
        self._published = False
        self._channels: dict[tuple[str, str], Channel] = {}
        self._users: set[object] = set()
        self._moved = asyncio.Event()

    @property
    def unused(self) -> bool:
        """Whether no subscription holds on to it, live or reading the log."""
        return not self._users

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
        if not self._channels:
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
            self._start(self)

    async def catch_up(self) -> None:
        """Read from the head to the end of the log and publish it."""
        while self._rung:
            self._rung = False
            while items := await self._log.read(self.tenant, self.head or 0, _CATCH_UP_BYTES):
                for item in items:
                    if isinstance(item, Hole):
                        self._behind_all(item.first_offset)
                        self.head = item.next_offset
                    elif item.next_offset > (self.head or 0):
                        self._publish(item)
        self._behind = False

    def _behind_all(self, offset: int) -> None:
        """Send all watchers back to the log: there is a hole, and each must be told of it."""
        for channel in list(self._channels.values()):  # one that is left by its last watcher goes
            for watcher in list(channel.watchers):
                channel.watchers.discard(watcher)
                watcher.fell_behind(offset)

    def _publish(self, stored: StoredBatch) -> None:
        batch = TailBatch(stored, self._log.epoch, self.tenant)
        self.head = stored.next_offset
        self._published = True
        for channel in list(self._channels.values()):
            channel.publish(batch)
        self._moved.set()
        self._moved = asyncio.Event()

    async def moved(self, offset: int) -> None:
        """Wait until the head has reached an offset that the log holds already."""
        while self.head is not None and self.head < offset:
            moved = self._moved
            self.catch_up_soon()
            await moved.wait()

    def channel(self, wanted: Filter, wire: Wire) -> Channel:
        """Return the channel of a filter and wire, making it for the first watcher."""
        key = (wanted.canonical, wire.name)
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = Channel(wanted, wire, self._counts)
        return channel

    def release(self, channel: Channel) -> None:
        """Forget a channel that has no watchers."""
        if not channel.watchers:
            self._channels.pop((channel.filter.canonical, channel.wire.name), None)

    def sweep(self) -> None:
        """Have every channel tell where its watchers stand, and look at the log if nothing came for a while.

        While batches of this process come one after the other, nothing can lie between them unseen.
        """
        for channel in self._channels.values():
            channel.say_position()
        if not self._published:
            self.committed([])
        self._published = False
