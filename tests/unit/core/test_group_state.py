"""hub.core.group_state: what is written is read, whole."""

from __future__ import annotations

import pytest
from google.protobuf.message import DecodeError

from hub.core.consumer_group import Dead, Group, Held, Seat
from hub.core.group_state import read_group, write_group

FULL = Group(
    "level>=warn",
    2**63,
    2**64 - 1,
    7,
    2**64 - 1,
    [Held(1, 2, 3, 4, 5, 2**64 - 1, 6), Held(7, 9, 2, 1, until=8)],
    {2**64 - 1: Seat(2**64 - 1, "name", "subject", 3, 4)},
    5,
    6,
    7,
    [Dead(1, 2, 3, 4, 5)],
)


@pytest.mark.parametrize("group", [FULL, Group("", 0, 0)], ids=["full", "new"])
def test_a_group_comes_back(group: Group) -> None:
    """With every field, at the ends of its range."""
    assert read_group(write_group(group)) == group


def test_equal_groups_are_written_alike() -> None:
    """So a round that changed nothing can be told."""
    assert write_group(FULL.copy()) == write_group(FULL)


def test_what_was_given_up_of_late_is_not_kept() -> None:
    """It is for whoever made the change."""
    other = FULL.copy()
    other.died.append(Dead(1, 2, 3, 4, 5))
    assert write_group(other) == write_group(FULL)


def test_garbage_is_refused() -> None:
    """As protobuf does."""
    with pytest.raises(DecodeError):
        read_group(b"\xff\xff")
