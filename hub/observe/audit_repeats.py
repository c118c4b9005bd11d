"""Bounds how many events strangers can have written: a few for each cause in a minute, the rest as a number."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW_SECONDS = 60.0
# Causes that are known at once; what comes on top is counted as one cause for each kind of event.
_MAX_CAUSES = 1024


class Cause(NamedTuple):
    """What makes two events repeats of one another; `host` is where the peer is, `what` its fault or its name."""

    event: str
    plane: str
    host: str
    what: str


@dataclass(slots=True)
class _Count:
    began: float
    taken: int = 0
    suppressed: int = 0


class Repeats:
    """Counts causes; of any thread. Times are in seconds of one clock that never goes back."""

    def __init__(self, per_minute: int, per_s: int, max_causes: int = _MAX_CAUSES) -> None:
        self._per_minute = per_minute
        self._per_s = per_s
        self._max_causes = max_causes
        self._causes: dict[Cause, _Count] = {}
        self._budget = float(per_s)
        self._refilled = 0.0
        self._lock = threading.Lock()

    def take(self, cause: Cause, now: float) -> bool:
        """Return whether an event is to be written; one that is not has been counted."""
        with self._lock:
            one = self._causes.get(cause)
            if one is None:
                if len(self._causes) >= self._max_causes:
                    cause = Cause(cause.event, "", "others", "")
                one = self._causes.setdefault(cause, _Count(now))
            if one.taken < self._per_minute and self._spend(now):
                one.taken += 1
                return True
            one.suppressed += 1
            return False

    def ended(self, now: float = float("inf")) -> Iterator[tuple[Cause, int]]:
        """Forget the causes whose minute is over, all without a time; yield those of which some were not written."""
        with self._lock:
            over = {cause: one for cause, one in self._causes.items() if now - one.began >= WINDOW_SECONDS}
            for cause in over:
                del self._causes[cause]
        return ((cause, one.suppressed) for cause, one in over.items() if one.suppressed)

    def _spend(self, now: float) -> bool:
        self._budget = min(float(self._per_s), self._budget + (now - self._refilled) * self._per_s)
        self._refilled = now
        if self._budget < 1:
            return False
        self._budget -= 1
        return True
