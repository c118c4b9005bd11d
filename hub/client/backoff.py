"""How long to wait before trying again: exponential, with full jitter."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Waits between 0 and a bound that doubles from `first_seconds` to `last_seconds`."""

    first_seconds: float
    last_seconds: float
    _bound: float = 0.0

    def next(self, at_least_seconds: float = 0.0) -> float:
        """Return the next wait in seconds, not shorter than what the hub asked for."""
        self._bound = min(max(self._bound * 2, self.first_seconds), self.last_seconds)
        return max(random.uniform(0.0, self._bound), at_least_seconds)  # noqa: S311  spreads load, guards nothing

    def reset(self) -> None:
        """Begin anew after success."""
        self._bound = 0.0
