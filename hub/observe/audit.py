"""The audit log: who came, who was refused and why, what was revoked, changed, started and stopped.

    audit.record(Event.REVOKED, admin, target="certificate:4f2a", reason="the laptop is lost")
    visit = audit.enter(principal, plane="web", peer="192.0.2.7:51234")   …   visit.leave("done")

`record` never waits: a thread writes the chain (`hub.observe.audit_writer`). Events that a stranger can cause at will
are limited, and counted beyond that. Never a token, key, filter or record body.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address
from itertools import count
from typing import TYPE_CHECKING, TypedDict, Unpack

from hub.core.revocation import serial_text
from hub.errors import ForbiddenError, QuotaError, UnauthenticatedError
from hub.observe.audit_chain import Seal
from hub.observe.audit_files import FileLimits, Journal, load_key
from hub.observe.audit_repeats import Cause, Repeats
from hub.observe.audit_verify import DAMAGED
from hub.observe.audit_writer import MAX_TEXT, AuditWriter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hub.core.principal import Principal
    from hub.errors import LoghubError
    from hub.observe.audit_writer import Entry
    from hub.observe.metrics import Metrics

# Errors about who a peer is and how much it uses; others are about what it asks for, which is its own business.
_TELLING = (UnauthenticatedError, ForbiddenError, QuotaError)
# Who has one IPv6 address has at least that network of them.
_IPV6_BITS = 64


class Event(StrEnum):
    """What is recorded."""

    STARTED = "hub_started"
    STOPPED = "hub_stopped"
    SESSION_OPENED = "session_opened"
    SESSION_ENDED = "session_ended"
    REQUEST = "request"
    RENEWED = "token_renewed"
    REFUSED = "refused"
    ADMIN = "admin_act"
    GROUP = "group_created"
    GIVEN_UP = "records_given_up"
    REVOKED = "revoked"
    UNREVOKED = "revocation_removed"
    CERTIFICATES = "certificates_reloaded"
    REVOCATIONS = "revocations_reloaded"
    # What the log says of itself; the writer adds audit_lost.
    SUPPRESSED = "suppressed"
    RECOVERED = "audit_recovered"
    DAMAGED = DAMAGED


# What peers can cause as often as they like; anything else costs them a session.
_LIMITED = frozenset({Event.REFUSED, Event.REQUEST, Event.RENEWED, Event.GROUP, Event.GIVEN_UP})


class About(TypedDict, total=False):
    """What can be said of an event; tenant, subject, serial and token id are those of its principal, if it has one.

    tenant     whose it is, without a principal
    plane      ingest, tail, consume, web, admin
    peer       address and port
    outcome    ok (by default), refused or failed
    code       the class of an error
    reason     why, for people
    target     whom it was done to, such as `certificate:<serial in hex>`, `token:<id>` or `group:<name>`
    session    number of a session, the same at its opening and its end
    seconds    how long it lasted
    """

    tenant: str
    plane: str
    peer: str
    outcome: str
    code: str
    reason: str
    target: str
    session: int
    seconds: float


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """Where the log is, its limits, and how much of what peers can cause at will is written.

    queue_events          that may wait for the thread; what comes on top is counted as lost
    limited_per_minute    refusals, unary requests and renewals of one peer for one cause; the rest is counted
    limited_per_s         of all peers together
    """

    folder: Path
    worker: int
    files: FileLimits
    fsync_seconds: float
    queue_events: int
    limited_per_minute: int
    limited_per_s: int
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """A session that was opened."""

    audit: Audit
    principal: Principal
    about: About
    began: float = field(default_factory=time.monotonic)

    def leave(self, reason: str = "") -> None:
        """Record its end."""
        about = self.about.copy()
        about["reason"], about["seconds"] = reason, round(time.monotonic() - self.began, 3)
        self.audit.record(Event.SESSION_ENDED, self.principal, **about)

    def renewed(self, refusal: LoghubError | None) -> None:
        """Record that a fresh token was taken, or refused."""
        if refusal is None:
            self.audit.record(Event.RENEWED, self.principal, **self.about)
        else:
            self.audit.refuse(refusal, self.principal, plane=self.about["plane"], peer=self.about["peer"])


class Audit:
    """Takes events, from any thread; without options, or before it is open, it takes none."""

    def __init__(self, options: AuditOptions | None, metrics: Metrics) -> None:
        self._options = options
        self._metrics = metrics
        self._sessions = count(1)
        limits = (options.limited_per_minute, options.limited_per_s) if options else (1, 1)
        self._repeats = Repeats(*limits)
        self._writer: AuditWriter | None = None

    def open(self) -> None:
        """Open the chain and begin to write; ConfigError where that cannot be. Reads the chain's last file."""
        options = self._options
        if options is None:
            return
        seal = load_key(options.key_file) if options.key_file else Seal()
        journal = Journal(options.folder, options.worker, seal, options.files)
        dropped = self._metrics.audit_dropped.inc
        self._writer = AuditWriter(journal, options.fsync_seconds, options.queue_events, self._summaries, dropped)
        if journal.found:
            self.record(Event.DAMAGED if journal.damaged else Event.RECOVERED, outcome="failed", reason=journal.found)
        self._writer.start()

    def close(self) -> None:
        """Write what waits, and end; waits for the disk."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def record(self, event: Event, principal: Principal | None = None, **about: Unpack[About]) -> None:
        """Take an event, at once."""
        writer = self._writer
        if writer is None:
            return
        if event in _LIMITED:
            what = about.get("code") or (principal.subject[:MAX_TEXT] if principal else "")
            cause = Cause(event, about.get("plane", ""), host_of(about.get("peer", "")), what)
            if not self._repeats.take(cause, time.monotonic()):
                self._metrics.audit_suppressed.labels(event).inc()
                return
        self._metrics.audit_events.labels(event).inc()
        writer.put((time.time(), {"event": event, "outcome": "ok", **_who(principal), **about}))

    def enter(self, principal: Principal, *, plane: str, peer: str) -> Visit:
        """Record that a session was opened; return what records its end."""
        about = About(plane=plane, peer=peer, session=next(self._sessions))
        self.record(Event.SESSION_OPENED, principal, **about)
        return Visit(self, principal, about)

    def refuse(self, error: LoghubError, principal: Principal | None = None, *, plane: str, peer: str) -> None:
        """Record that somebody was refused, if it is for who they are or how much they use."""
        if isinstance(error, _TELLING):
            about = About(plane=plane, peer=peer, outcome="refused", code=type(error).__name__, reason=error.message)
            self.record(Event.REFUSED, principal, **about)

    def _summaries(self, everything: bool) -> Iterator[Entry]:  # noqa: FBT001  as the writer asks
        """Yield how often peers did what was not written of them."""
        ended = self._repeats.ended() if everything else self._repeats.ended(time.monotonic())
        for cause, number in ended:
            self._metrics.audit_events.labels(Event.SUPPRESSED).inc()
            name = "code" if cause.event == Event.REFUSED else "subject"
            about = {"of": cause.event, "plane": cause.plane, "peer": cause.host, name: cause.what, "count": number}
            yield time.time(), {"event": Event.SUPPRESSED, "outcome": "ok", **about}


def _who(principal: Principal | None) -> dict[str, object]:
    if principal is None:
        return {}
    shown = principal.certificate or (principal.peer.certificate if principal.peer else None)
    serial = serial_text(shown.serial) if shown else ""
    return {
        "tenant": principal.home,
        "subject": principal.subject,
        "serial": serial,
        "token_id": principal.token_id,
    }


@lru_cache(maxsize=1024)
def host_of(peer: str) -> str:
    """Return who counts as one peer: an IPv4 address, the /64 network of an IPv6 one, or what else stands there."""
    host = peer.rpartition(":")[0].strip("[]") or peer
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    return str(address.ipv4_mapped or IPv6Network((address, _IPV6_BITS), strict=False))
