"""The consumer group: aiokafka's consumer, its errors translated, and where it is weak guarded against.

Offsets in the group are a hint, for hubs with other logs and for whoever watches the group; the log's own count.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    NoOffsetForPartitionError,
    OffsetOutOfRangeError,
    TopicAuthorizationFailedError,
)

from hub.errors import BrokerUnavailableError
from hub.ingest.kafka.ports import OffsetsGoneError, Partition, TopicForbiddenError
from hub.log.kafka_connection import begin, explained

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from hub.ingest.kafka.message import Message
    from hub.log.kafka_connection import KafkaConnection

_CLOSE_SECONDS = 3.0
# Others wait for a commit where partitions change hands, and it is a hint only.
_COMMIT_SECONDS = 2.0
_HEARTBEATS = 4


@dataclass(frozen=True, slots=True)
class GroupOptions:
    """The group, this hub's lasting name in it ("": none), and how much is fetched at once."""

    name: str
    member: str
    session_seconds: float
    fetch_bytes: int
    fetch_wait_seconds: float
    discover_seconds: float


class Watcher(ConsumerRebalanceListener):  # type: ignore[misc]
    """Passes on which partitions come and go; nothing may be raised there, since the client library swallows it."""

    def __init__(
        self,
        revoked: Callable[[], Awaitable[None]],
        assigned: Callable[[Iterable[Partition]], None],
    ) -> None:
        self._revoked = revoked
        self._assigned = assigned

    async def on_partitions_revoked(self, _revoked: object) -> None:
        """Let all partitions go; some may come back. The group waits for this."""
        await self._revoked()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take those that have come."""
        self._assigned([Partition(*one) for one in assigned])


class KafkaGroup:
    """`hub.ingest.kafka.ports.Group` on a broker; made for one connection, and thrown away where that goes wrong."""

    def __init__(self, connection: KafkaConnection, options: GroupOptions, watcher: Watcher) -> None:
        self._timeout = connection.timeout_seconds
        self._options = options
        self._watcher = watcher
        session = int(options.session_seconds * 1000)
        # The assignor keeps what was assigned in its class: each member needs one of its own.
        assignor = type("OwnAssignor", (StickyPartitionAssignor,), {"member_assignment": None})
        self._consumer = AIOKafkaConsumer(
            **connection.consumer_options(options.fetch_bytes)
            | {
                "group_id": options.name,
                "group_instance_id": options.member or None,
                "session_timeout_ms": session,
                "heartbeat_interval_ms": max(session // _HEARTBEATS, 1),
                "partition_assignment_strategy": (assignor,),
                "isolation_level": "read_committed",
                "fetch_max_wait_ms": int(options.fetch_wait_seconds * 1000),
                "metadata_max_age_ms": int(options.discover_seconds * 1000),
            }
        )

    async def start(self, topics: Iterable[str]) -> None:
        """Connect and join; what the client library raises."""
        try:
            await begin(self._consumer)
        except BaseException:
            await self.stop()
            raise
        self.subscribe(topics)

    def subscribe(self, topics: Iterable[str]) -> None:
        """Read these topics from now on."""
        self._consumer.subscribe(topics=sorted(topics), listener=self._watcher)

    async def fetch(self, partitions: Sequence[Partition], seconds: float) -> Mapping[Partition, Sequence[Message]]:
        """Return what has come of these (none: of all), waiting for something.

        Raises OffsetsGoneError, TopicForbiddenError and BrokerUnavailableError; what it had may be lost then.
        """
        chosen = [TopicPartition(*one) for one in partitions]
        try:
            found: dict[Partition, Sequence[Message]] = await self._consumer.getmany(
                *chosen, timeout_ms=int(seconds * 1000)
            )
        except NoOffsetForPartitionError:
            return {}  # of a partition that has no lane yet, which will say where to begin
        except TopicAuthorizationFailedError as error:
            raise TopicForbiddenError(str(error.args[0])) from error
        except OffsetOutOfRangeError as error:
            raise OffsetsGoneError({Partition(*one): offset for one, offset in error.args[0].items()}) from error
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._translated(error) from error
        return found

    def seek(self, partition: Partition, offset: int) -> None:
        """Fetch from this offset on; nothing where the partition has gone to another hub."""
        with suppress(IllegalStateError):
            self._consumer.seek(TopicPartition(*partition), offset)

    def pause(self, partition: Partition) -> None:
        """Fetch nothing of it."""
        with suppress(IllegalStateError):
            self._consumer.pause(TopicPartition(*partition))

    def resume(self, partition: Partition) -> None:
        """Fetch of it again."""
        with suppress(IllegalStateError):
            self._consumer.resume(TopicPartition(*partition))

    async def committed(self, partition: Partition) -> int | None:
        """Return the offset that the group was told of last."""
        offset: int | None = await self._asked(self._consumer.committed(TopicPartition(*partition)))
        return offset

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Tell the group where its members would read on."""
        found = {TopicPartition(*one): offset for one, offset in offsets.items()}
        await self._asked(self._consumer.commit(found), _COMMIT_SECONDS)

    async def bounds(self, partition: Partition) -> tuple[int, int]:
        """Return the offset of the first message, and the one that the next will get."""
        one = TopicPartition(*partition)
        begin = await self._asked(self._consumer.beginning_offsets([one]))
        end = await self._asked(self._consumer.end_offsets([one]))
        return int(begin[one]), int(end[one])

    def end(self, partition: Partition) -> int | None:
        """Return the offset that the next message will get, as the last fetch said it."""
        try:
            end: int | None = self._consumer.highwater(TopicPartition(*partition))
        except (AssertionError, AttributeError):  # it is not assigned any more
            return None
        return end

    async def stop(self) -> None:
        """Leave the group."""
        # In tasks of their own: where no broker is there, the client library raises CancelledError although nobody was
        # cancelled, and has then closed only a part.
        closing = (self._consumer.stop, *(part.close for part in self._parts()))
        for close in closing:
            task = asyncio.create_task(close(), name="kafka-group-close")
            await asyncio.wait([task], timeout=_CLOSE_SECONDS)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.exception()  # what is not closed in order ends with its connection

    def _parts(self) -> list[Any]:
        parts = (self._consumer._coordinator, self._consumer._client)  # noqa: SLF001  see stop
        return [part for part in parts if part is not None]

    async def _asked(self, question: Awaitable[Any], seconds: float = math.inf) -> Any:  # noqa: ANN401  whatever it is
        try:
            async with asyncio.timeout(min(self._timeout, seconds)):
                return await question
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._translated(error) from error

    def _translated(self, error: Exception) -> BrokerUnavailableError:
        if isinstance(error, TopicAuthorizationFailedError):
            return BrokerUnavailableError(f"the hub may not read the topic {error}: allow it READ")
        if isinstance(error, GroupAuthorizationFailedError):
            return BrokerUnavailableError(f"the hub may not join the group {self._options.name}: allow it READ")
        return BrokerUnavailableError(f"Kafka: {explained(error)}")
