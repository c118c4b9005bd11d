"""A message as the broker has it, and the letter that tells of one that could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

# Reasons of dead letters beside those of `hub.errors.FormatReason`.
TOO_LARGE = "size"
REFUSED_RECORDS = "record"
# A letter's text and the original's headers are for people: more than this of them helps nobody.
_TEXT_CHARACTERS = 1000
_HEADER_BYTES = 16 * 2**10


class Message(Protocol):
    """What the client library gives of a message; `value` None is a tombstone."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def timestamp(self) -> int:
        """When it was produced, in milliseconds since the Unix epoch."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """What it says."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """What its producer put beside it."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be read, or some of whose `records` (indexes) were refused, and why."""

    message: Message
    reason: str
    text: str
    records: tuple[int, ...] = ()

    def value(self, max_bytes: int) -> bytes | None:
        """Return the message's value, cut to `max_bytes`."""
        value = self.message.value
        return value if value is None else value[:max_bytes]

    def headers(self, topic: str, partition: int, max_bytes: int) -> list[tuple[str, bytes]]:
        """Return the message's own headers, and behind them what is to be known of it."""
        message = self.message
        own = [(name, value or b"") for name, value in message.headers]
        if sum(len(name) + len(value) for name, value in own) > _HEADER_BYTES:
            own = []
        said = {
            "reason": self.reason,
            "error": self.text[:_TEXT_CHARACTERS],
            "topic": topic,
            "partition": str(partition),
            "offset": str(message.offset),
            "timestamp": str(message.timestamp),
        }
        if self.records:
            said["records"] = ",".join(map(str, self.records))[:_TEXT_CHARACTERS]
        size = len(message.value or b"")
        if size > max_bytes:
            said["cut-from-bytes"] = str(size)
        return own + [(f"loghub-{name}", text.encode()) for name, text in said.items()]
