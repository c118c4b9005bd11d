"""What a log gives back: batches, and holes where there are none any more."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core.columns import Columns


@dataclass(frozen=True, slots=True)
class Parts:
    """A serialised Batch taken apart: what it is without its records, and each of them, serialised too.

    columns   the same by its fields, where it was read so already
    """

    head: bytes
    records: Sequence[bytes]
    columns: Columns | None = None

    @classmethod
    def of(cls, batch: Any, records: Sequence[bytes], columns: Columns | None = None) -> Self:  # noqa: ANN401  a class made at run time
        """Take a batch of the view `opaque` apart, which loses its records."""
        del batch.records[:]
        return cls(batch.SerializeToString(), records, columns)


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A batch as stored: `data` is a serialised Batch without first_offset; `zstd` the same compressed, where it is.

    parts     the same taken apart, where it is still known from when it came in
    """

    first_offset: int
    records: int
    received_unix_nano: int
    data: bytes
    zstd: bytes = field(default=b"", compare=False)
    parts: Parts | None = field(default=None, compare=False, repr=False)

    @property
    def next_offset(self) -> int:
        """The offset after the batch's last record."""
        return self.first_offset + self.records


class HoleReason(StrEnum):
    """Why records cannot be had any more."""

    RETENTION = "retention"
    CORRUPT = "corrupt"


@dataclass(frozen=True, slots=True)
class Hole:
    """The records from `first_offset` up to, not including, `next_offset` cannot be had any more."""

    first_offset: int
    next_offset: int
    reason: HoleReason
