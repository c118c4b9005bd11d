"""The open sessions of this process: how many each tenant has, and their end when the hub stops."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.errors import QuotaError, ShuttingDownError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.core.principal import Principal
    from hub.web.ports import Session

_RETRY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Most WebSocket connections of this process, and of one tenant on it."""

    max_connections: int
    max_connections_per_tenant: int


@dataclass(slots=True)
class Sessions:
    """Counts connections from before their handshake is answered, and knows the sessions that they carry.

    `check` raises LoghubError for a principal that may not stay.
    """

    limits: ConnectionLimits
    check: Callable[[Principal], None]
    _counts: Counter[str] = field(default_factory=Counter)
    _open: set[Session] = field(default_factory=set)
    _spread_seconds: float | None = None

    @property
    def closing(self) -> bool:
        """Whether the hub ends."""
        return self._spread_seconds is not None

    def admit(self, tenant: str) -> None:
        """Count a connection; raises QuotaError where no more may come, ShuttingDownError while the hub ends."""
        if self.closing:
            raise ShuttingDownError
        limits = self.limits
        if self._counts.total() >= limits.max_connections or self._counts[tenant] >= limits.max_connections_per_tenant:
            msg = "too many connections (web.max_connections, web.max_connections_per_tenant): try again later"
            raise QuotaError(msg, retry_after_seconds=_RETRY_SECONDS)
        self._counts[tenant] += 1

    def release(self, tenant: str) -> None:
        """Count a connection out."""
        self._counts[tenant] -= 1
        if not self._counts[tenant]:
            del self._counts[tenant]

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
