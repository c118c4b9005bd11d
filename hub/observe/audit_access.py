"""Tells the metrics and the audit log when certificates and revocations have changed; for `hub.identity.access`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.observe.audit import Event

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.core.revocation import Revocation
    from hub.observe.audit import Audit
    from hub.observe.metrics import Metrics

_TLS = "tls"


class AuditedAccess:
    """Hears of what was read anew; implements `hub.identity.access.Observer`."""

    def __init__(self, metrics: Metrics, audit: Audit) -> None:
        self._metrics = metrics
        self._audit = audit
        self._known: frozenset[Revocation] = frozenset()

    def reloaded(self, what: str, *, failed: bool) -> None:
        """Take note of a change of `tls` or `revocations`."""
        self._metrics.reloaded(what, failed=failed)
        event = Event.CERTIFICATES if what == _TLS else Event.REVOCATIONS
        self._audit.record(event, outcome="failed" if failed else "ok")

    def access(self, certificate_ends: float, crl_ends: float | None, revocations: int) -> None:
        """Take when certificate and lists end, and how much is revoked."""
        self._metrics.access(certificate_ends, crl_ends, revocations)

    def hold(self, entries: Iterable[Revocation]) -> None:
        """Take the hub's own list as it holds from now on; what is new on it, or gone, is recorded."""
        now = frozenset(entries)
        for entry in sorted(now - self._known, key=lambda entry: entry.at):
            self._record(Event.REVOKED, entry)
        for entry in self._known - now:
            self._record(Event.UNREVOKED, entry)
        self._known = now

    def _record(self, event: Event, entry: Revocation) -> None:
        self._audit.record(event, tenant=entry.tenant, target=f"{entry.kind}:{entry.id}", reason=entry.reason)
