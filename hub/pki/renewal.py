"""Renewing a leaf: the same names, by the authority as it is now, with a new key or the old one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hub.errors import CertificateError
from hub.pki.authority import Issued, Order
from hub.pki.files import read_certificates
from hub.pki.ledger import key_fingerprint, serial_text
from hub.pki.profile import BACKDATE, profile_of

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from hub.pki.authority import Authority

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Renewal:
    """How to renew.

    days       how long it is good; None: as long as before, or as the authority can
    keep_key   the key stays, be it here or with its owner
    key        the public key of a request, already checked
    """

    days: float | None = None
    keep_key: bool = False
    key: CertificatePublicKeyTypes | None = None


def renew(authority: Authority, cert: Path, how: Renewal) -> Issued:
    """Put a renewed certificate, and its key, in the place of one of this authority's; the old ones become `*.old`.

    CertificateError, and nothing has changed, where the old one is a stranger's, revoked, or there is no key to use.
    """
    issued = Issued.at(cert)
    leaf = read_certificates(cert)[0]
    issuer = authority.issuer_of(leaf)
    if issuer is None:
        msg = f"{cert} was not issued by {authority.folder}: renew it where it comes from"
        raise CertificateError(msg)
    try:
        profile = profile_of(leaf)
    except CertificateError as error:
        msg = f"{cert} cannot be renewed: {error.message}"
        raise CertificateError(msg) from error
    serial = serial_text(leaf.serial_number)
    with authority.ledger.locked():
        if any(one.revoked and one.line.serial == serial for one in authority.ledger.entries()):
            msg = f"{cert} is revoked: give its owner another with 'loghub certs issue … --replace'"
            raise CertificateError(msg)
        days = min(_days(leaf), authority.longest_days()) if how.days is None else how.days
        authority.write_over(issued, Order(profile, days, _key(issued, leaf, how), serial))
    return issued


def due(authority: Authority, within_days: float) -> list[Path]:
    """Return the files of all certificates in the folder that end within so many days and are the newest of theirs."""
    now = datetime.now(UTC)
    found = {}
    for entry in authority.ledger.entries():
        found[entry.line.file] = entry
    wanted = [
        authority.folder / file
        for file, entry in found.items()
        if not entry.revoked and (entry.ends_at - now) / _DAY < within_days
    ]
    return [path for path in wanted if path.exists()]


def _days(leaf: x509.Certificate) -> float:
    return (leaf.not_valid_after_utc - leaf.not_valid_before_utc - BACKDATE) / _DAY


def _key(issued: Issued, leaf: x509.Certificate, how: Renewal) -> CertificatePublicKeyTypes | None:
    """Return the key to certify; None for a new one."""
    if how.key is not None:
        if issued.key.exists():
            msg = f"{issued.key} exists and is not the request's key: move it away, or renew without --csr"
            raise CertificateError(msg)
        return how.key
    if how.keep_key:
        if issued.key.exists() and _fingerprint(issued.key) != key_fingerprint(leaf.public_key()):
            msg = f"{issued.key} is not the key of {issued.cert}: renew without --keep-key"
            raise CertificateError(msg)
        return leaf.public_key()
    if not issued.key.exists():
        msg = f"there is no {issued.key}: its owner has it; renew with a new request (--csr), or with --keep-key"
        raise CertificateError(msg)
    return None


def _fingerprint(path: Path) -> str:
    try:
        return key_fingerprint(load_pem_private_key(path.read_bytes(), password=None).public_key())  # type: ignore[arg-type]  # any kind has one
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        msg = f"{path} is not a PEM private key without a password: {error}"
        raise CertificateError(msg) from error
