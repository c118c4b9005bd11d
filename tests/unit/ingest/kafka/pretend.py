"""Pretended Kafka, for tests of lanes: a partition's messages, who asks for them, and where dead letters go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.core.batch import BatchLimits
from hub.core.principal import Principal
from hub.core.quota import Rate, RateLimits, RateQuotas
from hub.errors import BrokerUnavailableError
from hub.ingest.admission import Admission
from hub.ingest.formats import FORMATS, RUNS
from hub.ingest.kafka.lane import Feed, Lane, LaneOptions, Works
from hub.ingest.kafka.ports import Partition
from hub.ingest.kafka.reading import Reading
from hub.ingest.kafka.room import Room
from hub.log.memory import MemoryLog
from hub.observe.metrics import Metrics
from hub.pb.record_pb2 import Batch
from tests.fakes import FOREVER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.ingest.kafka.message import DeadLetter

PARTITION = Partition("logs", 3)
LIMITS = BatchLimits(max_batch_bytes=2**20, max_batch_records=100, max_record_bytes=2**16, max_attributes=8)


@dataclass(frozen=True, slots=True)
class Said:
    """A message as the client library gives it; `hub.ingest.kafka.message.Message`."""

    offset: int
    value: bytes | None = b""
    key: bytes | None = None
    timestamp: int = 1
    headers: Sequence[tuple[str, bytes]] = ()


def said(*values: bytes | None, first: int = 0) -> list[Said]:
    """Return messages that follow each other."""
    return [Said(first + index, value) for index, value in enumerate(values)]


def reading(name: str = "text", **changes: int) -> Reading:
    """Return how messages of a format are read, a few records at once."""
    bounds = {"max_message_bytes": 1000, "max_record_bytes": 200, "parcel_records": 4, "parcel_bytes": 400}
    return Reading(FORMATS[name], "", (), **(bounds | changes), decode_run=RUNS.get(name))


class PretendedGroup:
    """`hub.ingest.kafka.ports.Group`: notes what it is asked, and knows what it is told to."""

    def __init__(self) -> None:
        self.positions: list[int] = []
        self.told: dict[Partition, int] = {}
        self.known: int | None = None
        self.ends = (0, 0)
        self.paused: list[bool] = []
        self.down = False

    def seek(self, _partition: Partition, offset: int) -> None:
        """Note where is fetched from now on."""
        self.positions.append(offset)

    def pause(self, _partition: Partition) -> None:
        """Note that nothing is fetched."""
        self.paused.append(True)

    def resume(self, _partition: Partition) -> None:
        """Note that it is again."""
        self.paused.append(False)

    async def committed(self, _partition: Partition) -> int | None:
        """Return what the group knows."""
        if self.down:
            raise BrokerUnavailableError
        return self.known

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Note what the group is told."""
        self.told.update(offsets)

    async def bounds(self, _partition: Partition) -> tuple[int, int]:
        """Return where the partition begins and ends."""
        return self.ends


@dataclass(slots=True)
class PretendedLetters:
    """`hub.ingest.kafka.ports.Letters`: keeps letters, unless it is `down`."""

    kept: list[DeadLetter] = field(default_factory=list)
    down: bool = False
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def write(self, _partition: Partition, letters: tuple[DeadLetter, ...]) -> tuple[tuple[DeadLetter, ...], str]:
        """Keep letters, or none."""
        self.asked.set()
        if self.down:
            return letters, "down"
        self.kept += letters
        return (), ""


class Stage:
    """A lane of `acme` between a pretended group and a log in memory."""

    def __init__(self, *, records_per_s: float = 0.0, latest: bool = False, name: str = "text") -> None:
        self.log = MemoryLog(FOREVER)
        self.group = PretendedGroup()
        self.letters = PretendedLetters()
        self.metrics = Metrics()
        self.room = Room(10_000)
        works = Works(
            self.log,
            Admission(LIMITS, self.metrics),
            self.group,
            self.letters,
            self.room,
            self.metrics,
            LaneOptions("g", 500, 0.05),
        )
        rates = RateLimits(Rate(records_per_s), Rate(), 1.0, 1.0, {})
        allowance = RateQuotas(rates).of(Principal("acme", "kafka", frozenset()), 0.0)
        self.lane = Lane(works, PARTITION, Feed("acme", reading(name), latest), allowance)
        self.task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Run the lane until it knows its place."""
        self.task = asyncio.create_task(self.lane.run())
        await self.until(lambda: self.lane.placed)

    async def end(self) -> None:
        """Stop the lane."""
        if self.task:
            await self.lane.stop(self.task, 1.0)

    async def until(self, met: object) -> None:
        """Wait for what the lane brings about."""
        async with asyncio.timeout(5):
            while not met():  # type: ignore[operator]
                await asyncio.sleep(0)
                if self.task and self.task.done():
                    self.task.result()

    async def bodies(self) -> list[str]:
        """Return what the log has."""
        found: list[str] = []
        offset = 0
        while items := await self.log.read("acme", offset, 2**20):
            for item in items:
                found += [record.body for record in Batch.FromString(item.data).records]  # type: ignore[union-attr]
            offset = items[-1].next_offset
        return found

    def count(self, name: str, **labels: str) -> float:
        """Return a metric's value, 0 where there is none."""
        return self.metrics.registry.get_sample_value(f"loghub_{name}", labels) or 0.0
