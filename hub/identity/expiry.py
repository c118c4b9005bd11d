"""When a connection's credentials expire: its peer is warned up to a minute before, and then it ends."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Protocol

from hub.pb.tail_pb2 import AuthExpiring

if TYPE_CHECKING:
    from collections.abc import Callable

_WARN_SECONDS = 60.0
# The machine's clock may be set meanwhile; to look is cheap.
_LOOK_SECONDS = 60.0
_AT_ONCE_SECONDS = 0.001


class Timer(Protocol):
    """What `Later` returns."""

    def cancel(self) -> None:
        """Call nothing any more."""


class Later(Protocol):
    """Calls back after some seconds; an event loop's `call_later`."""

    def __call__(self, seconds: float, callback: Callable[[], None], /) -> Timer:
        """Arrange for the call."""


class Expiry:
    """Watches the clock for one connection.

    `expired` ends the connection; `warn`, where it can be told, sends what it is given. Both are to be told once for
    each credentials, and not at all after `stop`.
    """

    __slots__ = ("_clock", "_expired", "_later", "_timer", "_warn")

    def __init__(
        self,
        later: Later,
        expired: Callable[[], None],
        warn: Callable[[AuthExpiring], None] | None = None,
        clock: Callable[[], float] = time,
    ) -> None:
        self._later = later
        self._expired = expired
        self._warn = warn
        self._clock = clock
        self._timer: Timer | None = None

    def watch(self, expires_at: float | None) -> None:
        """Watch for these credentials instead of those before: seconds since the Unix epoch; None: they stay good."""
        self.stop()
        if expires_at is not None:
            self._look(expires_at, warned=self._warn is None)

    def stop(self) -> None:
        """Look no more."""
        if self._timer:
            self._timer.cancel()

    def _look(self, expires_at: float, *, warned: bool) -> None:
        left = expires_at - self._clock()
        if left <= 0:
            self._expired()
            return
        warning = self._warn if left <= _WARN_SECONDS and not warned else None
        warned = warned or warning is not None
        wait = min(left if warned else left - _WARN_SECONDS, _LOOK_SECONDS)
        # Before the warning: who ends over it stops this timer too.
        self._timer = self._later(max(wait, _AT_ONCE_SECONDS), lambda: self._look(expires_at, warned=warned))
        if warning:
            expiring = AuthExpiring()
            expiring.expires.FromSeconds(int(expires_at))
            warning(expiring)
