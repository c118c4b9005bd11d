"""Certificates as an attacker or a careless operator would make them: good but for one thing each."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from hub.pki.authority import Issued

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hub.cli.deployment import Deployment

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
_DAY = dt.timedelta(days=1)
# PKCS #1 (RFC 8017 appendix A.2.4): the two differ in their last byte.
_SHA256_WITH_RSA = bytes.fromhex("2a864886f70d01010b")
_SHA1_WITH_RSA = bytes.fromhex("2a864886f70d010105")


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a key of the curve that loghub's own authority uses."""
    return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, slots=True)
class Signer:
    """Whoever signs: its certificate, its key, and what is shown behind a leaf to lead from it to a root."""

    certificate: x509.Certificate
    key: Any
    chain: tuple[x509.Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What a certificate is to say; its names are what a good client's needs beside the defaults.

    usages       extended key usages; none: without that extension
    days         from when to when it is valid, from now on
    authority    whether it says that it may issue others
    signs        whether its key usage is an authority's
    """

    names: Sequence[x509.GeneralName] = ()
    usages: Sequence[x509.ObjectIdentifier] = (CLIENT,)
    days: tuple[float, float] = (-1, 1)
    authority: bool = False
    signs: bool = False
    key: Any = field(default_factory=new_key)
    subject: str = "leaf"

    @classmethod
    def of(cls, *uris: str, **changes: Any) -> Request:
        """Return a request with these URI names."""
        return cls([x509.UniformResourceIdentifier(uri) for uri in uris], **changes)


def sign(request: Request, by: Signer | None) -> x509.Certificate:
    """Return the certificate; by nobody: self-signed."""
    now = dt.datetime.now(dt.UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, request.subject)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(request.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + request.days[0] * _DAY)
        .not_valid_after(now + request.days[1] * _DAY)
        .add_extension(x509.BasicConstraints(request.authority, None), critical=True)
        .add_extension(_key_usage(signs=request.authority or request.signs), critical=True)
    )
    if request.usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(request.usages), critical=False)
    if request.names:
        builder = builder.add_extension(x509.SubjectAlternativeName(request.names), critical=False)
    return builder.sign(by.key if by else request.key, hashes.SHA256())


def wide_root() -> Signer:
    """Return an authority as an operator may bring: its certificate constrains no names, so the hub must."""
    key = new_key()
    return Signer(sign(Request(authority=True, usages=(), key=key, subject="wide root"), None), key)


def trust(bundle: Path, signer: Signer) -> None:
    """Add an authority to a bundle."""
    with bundle.open("ab") as file:
        file.write(signer.certificate.public_bytes(Encoding.PEM))


@dataclass(frozen=True)
class Forge:
    """Makes certificates with the keys of a deployment's own authority, and with others; `folder` takes them.

    The deployment's bundle gets a second root, whose key is RSA, since with that a signature can be made of SHA-1.
    """

    deployment: Deployment
    folder: Path

    @cached_property
    def intermediate(self) -> Signer:
        """What signs the deployment's good certificates."""
        ca = self.deployment.authority.folder / "ca"
        certificate = x509.load_pem_x509_certificate((ca / "intermediate.pem").read_bytes())
        key = load_pem_private_key((ca / "intermediate.key").read_bytes(), None)
        return Signer(certificate, key, (certificate,))

    @cached_property
    def rsa_root(self) -> Signer:
        """A root that the deployment trusts from now on: to be asked for before its hub starts."""
        key = rsa.generate_private_key(65537, 2048)
        root = Signer(sign(Request(authority=True, usages=(), key=key, subject="rsa root"), None), key)
        trust(self.deployment.ca, root)
        return root

    def stranger(self, subject: str) -> Signer:
        """Return an authority that nobody trusts, by whatever name."""
        key = new_key()
        certificate = sign(Request(authority=True, usages=(), key=key, subject=subject), None)
        return Signer(certificate, key, (certificate,))

    def issue(self, request: Request, by: Signer | None) -> Issued:
        """Write a certificate, what leads to its root, and its key."""
        return self.write(request.key, sign(request, by), *(by.chain if by else ()))

    def issue_with_sha1(self, request: Request) -> Issued:
        """Write a certificate signed with SHA-1 by the RSA root; the library makes none, its bytes are."""
        good = sign(request, self.rsa_root)
        body = good.tbs_certificate_bytes
        weak = body.replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
        signature = self.rsa_root.key.sign(weak, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303  weak on purpose
        der = good.public_bytes(Encoding.DER).replace(body, weak).replace(_SHA256_WITH_RSA, _SHA1_WITH_RSA)
        return self.write(request.key, x509.load_der_x509_certificate(der.replace(good.signature, signature)))

    def write(self, key: Any, *chain: x509.Certificate) -> Issued:
        """Write certificates and a key as PEM."""
        stem = self.folder / format(chain[0].serial_number, "x")
        issued = Issued(stem.with_suffix(".pem"), stem.with_suffix(".key"))
        issued.cert.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in chain))
        issued.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return issued


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,  # without it, TLS libraries would refuse an authority's by themselves
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )
