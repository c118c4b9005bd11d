"""Single-use tickets, for clients that can set neither a header nor a subprotocol: they stand in an address.

A ticket is 256 random bits. What it stands for lies in a file of the hub's data folder, which all worker processes
share, under the ticket's hash: whoever reads the folder learns no ticket. To use it is to remove the file, which the
operating system lets one process do once, however many try at the same time.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from time import time
from typing import TYPE_CHECKING, Any

from hub.core.principal import Principal, Scope
from hub.errors import QuotaError, StorageFullError, UnauthenticatedError
from hub.identity.tokens import certificate_thumbprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_BYTES = 32
_TICKET = re.compile(r"[A-Za-z0-9_-]{43}")
# What is left of tickets that nobody used, by a process that is gone perhaps, is removed after so long.
_STALE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class TicketOptions:
    """Where tickets are kept, how long one is good, and how many of a tenant may be out, by each process."""

    folder: Path
    seconds: float
    max_per_tenant: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket, and for how many seconds it is good."""

    text: str
    expires_in: float


class Tickets:
    """Gives out tickets and takes them back."""

    def __init__(self, options: TicketOptions, clock: Callable[[], float] = time) -> None:
        self._options = options
        self._clock = clock
        self._swept_at = 0.0
        # By tenant, when each of its tickets that this process gave out ends; bounded by max_per_tenant.
        self._out: defaultdict[str, dict[str, float]] = defaultdict(dict)

    async def issue(self, principal: Principal, certificate_der: bytes | None) -> Ticket:
        """Give out a ticket of a principal, which is good on connections with the same client certificate, or none.

        QuotaError where the tenant has too many, StorageFullError where the folder cannot be written.
        """
        now, options = self._clock(), self._options
        out = self._out[principal.home]
        for name in [name for name, ends in out.items() if ends <= now]:
            del out[name]
        if len(out) >= options.max_per_tenant:
            msg = f"the tenant has tokens.max_tickets_per_tenant ({options.max_per_tenant}) unused tickets: try later"
            raise QuotaError(msg, retry_after_seconds=max(1.0, min(out.values()) - now))
        left = options.seconds if principal.expires_at is None else principal.expires_at - now
        ticket = Ticket(secrets.token_urlsafe(_BYTES), min(options.seconds, left))
        name = _name(ticket.text)
        out[name] = now + ticket.expires_in
        try:
            await asyncio.to_thread(self._write, name, _packed(principal, certificate_der, now + ticket.expires_in))
        except OSError as error:
            out.pop(name, None)
            msg = f"no ticket can be given out: the data folder cannot be written: {error.strerror}"
            raise StorageFullError(msg, retry_after_seconds=options.seconds) from error
        return ticket

    async def redeem(self, ticket: str, certificate_der: bytes | None) -> Principal:
        """Return whose ticket it is, which is used then; UnauthenticatedError where it is not good, or not any more."""
        found = await asyncio.to_thread(self._take, _name(ticket)) if _TICKET.fullmatch(ticket) else None
        if found is None:
            raise _unknown()
        principal, x5t, ends = _unpacked(found)
        out = self._out.get(principal.home, {})
        out.pop(_name(ticket), None)
        if self._clock() >= ends:
            raise _unknown()
        if x5t != (certificate_thumbprint(certificate_der) if certificate_der else None):
            msg = "the ticket was given out to a connection with another client certificate, or with none"
            raise UnauthenticatedError(msg)
        return principal

    # --- in a thread -------------------------------------------------------------------------------------------------

    def _write(self, name: str, data: bytes) -> None:
        folder = self._options.folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sweep()
        path = folder / name
        path.touch(mode=0o600, exist_ok=False)
        path.write_bytes(data)

    def _take(self, name: str) -> bytes | None:
        path = self._options.folder / name
        try:
            data = path.read_bytes()
            path.unlink()  # of all who have read it, one gets past here
        except OSError:
            return None
        return data

    def _sweep(self) -> None:
        """Remove what nobody used, once in a while."""
        now = time()
        if now - self._swept_at < _STALE_SECONDS:
            return
        self._swept_at = now
        for path in self._options.folder.iterdir():
            with suppress(OSError):
                if now - path.stat().st_mtime > _STALE_SECONDS:
                    path.unlink()


def _name(ticket: str) -> str:
    return sha256(ticket.encode()).hexdigest()


def _packed(principal: Principal, certificate_der: bytes | None, ends: float) -> bytes:
    row = {
        "tenant": principal.tenant,
        "tenants": sorted(principal.tenants),
        "subject": principal.subject,
        "scopes": sorted(principal.scopes),
        "expires_at": principal.expires_at,
        "filter": principal.filter,
        "token_id": principal.token_id,
        "issued_at": principal.issued_at,
        "x5t": certificate_thumbprint(certificate_der) if certificate_der else None,
        "ends": ends,
    }
    return json.dumps(row).encode()


def _unpacked(data: bytes) -> tuple[Principal, str | None, float]:
    try:
        row: dict[str, Any] = json.loads(data)
    except ValueError as error:  # torn: the disk was full
        raise _unknown() from error
    x5t, ends = row.pop("x5t"), row.pop("ends")
    scopes = frozenset(Scope(scope) for scope in row.pop("scopes"))
    return Principal(**{**row, "tenants": frozenset(row["tenants"]), "scopes": scopes}), x5t, ends


def _unknown() -> UnauthenticatedError:
    return UnauthenticatedError("the ticket is not good: it was used, has expired, or was never given out; get another")
