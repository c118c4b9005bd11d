"""The principal that a peer's certificate names."""

from __future__ import annotations

from hashlib import sha256

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from hub.core.principal import CertificateId, Principal
from hub.errors import CertificateError, UnauthenticatedError
from hub.identity.profile import check_profile

_UNREADABLE = (
    ValueError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def principal_of_certificate(certificate: bytes, trust_domain: str) -> Principal:
    """Return the principal of a certificate in PEM or DER that TLS has verified already.

    Raises UnauthenticatedError where it cannot be read, ForbiddenError unless it is a client's of enough strength, and
    has exactly one URI name, which is a SPIFFE id of this trust domain.
    """
    try:
        load = x509.load_pem_x509_certificate if certificate.startswith(b"-----") else x509.load_der_x509_certificate
        parsed = load(certificate)
        check_profile(parsed)
        uris = _uris(parsed)
    except _UNREADABLE as error:
        msg = f"the client certificate cannot be read: {error}"
        raise UnauthenticatedError(msg) from error
    validity = (parsed.not_valid_before_utc.timestamp(), parsed.not_valid_after_utc.timestamp())
    named = certificate_id(parsed.issuer, parsed.serial_number)
    return Principal.of_certificate(uris, trust_domain=trust_domain, validity=validity, certificate=named)


def serial_of(pem: bytes) -> int:
    """Return the serial number of the first certificate in PEM; CertificateError where there is none."""
    try:
        return x509.load_pem_x509_certificate(pem).serial_number
    except ValueError as error:
        msg = f"the file holds no certificate in PEM: {error}"
        raise CertificateError(msg) from error


def certificate_id(issuer: x509.Name, serial: int) -> CertificateId:
    """Return what names the certificate that an issuer gave this serial number."""
    return CertificateId(sha256(issuer.public_bytes()).digest(), serial)


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)
