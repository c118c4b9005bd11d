"""hub.client.backoff: waits grow and are spread, and the hub has the last word."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from hub.client.backoff import Backoff

if TYPE_CHECKING:
    import pytest


def longest(patch: pytest.MonkeyPatch) -> None:
    """Have every wait be as long as it can be."""
    patch.setattr(random, "uniform", lambda _, high: high)


def test_the_bound_doubles_until_it_is_at_its_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first to the last, and no further."""
    longest(monkeypatch)
    backoff = Backoff(0.5, 3.0)
    assert [backoff.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_success_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that worked makes the next break wait as shortly as the first."""
    longest(monkeypatch)
    backoff = Backoff(0.5, 3.0)
    backoff.next()
    backoff.next()
    backoff.reset()
    assert backoff.next() == 0.5


def test_a_wait_is_not_shorter_than_the_hub_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be longer, and is not limited by our own last."""
    longest(monkeypatch)
    backoff = Backoff(1.0, 3.0)
    assert [backoff.next(0.2), backoff.next(60.0), backoff.next()] == [1.0, 60.0, 3.0]


def test_waits_are_spread_from_nothing_to_the_bound() -> None:
    """Many clients that lost one hub do not come back at once."""
    waits = [Backoff(1.0, 1.0).next() for _ in range(500)]
    assert 0.0 <= min(waits) < 0.1
    assert 0.9 < max(waits) <= 1.0
