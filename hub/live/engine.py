"""The live engine: the feeds of all tenants, and where a subscription begins."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from hub.core.cursor import Cursor
from hub.core.places import Places
from hub.core.stored import StoredBatch
from hub.core.tail_batch import TailBatch
from hub.errors import BadCursorError
from hub.live.feed import Feed
from hub.live.subscription import Origin, Outlet, Subscription

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from hub.core.filter import Filter, FilterLimits
    from hub.core.places import PlaceLimits
    from hub.log.model import Bounds, Log
    from hub.observe.metrics import Metrics

# What a search for the last matching records reads at most; beyond it fewer come.
_LAST_SCAN_BYTES = 256 * 2**20


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """What subscribers may do; `queue_bytes` may wait for a peer before it falls back to the log.

    `sweep_seconds`: how often the log is looked at whatever the other processes said; `position_seconds`: how often
    positions are told; `places`: how many subscriptions a tenant and a principal may have.
    """

    max_subscriptions: int
    max_message_bytes: int
    max_messages_per_s: int
    filters: FilterLimits
    max_last: int
    queue_bytes: int
    replay_bytes: int
    write_timeout_seconds: float
    heartbeat_seconds: float
    position_seconds: float
    places: PlaceLimits
    sweep_seconds: float = 1.0


class LiveEngine:
    """Feeds what is stored to subscriptions; `run` must be running."""

    def __init__(self, log: Log, limits: LiveLimits, metrics: Metrics) -> None:
        self.limits = limits
        self.metrics = metrics
        self.places = Places("subscriptions", limits.places)
        self._log = log
        # By tenant; each with its feed.
        self._origins: dict[str, Origin] = {}
        self._tasks: asyncio.TaskGroup | None = None
        log.watch(self._committed)

    async def run(self) -> None:
        """Run the feeds until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            told = monotonic()
            while True:
                await asyncio.sleep(self.limits.sweep_seconds)
                tell = monotonic() - told >= self.limits.position_seconds
                told = monotonic() if tell else told
                self._sweep(tell_positions=tell)

    def _sweep(self, *, tell_positions: bool) -> None:
        for tenant, origin in list(self._origins.items()):
            if origin.feed.unused:
                del self._origins[tenant]
                continue
            origin.feed.sweep(tell_positions=tell_positions)

    def _committed(self, tenant: str, batches: list[StoredBatch]) -> None:
        origin = self._origins.get(tenant)
        if origin:
            origin.feed.committed(batches)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        if self._tasks is None:  # not running: nobody is served
            work.close()
            return
        self._tasks.create_task(work, name=name)

    def subscription(self, tenant: str, name: str, wanted: Filter, outlet: Outlet) -> Subscription:
        """Return a subscription that has not begun yet."""
        origin = self._origins.get(tenant)
        if origin is None:
            counts = self.metrics.tenant(tenant)
            feed = Feed(tenant, self._log, counts, self._spawn)
            origin = self._origins[tenant] = Origin(feed, self._log, self.limits.replay_bytes, counts)
        return Subscription(name, wanted, outlet, origin)

    async def bounds(self, tenant: str) -> Bounds:
        """Return where the tenant's stored records begin and end."""
        return await self._log.bounds(tenant)

    def head(self, tenant: str) -> int | None:
        """Return where the tenant's records end; None where only the log knows, since nobody watches."""
        origin = self._origins.get(tenant)
        return origin.feed.live_head if origin else None

    def cursor(self, tenant: str, offset: int) -> str:
        """Return the cursor at an offset."""
        return Cursor(self._log.epoch, offset).encode(tenant)

    async def offset_of(self, tenant: str, text: str) -> int | None:
        """Return the offset of a client's cursor; None where the log was made anew since.

        Raises BadCursorError for garbage, another tenant's, and one that lies beyond the log's end.
        """
        cursor = Cursor.decode(text, tenant)
        if cursor.epoch != self._log.epoch:
            return None
        if cursor.offset > (await self._log.bounds(tenant)).next:
            raise BadCursorError
        return cursor.offset

    async def offset_since(self, tenant: str, unix_nano: int) -> int:
        """Return the offset of the first record received at or after a time."""
        return await self._log.offset_at(tenant, unix_nano)

    async def offset_of_last(self, tenant: str, count: int, wanted: Filter) -> int:
        """Return the offset of the `count`-th newest record that passes the filter, or of the oldest looked at."""
        bounds = await self._log.bounds(tenant)
        if wanted.everything:
            return max(bounds.oldest, bounds.next - count)
        found: list[int] = []
        end, width, read = bounds.next, count, 0
        while end > bounds.oldest and len(found) < count and read < _LAST_SCAN_BYTES:
            begin = max(bounds.oldest, end - width)
            hits, size = await self._matches(tenant, begin, end, wanted)
            found = hits + found
            end, width, read = begin, width * 2, read + size
        return found[-count] if len(found) >= count else end

    async def _matches(self, tenant: str, begin: int, end: int, wanted: Filter) -> tuple[list[int], int]:
        """Return the offsets from `begin` to `end` that pass, and the bytes that were read."""
        found: list[int] = []
        size = 0
        while begin < end:
            items = await self._log.read(tenant, begin, self.limits.replay_bytes)
            if not items:
                break
            for item in items:
                if isinstance(item, StoredBatch):
                    size += len(item.data)
                    indexes = TailBatch(item, self._log.epoch, tenant).indexes(wanted, begin)
                    found.extend(offset for index in indexes if begin <= (offset := item.first_offset + index) < end)
            begin = max(begin + 1, items[-1].next_offset)
        return found, size
