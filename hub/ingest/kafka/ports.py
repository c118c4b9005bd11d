"""What the source needs of Kafka, so that its lanes can be tried without a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.ingest.kafka.message import DeadLetter


class Partition(NamedTuple):
    """A partition of a topic; equal to the client library's own, which is a tuple too."""

    topic: str
    partition: int


class OffsetsGoneError(Exception):
    """Partitions do not have the offsets that were asked for."""

    def __init__(self, offsets: Mapping[Partition, int]) -> None:
        super().__init__(offsets)
        self.offsets = dict(offsets)


class TopicForbiddenError(Exception):
    """The hub may not read a topic."""

    def __init__(self, topic: str) -> None:
        super().__init__(topic)
        self.topic = topic


class Group(Protocol):
    """What a lane needs of the consumer group. What is awaited raises BrokerUnavailableError."""

    def seek(self, partition: Partition, offset: int) -> None:
        """Fetch from this offset on."""

    def pause(self, partition: Partition) -> None:
        """Fetch nothing of it."""

    def resume(self, partition: Partition) -> None:
        """Fetch of it again."""

    async def committed(self, partition: Partition) -> int | None:
        """Return the offset that the group was told of last; None: none ever."""

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Tell the group where its members would read on."""

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """Return the offset of the first message, and the one that the next will get."""


class Letters(Protocol):
    """Where dead letters go."""

    async def write(self, partition: Partition, letters: tuple[DeadLetter, ...]) -> tuple[tuple[DeadLetter, ...], str]:
        """Write letters of a partition's messages; return those that the brokers do not have, and why."""
