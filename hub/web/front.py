"""What every way in by the web port shares."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.errors import ForbiddenError, LoghubError, UnauthenticatedError
from hub.web.ports import PLANE

if TYPE_CHECKING:
    from hub.core.principal import Principal
    from hub.observe.audit import Audit
    from hub.observe.metrics import Metrics
    from hub.web.admin import Revoker
    from hub.web.auth import Gate, Request
    from hub.web.ports import OpenSession
    from hub.web.sessions import Sessions

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FrontEnd:
    """What the application is made of; `queue_bytes` may wait for a subscriber, who must read within the timeout."""

    open_session: OpenSession
    gate: Gate
    sessions: Sessions
    metrics: Metrics
    queue_bytes: int
    write_timeout_seconds: float
    heartbeat_seconds: float
    revoker: Revoker
    audit: Audit

    def refused(self, error: LoghubError, asking: Request, principal: Principal | None = None) -> None:
        """Take note of whoever is turned away, in the audit log and on the metrics."""
        self.audit.refuse(error, principal, plane=PLANE, peer=asking.peer)
        if isinstance(error, UnauthenticatedError | ForbiddenError):
            self.metrics.auth_refused.labels("web", type(error).__name__).inc()
            _log.warning("auth_refused", extra={"fields": {"plane": "web", "reason": error.message}})
