"""hub.identity.peer: the names in a real certificate decide, its other parts do not."""

from __future__ import annotations

import datetime as dt
from ipaddress import IPv4Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID

from hub.core.principal import Principal, Scope
from hub.errors import ForbiddenError, GrpcCode, UnauthenticatedError
from hub.identity.peer import certificate_id, principal_of_certificate

DOMAIN = "loghub.test"
ORDERS = "spiffe://loghub.test/tenant/acme/producer/orders"
OTHER = "spiffe://loghub.test/tenant/globex/producer/orders"
KEY = ec.generate_private_key(ec.SECP256R1())
NOT_BEFORE = dt.datetime(2040, 1, 1, 3, 4, 5, tzinfo=dt.UTC)
NOT_AFTER = dt.datetime(2040, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
SERIAL = 2**158 + 7
FORBIDDEN = (GrpcCode.PERMISSION_DENIED, 403, 4403)
UNAUTHENTICATED = (GrpcCode.UNAUTHENTICATED, 401, 4401)


def certificate(*extensions: x509.ExtensionType, common_name: str = "orders") -> x509.Certificate:
    """Return a certificate with these extensions."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(KEY.public_key())
    builder = builder.serial_number(SERIAL).not_valid_before(NOT_BEFORE)
    builder = builder.not_valid_after(NOT_AFTER)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(KEY, hashes.SHA256())


def uri(text: str) -> x509.GeneralName:
    """Return a URI name."""
    return x509.UniformResourceIdentifier(text)


def der(*names: x509.GeneralName) -> bytes:
    """Return a certificate with these alternative names, if any."""
    extensions = [x509.SubjectAlternativeName(names)] if names else []
    return certificate(*extensions).public_bytes(Encoding.DER)


def der_of_raw_names(raw: bytes) -> bytes:
    """Return a certificate whose alternative names are any bytes."""
    return certificate(x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, raw)).public_bytes(
        Encoding.DER
    )


def with_names_twice() -> bytes:
    """Return a certificate with two extensions for alternative names, which no library makes (RFC 5280 section 4.2)."""
    names = x509.SubjectAlternativeName([uri(ORDERS)])
    issuer = x509.IssuerAlternativeName([uri(OTHER)])
    sign = certificate(names, issuer).public_bytes(Encoding.DER)
    return sign.replace(bytes([0x55, 0x1D, 0x12]), bytes([0x55, 0x1D, 0x11]))


def raw_uri(text: bytes) -> bytes:
    """Return the DER of alternative names with one URI of any bytes (RFC 5280 section 4.2.1.6)."""
    name = bytes([0x86, len(text)]) + text
    return bytes([0x30, len(name)]) + name


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_good_certificate_names_its_principal(encoding: Encoding) -> None:
    """PEM is how gRPC shows it, DER how the web port does; its end and serial are kept to be checked later."""
    good = certificate(x509.SubjectAlternativeName([uri(ORDERS)])).public_bytes(encoding)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "orders")])
    assert principal_of_certificate(good, DOMAIN) == Principal(
        "acme",
        ORDERS,
        frozenset({Scope.WRITE}),
        expires_at=NOT_AFTER.timestamp(),
        issued_at=NOT_BEFORE.timestamp(),
        certificate=certificate_id(issuer, SERIAL),
    )


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        ("producer", {Scope.WRITE}),
        ("subscriber", {Scope.READ}),
        ("node", set()),
        ("admin", {Scope.READ, Scope.ADMIN}),
    ],
)
def test_the_role_in_the_certificate_decides_the_scopes(role: str, scopes: set[Scope]) -> None:
    """Nothing else in it does."""
    principal = principal_of_certificate(der(uri(ORDERS.replace("producer", role))), DOMAIN)
    assert principal.tenant == "acme"
    assert principal.scopes == scopes


def test_other_names_beside_it_do_not_matter() -> None:
    """DNS names, addresses and mailboxes may stand in any order around the one that counts."""
    names = (
        x509.DNSName("orders.test"),
        uri(ORDERS),
        x509.IPAddress(IPv4Address("10.0.0.1")),
        x509.RFC822Name("orders@loghub.test"),
    )
    assert principal_of_certificate(der(*names), DOMAIN).subject == ORDERS


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ((), 0),
        ((x509.DNSName("acme"),), 0),
        ((x509.DNSName(ORDERS),), 0),
        ((x509.RFC822Name(ORDERS),), 0),
        ((uri("https://loghub.test/tenant/acme/producer/orders"),), 0),
        ((uri("urn:" + ORDERS),), 0),
        ((uri(" " + ORDERS),), 0),
        ((uri(ORDERS), uri(ORDERS)), 2),
        ((uri(ORDERS), uri(OTHER)), 2),
        ((uri(OTHER), x509.DNSName("x"), uri(ORDERS)), 2),
        ((uri(ORDERS), uri("SPIFFE://other.test/x")), 2),
        ((uri(ORDERS), uri("spiffe:")), 2),
        ((uri(ORDERS), uri(OTHER), uri("spiffe://other.test/x")), 3),
    ],
)
def test_a_certificate_has_exactly_one_spiffe_uri(names: tuple[x509.GeneralName, ...], found: int) -> None:
    """With none or several, or one in a name of another kind, nobody could say whose it is."""
    with pytest.raises(ForbiddenError, match=f"has {found} SPIFFE URI names, it must have exactly one") as caught:
        principal_of_certificate(der(*names), DOMAIN)
    assert (caught.value.grpc_code, caught.value.http_status, caught.value.close_code) == FORBIDDEN


def test_no_other_uri_may_stand_beside_it() -> None:
    """SPIFFE X.509-SVID section 5.2: whatever its scheme, another reader could take it for the identity."""
    with pytest.raises(ForbiddenError, match="has 2 URI names"):
        principal_of_certificate(der(uri("https://orders.test/tenant/globex"), uri(ORDERS)), DOMAIN)


@pytest.mark.parametrize(
    "text",
    [
        "spiffe://loghub.test",
        "spiffe://loghub.test/",
        "spiffe:loghub.test/tenant/acme/producer/orders",
        "spiffe:///tenant/acme/producer/orders",
        "SPIFFE://loghub.test/tenant/acme/producer/orders",
        "spiffe://loghub.test/tenant/acme/producer",
        "spiffe://loghub.test/tenant/acme/producer/",
        "spiffe://loghub.test/tenant/acme/producer/orders/",
        "spiffe://loghub.test/tenant/acme/producer/orders/more",
        "spiffe://loghub.test//tenant/acme/producer/orders",
        "spiffe://loghub.test/tenant//producer/orders",
        "spiffe://loghub.test/tenants/acme/producer/orders",
        "spiffe://loghub.test/tenant/acme/root/orders",
        "spiffe://loghub.test/tenant/acme/Producer/orders",
        "spiffe://loghub.test/tenant/ACME/producer/orders",
        "spiffe://loghub.test/tenant/../producer/orders",
        "spiffe://loghub.test/tenant/acme%2Fglobex/producer/orders",
        "spiffe://loghub.test/tenant/acme/producer/orders?tenant=globex",
        "spiffe://loghub.test/tenant/acme/producer/orders#globex",
        "spiffe://loghub.test:443/tenant/acme/producer/orders",
        "spiffe://admin@loghub.test/tenant/acme/producer/orders",
    ],
)
def test_any_other_spiffe_uri_is_refused(text: str) -> None:
    """Not one part may be missing, strange or too many."""
    with pytest.raises(ForbiddenError, match=r"is not|is none of") as caught:
        principal_of_certificate(der(uri(text)), DOMAIN)
    assert (caught.value.grpc_code, caught.value.http_status, caught.value.close_code) == FORBIDDEN


@pytest.mark.parametrize("domain", ["loghub", "test", "other.test", "loghub.test.evil", "x.loghub.test", ""])
def test_another_trust_domain_is_refused(domain: str) -> None:
    """Its tenants are not ours, even where they have the same name; the message says both domains."""
    with pytest.raises(ForbiddenError, match=rf"trust domain 'loghub\.test', this hub's is '{domain}'"):
        principal_of_certificate(der(uri(ORDERS)), domain)


@pytest.mark.parametrize("text", [b"\0", b"\0.evil", b"\n", b"\xc3\xa9", b"\xff"])
def test_bytes_that_belong_in_no_uri_are_refused(text: bytes) -> None:
    """A reader that stops at a zero byte would see another name."""
    with pytest.raises((ForbiddenError, UnauthenticatedError)):
        principal_of_certificate(der_of_raw_names(raw_uri(ORDERS.encode() + text)), DOMAIN)
    assert principal_of_certificate(der_of_raw_names(raw_uri(ORDERS.encode())), DOMAIN).tenant == "acme"


def test_the_common_name_says_nothing() -> None:
    """It was where names stood once."""
    with pytest.raises(ForbiddenError, match="exactly one"):
        principal_of_certificate(certificate(common_name=ORDERS).public_bytes(Encoding.DER), DOMAIN)


@pytest.mark.parametrize(
    "unreadable",
    [
        b"",
        b"junk",
        b"-----",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
        der(uri(ORDERS))[:-1],
        der(uri(ORDERS)) + b"\0",
        der_of_raw_names(b"junk"),
        der_of_raw_names(raw_uri(ORDERS.encode()) + b"\0"),
        der_of_raw_names(raw_uri(ORDERS.encode())[:-1]),
        der_of_raw_names(bytes([0x30, 0x02, 0xA3, 0x00])),
        with_names_twice(),
    ],
)
def test_what_cannot_be_read_proves_nothing(unreadable: bytes) -> None:
    """Junk, a torn certificate, and one whose names are torn."""
    with pytest.raises(UnauthenticatedError, match="the client certificate cannot be read: ") as caught:
        principal_of_certificate(unreadable, DOMAIN)
    assert (caught.value.grpc_code, caught.value.http_status, caught.value.close_code) == UNAUTHENTICATED
