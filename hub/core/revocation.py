"""What is revoked, and whom that concerns. No I/O.

A certificate is revoked by its authority's list or by its serial number, a token by its id, and all that a subject has
had so far by its name. What the hub's own list holds is of one tenant, since its admins may revoke there and nowhere
else; an entry without a tenant is the operator's, and holds for all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from hub.errors import RevokedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.core.principal import Principal

MAX_ID_CHARACTERS = 512
_SERIAL = re.compile(r"0|[1-9a-f][0-9a-f]*")


class Kind(StrEnum):
    """What an entry revokes."""

    TOKEN = "token"  # noqa: S105  the name of a kind
    CERTIFICATE = "certificate"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class Revocation:
    """An entry of the hub's list.

    id       a token's jti, a certificate's serial number in hexadecimal without leading zeros, or a subject
    at       when it was revoked, in seconds since the Unix epoch: what a subject got after that is good
    tenant   whose it is; "": of any
    until    when what it names has ended by itself, so that the entry can be forgotten; None: not known
    """

    kind: Kind
    id: str
    at: float
    tenant: str = ""
    until: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse an id that cannot be one."""
        if not self.id or len(self.id) > MAX_ID_CHARACTERS or not self.id.isprintable():
            msg = f"the id of what is revoked must have 1 to {MAX_ID_CHARACTERS} printable characters"
            raise ValueError(msg)
        if self.kind is Kind.CERTIFICATE and not _SERIAL.fullmatch(self.id):
            msg = f"{self.id!r} is not a serial number in hexadecimal, lower case, without leading zeros"
            raise ValueError(msg)


class Certificates(Protocol):
    """What authorities have revoked; `hub.identity.crl.RevokedCertificates`."""

    @property
    def certificates(self) -> frozenset[object]:
        """Certificates, as `CertificateId`."""

    @property
    def issuers(self) -> frozenset[bytes]:
        """Authorities."""


def serial_text(serial: int) -> str:
    """Return a serial number as revocations name it."""
    return f"{serial:x}"


class Revocations:
    """All that is revoked; `check` asks it about a principal."""

    def __init__(self) -> None:
        self._certificates: frozenset[object] = frozenset()
        self._issuers: frozenset[bytes] = frozenset()
        self._entries: dict[tuple[Kind, str, str], Revocation] = {}

    def __len__(self) -> int:
        """Return how many entries and listed certificates there are."""
        return len(self._entries) + len(self._certificates)

    @property
    def entries(self) -> tuple[Revocation, ...]:
        """The hub's own list, oldest first."""
        return tuple(self._entries.values())

    def replace_certificates(self, revoked: Certificates) -> None:
        """Take what the authorities' lists say now."""
        self._certificates, self._issuers = revoked.certificates, revoked.issuers

    def replace_entries(self, entries: Iterable[Revocation]) -> None:
        """Take the hub's own list as it is now; of two entries for the same, the later one counts."""
        self._entries = {}
        for entry in entries:
            key = (entry.kind, entry.tenant, entry.id)
            old = self._entries.get(key)
            if old is None or old.at <= entry.at:
                self._entries[key] = entry

    def check(self, principal: Principal) -> None:
        """Raise RevokedError where what the principal showed is revoked."""
        if principal.peer is not None:
            self.check(principal.peer)
        certificate = principal.certificate
        if certificate is not None and (
            certificate in self._certificates
            or certificate.issuer in self._issuers
            or self._entry(Kind.CERTIFICATE, principal, serial_text(certificate.serial))
        ):
            msg = f"the certificate of {principal.subject} was revoked: get another one from whoever issued it"
            raise RevokedError(msg)
        if not self._entries:
            return
        if principal.token_id and self._entry(Kind.TOKEN, principal, principal.token_id):
            msg = f"the token of {principal.subject} was revoked: get another one from whoever issued it"
            raise RevokedError(msg)
        subject = self._entry(Kind.SUBJECT, principal, principal.subject)
        if subject is not None and principal.issued_at <= subject.at:
            msg = f"the credentials of {principal.subject} were revoked: get others from whoever issued them"
            raise RevokedError(msg)

    def _entry(self, kind: Kind, principal: Principal, name: str) -> Revocation | None:
        """Return the entry that counts; the latest one of its tenants' and the operator's."""
        found = [entry for scope in (*principal.readable, "") if (entry := self._entries.get((kind, scope, name)))]
        return max(found, key=lambda entry: entry.at, default=None)
