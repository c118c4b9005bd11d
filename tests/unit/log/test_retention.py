"""hub.log.retention: the limits are inclusive, and an age of seconds is counted in nanoseconds."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from hub.log.memory import MemoryLog
from hub.log.model import Entry
from hub.log.retention import Retention

SECOND = 10**9


async def kept(retention: Retention, *received: int, size: int = 1, now: int = 0) -> int:
    """Return how many of the batches received at these times are left."""
    log = MemoryLog(retention)
    for time in received:
        await log.append([Entry("a", bytes(size), 1, time)])
    await log.retain(now)
    bounds = await log.bounds("a")
    return bounds.next - bounds.oldest


@pytest.mark.parametrize(("now", "left"), [(2 * SECOND, 3), (2 * SECOND + 1, 2), (2 * SECOND + 2, 1), (9 * SECOND, 1)])
async def test_a_batch_goes_once_it_is_older_than_seconds(now: int, left: int) -> None:
    """At its very age it is still there, a nanosecond later it is not."""
    assert await kept(Retention(1.5, 100, 1), SECOND // 2, SECOND // 2 + 1, 5 * SECOND, now=now) == left


@pytest.mark.parametrize(("limit", "left"), [(30, 3), (29, 2), (10, 1), (0, 1)])
async def test_a_tenant_may_hold_all_of_its_bytes(limit: int, left: int) -> None:
    """Exactly the limit stays, one byte more costs the oldest batch."""
    assert await kept(Retention(1, limit, 1), 1, 1, 1, size=10) == left


def test_a_retention_cannot_be_changed() -> None:
    """Writer and readers share it."""
    with pytest.raises(FrozenInstanceError):
        Retention(1, 1, 1).seconds = 2  # type: ignore[misc]
