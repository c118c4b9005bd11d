"""loghub's own certificate authority: a root, an intermediate that signs, and the leaves it issues.

    <folder>/ca.pem                    the root, to hand out: what peers trust
    <folder>/ca/root.pem,.key          kept offline where it matters
    <folder>/ca/intermediate.pem,.key  signs the leaves
    <folder>/server/<name>.pem,.key
    <folder>/<tenant>/<role>-<name>.pem,.key

EC P-256, since BoringSSL (gRPC), OpenSSL, Java and browsers all take it. Profiles after RFC 5280 and the SPIFFE X.509
SVID standard: one URI name in a client's certificate. Every leaf file holds the leaf and the intermediate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.core.principal import SpiffeId, check_name
from hub.errors import CertificateError
from hub.pki.files import refuse_existing, write_certificates, write_key

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_DNS_NAME = re.compile(r"(?:\*\.)?(?!-)[A-Za-z0-9_-]{1,63}(?:\.(?!-)[A-Za-z0-9_-]{1,63})*")
# Clocks differ: what is issued now is good a little earlier.
_BACKDATE = timedelta(minutes=5)
_SIGNERS = ("root", "intermediate")
_ROOT_DAYS = 3650
_INTERMEDIATE_DAYS = 1825
LEAF_DAYS = 90
# Browsers take no longer-lived server certificate (CA/Browser Forum, Apple and Chrome root programs).
MAX_SERVER_DAYS = 397


@dataclass(frozen=True, slots=True)
class Issued:
    """Where a leaf was written: `cert` holds leaf and intermediate."""

    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class _Signer:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Authority:
    """An authority in a folder."""

    def __init__(self, folder: Path, root: x509.Certificate, signer: _Signer) -> None:
        self.folder = folder
        self._root = root
        self._signer = signer

    @property
    def bundle(self) -> Path:
        """The file that peers trust."""
        return self.folder / "ca.pem"

    @property
    def trust_domain(self) -> str:
        """The trust domain that the root was made for."""
        return _trust_domain(self._root)

    @classmethod
    def create(cls, folder: Path, trust_domain: str) -> Authority:
        """Make root and intermediate; CertificateError where the folder has one already."""
        SpiffeId.parse(f"spiffe://{trust_domain}/tenant/t/admin/x")  # checks the trust domain
        made = [folder / "ca.pem", *(folder / "ca" / f"{name}.{end}" for name in _SIGNERS for end in ("key", "pem"))]
        if any(path.exists() for path in made):
            msg = f"{folder} holds an authority already: use it, or choose another --dir"
            raise CertificateError(msg)
        root_key = ec.generate_private_key(ec.SECP256R1())
        uri = x509.UniformResourceIdentifier(f"spiffe://{trust_domain}")
        root_name = _name(f"loghub root {trust_domain}")
        builder = _builder(root_name, root_key.public_key(), _ROOT_DAYS).issuer_name(root_name)
        root = _ca(builder, 1).add_extension(x509.SubjectAlternativeName([uri]), critical=False)
        root_certificate = root.sign(root_key, hashes.SHA256())
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(_name(f"loghub intermediate {trust_domain}"), key.public_key(), _INTERMEDIATE_DAYS)
        certificate = _issued_by(_ca(builder, 0), root_certificate).sign(root_key, hashes.SHA256())
        write_key(folder / "ca" / "root.key", root_key)
        write_certificates(folder / "ca" / "root.pem", root_certificate)
        write_key(folder / "ca" / "intermediate.key", key)
        write_certificates(folder / "ca" / "intermediate.pem", certificate)
        write_certificates(folder / "ca.pem", root_certificate)
        return cls(folder, root_certificate, _Signer(certificate, key))

    @classmethod
    def open(cls, folder: Path) -> Authority:
        """Open an authority; CertificateError where there is none."""
        try:
            root = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
            certificate = x509.load_pem_x509_certificate((folder / "ca" / "intermediate.pem").read_bytes())
            key = load_pem_private_key((folder / "ca" / "intermediate.key").read_bytes(), password=None)
            _trust_domain(root)
        except (OSError, ValueError, TypeError, IndexError, x509.ExtensionNotFound) as error:
            msg = f"{folder} holds no usable authority ({error}): make one with 'loghub certs init --dir {folder}'"
            raise CertificateError(msg) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            msg = f"{folder}/ca/intermediate.key is not an EC key"
            raise CertificateError(msg)
        if key.public_key() != certificate.public_key():
            msg = f"{folder}/ca/intermediate.key is not the key of intermediate.pem beside it"
            raise CertificateError(msg)
        return cls(folder, root, _Signer(certificate, key))

    def issue_server(self, name: str, hosts: Sequence[str], days: float = LEAF_DAYS) -> Issued:
        """Issue a server's certificate for these DNS names and IP addresses."""
        if not hosts:
            msg = "a server certificate needs at least one --dns or --ip"
            raise CertificateError(msg)
        if days > MAX_SERVER_DAYS:
            msg = f"browsers take server certificates of at most {MAX_SERVER_DAYS} days, not {days:g}"
            raise CertificateError(msg)
        try:
            check_name(name)
            names = x509.SubjectAlternativeName([_host(host) for host in hosts])
        except ValueError as error:
            raise CertificateError(str(error)) from error
        return self._issue(self.folder / "server" / name, name, names, ExtendedKeyUsageOID.SERVER_AUTH, days)

    def issue_client(self, identity: SpiffeId, days: float = LEAF_DAYS) -> Issued:
        """Issue a client's certificate with this identity; CertificateError for another trust domain."""
        if identity.trust_domain != self.trust_domain:
            msg = f"this authority is of trust domain {self.trust_domain}, not {identity.trust_domain}"
            raise CertificateError(msg)
        names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(str(identity))])
        return self._issue(self._client_stem(identity), identity.name, names, ExtendedKeyUsageOID.CLIENT_AUTH, days)

    def client(self, identity: SpiffeId) -> Issued:
        """Return where a client's certificate is, or would be."""
        return _files(self._client_stem(identity))

    def _client_stem(self, identity: SpiffeId) -> Path:
        return self.folder / identity.tenant / f"{identity.role}-{identity.name}"

    def _issue(
        self, stem: Path, name: str, names: x509.SubjectAlternativeName, usage: x509.ObjectIdentifier, days: float
    ) -> Issued:
        issued = _files(stem)
        refuse_existing(issued.key, issued.cert)
        self._check_days(days)
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _issued_by(_builder(_name(name), key.public_key(), days), self._signer.certificate)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(leaf=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(names, critical=False)
        )
        leaf = builder.sign(self._signer.key, hashes.SHA256())
        write_key(issued.key, key)
        write_certificates(issued.cert, leaf, self._signer.certificate)
        return issued

    def _check_days(self, days: float) -> None:
        """Raise CertificateError for a leaf that would outlive its issuer: peers would refuse the chain."""
        left = (self._signer.certificate.not_valid_after_utc - datetime.now(UTC)) / timedelta(days=1)
        if not 0 < days <= left:
            msg = f"a certificate of this authority can be good for at most {left:.0f} days from now, not {days:g}"
            raise CertificateError(msg)


def _files(stem: Path) -> Issued:
    return Issued(stem.with_name(stem.name + ".pem"), stem.with_name(stem.name + ".key"))


def _trust_domain(root: x509.Certificate) -> str:
    names = root.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.UniformResourceIdentifier)[0].removeprefix("spiffe://")


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])


def _host(host: str) -> x509.GeneralName:
    try:
        address: IPv4Address | IPv6Address = ip_address(host)
    except ValueError:
        if not _DNS_NAME.fullmatch(host) or host.replace(".", "").isdecimal():
            msg = f"{host!r} is neither an IP address nor a DNS name (IDNs as xn--…)"
            raise ValueError(msg) from None
        return x509.DNSName(host)
    return x509.IPAddress(address)


def _builder(subject: x509.Name, key: ec.EllipticCurvePublicKey, days: float) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _issued_by(builder: x509.CertificateBuilder, issuer: x509.Certificate) -> x509.CertificateBuilder:
    skid = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    aki = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(skid)
    return builder.issuer_name(issuer.subject).add_extension(aki, critical=False)


def _ca(builder: x509.CertificateBuilder, path_length: int) -> x509.CertificateBuilder:
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True).add_extension(
        _key_usage(leaf=False), critical=True
    )


def _key_usage(*, leaf: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=leaf,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not leaf,
        crl_sign=not leaf,
        encipher_only=False,
        decipher_only=False,
    )
