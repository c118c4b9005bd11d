"""What certificates look like: root, intermediate, and the leaves of servers and clients.

Keys are EC P-256 or P-384, since OpenSSL, BoringSSL (gRPC), Java and browsers take both; neither gRPC nor any browser
takes Ed25519. Profiles after RFC 5280 and the SPIFFE X.509-SVID standard: one URI name in a client's certificate.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.core.principal import SpiffeId, check_name
from hub.errors import CertificateError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

SERVER = "server"
LEAF_DAYS = 90
# Browsers take no longer-lived server certificate (CA/Browser Forum, Apple and Chrome root programs).
MAX_SERVER_DAYS = 397
# Clocks differ: what is issued now is good a little earlier.
BACKDATE = timedelta(minutes=5)
_ROOT_DAYS = 3650
_INTERMEDIATE_DAYS = 1825
# An intermediate below, and in a rotation the next root between the two.
_ROOT_PATH = 2
_DNS_NAME = re.compile(r"(?:\*\.)?(?!-)[A-Za-z0-9_-]{1,63}(?:\.(?!-)[A-Za-z0-9_-]{1,63})*")
_MAX_COMMON_NAME = 64


class Algorithm(StrEnum):
    """The kinds of keys that are made."""

    P256 = "p256"
    P384 = "p384"


_CURVES: dict[Algorithm, type[ec.EllipticCurve]] = {Algorithm.P256: ec.SECP256R1, Algorithm.P384: ec.SECP384R1}
_HASHES: dict[str, hashes.SHA256 | hashes.SHA384] = {"secp256r1": hashes.SHA256(), "secp384r1": hashes.SHA384()}


@dataclass(frozen=True, slots=True)
class Signer:
    """An authority's certificate and key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def id(self) -> str:
        """What the ledger names it by: its subject key identifier in hexadecimal."""
        return key_id(self.certificate)


@dataclass(frozen=True, slots=True)
class Profile:
    """What a leaf says.

    role       `server`, or that of a client
    identity   the SPIFFE id, or a server's name
    file       where it lies in the authority's folder, without suffix
    names      its subject alternative names
    """

    role: str
    identity: str
    file: str
    common_name: str
    names: tuple[x509.GeneralName, ...]

    @property
    def usage(self) -> x509.ObjectIdentifier:
        """Which end of a connection it is for."""
        return ExtendedKeyUsageOID.SERVER_AUTH if self.role == SERVER else ExtendedKeyUsageOID.CLIENT_AUTH


def new_key(algorithm: Algorithm) -> ec.EllipticCurvePrivateKey:
    """Make a key."""
    return ec.generate_private_key(_CURVES[algorithm]())


def algorithm_of(key: object) -> Algorithm | None:
    """Return the kind of a key, private or public; None for one that is not made here."""
    curve = getattr(key, "curve", None)
    return next((one for one, made in _CURVES.items() if isinstance(curve, made)), None)


def key_id(certificate: x509.Certificate) -> str:
    """Return the subject key identifier in hexadecimal."""
    return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()


def hash_for(key: ec.EllipticCurvePrivateKey) -> hashes.SHA256 | hashes.SHA384:
    """Return the hash that TLS 1.3 pairs with a signer's curve (RFC 8446 section 4.2.3)."""
    return _HASHES[key.curve.name]


def server_profile(name: str, hosts: Sequence[str]) -> Profile:
    """Return that of a server with these DNS names and IP addresses; CertificateError for what is none."""
    if not hosts:
        msg = "a server certificate needs at least one --dns or --ip"
        raise CertificateError(msg)
    try:
        names = tuple(_host(host) for host in hosts)
        return Profile(SERVER, name, f"{SERVER}/{check_name(name)}", name, names)
    except ValueError as error:
        raise CertificateError(str(error)) from error


def client_profile(identity: SpiffeId) -> Profile:
    """Return that of a client. Its common name cannot be taken for a DNS name, which OpenSSL would constrain."""
    uri = x509.UniformResourceIdentifier(str(identity))
    file = f"{identity.tenant}/{identity.role}-{identity.name}"
    common_name = f"{identity.tenant}/{identity.role}/{identity.name}"
    return Profile(identity.role, str(identity), file, common_name, (uri,))


def profile_of(leaf: x509.Certificate) -> Profile:
    """Return the profile that a leaf was made by; CertificateError, saying what is amiss, where it is none of ours."""
    try:
        names = tuple(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        usages = list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
        ca = leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        msg = f"it is no leaf of loghub: {error}"
        raise CertificateError(msg) from error
    if ca or not usage.digital_signature or usage.key_cert_sign:
        msg = "it is not for signing handshakes and nothing else"
        raise CertificateError(msg)
    uris = [one.value for one in names if isinstance(one, x509.UniformResourceIdentifier)]
    if ExtendedKeyUsageOID.CLIENT_AUTH in usages:
        if len(uris) != 1:
            msg = f"it has {len(uris)} URI names: a client has exactly one, its SPIFFE id"
            raise CertificateError(msg)
        try:
            return client_profile(SpiffeId.parse(uris[0]))
        except ValueError as error:
            raise CertificateError(str(error)) from error
    if ExtendedKeyUsageOID.SERVER_AUTH in usages:
        return server_profile(_common_name(leaf), [str(one.value) for one in names])
    msg = "it is for neither end of a TLS connection"
    raise CertificateError(msg)


def root_certificate(key: ec.EllipticCurvePrivateKey, trust_domain: str, generation: int) -> x509.Certificate:
    """Return a root that names its trust domain."""
    return _root(key.public_key(), trust_domain, generation, None).sign(key, hash_for(key))


def cross_certificate(root: x509.Certificate, generation: int, signer: Signer) -> x509.Certificate:
    """Return the next root as the one before it vouches for it, for peers that trust only that one yet."""
    key = root.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)  # noqa: S101  made by root_certificate
    builder = _root(key, trust_domain_of(root), generation, signer.certificate)
    return builder.sign(signer.key, hash_for(signer.key))


def intermediate_certificate(
    key: ec.EllipticCurvePublicKey, generation: int, constraints: x509.NameConstraints, signer: Signer
) -> x509.Certificate:
    """Return an intermediate that signs leaves alone, within these names."""
    domain = trust_domain_of(signer.certificate)
    name = _name(_numbered("intermediate", generation, domain))
    builder = _ca(_builder(name, key, _INTERMEDIATE_DAYS), 0).add_extension(constraints, critical=True)
    return _issued_by(builder, signer.certificate).sign(signer.key, hash_for(signer.key))


def leaf_certificate(profile: Profile, key: CertificatePublicKeyTypes, days: float, signer: Signer) -> x509.Certificate:
    """Return a leaf."""
    builder = (
        _issued_by(_builder(_name(profile.common_name), key, days), signer.certificate)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(leaf=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([profile.usage]), critical=False)
        .add_extension(x509.SubjectAlternativeName(profile.names), critical=False)
    )
    return builder.sign(signer.key, hash_for(signer.key))


def trust_domain_of(root: x509.Certificate) -> str:
    """Return the trust domain that a root names."""
    names = root.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.UniformResourceIdentifier)[0].removeprefix("spiffe://")


def _root(
    key: ec.EllipticCurvePublicKey, trust_domain: str, generation: int, issuer: x509.Certificate | None
) -> x509.CertificateBuilder:
    name = _name(_numbered("root", generation, trust_domain))
    builder = _builder(name, key, _ROOT_DAYS if issuer is None else _INTERMEDIATE_DAYS)
    uri = x509.UniformResourceIdentifier(f"spiffe://{trust_domain}")
    builder = builder.add_extension(x509.SubjectAlternativeName([uri]), critical=False)
    if issuer is None:
        return _ca(builder.issuer_name(name), _ROOT_PATH)
    return _ca(_issued_by(builder, issuer), _ROOT_PATH - 1)


def _numbered(what: str, generation: int, trust_domain: str) -> str:
    """Return a name of its own for each generation, since revocation lists name their issuer by it."""
    return f"loghub {what} {trust_domain}" if generation == 1 else f"loghub {what} {generation} {trust_domain}"


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:_MAX_COMMON_NAME])])


def _common_name(certificate: x509.Certificate) -> str:
    return next((str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)), "")


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        if not _DNS_NAME.fullmatch(host) or host.replace(".", "").isdecimal():
            msg = f"{host!r} is neither an IP address nor a DNS name (IDNs as xn--…)"
            raise ValueError(msg) from None
        return x509.DNSName(host)


def _builder(subject: x509.Name, key: CertificatePublicKeyTypes, days: float) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATE)
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
