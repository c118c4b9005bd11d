"""A producer's side of its count: batches that the hub has not acknowledged yet, and which of them to send next.

Sequence numbers have no holes. A batch that the hub refuses for good is taken out; the ones behind it, none of
which can have been stored, move up by one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.pb.record_pb2 import Batch


@dataclass(slots=True)
class Pending:
    """A batch on its way, and its size in bytes as serialised."""

    batch: Batch
    size: int

    @property
    def records(self) -> int:
        """How many records it holds."""
        return len(self.batch.records)


@dataclass(slots=True)
class Window:
    """What may be sent and not acknowledged."""

    batches: int
    size: int


class Outbox:
    """Batches in order; the first `sent` of them are on their way on the present stream."""

    def __init__(self) -> None:
        self._pending: deque[Pending] = deque()
        self._first_seq = 1
        self._sent = 0
        self._sent_bytes = 0

    def __len__(self) -> int:
        """Return how many batches are not acknowledged."""
        return len(self._pending)

    @property
    def first_seq(self) -> int:
        """The sequence number of the oldest batch that is not acknowledged, or of the next one."""
        return self._first_seq

    @property
    def size(self) -> int:
        """Bytes that are not acknowledged."""
        return sum(pending.size for pending in self._pending)

    @property
    def records(self) -> int:
        """Records that are not acknowledged."""
        return sum(pending.records for pending in self._pending)

    def add(self, batch: Batch) -> None:
        """Take a batch at the end."""
        self._pending.append(Pending(batch, batch.ByteSize()))

    def next(self, window: Window) -> Batch | None:
        """Return the next batch to send, numbered, or None where none is left or the window is full."""
        if self._sent >= min(len(self._pending), window.batches):
            return None
        pending = self._pending[self._sent]
        if self._sent and self._sent_bytes + pending.size > window.size:
            return None
        pending.batch.seq = self._first_seq + self._sent
        self._sent += 1
        self._sent_bytes += pending.size
        return pending.batch

    def welcome(self, last_seq: int) -> int:
        """Begin a stream: drop what is stored, and send the rest again. Return how many records were stored."""
        stored = self.ack(last_seq)
        self._sent = self._sent_bytes = 0
        self._first_seq = max(self._first_seq, last_seq + 1)
        return stored

    def ack(self, up_to_seq: int) -> int:
        """Drop what is stored; return how many records that was."""
        records = 0
        while self._pending and self._first_seq <= up_to_seq:
            done = self._pending.popleft()
            records += done.records
            self._first_seq += 1
            if self._sent:
                self._sent -= 1
                self._sent_bytes -= done.size
        return records

    def back_to(self, seq: int) -> None:
        """Send again from a batch on."""
        keep = min(max(seq - self._first_seq, 0), self._sent)
        self._sent = keep
        self._sent_bytes = sum(pending.size for pending in list(self._pending)[:keep])

    def drop(self, seq: int) -> int:
        """Take out a batch that will never be stored; return how many records it held."""
        self.back_to(seq)
        index = seq - self._first_seq
        if not 0 <= index < len(self._pending):
            return 0
        dropped = self._pending[index]
        del self._pending[index]
        return dropped.records
