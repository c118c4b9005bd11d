"""How many bytes of something may be held at once: in all, and for one tenant. No I/O."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hub.errors import QuotaError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hub.core.places import Bound

    # Takes more bytes; raises QuotaError where there is no room.
    Take = Callable[[int], None]

_RETRY_SECONDS = 1.0


class Room:
    """Counts what is held. Whoever finds no room is refused, and told to come back: nobody waits with a part of it."""

    def __init__(self, what: str, total: Bound, tenant: Bound) -> None:
        """Take what is held, in the plural, for people, and the bounds in bytes."""
        self._what = what
        self._total = total
        self._tenant = tenant
        self._held: Counter[str] = Counter()
        self.held = 0

    @contextmanager
    def holding(self, tenant: str) -> Iterator[Take]:
        """Give what takes bytes for a tenant; at the end all of them are free again."""
        own = 0

        def take(size: int) -> None:
            nonlocal own
            self._check("tenant", self._held[tenant] + size, self._tenant)
            self._check("hub", self.held + size, self._total)
            own += size
            self.held += size
            self._held[tenant] += size

        try:
            yield take
        finally:
            self.held -= own
            self._held[tenant] -= own
            if not self._held[tenant]:
                del self._held[tenant]

    def _check(self, whose: str, size: int, bound: Bound) -> None:
        if bound.most is not None and size > bound.most:
            msg = f"the {whose} has as many bytes of {self._what} at hand as {bound.setting} allows ({bound.most})"
            raise QuotaError(msg, retry_after_seconds=_RETRY_SECONDS)
