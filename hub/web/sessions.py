"""The open sessions of this process: who may have one, and their end when the hub stops."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.errors import ShuttingDownError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.core.places import Places
    from hub.core.principal import Principal
    from hub.web.ports import Session


@dataclass(slots=True)
class Sessions:
    """Counts connections from before their handshake is answered, and knows the sessions that they carry.

    `check` raises LoghubError for a principal that may not stay.
    """

    places: Places
    check: Callable[[Principal], None]
    _open: set[Session] = field(default_factory=set)
    _spread_seconds: float | None = None

    @property
    def closing(self) -> bool:
        """Whether the hub ends."""
        return self._spread_seconds is not None

    def admit(self, principal: Principal) -> None:
        """Count a connection; raises QuotaError where no more may come, ShuttingDownError while the hub ends."""
        if self.closing:
            raise ShuttingDownError
        self.places.take(principal)

    def release(self, principal: Principal) -> None:
        """Count a connection out."""
        self.places.give(principal)

    def enter(self, session: Session) -> None:
        """Know a session; one that comes while the hub ends, or was revoked since its handshake, is ended."""
        self._open.add(session)
        session.recheck(self.check)
        if self._spread_seconds is not None:
            session.shut_down(self._spread_seconds)

    def leave(self, session: Session) -> None:
        """Forget a session."""
        self._open.discard(session)

    def recheck(self, check: Callable[[Principal], None]) -> None:
        """End the sessions of principals that may not stay."""
        for session in list(self._open):
            session.recheck(check)

    def shut_down(self, spread_seconds: float) -> None:
        """Say goodbye to all, and let nobody in."""
        self._spread_seconds = spread_seconds
        for session in list(self._open):
            session.shut_down(spread_seconds)
