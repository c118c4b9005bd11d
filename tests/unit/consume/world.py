"""Groups over a log in memory, with members that keep what they get."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from hub.consume.engine import Engine
from hub.consume.limits import ConsumeLimits
from hub.consume.session import ConsumerSession
from hub.core.filter import FilterLimits
from hub.core.principal import Principal, Scope
from hub.log.memory import MemoryLog
from hub.observe.audit import Audit
from hub.observe.metrics import Metrics
from hub.pb.consume_pb2 import AckDeliveries, ConsumerEvent, ConsumerMessage, Delivery, JoinGroup, NackDeliveries
from tests.fakes import FOREVER, FakeSink, settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.log.model import Log

READER = Principal("acme", "auditor", frozenset({Scope.READ}))


def limits(**changed: Any) -> ConsumeLimits:
    """Return limits that are small, with some of them changed."""
    most: dict[str, Any] = {
        "max_groups_per_tenant": 3,
        "max_members_per_group": 3,
        "max_in_flight": 4,
        "max_in_flight_per_group": 8,
        "max_delivery_records": 10,
        "max_delivery_bytes": 2**16,
        "ack_seconds": 30.0,
        "max_ack_seconds": 60.0,
        "member_seconds": 30.0,
        "join_seconds": 10.0,
        "max_messages_per_s": 1000,
        "filters": FilterLimits(1000, 100),
        "read_bytes": 2**16,
        "sweep_seconds": 0.02,
    }
    return ConsumeLimits(**{**most, **changed})


class Peer:
    """A member at the other end of a session; sends and reads messages of the contract."""

    def __init__(self, engine: Engine, principal: Principal = READER) -> None:
        self.sink = FakeSink()
        self.fresh: Principal | None = None
        self.session = ConsumerSession(engine, principal, self.sink, self._renewed)
        self.session.open()

    async def _renewed(self, _token: str) -> Principal:
        assert self.fresh is not None
        return self.fresh

    async def say(self, **kind: Any) -> None:
        """Send a message, and wait until it was acted on."""
        await self.session.receive(ConsumerMessage(**kind))

    async def join(self, group: str = "audit", **join: Any) -> Peer:
        """Join a group."""
        await self.say(join=JoinGroup(group=group, **join))
        return self

    @property
    def events(self) -> list[ConsumerEvent]:
        """What was heard until now."""
        return [ConsumerEvent.FromString(frame) for frame in self.sink.frames]

    def of(self, kind: str) -> list[Any]:
        """Return the bodies of what was heard of one kind."""
        return [getattr(event, kind) for event in self.events if event.WhichOneof("kind") == kind]

    @property
    def deliveries(self) -> list[Delivery]:
        """Return the deliveries until now."""
        return self.of("delivery")

    @property
    def bodies(self) -> list[list[str]]:
        """The bodies of each delivery's records."""
        return [[record.body for batch in one.batches for record in batch.records] for one in self.deliveries]

    async def heard(self, count: int, kind: str = "delivery") -> list[Any]:
        """Wait until so many of a kind were heard."""
        async with asyncio.timeout(5):
            while len(self.of(kind)) < count:  # noqa: ASYNC110  a fake sink has no event
                await asyncio.sleep(0.002)
        return self.of(kind)

    async def ack(self, *deliveries: Delivery) -> Any:
        """Acknowledge; return the answer."""
        await self.say(ack=AckDeliveries(ids=[one.id for one in deliveries]))
        return self.of("settled")[-1]

    async def nack(self, *deliveries: Delivery) -> Any:
        """Give back; return the answer."""
        await self.say(nack=NackDeliveries(ids=[one.id for one in deliveries]))
        return self.of("settled")[-1]


@asynccontextmanager
async def engine(log: Log | None = None, metrics: Metrics | None = None, **changed: Any) -> AsyncIterator[Engine]:
    """A running engine; several over one log are several processes."""
    metrics = metrics or Metrics()
    made = Engine(log or MemoryLog(FOREVER), limits(**changed), metrics, Audit(None, metrics))
    running = asyncio.create_task(made.run())
    await settle(2)
    try:
        yield made
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
