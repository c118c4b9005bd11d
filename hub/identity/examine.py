"""What a certificate file says, as plain values, for `loghub doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from hub.errors import CertificateError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

_MIN_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Facts:
    """A certificate.

    hosts         DNS names and IP addresses that it is good for
    for_servers   whether it may serve TLS: by its extended key usage, or for want of one
    weak_key      what is wrong with the kind or size of its key ("": nothing)
    der           the certificate itself
    """

    name: str
    not_before: datetime
    not_after: datetime
    hosts: tuple[str, ...]
    for_servers: bool
    weak_key: str
    der: bytes

    def is_good_for(self, host: str) -> bool:
        """Return whether a client that connects to the host takes it (RFC 9525: one label for a wildcard)."""
        wanted = host.lower().rstrip(".")
        label, _, parent = wanted.partition(".")
        names = {wanted, f"*.{parent}"} if label and parent else {wanted}
        return any(name.lower() in names for name in self.hosts)


def facts_of(path: Path) -> tuple[Facts, ...]:
    """Return the certificates of a PEM file, in its order; CertificateError where it holds none."""
    return tuple(_facts(one) for one in _load(path))


def broken_link(path: Path) -> str:
    """Return what is wrong with a chain's order ("": nothing): each must be issued by the next in the file."""
    chain = _load(path)
    for one, issuer in pairwise(chain):
        if not _issued(one, issuer):
            return f"{_name(one)} was not issued by {_name(issuer)}, which comes next"
    return ""


def leads_to(path: Path, authorities: Path) -> bool:
    """Return whether a chain ends at one of some authorities: whoever trusts them takes it."""
    last = _load(path)[-1]
    return any(last == one or _issued(last, one) for one in _load(authorities))


def is_key_of(key: Path, cert: Path) -> bool:
    """Return whether a private key is that of a file's first certificate; CertificateError where it is no key."""
    try:
        private = load_pem_private_key(key.read_bytes(), password=None)
    except OSError as error:
        msg = f"{key} cannot be read: {error.strerror}"
        raise CertificateError(msg) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        msg = f"{key} is not a PEM private key without a password"
        raise CertificateError(msg) from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return private.public_key().public_bytes(*form) == _load(cert)[0].public_key().public_bytes(*form)


def _load(path: Path) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise CertificateError(msg) from error
    except ValueError as error:
        msg = f"{path} is not a PEM certificate"
        raise CertificateError(msg) from error


def _facts(one: x509.Certificate) -> Facts:
    try:
        names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))
    except x509.ExtensionNotFound:
        hosts = ()
    try:
        usages = one.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        for_servers = ExtendedKeyUsageOID.SERVER_AUTH in usages
    except x509.ExtensionNotFound:
        for_servers = True
    validity = (one.not_valid_before_utc, one.not_valid_after_utc)
    der = one.public_bytes(Encoding.DER)
    return Facts(_name(one), *validity, hosts, for_servers, _weak(one.public_key()), der)


def _weak(key: CertificatePublicKeyTypes) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"its RSA key has {key.key_size} bits" if key.key_size < _MIN_RSA_BITS else ""
    known = isinstance(key, ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey)
    return "" if known else "its key is neither RSA, EC nor Ed25519"


def _name(one: x509.Certificate) -> str:
    return one.subject.rfc4514_string() or f"serial {one.serial_number:x}"


def _issued(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
