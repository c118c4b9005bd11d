"""Records as lines: for people on a terminal, or as one JSON object each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson
from rich.text import Text

from hub.core.filter.levels import LEVELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hub.pb.record_pb2 import Batch, LogRecord, Value

# Everything that could drive a terminal: C0 but tab and newline, DEL, C1, and the bidirectional overrides.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_STYLES = {"TRACE": "dim", "DEBUG": "dim", "INFO": "green", "WARN": "yellow", "ERROR": "red", "FATAL": "bold red"}
_NAMES = {number: name.upper() for name, number in LEVELS.items()}


@dataclass(frozen=True, slots=True)
class Row:
    """A record with what its batch knows of it."""

    offset: int
    record: LogRecord
    batch: Batch

    @property
    def time_unix_nano(self) -> int:
        """When it happened, as well as is known."""
        record = self.record
        return record.time_unix_nano or record.observed_time_unix_nano or self.batch.received_time_unix_nano

    @property
    def service(self) -> str:
        """The service's name."""
        return self.record.service or self.batch.resource.service

    @property
    def level(self) -> str:
        """The level's name, "" for none."""
        number = self.record.severity
        return _NAMES.get((number - 1) // 4 * 4 + 1, "") if number else ""


def rows(batch: Batch) -> Iterator[Row]:
    """Yield a batch's records."""
    for index, record in enumerate(batch.records):
        yield Row(batch.first_offset + (batch.indexes[index] if batch.indexes else index), record, batch)


def line(row: Row) -> Text:
    """Return a record for people; nothing in it can drive the terminal."""
    record = row.record
    time = datetime.fromtimestamp(row.time_unix_nano / 1e9).astimezone().strftime("%H:%M:%S.%f")[:-3]
    text = Text(f"{time} ", style="dim")
    text.append(f"{row.level:<5} ", _STYLES.get(row.level, ""))
    text.append(f"{clean(row.service)} ", "cyan")
    text.append(clean(record.body), "")
    if record.exception.stacktrace:
        indented = clean(record.exception.stacktrace).rstrip().replace("\n", "\n    ")
        text.append(f"\n    {indented}", "red dim")
    return text


def as_json(row: Row) -> str:
    """Return a record as one JSON object."""
    record = row.record
    seconds, nanos = divmod(row.time_unix_nano, 10**9)
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    out: dict[str, Any] = {
        "time": f"{stamp}.{nanos:09d}Z",
        "severity": row.level,
        "service": row.service,
        "host": record.host or row.batch.resource.host,
        "logger": record.logger,
        "thread": record.thread,
        "body": record.body,
        "trace_id": record.trace_id.hex(),
        "span_id": record.span_id.hex(),
        "attributes": _plain(record.attributes),
    }
    if record.HasField("exception"):
        exception = record.exception
        out["exception"] = {"type": exception.type, "message": exception.message, "stacktrace": exception.stacktrace}
    out = {name: value for name, value in out.items() if value}
    return orjson.dumps({"offset": row.offset, **out}).decode()


def clean(text: str) -> str:
    """Return the text with every character that could drive a terminal made visible."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)


def _plain(attributes: Mapping[str, Value]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in attributes.items():
        kind = value.WhichOneof("kind")
        plain = getattr(value, kind) if kind else None
        out[name] = plain.hex() if isinstance(plain, bytes) else plain
    return out
