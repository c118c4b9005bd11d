"""hub.core.stored: what a log gives back."""

from __future__ import annotations

from hub.core.stored import HoleReason, StoredBatch
from hub.pb.tail_pb2 import GapReason


def test_the_next_batch_begins_where_this_one_ends() -> None:
    """Offsets have no holes."""
    assert StoredBatch(first_offset=40, records=3, received_unix_nano=1, data=b"").next_offset == 43


def test_every_reason_for_a_hole_can_be_told_to_a_subscriber() -> None:
    """Each has its own in the contract."""
    assert {f"GAP_REASON_{reason.name}" for reason in HoleReason} <= set(GapReason.keys())
