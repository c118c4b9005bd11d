"""Certificate revocation lists (RFC 5280 section 5): which certificates their authorities have taken back.

One file holds a list for each authority, in PEM, or a single one in DER. A list counts only with the signature of an
authority that is trusted: one of the trust bundle, or an intermediate of such a one, from the server's own chain or
from the file of the lists itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from hub.errors import CertificateError
from hub.identity.peer import certificate_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hub.core.principal import CertificateId

_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_BEGIN_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class RevokedCertificates:
    """What the lists say.

    certificates   those that are revoked
    issuers        authorities that are: nothing that they issued is good, by `CertificateId.issuer`
    ends_at        when the first list is out of date, in seconds since the Unix epoch; None: there is none
    """

    certificates: frozenset[CertificateId] = frozenset()
    issuers: frozenset[bytes] = frozenset()
    ends_at: float | None = None


def read_crl(path: Path, bundle: Sequence[x509.Certificate], chain: Sequence[x509.Certificate]) -> RevokedCertificates:
    """Read the lists of a file; `bundle` is trusted, and of `chain` what it has issued.

    Raises CertificateError, naming the file and what to do, where a list cannot be read or nobody trusted signed it.
    """
    try:
        raw = path.read_bytes()
        lists = list(_lists(raw))
        own = x509.load_pem_x509_certificates(raw) if _BEGIN_CERTIFICATE in raw else []
        authorities = [*bundle, *(one for one in (*chain, *own) if _issued_by_one_of(one, bundle))]
        return _revoked(path, lists, authorities)
    except OSError as error:
        msg = f"the revocation list {path} cannot be read: {error.strerror}; write one with 'loghub certs revoke'"
        raise CertificateError(msg) from error
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        msg = f"{path} is not a certificate revocation list in PEM or DER: {error}"
        raise CertificateError(msg) from error


def _lists(raw: bytes) -> Iterator[x509.CertificateRevocationList]:
    blocks = _BLOCK.findall(raw)
    if not blocks:
        yield x509.load_der_x509_crl(raw)
    for block in blocks:
        yield x509.load_pem_x509_crl(block)


def _revoked(
    path: Path, lists: Sequence[x509.CertificateRevocationList], authorities: Sequence[x509.Certificate]
) -> RevokedCertificates:
    found: set[CertificateId] = set()
    ends: list[float] = []
    for crl in lists:
        name = crl.issuer.rfc4514_string()
        if not any(_signed(crl, authority) for authority in authorities):
            msg = (
                f"{path}: the list of {name} has no signature of an authority in tls.ca, of one in the server's own "
                "chain, or of one that stands in the file: put the certificate of the intermediate beside its list"
            )
            raise CertificateError(msg)
        if any(isinstance(extension.value, x509.DeltaCRLIndicator) for extension in crl.extensions):
            msg = f"{path}: the list of {name} tells only changes (a delta CRL): give the whole one"
            raise CertificateError(msg)
        found.update(certificate_id(crl.issuer, entry.serial_number) for entry in crl if not _is_removal(entry))
        if crl.next_update_utc is not None:
            ends.append(crl.next_update_utc.timestamp())
    issuers = {
        certificate_id(one.subject, 0).issuer
        for one in authorities
        if certificate_id(one.issuer, one.serial_number) in found
    }
    return RevokedCertificates(frozenset(found), frozenset(issuers), min(ends, default=None))


def _signed(crl: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    key = authority.public_key()
    return crl.issuer == authority.subject and crl.is_signature_valid(key)  # type: ignore[arg-type]  # refuses others


def _issued_by_one_of(certificate: x509.Certificate, bundle: Sequence[x509.Certificate]) -> bool:
    return any(_issued_by(certificate, authority) for authority in bundle)


def _issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return constraints.ca


def _is_removal(entry: x509.RevokedCertificate) -> bool:
    try:
        reason = entry.extensions.get_extension_for_class(x509.CRLReason).value.reason
    except x509.ExtensionNotFound:
        return False
    return reason is x509.ReasonFlags.remove_from_crl
