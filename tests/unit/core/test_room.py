"""hub.core.room: no more bytes are held than there is room for, and none is lost."""

from __future__ import annotations

import pytest

from hub.core.places import Bound
from hub.core.room import Room
from hub.errors import QuotaError

TOTAL, TENANT = Bound(100, "ingest.total"), Bound(60, "ingest.own")


def test_a_tenant_has_its_part_and_all_have_the_room() -> None:
    """Each refusal names the setting, and when to come back."""
    room = Room("requests", TOTAL, TENANT)
    with room.holding("a") as first, room.holding("a") as second, room.holding("b") as other:
        first(40)
        second(20)
        with pytest.raises(QuotaError, match=r"the tenant has .* ingest.own allows \(60\)") as refusal:
            second(1)
        assert refusal.value.retry_after_seconds
        other(40)
        with pytest.raises(QuotaError, match=r"the hub has .* ingest.total allows \(100\)"):
            other(1)
        assert room.held == 100
    assert room.held == 0


def test_what_is_given_back_can_be_taken_again() -> None:
    """What was refused is not given back."""
    room = Room("requests", TOTAL, TENANT)
    for _ in range(3):
        with room.holding("a") as take:
            take(60)
            with pytest.raises(QuotaError):
                take(1)
        assert room.held == 0
    with room.holding("a") as take:
        take(60)


def test_without_bounds_there_is_always_room() -> None:
    """As a test has it."""
    room = Room("requests", Bound(None), Bound(None))
    with room.holding("a") as take:
        take(2**40)
        assert room.held == 2**40
