"""The formats in which log messages come in by other doors than our own: what a Kafka topic holds, an OTLP request.

A format turns the bytes of one message into records, each a serialised LogRecord, so that a batch is put together of
them without making objects again. It judges whether a message can be read, no more: the rules and limits of a batch
are for `hub.core.batch.admit`, as at every other door.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from hub.errors import FormatError
from hub.ingest.formats import ecs, filebeat, fluent_bit, log4j2, logstash, otlp_json, otlp_protobuf, own, text

__all__ = ["FORMATS", "RUNS", "Decode", "DecodeRun", "FormatError"]

# A message's bytes → its serialised LogRecords, at least one; FormatError, and nothing else, where it cannot be read.
Decode = Callable[[bytes], list[bytes]]
# Messages that follow each other → the serialised LogRecord of each; FormatError where one cannot be read or makes
# another number of records: then each is to be decoded by itself, which says what of it.
DecodeRun = Callable[[Sequence[bytes]], list[bytes]]

FORMATS: Mapping[str, Decode] = MappingProxyType(
    {
        "protobuf": own.decode,
        "ecs": ecs.decode,
        "logstash": logstash.decode,
        "log4j2": log4j2.decode,
        "filebeat": filebeat.decode,
        "fluent-bit": fluent_bit.decode,
        "otlp-protobuf": otlp_protobuf.decode,
        "otlp-json": otlp_json.decode,
        "text": text.decode,
    }
)

# Formats whose messages are read faster many at a time.
RUNS: Mapping[str, DecodeRun] = MappingProxyType(
    {
        "ecs": ecs.decode_run,
        "logstash": logstash.decode_run,
        "log4j2": log4j2.decode_run,
        "filebeat": filebeat.decode_run,
        "fluent-bit": fluent_bit.decode_run,
    }
)
