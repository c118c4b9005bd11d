"""hub.pki.authority: what it issues verifies for its purpose, and for nothing more."""

from __future__ import annotations

import datetime as dt
import subprocess
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from hub.core.principal import Role, SpiffeId
from hub.errors import CertificateError, ForbiddenError
from hub.identity.peer import certificate_id, principal_of_certificate
from hub.pki.authority import LEAF_DAYS, MAX_SERVER_DAYS, Authority, Issued

if TYPE_CHECKING:
    from collections.abc import Sequence

DOMAIN = "loghub.test"
HOSTS = ("localhost", "hub.loghub.test", "*.apps.loghub.test", "127.0.0.1", "::1")
ORDERS = SpiffeId(DOMAIN, "acme", Role.PRODUCER, "orders")
DAY, MINUTE = dt.timedelta(days=1), dt.timedelta(minutes=1)
BACKDATED = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class Pki:
    """An authority that has issued one certificate of each kind, and when it began and was done."""

    authority: Authority
    server: Issued
    clients: dict[Role, Issued]
    began: dt.datetime
    done: dt.datetime

    @property
    def folder(self) -> Path:
        """Where it lives."""
        return self.authority.folder

    @property
    def leaves(self) -> list[Issued]:
        """All that it has issued."""
        return [self.server, *self.clients.values()]

    @property
    def root(self) -> x509.Certificate:
        """What peers trust."""
        return chain(self.authority.bundle)[0]

    @property
    def intermediate(self) -> x509.Certificate:
        """What signs leaves."""
        return chain(self.folder / "ca" / "intermediate.pem")[0]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Return what `loghub certs init` and some `issue` make. Tests do not change it."""
    began = now()
    authority = Authority.create(tmp_path_factory.mktemp("site") / "pki", DOMAIN)
    server = authority.issue_server("hub", HOSTS)
    clients = {role: authority.issue_client(replace(ORDERS, role=role)) for role in Role}
    return Pki(authority, server, clients, began, now())


def now() -> dt.datetime:
    """Return the time in whole seconds, as certificates have it."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def chain(path: Path) -> list[x509.Certificate]:
    """Read certificates."""
    return x509.load_pem_x509_certificates(path.read_bytes())


def private_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a key."""
    key = load_pem_private_key(path.read_bytes(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def extension(certificate: x509.Certificate, kind: type[Any]) -> Any:
    """Return an extension."""
    return certificate.extensions.get_extension_for_class(kind)


def usages(certificate: x509.Certificate) -> set[str]:
    """Return the bits of the key usage that are set."""
    usage = extension(certificate, x509.KeyUsage).value
    bits = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    return {name for name in (*bits, "key_cert_sign", "crl_sign") if getattr(usage, name)}


def subject(host: str) -> x509.GeneralName:
    """Return the name that a client of this host looks for."""
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def policy(root: x509.Certificate, at: dt.datetime | None = None) -> PolicyBuilder:
    """Return a verifier to be, which trusts one root."""
    return PolicyBuilder().store(Store([root])).time(at or now())


def verify_server(root: x509.Certificate, path: Path, host: str, at: dt.datetime | None = None) -> list[Any]:
    """Return the chain of a server's file as a client of this host builds it; VerificationError where it cannot."""
    leaf, *rest = chain(path)
    name: Any = subject(host)
    return list(policy(root, at).build_server_verifier(name).verify(leaf, rest))


class RefusedError(Exception):
    """OpenSSL does not take a client's certificate."""


def verify_client(root: x509.Certificate, certificates: Sequence[x509.Certificate]) -> list[Any]:
    """Return the names in a client's certificate once OpenSSL takes its chain; RefusedError where it does not.

    The verifier of `cryptography` knows no name constraints for URIs, and refuses every chain that has one.
    """
    leaf, *rest = certificates
    with TemporaryDirectory() as folder:
        for name, found in {"root": [root], "rest": rest, "leaf": [leaf]}.items():
            (Path(folder) / name).write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in found))
        command = ["openssl", "verify", "-purpose", "sslclient", "-x509_strict", "-CAfile", "root"]
        command += ["-untrusted", "rest", "leaf"] if rest else ["leaf"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=10)
    if done.returncode:
        raise RefusedError(done.stderr)
    return list(extension(leaf, x509.SubjectAlternativeName).value)


def test_an_authority_is_a_folder(tmp_path: Path) -> None:
    """With these files and no others; keys are for their owner alone."""
    authority = Authority.create(tmp_path / "pki", DOMAIN)
    files = {path.relative_to(tmp_path / "pki").as_posix(): path for path in (tmp_path / "pki").rglob("*.*")}
    ca = {f"ca/{name}" for name in ("root.pem", "root.key", "intermediate.pem", "intermediate.key")}
    assert set(files) == {"ca.pem", "crl.pem", "ca/crl.pem", "ca/issued.jsonl", *ca}
    assert authority.bundle == files["ca.pem"]
    assert files["ca.pem"].read_bytes() == files["ca/root.pem"].read_bytes()
    assert files["ca/root.key"].parent.stat().st_mode & 0o777 == 0o700
    assert {files[f"ca/{name}.key"].stat().st_mode & 0o777 for name in ("root", "intermediate")} == {0o600}
    assert len(chain(files["ca.pem"])) == len(chain(files["ca/intermediate.pem"])) == 1
    assert not [path for path in files.values() if path.suffix == ".pem" and b"PRIVATE" in path.read_bytes()]


def test_leaves_lie_by_server_and_tenant(pki: Pki) -> None:
    """Where the documentation says; keys are for their owner alone."""
    assert pki.server == Issued(pki.folder / "server" / "hub.pem", pki.folder / "server" / "hub.key")
    for role, issued in pki.clients.items():
        stem = pki.folder / "acme" / f"{role}-orders"
        assert issued == Issued(stem.with_suffix(".pem"), stem.with_suffix(".key"))
    for issued in pki.leaves:
        assert issued.key.stat().st_mode & 0o777 == 0o600
        assert issued.cert.stat().st_mode & 0o077 == 0o044
        assert issued.key.parent.stat().st_mode & 0o777 == 0o700
        assert b"PRIVATE" not in issued.cert.read_bytes()


def test_a_name_with_dots_keeps_them(tmp_path: Path) -> None:
    """They are no suffix."""
    authority = Authority.create(tmp_path, DOMAIN)
    for name in ("orders.v1", "orders.v2", "orders"):
        issued = authority.issue_client(replace(ORDERS, name=name))
        assert (issued.cert.name, issued.key.name) == (f"producer-{name}.pem", f"producer-{name}.key")


def test_the_root_signs_the_intermediate_alone(pki: Pki) -> None:
    """A path may be one authority longer than it, two in a rotation; it carries the trust domain."""
    assert pki.root.subject == pki.root.issuer
    assert extension(pki.root, x509.BasicConstraints).value == x509.BasicConstraints(ca=True, path_length=2)
    assert usages(pki.root) == {"key_cert_sign", "crl_sign"}
    uris = extension(pki.root, x509.SubjectAlternativeName).value
    assert list(uris) == [x509.UniformResourceIdentifier("spiffe://loghub.test")]
    assert pki.authority.trust_domain == DOMAIN


def test_the_intermediate_signs_leaves_alone(pki: Pki) -> None:
    """No authority may come below it."""
    pki.intermediate.verify_directly_issued_by(pki.root)
    assert extension(pki.intermediate, x509.BasicConstraints).value == x509.BasicConstraints(ca=True, path_length=0)
    assert usages(pki.intermediate) == {"key_cert_sign", "crl_sign"}


def test_a_leaf_signs_handshakes_and_nothing_else(pki: Pki) -> None:
    """It is no authority, and is for one end of a connection."""
    for issued in pki.leaves:
        leaf, intermediate = chain(issued.cert)
        assert intermediate == pki.intermediate
        leaf.verify_directly_issued_by(intermediate)
        assert extension(leaf, x509.BasicConstraints).value == x509.BasicConstraints(ca=False, path_length=None)
        assert usages(leaf) == {"digital_signature"}
        end = ExtendedKeyUsageOID.SERVER_AUTH if issued is pki.server else ExtendedKeyUsageOID.CLIENT_AUTH
        assert list(extension(leaf, x509.ExtendedKeyUsage).value) == [end]


def test_what_is_critical_is_marked_so(pki: Pki) -> None:
    """A reader that does not know them must refuse the certificate (RFC 5280 section 4.2.1)."""
    for certificate in [pki.root, *(chain(issued.cert)[0] for issued in pki.leaves)]:
        critical = {one.oid for one in certificate.extensions if one.critical}
        assert critical == {x509.BasicConstraints.oid, x509.KeyUsage.oid}
    critical = {one.oid for one in pki.intermediate.extensions if one.critical}
    assert critical == {x509.BasicConstraints.oid, x509.KeyUsage.oid, x509.NameConstraints.oid}


def test_certificates_name_their_issuers_key(pki: Pki) -> None:
    """So that a chain is found without trying; SPIFFE and RFC 5280 want it."""
    pairs = [(pki.intermediate, pki.root)]
    pairs += [(chain(issued.cert)[0], pki.intermediate) for issued in pki.leaves]
    for certificate, issuer in pairs:
        own = extension(issuer, x509.SubjectKeyIdentifier).value.digest
        assert extension(certificate, x509.AuthorityKeyIdentifier).value.key_identifier == own
        assert certificate.issuer == issuer.subject


def test_every_key_and_serial_number_is_another(pki: Pki) -> None:
    """Serial numbers are what is revoked; they are random and as long as RFC 5280 section 4.1.2.2 lets them be."""
    certificates = [pki.root, pki.intermediate, *(chain(issued.cert)[0] for issued in pki.leaves)]
    serials = {one.serial_number for one in certificates}
    assert len(serials) == len(certificates) == 7
    assert all(0 < serial < 2**159 for serial in serials)
    assert max(serials) > 2**120
    keys = {one.public_key().public_numbers() for one in certificates}  # type: ignore[union-attr]
    assert len(keys) == len(certificates)


def test_keys_belong_to_their_certificates(pki: Pki) -> None:
    """EC P-256 with SHA-256, which gRPC, OpenSSL, Java and browsers all take."""
    pairs = [(issued.cert, issued.key) for issued in pki.leaves]
    pairs += [
        (pki.folder / "ca" / f"{name}.pem", pki.folder / "ca" / f"{name}.key") for name in ("root", "intermediate")
    ]
    for certificate_path, key_path in pairs:
        key, certificate = private_key(key_path), chain(certificate_path)[0]
        assert key.public_key() == certificate.public_key()
        assert key.curve.name == "secp256r1"
        assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)


@pytest.mark.parametrize("host", ["localhost", "hub.loghub.test", "x.apps.loghub.test", "127.0.0.1", "::1"])
def test_a_server_is_verified_by_each_of_its_names(pki: Pki, host: str) -> None:
    """By who trusts the root alone."""
    leaf, intermediate = chain(pki.server.cert)
    assert verify_server(pki.root, pki.server.cert, host) == [leaf, intermediate, pki.root]


@pytest.mark.parametrize("host", ["hub", "loghub.test", "apps.loghub.test", "a.b.apps.loghub.test", "127.0.0.2", "::2"])
def test_a_server_is_verified_by_no_other_name(pki: Pki, host: str) -> None:
    """Its common name, which is `hub`, is none."""
    with pytest.raises(VerificationError, match="subject"):
        verify_server(pki.root, pki.server.cert, host)


def test_addresses_are_addresses(pki: Pki) -> None:
    """Written as DNS names, no client would find them."""
    names = extension(chain(pki.server.cert)[0], x509.SubjectAlternativeName).value
    assert list(names) == [subject(host) for host in HOSTS]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1"), ip_address("::1")]


@pytest.mark.parametrize("role", Role)
def test_a_client_is_verified_and_has_one_name(pki: Pki, role: Role) -> None:
    """Its SPIFFE id, which the hub reads back."""
    identity = replace(ORDERS, role=role)
    certificates = chain(pki.clients[role].cert)
    assert verify_client(pki.root, certificates) == [x509.UniformResourceIdentifier(str(identity))]
    principal = principal_of_certificate(pki.clients[role].cert.read_bytes(), DOMAIN)
    leaf = certificates[0]
    assert (principal.subject, principal.tenant) == (str(identity), "acme")
    assert principal.certificate == certificate_id(leaf.issuer, leaf.serial_number)
    assert principal.expires_at == leaf.not_valid_after_utc.timestamp()


def test_a_server_is_no_client_and_a_client_no_server(pki: Pki) -> None:
    """A producer's stolen key must not make a hub."""
    with pytest.raises(RefusedError, match="unsuitable certificate purpose"):
        verify_client(pki.root, chain(pki.server.cert))
    with pytest.raises(ForbiddenError, match="has 0 SPIFFE URI names"):
        principal_of_certificate(pki.server.cert.read_bytes(), DOMAIN)
    with pytest.raises(VerificationError, match="no matching subjectAltName"):
        verify_server(pki.root, pki.clients[Role.NODE].cert, "localhost")


def test_another_authority_of_the_same_name_vouches_for_nothing(pki: Pki, tmp_path: Path) -> None:
    """Keys decide, not names; and the intermediate does not come from the bundle."""
    other = Authority.create(tmp_path, DOMAIN)
    foreign = chain(other.issue_client(ORDERS).cert)
    with pytest.raises(RefusedError, match=r"unable to get local issuer certificate|signature failure"):
        verify_client(pki.root, foreign)
    with pytest.raises(RefusedError, match=r"unable to get local issuer certificate|signature failure"):
        verify_client(pki.root, [foreign[0], pki.intermediate])
    with pytest.raises(RefusedError, match="unable to get local issuer certificate"):
        verify_client(pki.root, chain(pki.clients[Role.PRODUCER].cert)[:1])


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate and its key, with which to sign what may not be signed with it."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def of(cls, certificate: Path, key: Path) -> Signer:
        """Read files."""
        return cls(chain(certificate)[0], private_key(key))

    def sign(self, like: x509.Certificate) -> Signer:
        """Return a new certificate below this one, which says the same as another one does."""
        key, serial = ec.generate_private_key(ec.SECP256R1()), x509.random_serial_number()
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        skid = extension(self.certificate, x509.SubjectKeyIdentifier).value
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{serial:x}")]))
            .issuer_name(self.certificate.subject)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(now() - MINUTE)
            .not_valid_after(now() + DAY)
            .add_extension(own, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(skid), critical=False)
        )
        for one in like.extensions:
            if one.oid not in {x509.SubjectKeyIdentifier.oid, x509.AuthorityKeyIdentifier.oid}:
                builder = builder.add_extension(one.value, critical=one.critical)
        return Signer(builder.sign(self.key, hashes.SHA256()), key)


def test_a_leaf_vouches_for_nobody(pki: Pki) -> None:
    """A producer cannot issue itself another tenant's certificate."""
    producer = pki.clients[Role.PRODUCER]
    leaf = chain(producer.cert)[0]
    forged = Signer.of(producer.cert, producer.key).sign(leaf)
    with pytest.raises(RefusedError, match=r"unable to get local issuer certificate|invalid CA certificate"):
        verify_client(pki.root, [forged.certificate, leaf, pki.intermediate])
    intermediate = Signer.of(pki.folder / "ca" / "intermediate.pem", pki.folder / "ca" / "intermediate.key")
    assert verify_client(pki.root, [intermediate.sign(leaf).certificate, pki.intermediate])


def test_the_intermediate_makes_no_authorities(pki: Pki) -> None:
    """Its key, which is online, is worth no more than its leaves; the root's is."""
    leaf = chain(pki.clients[Role.PRODUCER].cert)[0]
    root = Signer.of(pki.folder / "ca" / "root.pem", pki.folder / "ca" / "root.key")
    second = root.sign(pki.intermediate)
    assert verify_client(pki.root, [second.sign(leaf).certificate, second.certificate])
    third = second.sign(pki.intermediate)
    with pytest.raises(RefusedError, match="path length"):
        verify_client(pki.root, [third.sign(leaf).certificate, third.certificate, second.certificate])


def test_lifetimes(pki: Pki) -> None:
    """Ten years, five, ninety days; all begin five minutes early, since clocks differ."""
    lifetimes = [(pki.root, 3650 * DAY), (pki.intermediate, 1825 * DAY)]
    lifetimes += [(chain(issued.cert)[0], LEAF_DAYS * DAY) for issued in pki.leaves]
    assert LEAF_DAYS == 90
    for certificate, lifetime in lifetimes:
        assert pki.began - BACKDATED <= certificate.not_valid_before_utc <= pki.done - BACKDATED
        assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == lifetime + BACKDATED


@pytest.mark.parametrize(
    ("at", "good"),
    [(-6 * MINUTE, False), (-4 * MINUTE, True), (89 * DAY, True), (90 * DAY + MINUTE, False), (3651 * DAY, False)],
)
def test_a_certificate_is_good_in_its_time_only(pki: Pki, at: dt.timedelta, *, good: bool) -> None:
    """Not before, and not after."""
    if good:
        assert verify_server(pki.root, pki.server.cert, "localhost", pki.began + at)
        return
    with pytest.raises(VerificationError, match="not valid at validation time"):
        verify_server(pki.root, pki.server.cert, "localhost", pki.began + at)


@pytest.mark.parametrize("days", [0.001, 1, 1.5, MAX_SERVER_DAYS])
def test_a_leaf_lives_as_long_as_it_is_told(tmp_path: Path, days: float) -> None:
    """Also for a part of a day; servers up to what browsers take, which is 398 days with the five minutes."""
    authority = Authority.create(tmp_path, DOMAIN)
    for issued in (authority.issue_server("hub", ["localhost"], days), authority.issue_client(ORDERS, days)):
        leaf = chain(issued.cert)[0]
        lifetime = leaf.not_valid_after_utc - leaf.not_valid_before_utc
        assert abs(lifetime - BACKDATED - days * DAY) <= dt.timedelta(seconds=1)
        assert lifetime < 398 * DAY


def test_no_server_certificate_is_issued_that_browsers_refuse(pki: Pki) -> None:
    """The message says how long they may be, and nothing is written."""
    with pytest.raises(CertificateError, match="at most 397 days, not 398"):
        pki.authority.issue_server("long", ["localhost"], MAX_SERVER_DAYS + 1)
    assert not list((pki.folder / "server").glob("long*"))


def test_a_server_needs_a_name_to_be_found_by(pki: Pki) -> None:
    """Clients look at nothing else."""
    with pytest.raises(CertificateError, match="at least one --dns or --ip"):
        pki.authority.issue_server("nowhere", [])
    assert not list((pki.folder / "server").glob("nowhere*"))


def test_an_identity_of_another_trust_domain_is_not_issued(pki: Pki) -> None:
    """No hub that trusts this authority would take it."""
    with pytest.raises(CertificateError, match=r"is of trust domain loghub\.test, not other\.test"):
        pki.authority.issue_client(SpiffeId("other.test", "globex", Role.PRODUCER, "orders"))
    assert not (pki.folder / "globex").exists()


def test_an_authority_is_opened_again(pki: Pki, tmp_path: Path) -> None:
    """What it issues then verifies as before, also while the root's key is away."""
    Authority.create(tmp_path, DOMAIN)
    (tmp_path / "ca" / "root.key").unlink()
    opened = Authority.open(tmp_path)
    assert (opened.folder, opened.trust_domain) == (tmp_path, DOMAIN)
    root = chain(opened.bundle)[0]
    assert verify_server(root, opened.issue_server("hub", ["localhost"]).cert, "localhost")
    assert verify_client(root, chain(opened.issue_client(ORDERS).cert))
    with pytest.raises(RefusedError):
        verify_client(pki.root, chain(opened.folder / "acme" / "producer-orders.pem"))


def contents(folder: Path) -> dict[Path, bytes]:
    """Return all files of a folder, but for the lock, which is empty."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}


def test_an_authority_is_made_once(tmp_path: Path) -> None:
    """A second one in its place would make every certificate void."""
    Authority.create(tmp_path, DOMAIN)
    before = contents(tmp_path)
    for domain in (DOMAIN, "other.test"):
        with pytest.raises(CertificateError, match="holds an authority already: use it, or choose another --dir"):
            Authority.create(tmp_path, domain)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("away", ["ca/root.key", "ca/root.pem", "ca/intermediate.key", "ca/intermediate.pem", "ca.pem"])
def test_an_authority_is_not_made_around_the_rest_of_another(tmp_path: Path, away: str) -> None:
    """As where the root's key is kept offline: a new key beside the old certificate would be no authority at all."""
    Authority.create(tmp_path, DOMAIN)
    (tmp_path / away).unlink()
    before = contents(tmp_path)
    with pytest.raises(CertificateError, match="holds an authority already"):
        Authority.create(tmp_path, DOMAIN)
    assert contents(tmp_path) == before


def test_half_of_a_leaf_is_not_made_whole(tmp_path: Path) -> None:
    """The other half would not belong to it."""
    authority = Authority.create(tmp_path, DOMAIN)
    for away in authority.issue_server("one", ["localhost"]).key, authority.issue_server("two", ["localhost"]).cert:
        away.unlink()
    before = contents(tmp_path)
    for name in ("one", "two"):
        with pytest.raises(CertificateError, match="exists and is not overwritten"):
            authority.issue_server(name, ["localhost"])
    assert contents(tmp_path) == before


@pytest.mark.parametrize("name", ["", "../../evil", "a/b", "/etc/evil", ".", "..", "a b", "ü", "a" * 129])
def test_a_servers_name_is_a_plain_one(pki: Pki, name: str) -> None:
    """It becomes the name of a file."""
    before = contents(pki.folder)
    with pytest.raises(CertificateError, match="is not 1 to 128 characters"):
        pki.authority.issue_server(name, ["localhost"])
    assert contents(pki.folder) == before


@pytest.mark.parametrize(
    "host", ["", " ", "ü.test", "10.0.0.300", "1.2.3", "a..b", "-a.test", "a b", "https://a", "a:1"]
)
def test_what_is_no_host_is_said(pki: Pki, host: str) -> None:
    """A certificate for it would be for nobody."""
    with pytest.raises(CertificateError, match="is neither an IP address nor a DNS name"):
        pki.authority.issue_server("other", [host])


@pytest.mark.parametrize("days", [1826, 1e9, float("inf"), float("nan"), 0, -1])
def test_no_leaf_outlives_what_signed_it(pki: Pki, days: float) -> None:
    """Peers would refuse the chain from then on."""
    with pytest.raises(CertificateError, match="can be good for at most 1825 days"):
        pki.authority.issue_client(replace(ORDERS, name="other"), days)


def test_a_leaf_is_issued_once(tmp_path: Path) -> None:
    """Whoever uses the first one would be left with half of a pair."""
    authority = Authority.create(tmp_path, DOMAIN)
    authority.issue_server("hub", ["localhost"])
    authority.issue_client(ORDERS)
    before = contents(tmp_path)
    with pytest.raises(CertificateError, match=r"server/hub\.key exists and is not overwritten"):
        authority.issue_server("hub", ["other"])
    with pytest.raises(CertificateError, match=r"acme/producer-orders\.key exists and is not overwritten"):
        authority.issue_client(ORDERS)
    assert contents(tmp_path) == before


NO_DOMAINS = ["", "LOGHUB", "loghub.test/tenant", "loghub test", "loghub.test:1", "ä", ".test", "test.", "a..b"]
# SPIFFE would allow these; BoringSSL or Java cannot compare a URI with them.
NO_HOSTS = ["log_hub.test", "a" * 64, ".".join(["a" * 62] * 5), "127.0.0.1", "test.1", "-a.test", "a-.test"]


@pytest.mark.parametrize("domain", [*NO_DOMAINS, *NO_HOSTS])
def test_a_trust_domain_is_a_dns_name(tmp_path: Path, domain: str) -> None:
    """Nothing is written for what is none."""
    with pytest.raises(CertificateError, match=r"the trust domain .* is not a DNS name in lower case"):
        Authority.create(tmp_path / "pki", domain)
    assert not (tmp_path / "pki").exists()


def test_the_longest_names_fit(tmp_path: Path) -> None:
    """A common name has room for 64 characters; the names that count are whole."""
    domain = ".".join(["d" * 63] * 3 + ["e" * 61])
    assert len(domain) == 253
    authority = Authority.create(tmp_path, domain)
    identity = SpiffeId(domain, "t" * 63, Role.SUBSCRIBER, "n" * 128)
    certificates = chain(authority.issue_client(identity).cert)
    assert Authority.open(tmp_path).trust_domain == domain
    assert verify_client(chain(authority.bundle)[0], certificates) == [x509.UniformResourceIdentifier(str(identity))]


@pytest.mark.parametrize("missing", ["ca.pem", "ca/intermediate.pem", "ca/intermediate.key"])
def test_what_is_no_authority_is_said(tmp_path: Path, missing: str) -> None:
    """With the command that makes one; be a file missing, or junk."""
    Authority.create(tmp_path, DOMAIN)
    path = tmp_path / missing
    for spoil in (lambda: path.write_bytes(b"junk"), path.unlink):
        spoil()
        with pytest.raises(CertificateError, match=r"holds no usable authority .*loghub certs init --dir"):
            Authority.open(tmp_path)


def test_an_authoritys_key_is_of_the_kind_that_it_makes(tmp_path: Path) -> None:
    """Another kind did not come from here."""
    Authority.create(tmp_path, DOMAIN)
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "ca" / "intermediate.key").write_bytes(pem)
    with pytest.raises(CertificateError, match=r"ca/intermediate\.key is not an EC key"):
        Authority.open(tmp_path)


def test_an_authority_whose_key_is_locked_or_anothers_is_not_opened(pki: Pki, tmp_path: Path) -> None:
    """What it issued would not verify."""
    Authority.create(tmp_path, DOMAIN)
    path = tmp_path / "ca" / "intermediate.key"
    locked = private_key(path).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    path.write_bytes(locked)
    with pytest.raises(CertificateError, match="holds no usable authority"):
        Authority.open(tmp_path)
    path.write_bytes((pki.folder / "ca" / "intermediate.key").read_bytes())
    with pytest.raises(CertificateError, match=r"intermediate\.key is not the key of intermediate\.pem"):
        Authority.open(tmp_path)


@pytest.mark.parametrize("other", ["server/hub.pem", "ca/intermediate.pem"])
def test_a_root_of_another_make_is_not_opened(pki: Pki, tmp_path: Path, other: str) -> None:
    """It names no trust domain."""
    Authority.create(tmp_path, DOMAIN)
    (tmp_path / "ca.pem").write_bytes((pki.folder / other).read_bytes())
    with pytest.raises(CertificateError, match="holds no usable authority"):
        Authority.open(tmp_path)
