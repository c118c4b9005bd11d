"""A loader: writes messages to a topic, in one transaction that makes them all readable at once, or at a fixed rate.

python -m bench.kafka_load   is told a `Load`, says when it is ready, waits for a word, and says in the end how many
                             records it has sent. A record's time is its number in µs, or when its message was due.
"""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer

from bench.data import batches, serialised
from bench.loader import hear, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.pb.record_pb2 import Batch

# Times that a record can be told by; ECS writes them in µs.
FIRST_NANO = 1_790_000_000_000_000_000
STEP_NANOS = 1000
_TEMPLATES = 8
_PRODUCER_BATCH_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Load:
    """What to write: `messages` of `batch` records each; with a `rate`, in records a second, live."""

    broker: str
    topic: str
    format: str
    messages: int
    batch: int
    rate: float = 0.0


async def run(load: Load) -> int:
    """Write the load."""
    own = {} if load.rate else {"transactional_id": f"bench-{load.topic}", "linger_ms": 5}
    producer = AIOKafkaProducer(
        bootstrap_servers=load.broker, acks="all", max_batch_size=_PRODUCER_BATCH_BYTES, max_request_size=2**23, **own
    )
    await producer.start()
    try:
        await (_live if load.rate else _filled)(producer, load)
    finally:
        await producer.stop()
    return load.messages * load.batch


async def _filled(producer: AIOKafkaProducer, load: Load) -> None:
    async with producer.transaction():
        for message in _messages(load):
            await producer.send(load.topic, message, partition=0)
        await producer.flush()
        say("ready")
        await asyncio.to_thread(hear)


async def _live(producer: AIOKafkaProducer, load: Load) -> None:
    """Write messages when they are due; a record's time is when its message was."""
    template = batches(1, load.batch)[0]
    await producer.partitions_for(load.topic)
    say("ready")
    await asyncio.to_thread(hear)
    begin, wall = time.monotonic(), time.time_ns()
    for number in range(load.messages):
        due = number * load.batch / load.rate
        if (wait := begin + due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        _stamp(template, wall + int(due * 1e9), 1)
        await producer.send(load.topic, serialised(template), partition=0)
    await producer.flush()


def _messages(load: Load) -> Iterator[bytes]:
    templates = batches(_TEMPLATES, load.batch)
    for number in range(load.messages):
        template = templates[number % _TEMPLATES]
        _stamp(template, FIRST_NANO + number * load.batch * STEP_NANOS, STEP_NANOS)
        yield serialised(template) if load.format == "protobuf" else _ecs(template, number)


def _stamp(batch: Batch, first: int, step: int) -> None:
    for index, record in enumerate(batch.records):
        record.time_unix_nano = first + index * step


def _ecs(batch: Batch, number: int) -> bytes:
    """Return the first record as logback's ECS encoder writes it, with a text and a trace of its own."""
    record = batch.records[0]
    seconds, nanos = divmod(record.time_unix_nano, 10**9)
    at = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanos // 1000:06d}Z"
    fields = {
        "@timestamp": at,
        "log.level": "INFO",
        "message": f"{record.body} {number}",
        "ecs.version": "1.2.0",
        "service.name": "orders",
        "process.thread.name": record.thread,
        "log.logger": record.logger,
        "trace.id": f"{number + 1:032x}",
        "span.id": record.span_id.hex(),
        "region": "eu-west-1",
    }
    return json.dumps(fields, separators=(",", ":")).encode()


def main() -> None:
    """Run as a process of its own."""
    load = Load(**hear())
    say(asyncio.run(run(load)))


if __name__ == "__main__":
    main()
