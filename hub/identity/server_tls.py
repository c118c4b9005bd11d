"""The server's own certificate and the authorities of its peers, as their files say now: for both ports.

New handshakes get what `reload` read last; connections that stand keep what they have.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from hub.errors import CertificateError
from hub.identity.crl import RevokedCertificates, read_crl

if TYPE_CHECKING:
    from pathlib import Path


class ClientCertificates(Enum):
    """Whether peers of the web port show a certificate."""

    NONE = ssl.CERT_NONE
    OPTIONAL = ssl.CERT_OPTIONAL
    REQUIRED = ssl.CERT_REQUIRED


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the authorities that clients' certificates may come from, the server's chain, its key, CRLs."""

    ca: Path
    cert: Path
    key: Path
    crl: Path | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.ca, self.cert, self.key) if self.crl is None else (self.ca, self.cert, self.key, self.crl)


@dataclass(frozen=True, slots=True)
class TlsMaterial:
    """What a handshake needs, in PEM."""

    ca: bytes
    cert: bytes
    key: bytes


class _CurrentContext(ssl.SSLContext):
    """A context that hands each handshake to the current one: authorities cannot be taken out of a context again."""

    current: ssl.SSLContext

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:  # noqa: ANN401  as the one that is called
        """Begin a handshake."""
        return self.current.wrap_bio(*args, **options)

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:  # noqa: ANN401  as above
        """Begin a handshake."""
        return self.current.wrap_socket(*args, **options)


class ServerTls:
    """What both ports serve with.

    context     for the web port
    material    for gRPC
    revoked     what the authorities have revoked
    ends_at     when the server's certificate does, in seconds since the Unix epoch
    """

    def __init__(self, files: TlsFiles, clients: ClientCertificates) -> None:
        """Read the files; CertificateError says what is wrong with them."""
        self._files = files
        self._clients = clients
        self.context = _CurrentContext(ssl.PROTOCOL_TLS_SERVER)
        self.reload()

    def reload(self) -> None:
        """Read the files again; CertificateError where they cannot serve together: what was there stays."""
        files = self._files
        context = web_context(files, self._clients)
        material = TlsMaterial(_read(files.ca), _read(files.cert), _read(files.key))
        chain = _certificates(files.cert)
        revoked = RevokedCertificates() if files.crl is None else read_crl(files.crl, _certificates(files.ca), chain)
        self.context.current, self.material, self.revoked = context, material, revoked
        self.ends_at = chain[0].not_valid_after_utc.timestamp()


def check_files(files: TlsFiles) -> None:
    """Raise CertificateError, naming the file and what to do, unless the three can serve together today."""
    now = datetime.now(UTC)
    if all(authority.not_valid_after_utc <= now for authority in _certificates(files.ca)):
        msg = f"every authority in {files.ca} has expired: no client could be trusted"
        raise CertificateError(msg)
    leaf = _certificates(files.cert)[0]
    try:
        key = load_pem_private_key(_read(files.key), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        msg = f"{files.key} is not a PEM private key without a password: {error}"
        raise CertificateError(msg) from error
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*spki) != leaf.public_key().public_bytes(*spki):
        msg = f"{files.key} is not the key of {files.cert}: give the pair that was issued together"
        raise CertificateError(msg)
    if leaf.not_valid_before_utc > now:
        msg = f"{files.cert} is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC: check the clock"
        raise CertificateError(msg)
    if leaf.not_valid_after_utc <= now:
        msg = f"{files.cert} expired on {leaf.not_valid_after_utc:%Y-%m-%d}: issue a new one with 'loghub certs issue'"
        raise CertificateError(msg)


def web_context(files: TlsFiles, clients: ClientCertificates) -> ssl.SSLContext:
    """Return the web port's context: TLS 1.3 only, no session tickets, since a resumed session escapes revocation."""
    check_files(files)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(files.cert, files.key)
        context.load_verify_locations(files.ca)
    except (ssl.SSLError, OSError) as error:
        msg = f"TLS refuses {files.cert} with {files.key}: {error}"
        raise CertificateError(msg) from error
    context.verify_mode = clients.value
    return context


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}; make certificates with 'loghub certs init'"
        raise CertificateError(msg) from error


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(path))
    except ValueError as error:
        msg = f"{path} is not a PEM certificate: {error}"
        raise CertificateError(msg) from error
