"""`loghub bench tail`: how long a record takes from the producer, over the disk, to a subscriber."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.ingest import run as run_ingest

if TYPE_CHECKING:
    from bench.rig import Phase


def run(phase: Phase) -> dict[str, Any]:
    """Offer records at a rate to one TLS subscriber of all; latency counts from when a batch was due."""
    figures = run_ingest({"tail": phase})["tail"]
    return {"bench": "tail", **figures, "expected": figures["acked"]}
