"""Certificate revocation lists (RFC 5280 section 5): written whole from the ledger, a list for each intermediate.

Each list stands behind the certificate of the intermediate that signed it, so that a hub can verify it whatever its own
certificate's chain holds: another intermediate's during a rotation, or none. Readers of lists alone pass over it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from hub.errors import CertificateError
from hub.pki.files import PUBLIC_MODE, certificates_pem, replace_file
from hub.pki.ledger import ListLine, RevokedLine, timestamp
from hub.pki.profile import BACKDATE, hash_for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hub.pki.ledger import Ledger
    from hub.pki.profile import Signer

CRL_DAYS = 30.0
# Those that a person can give; the rest of RFC 5280's are for lists of another kind.
REASONS = {
    one.value: one
    for one in (
        x509.ReasonFlags.unspecified,
        x509.ReasonFlags.key_compromise,
        x509.ReasonFlags.affiliation_changed,
        x509.ReasonFlags.superseded,
        x509.ReasonFlags.cessation_of_operation,
        x509.ReasonFlags.privilege_withdrawn,
    )
}
_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


def write_lists(paths: Sequence[Path], ledger: Ledger, signers: Sequence[Signer], days: float | None) -> datetime:
    """Write all lists into these files, with a number above every earlier one; return when they end.

    `days`: how long they are good; None: as long as the last ones. To be called with the authority's lock held.
    """
    lines = ledger.lines()
    last = [line for line in lines if isinstance(line, ListLine)]
    days = (last[-1].days if last else CRL_DAYS) if days is None else days
    now = datetime.now(UTC).replace(microsecond=0)
    signers = [one for one in signers if one.certificate.not_valid_after_utc > now]
    ends = _end(now, days, signers)
    number = max((line.number for line in last), default=0) + 1
    revoked = [line for line in lines if isinstance(line, RevokedLine)]
    raw = b""
    for signer in signers:
        own = [one for one in revoked if one.issuer == signer.id and _is_needed(one, now, days)]
        raw += certificates_pem(signer.certificate)
        raw += _list(signer, own, number, (now, ends)).public_bytes(Encoding.PEM)
    ledger.append(ListLine(number, days, timestamp()))
    for path in paths:
        replace_file(path, raw, mode=PUBLIC_MODE)
    return ends


def read_lists(path: Path) -> list[x509.CertificateRevocationList]:
    """Return the lists of a PEM file; CertificateError where it has none or one cannot be read."""
    try:
        found = [x509.load_pem_x509_crl(block) for block in _BLOCK.findall(path.read_bytes())]
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise CertificateError(msg) from error
    except ValueError as error:
        msg = f"{path} is not a revocation list in PEM: {error}"
        raise CertificateError(msg) from error
    if not found:
        msg = f"{path} holds no revocation list in PEM"
        raise CertificateError(msg)
    return found


def _end(now: datetime, days: float, signers: Sequence[Signer]) -> datetime:
    if not 0 < days <= 3650:  # noqa: PLR2004  ten years, as long as a root
        msg = f"a revocation list is good for more than 0 and at most 3650 days, not {days:g}"
        raise CertificateError(msg)
    if not signers:
        msg = "the intermediate has expired and signs no lists: make another with 'loghub certs rotate'"
        raise CertificateError(msg)
    return min(now + timedelta(days=days), *(one.certificate.not_valid_after_utc for one in signers))


def _is_needed(line: RevokedLine, now: datetime, days: float) -> bool:
    """Return whether a list must have it: it stays on for at least one list after its end (section 3.3)."""
    return datetime.fromisoformat(line.not_after) > now - timedelta(days=days)


def _list(
    signer: Signer, revoked: Sequence[RevokedLine], number: int, span: tuple[datetime, datetime]
) -> x509.CertificateRevocationList:
    skid = signer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    aki = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(skid)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.certificate.subject)
        .last_update(span[0] - BACKDATE)
        .next_update(span[1])
        .add_extension(aki, critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(_entry(one))
    return builder.sign(signer.key, hash_for(signer.key))


def _entry(line: RevokedLine) -> x509.RevokedCertificate:
    entry = x509.RevokedCertificateBuilder().serial_number(int(line.serial, 16))
    entry = entry.revocation_date(datetime.fromisoformat(line.at))
    reason = REASONS[line.reason]
    if reason is not x509.ReasonFlags.unspecified:  # which section 5.3.1 wants left out
        entry = entry.add_extension(x509.CRLReason(reason), critical=False)
    return entry.build()
