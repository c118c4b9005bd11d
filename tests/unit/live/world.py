"""An engine over a log in memory, and whoever subscribes to it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from hub.core.filter import FilterLimits
from hub.live.engine import LiveEngine, LiveLimits
from hub.live.subscription import Begin, Outlet
from hub.observe.metrics import Metrics
from hub.web.wire import ProtoWire
from tests.fakes import FOREVER, NO_BOUND, GatedLog, entry, filter_of, settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence

    from hub.core.tail_batch import TailBatch
    from hub.live.subscription import Subscription
    from hub.log.retention import Retention
    from tests.fakes import FakeSink

LIMITS = LiveLimits(
    max_subscriptions=10,
    max_message_bytes=65_536,
    max_messages_per_s=1000,
    filters=FilterLimits(4096, 1000),
    max_last=1000,
    queue_bytes=1000,
    replay_bytes=200,
    write_timeout_seconds=1.0,
    heartbeat_seconds=25.0,
    position_seconds=3600.0,
    places=NO_BOUND,
    sweep_seconds=3600.0,
)


class CountingWire(ProtoWire):
    """The real encoding, and how often each part of it was asked for."""

    def __init__(self, name: str = ProtoWire.name) -> None:
        super().__init__()
        self.name = name
        self.calls: Counter[str] = Counter()

    def body(self, batch: TailBatch, indexes: Sequence[int]) -> Sequence[bytes]:
        """Count, and encode."""
        self.calls["body"] += 1
        return super().body(batch, indexes)

    def records(self, subscription: str, cursor: str, body: Sequence[bytes], sampled_out: int = 0) -> bytes:
        """Count, and frame."""
        self.calls["records"] += 1
        return super().records(subscription, cursor, body, sampled_out)


class World:
    """An engine over a log, and subscriptions of tenant "a"."""

    def __init__(self, retention: Retention = FOREVER) -> None:
        self.log = GatedLog(retention)
        self.metrics = Metrics()
        self.engine = LiveEngine(self.log, LIMITS, self.metrics)
        self.wire = CountingWire()
        # The ids of subscriptions that came to their end by themselves.
        self.ended: list[str] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def append(self, *bodies: str, tenant: str = "a", severity: int = 9) -> None:
        """Store a batch."""
        await self.log.append([entry(tenant, *bodies, severity=severity)])

    async def append_elsewhere(self, *bodies: str) -> None:
        """Store a batch as another process does, whose bell is not heard."""
        self.log._listeners, kept = [], self.log._listeners  # noqa: SLF001  this process is not told
        await self.append(*bodies)
        self.log._listeners = kept  # noqa: SLF001  as above

    def subscribe(self, sink: FakeSink, wanted: str = "", begin: Begin | None = None) -> Subscription:
        """Begin a subscription named "s", at the oldest record where nothing else is said."""
        subscription = self.engine.subscription("a", "s", filter_of(wanted), self.outlet(sink))
        subscription.begin(begin or Begin(0))
        return subscription

    def outlet(self, sink: FakeSink) -> Outlet:
        """Return the way out of a connection."""

        def start(work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
            task = asyncio.create_task(work, name=name)
            self.tasks.append(task)
            return task

        return Outlet(sink, self.wire, start, self.ended.append)

    def sweep(self) -> None:
        """Do what the engine does once a second."""
        self.engine._sweep(tell_positions=True)  # noqa: SLF001  the clock of the test

    def sample(self, name: str) -> float:
        """Return a metric of tenant "a"."""
        return self.metrics.registry.get_sample_value(f"loghub_{name}", {"tenant": "a"}) or 0.0


@asynccontextmanager
async def running(world: World) -> AsyncIterator[World]:
    """Run the engine; what it or a subscription died of is raised."""
    task = asyncio.create_task(world.engine.run())
    await settle()
    yield world
    for one in world.tasks:
        if one.done() and not one.cancelled():
            one.result()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def until(holds: Callable[[], bool]) -> None:
    """Let every task run until something holds, or long enough to say that it never will."""
    for _ in range(1000):
        if holds():
            return
        await asyncio.sleep(0)
