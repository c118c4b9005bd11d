"""Records as services write them: 240 bytes each, with a trace, two attributes and words that compress like logs."""

from __future__ import annotations

import random

from hub.core.wire import delimited, tag, varint
from hub.pb.ingest_pb2 import ProducerMessage
from hub.pb.record_pb2 import Batch, LogRecord, Resource

SERVICE = "svc{}"
_WORDS = 5000
_TEMPLATES = 32
_SEVERITIES = (9, 9, 9, 13, 17)
_BATCH = ProducerMessage.BATCH_FIELD_NUMBER


def templates(records: int, services: int = 0, *, short: bool = False) -> list[Batch]:
    """Return the batches that a producer sends in turn: number `seq` is the one at `seq % len`; none has a number.

    Of one service, or with `services` two batches of each. `short`: records of 60 bytes.
    """
    made = batches(2 * services or _TEMPLATES, records, short=short)
    for place, batch in enumerate(made if services else ()):
        batch.resource.service = SERVICE.format(place % services)
    return made


def batches(count: int, records: int, seed: int = 1, *, short: bool = False) -> list[Batch]:
    """Return different batches without sequence numbers."""
    rng = random.Random(seed)  # noqa: S311  the same data every time, guards nothing
    words = _words(rng)
    resource = Resource(service="orders", host="app-1")
    make = _short_record if short else _record
    return [Batch(resource=resource, records=[make(rng, words, i) for i in range(records)]) for _ in range(count)]


def vocabulary(seed: int = 1) -> list[str]:
    """Return the words that the records of a seed are made of, each once."""
    rng = random.Random(seed)  # noqa: S311  as above
    return list(dict.fromkeys(_words(rng)))


def _words(rng: random.Random) -> list[str]:
    return [f"w{rng.randrange(10**6):x}" for _ in range(_WORDS)]


def _record(rng: random.Random, words: list[str], number: int) -> LogRecord:
    text = " ".join(rng.choice(words) for _ in range(10))
    record = LogRecord(
        time_unix_nano=1_790_000_000_000_000_000 + number * 1000,
        severity=rng.choice(_SEVERITIES),  # type: ignore[arg-type]  # the enum's numbers
        logger="com.example.OrderService",
        thread="http-nio-8080-exec-7",
        body=f"order {number} of customer {rng.randrange(10**6)} placed: {text}",
        trace_id=rng.randbytes(16),
        span_id=rng.randbytes(8),
    )
    record.attributes["order_id"].int_value = number
    record.attributes["region"].string_value = "eu-west-1"
    return record


def _short_record(rng: random.Random, words: list[str], number: int) -> LogRecord:
    return LogRecord(
        time_unix_nano=1_790_000_000_000_000_000 + number * 1000,
        severity=rng.choice(_SEVERITIES),  # type: ignore[arg-type]  # as above
        body=f"order {number % 1000:03d} placed: {' '.join(rng.choice(words) for _ in range(5))}",
    )


def serialised(batch: Batch) -> bytes:
    """Return a batch as every process writes it: the order of attributes is free, so it must be said."""
    return batch.SerializeToString(deterministic=True)


def message(seq: int, body: bytes) -> bytes:
    """Return a serialised ProducerMessage: a batch without sequence number, and the number before it."""
    head = tag(Batch.SEQ_FIELD_NUMBER, 0) + varint(seq)
    return delimited(_BATCH, len(head) + len(body)) + head + body
