"""Batches as they come, compressed or not."""

from __future__ import annotations

from typing import Any

import zstandard

_ZSTD = zstandard.ZstdDecompressor()


def batches_of(records: Any, batch: Any) -> list[Any]:  # noqa: ANN401  classes made at run time
    """Return the batches of a records message; the compressed ones are read as `batch`."""
    return [*records.batches, *(batch.FromString(_ZSTD.decompress(packed.data)) for packed in records.packed)]
