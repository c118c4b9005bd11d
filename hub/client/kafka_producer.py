"""A producer to a Kafka topic: says when no broker answers, and counts what the brokers have."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    OutOfOrderSequenceNumber,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from hub.client.backoff import Backoff
from hub.errors import ConfigError, ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# What the library says of a broker that is away, many times a second; it is said here once a try.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

_FIRST_SECONDS, _LAST_SECONDS = 0.5, 10.0
_LINGER_MS = 20
_MAX_MESSAGE_BYTES = 16 * 2**20
# Messages that the brokers have not acknowledged; when it is full, sending waits for one of them.
_MAX_UNACKED = 5_000


@dataclass(slots=True)
class TopicTotals:
    """Records by what became of them."""

    acked: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class _Message:
    value: bytes
    key: bytes
    records: int


class TopicProducer:
    """Sends messages to one topic; an async context manager that ends when all are acknowledged or given up.

    `options` are the library's for a connection. The broker stores a message once, however often it is sent (an
    idempotent producer), on all replicas in sync; messages with the same key keep their order.

    A message that the broker refuses leaves a hole in the producer's count, and all behind it are refused as out of
    order, so not stored: they are sent again, by a producer that counts anew.
    """

    def __init__(self, options: Mapping[str, Any], topic: str, on_state: Callable[[str], None]) -> None:
        self.totals = TopicTotals()
        self._options = options
        self._topic = topic
        self._on_state = on_state
        self._unacked: set[asyncio.Future[Any]] = set()
        self._behind: list[_Message] = []  # as bounded as what is not acknowledged
        self._producer: AIOKafkaProducer | None = None
        self._said = ""

    async def __aenter__(self) -> Self:
        """Connect, for as long as it takes; ConfigError or ForbiddenError where the topic cannot be written."""
        await self._check_topic(await self._connected())
        return self

    async def __aexit__(self, error_type: object, *_error: object) -> None:
        """Wait for what is on its way, unless something has failed."""
        while error_type is None and (self._unacked or self._behind):
            await self._settle()
        if self._producer:
            await self._producer.stop()

    async def send(self, message: bytes, key: bytes, records: int) -> None:
        """Send a message of so many records; returns before it is acknowledged, unless too many are not."""
        if self._behind:
            await self._settle()
        while len(self._unacked) >= _MAX_UNACKED:
            await asyncio.wait(self._unacked, return_when=asyncio.FIRST_COMPLETED)
        await self._put(_Message(message, key, records))

    async def _settle(self) -> None:
        """Wait for what is on its way; what was behind a message that was refused is sent again."""
        if self._unacked:
            await asyncio.wait(self._unacked)
            await asyncio.sleep(0)  # their callbacks run
        behind, self._behind = self._behind, []
        if behind and self._producer:
            await self._producer.stop()
            self._producer = None
        for message in behind:
            await self._put(message)

    async def _put(self, message: _Message) -> None:
        producer = await self._connected()
        try:
            stored = await producer.send(self._topic, message.value, key=message.key)
        except (KafkaError, OSError) as error:
            self._failed(message.records, error)
        else:
            self._unacked.add(stored)
            stored.add_done_callback(partial(self._settled, message))

    def _settled(self, message: _Message, stored: asyncio.Future[Any]) -> None:
        self._unacked.discard(stored)
        error = stored.exception()
        if isinstance(error, OutOfOrderSequenceNumber):
            self._behind.append(message)
        elif error:
            self._failed(message.records, error)
        else:
            self.totals.acked += message.records

    def _failed(self, records: int, error: BaseException) -> None:
        self.totals.failed += records
        text = f"not stored: {_line(error)}"
        if text != self._said:  # once, however many there are of it
            self._said = text
            self._on_state(text)

    async def _connected(self) -> AIOKafkaProducer:
        """Return the producer, started, however long that takes."""
        backoff = Backoff(_FIRST_SECONDS, _LAST_SECONDS)
        while self._producer is None:
            producer = AIOKafkaProducer(
                **self._options,
                acks="all",
                enable_idempotence=True,
                linger_ms=_LINGER_MS,
                max_request_size=_MAX_MESSAGE_BYTES,
            )
            try:
                await producer.start()
            except (KafkaError, OSError) as error:
                await producer.stop()
                pause = backoff.next()
                self._on_state(f"no broker answers ({_line(error)}); trying again in {pause:.1f} s")
                await asyncio.sleep(pause)
            else:
                self._producer = producer
        return self._producer

    async def _check_topic(self, producer: AIOKafkaProducer) -> None:
        try:
            await producer.partitions_for(self._topic)
        except UnknownTopicOrPartitionError as error:
            await producer.stop()
            msg = f"there is no topic {self._topic}: create it, or let the brokers create topics"
            raise ConfigError(msg) from error
        except TopicAuthorizationFailedError as error:
            await producer.stop()
            msg = f"the brokers do not let this client write to the topic {self._topic}"
            raise ForbiddenError(msg) from error


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
