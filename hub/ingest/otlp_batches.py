"""Records of an OTLP request become batches: of one resource each, and within the limits of a batch.

A request may be larger than a batch, and has many resources. What no batch can hold is refused by itself, with the
number that it has in the request, so that the rest is stored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.core.batch import Offer
from hub.core.views import columns, opaque
from hub.pb.record_pb2 import Batch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.core.batch import BatchLimits
    from hub.ingest.formats.otlp import Group
    from hub.pb.record_pb2 import Resource

_OPAQUE, _COLUMNS = opaque(Batch), columns(Batch)
# Of a record in a batch: its tag and length. Of a batch: the length of its resource, and what the hub sets.
_RECORD_BYTES, _BATCH_BYTES = 6, 64


@dataclass(frozen=True, slots=True)
class Refusal:
    """Records that are refused: how many from which on, counted in the request, the field at fault, and why."""

    first: int
    count: int
    field: str
    reason: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A batch of records that follow each other in the request, the first of which is number `first`."""

    first: int
    offer: Offer


@dataclass(slots=True)
class Batches:
    """Takes records in the order of the request and gives batches, each as soon as it is full."""

    limits: BatchLimits
    refusals: list[Refusal] = field(default_factory=list)
    _resource: Resource | None = None
    _head: bytes = b""
    _records: list[bytes] = field(default_factory=list)
    _bytes: int = 0
    _next: int = 0

    def add(self, group: Group) -> Iterator[Piece]:
        """Take records of one resource."""
        records = group.records
        if group.resource is not self._resource:
            yield from self.rest()
            self._resource = group.resource
            self._head = Batch(resource=group.resource).SerializeToString()
        if len(group.resource.attributes) > self.limits.max_attributes:
            count, most = len(group.resource.attributes), self.limits.max_attributes
            self._refuse(len(records), "resource", f"its attributes are {count}, the limit is {most}")
            return
        sizes = list(map(len, records))
        total = sum(sizes) + _RECORD_BYTES * len(sizes)
        if max(sizes) <= self._most and self._fits(len(records), total):
            self._take(records, total)
            return
        for record, size in zip(records, sizes, strict=True):
            if size > self._most:
                yield from self.rest()
                self._refuse(1, "record", f"has {size} bytes, with its resource the limit is {self._most}")
                continue
            if not self._fits(1, size + _RECORD_BYTES):
                yield from self.rest()
            self._take([record], size + _RECORD_BYTES)

    def rest(self) -> Iterator[Piece]:
        """Give what is left as a batch."""
        if self._records:
            batch: Any = _OPAQUE.FromString(self._head)
            batch.records.extend(self._records)
            merged = _COLUMNS.FromString(batch.SerializeToString())
            yield Piece(self._next - len(self._records), Offer(batch, merged))
            self._records, self._bytes = [], 0

    @property
    def _most(self) -> int:
        """Bytes that a record may have beside the resource."""
        room = self.limits.max_batch_bytes - _BATCH_BYTES - len(self._head) - _RECORD_BYTES
        return min(self.limits.max_record_bytes, room)

    def _fits(self, records: int, size: int) -> bool:
        return (
            len(self._records) + records <= self.limits.max_batch_records
            and _BATCH_BYTES + len(self._head) + self._bytes + size <= self.limits.max_batch_bytes
        )

    def _take(self, records: list[bytes], size: int) -> None:
        self._records.extend(records)
        self._bytes += size
        self._next += len(records)

    def _refuse(self, count: int, name: str, reason: str) -> None:
        self.refusals.append(Refusal(self._next, count, name, reason))
        self._next += count
