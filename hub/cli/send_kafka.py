"""`loghub send --kafka`: lines become messages of a topic, in a format that the hub's Kafka source reads."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

import orjson

from hub.cli.lines import batches
from hub.cli.parse import record_of
from hub.client.ecs import ecs_line
from hub.client.kafka_producer import TopicProducer
from hub.pb.record_pb2 import Batch, Resource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hub.client.kafka_producer import TopicTotals
    from hub.log.kafka_connection import KafkaConnection


class Format(StrEnum):
    """What a message holds; the names of the hub's formats."""

    ECS = "ecs"
    PROTOBUF = "protobuf"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Wording:
    """What lines are made into; `level` is that of lines that say none."""

    form: Format
    resource: Resource
    level: str

    def messages(self, lines: Sequence[str]) -> Iterator[tuple[bytes, int]]:
        """Yield messages, each with the number of its records: a message a line, but for protobuf a batch."""
        if self.form == Format.PROTOBUF:
            records = [record_of(line, self.level) for line in lines]
            yield Batch(resource=self.resource, records=records).SerializeToString(), len(records)
            return
        write: Callable[[str], bytes] = self._ecs if self.form == Format.ECS else str.encode
        for line in lines:
            yield write(line), 1

    def _ecs(self, line: str) -> bytes:
        """Return the line of JSON; one that is ECS already stays as it is."""
        return line.encode() if _is_ecs(line) else ecs_line(record_of(line, self.level), self.resource)


def _is_ecs(line: str) -> bool:
    try:
        fields = orjson.loads(line) if line.startswith("{") else None
    except orjson.JSONDecodeError:
        return False
    return isinstance(fields, dict) and ("ecs.version" in fields or "ecs" in fields)


async def send_to_topic(
    connection: KafkaConnection, topic: str, lines: TextIO, wording: Wording, on_state: Callable[[str], None]
) -> TopicTotals:
    """Send all lines, and wait until the brokers have them; all go to one partition, so that they keep their order."""
    key = f"{wording.resource.host}/{wording.resource.service}".encode()
    async with TopicProducer(connection.options(), topic, on_state) as producer:
        async for some in batches(lines):
            for message, records in wording.messages(some):
                await producer.send(message, key, records)
    return producer.totals
