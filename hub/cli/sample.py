"""A sample service in Python, for the demo where there is no Java: orders that succeed, hesitate and fail.

python -m hub.cli.sample        with the environment of the Java sample (LOGHUB_ENDPOINT, LOGHUB_CA, … or KAFKA_BROKERS)
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from hub.client.ecs import ecs_line
from hub.client.kafka_producer import TopicProducer
from hub.client.producer import Producer, Target
from hub.log.kafka_connection import KafkaConnection
from hub.pb.record_pb2 import Exception as RecordException
from hub.pb.record_pb2 import LogRecord, Resource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_INFO, _WARN, _ERROR = 9, 13, 17
_LOGGER = "com.example.orders.OrderService"


class PaymentError(RuntimeError):
    """The payment provider did not answer."""


def _call_provider() -> None:
    message = "connection reset by peer"
    raise ConnectionResetError(message)


def _pay(order: int) -> None:
    try:
        _call_provider()
    except ConnectionResetError as error:
        message = f"payment for order {order} failed"
        raise PaymentError(message) from error


def order_records(order: int, label: str, rng: random.Random) -> list[LogRecord]:
    """Return what the service logs about an order; every seventh fails, with a stack trace."""
    trace, span = rng.randbytes(16), rng.randbytes(8)
    amount = rng.randrange(500, 20_000) / 100
    texts = [(_INFO, f"[{label}] order {order} placed, {amount:.2f} EUR")]
    if order % 5 == 0:
        texts.append((_WARN, f"[{label}] stock is low for order {order}"))
    if order % 7 == 0:
        texts.append((_ERROR, f"[{label}] order {order} could not be paid"))
    records = []
    for severity, text in texts:
        record = LogRecord(
            time_unix_nano=time.time_ns(),
            severity=severity,  # type: ignore[arg-type]  # the enum's numbers
            body=text,
            logger=_LOGGER,
            thread="main",
            trace_id=trace,
            span_id=span,
        )
        record.attributes["order_id"].int_value = order
        record.attributes["amount"].double_value = amount
        records.append(record)
    if order % 7 == 0:
        records[-1].exception.CopyFrom(_failure(order))
    return records


def _failure(order: int) -> RecordException:
    try:
        _pay(order)
    except PaymentError as error:
        stack = "".join(traceback.format_exception(error))
        return RecordException(type="PaymentError", message=str(error), stacktrace=stack)
    return RecordException()


async def orders(label: str, per_second: float) -> AsyncIterator[list[LogRecord]]:
    """Yield what the service logs about order after order."""
    rng = random.Random()  # noqa: S311  made-up orders
    order = 1
    while True:
        yield order_records(order, label, rng)
        order += 1
        await asyncio.sleep(rng.expovariate(per_second))


async def run() -> None:
    """Send orders until stopped."""
    env = os.environ
    resource = Resource(service=env.get("SERVICE_NAME", "orders"), host=socket.gethostname())
    made = orders(env.get("SAMPLE_LABEL", "demo"), float(env.get("SAMPLE_ORDERS_PER_S", "5")))
    if env.get("KAFKA_BROKERS"):
        await _to_topic(resource, made)
        return
    files = (Path(env["LOGHUB_CA"]), Path(env["LOGHUB_CERT"]), Path(env["LOGHUB_KEY"]))
    target = Target(env.get("LOGHUB_ENDPOINT", "localhost:4317"), *files)
    producer = Producer(target, f"sample-{resource.host}-{os.getpid()}", resource)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(producer.run(), name="producer")
        async for records in made:
            await producer.send(records)


async def _to_topic(resource: Resource, made: AsyncIterator[list[LogRecord]]) -> None:
    connection = KafkaConnection(tuple(os.environ["KAFKA_BROKERS"].split(",")))
    topic = os.environ.get("KAFKA_TOPIC", "app-logs")
    async with TopicProducer(connection.options(), topic, print) as producer:
        async for records in made:
            for record in records:
                await producer.send(ecs_line(record, resource), resource.host.encode(), 1)


if __name__ == "__main__":
    asyncio.run(run())
