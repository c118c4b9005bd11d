"""hub.identity.server_tls: whole TLS handshakes in memory, with the web port's context on one end."""

from __future__ import annotations

import datetime as dt
import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hub.core.principal import Role, SpiffeId
from hub.errors import CertificateError
from hub.identity.server_tls import ClientCertificates, TlsFiles, check_files, web_context
from hub.pki.authority import Authority, Issued

if TYPE_CHECKING:
    from pathlib import Path

DAY = dt.timedelta(days=1)
ORDERS = SpiffeId("loghub.test", "acme", Role.PRODUCER, "orders")
ASKED = [ClientCertificates.OPTIONAL, ClientCertificates.REQUIRED]


@dataclass(frozen=True, slots=True)
class Site:
    """An authority, the files of a server, and a client's certificate."""

    authority: Authority
    files: TlsFiles
    client: Issued


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Return a site that `loghub certs` could have made."""
    authority = Authority.create(tmp_path_factory.mktemp("site"), "loghub.test")
    server = authority.issue_server("hub", ["localhost"])
    return Site(authority, TlsFiles(authority.bundle, server.cert, server.key), authority.issue_client(ORDERS))


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Issued:
    """Return a client's certificate with the same identity by another authority of the same name."""
    return Authority.create(tmp_path_factory.mktemp("foreign"), "loghub.test").issue_client(ORDERS)


def pair(folder: Path, certificates: list[x509.Certificate], key: Any, password: bytes = b"") -> Issued:
    """Write a chain and its key."""
    issued = Issued(folder / "leaf.pem", folder / "leaf.key")
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    issued.cert.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
    issued.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    return issued


def issue(site: Site, folder: Path, *, begins: dt.timedelta, ends: dt.timedelta, usage: Any) -> Issued:
    """Have the site's intermediate sign a leaf as it never would by itself; times are from now."""
    ca = site.authority.folder / "ca"
    issuer = x509.load_pem_x509_certificate((ca / "intermediate.pem").read_bytes())
    signer = load_pem_private_key((ca / "intermediate.key").read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(str(ORDERS)), x509.DNSName("localhost")])
    leaf = built(key, issuer.subject, begins, ends).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    return pair(folder, [leaf.add_extension(names, critical=False).sign(signer, hashes.SHA256()), issuer], key)


def built(key: Any, issuer: x509.Name, begins: dt.timedelta, ends: dt.timedelta) -> x509.CertificateBuilder:
    """Return what every certificate has; times are from now."""
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder().subject_name(common_name("localhost")).issuer_name(issuer)
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    return builder.not_valid_before(now + begins).not_valid_after(now + ends)


def common_name(text: str) -> x509.Name:
    """Return a name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def self_signed(folder: Path, key: Any, digest: hashes.SHA256 | None = None) -> Issued:
    """Write a certificate that nobody vouches for."""
    return pair(folder, [built(key, common_name("localhost"), -DAY, DAY).sign(key, digest)], key)


def client_context(site: Site, client: Issued | None = None) -> ssl.SSLContext:
    """Return a client that trusts the site's root, and no other."""
    context = ssl.create_default_context(cafile=site.authority.bundle)
    if client:
        context.load_cert_chain(client.cert, client.key)
    return context


class Connection:
    """Two ends of TLS whose bytes pass through memory; the handshake is done, or raised what stopped it."""

    def __init__(self, server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None = None) -> None:
        self.to_server, self.to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.client = client.wrap_bio(self.to_client, self.to_server, server_hostname="localhost", session=session)
        self.server = server.wrap_bio(self.to_server, self.to_client, server_side=True)
        waiting = [self.client, self.server]
        for _ in range(4):
            waiting = [end for end in waiting if not _done(end)]
        assert not waiting

    def exchange(self) -> None:
        """Send a byte each way, so that either end has read all that the other one had to say."""
        for sender, receiver in [(self.client, self.server), (self.server, self.client)]:
            sender.write(b"x")
            assert receiver.read(2) == b"x"


def _done(end: ssl.SSLObject) -> bool:
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def server_context(site: Site, clients: ClientCertificates = ClientCertificates.NONE) -> ssl.SSLContext:
    """Return the context under test."""
    return web_context(site.files, clients)


def default_server(site: Site) -> ssl.SSLContext:
    """Return what Python makes of the same files by itself."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(site.files.cert, site.files.key)
    return context


def test_tls_1_3_is_spoken_with_a_chain_that_verifies(site: Site) -> None:
    """The client knows the root alone; the intermediate comes with the leaf."""
    connection = Connection(server_context(site), client_context(site))
    connection.exchange()
    assert connection.server.version() == "TLSv1.3"
    assert connection.client.getpeercert()["subjectAltName"] == (("DNS", "localhost"),)  # type: ignore[index]


def test_tls_1_2_is_refused(site: Site) -> None:
    """Whatever the cipher; a server of Python's defaults would have spoken it."""
    client = client_context(site)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("ALL:@SECLEVEL=0")
    assert Connection(default_server(site), client).server.version() == "TLSv1.2"
    with pytest.raises(ssl.SSLError) as caught:
        Connection(server_context(site), client)
    assert caught.value.reason == "UNSUPPORTED_PROTOCOL"


def test_no_session_can_be_resumed(site: Site) -> None:
    """A resumed session would bring a certificate that has been revoked since; the server gives no ticket for one."""
    client, server = client_context(site, site.client), server_context(site, ClientCertificates.REQUIRED)
    first = Connection(server, client)
    assert first.to_client.pending == 0
    first.exchange()
    assert first.client.session is None or not first.client.session.has_ticket
    again = Connection(server, client, first.client.session)
    again.exchange()
    assert not again.server.session_reused
    assert again.server.getpeercert(binary_form=True)


def test_a_server_of_pythons_defaults_would_resume(site: Site) -> None:
    """The proof that the test above can fail."""
    client, server = client_context(site), default_server(site)
    first = Connection(server, client)
    assert first.to_client.pending > 0
    first.exchange()
    assert first.client.session
    assert first.client.session.has_ticket
    assert Connection(server, client, first.client.session).server.session_reused


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["http/1.1"], "http/1.1"),
        (["h2", "http/1.1"], "http/1.1"),
        (["http/1.1", "h2"], "http/1.1"),
        (["h2"], None),
        (["http/1.0"], None),
        ([], None),
    ],
)
def test_http_1_1_is_what_is_spoken(site: Site, offered: list[str], chosen: str | None) -> None:
    """WebSockets come over it; a client that offers something else learns that it was not chosen."""
    client = client_context(site)
    if offered:
        client.set_alpn_protocols(offered)
    connection = Connection(server_context(site), client)
    assert connection.client.selected_alpn_protocol() == chosen
    assert connection.server.selected_alpn_protocol() == chosen


def test_no_certificate_is_asked_for_where_none_is_wanted(site: Site, foreign: Issued) -> None:
    """A client keeps to itself who it is, whatever certificates it has."""
    for client in (None, site.client, foreign):
        connection = Connection(server_context(site), client_context(site, client))
        connection.exchange()
        assert connection.server.getpeercert(binary_form=True) is None


@pytest.mark.parametrize("clients", ASKED)
def test_a_certificate_of_the_authority_is_taken(site: Site, clients: ClientCertificates) -> None:
    """The server can read it afterwards."""
    connection = Connection(server_context(site, clients), client_context(site, site.client))
    connection.exchange()
    leaf = x509.load_pem_x509_certificate(site.client.cert.read_bytes())
    assert connection.server.getpeercert(binary_form=True) == leaf.public_bytes(Encoding.DER)


def test_a_client_may_come_without_certificate_where_it_is_optional(site: Site) -> None:
    """It shows a token then."""
    connection = Connection(server_context(site, ClientCertificates.OPTIONAL), client_context(site))
    connection.exchange()
    assert connection.server.getpeercert(binary_form=True) is None


def test_a_client_must_not_come_without_certificate_where_it_is_required(site: Site) -> None:
    """The handshake ends there."""
    with pytest.raises(ssl.SSLError) as caught:
        Connection(server_context(site, ClientCertificates.REQUIRED), client_context(site))
    assert caught.value.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"


def refusal(site: Site, clients: ClientCertificates, client: Issued) -> str:
    """Return why the server refuses a client's certificate."""
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        Connection(server_context(site, clients), client_context(site, client))
    return str(caught.value.verify_message)


@pytest.mark.parametrize("clients", ASKED)
def test_a_foreign_certificate_is_refused(site: Site, foreign: Issued, clients: ClientCertificates) -> None:
    """The same names by another authority of the same name are worth nothing, also where one may come without."""
    assert refusal(site, clients, foreign) in {
        "unable to get local issuer certificate",
        "certificate signature failure",
    }


@pytest.mark.parametrize("clients", ASKED)
def test_a_certificate_that_nobody_vouches_for_is_refused(
    site: Site, tmp_path: Path, clients: ClientCertificates
) -> None:
    """Self-signed ones are the easiest to make."""
    client = self_signed(tmp_path, ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    assert refusal(site, clients, client) == "self-signed certificate"


@pytest.mark.parametrize("clients", ASKED)
@pytest.mark.parametrize(
    ("begins", "ends", "usage", "words"),
    [
        (-2 * DAY, -DAY / 1440, ExtendedKeyUsageOID.CLIENT_AUTH, "certificate has expired"),
        (DAY / 24, DAY, ExtendedKeyUsageOID.CLIENT_AUTH, "certificate is not yet valid"),
        (-DAY, DAY, ExtendedKeyUsageOID.SERVER_AUTH, "unsuitable certificate purpose"),
        (-DAY, DAY, ExtendedKeyUsageOID.CODE_SIGNING, "unsuitable certificate purpose"),
    ],
)
def test_a_certificate_that_does_not_fit_is_refused(  # noqa: PLR0913, PLR0917  the four columns of the table
    site: Site,
    tmp_path: Path,
    clients: ClientCertificates,
    begins: dt.timedelta,
    ends: dt.timedelta,
    usage: x509.ObjectIdentifier,
    words: str,
) -> None:
    """Of the right authority, but not for today, or not for clients; also where one may come without."""
    assert refusal(site, clients, issue(site, tmp_path, begins=begins, ends=ends, usage=usage)) == words


def test_a_certificate_that_fits_is_taken(site: Site, tmp_path: Path) -> None:
    """The proof that the certificates of the table above fail for what the table says."""
    client = issue(site, tmp_path, begins=-DAY, ends=DAY, usage=ExtendedKeyUsageOID.CLIENT_AUTH)
    Connection(server_context(site, ClientCertificates.REQUIRED), client_context(site, client)).exchange()


def test_a_certificate_without_its_intermediate_is_refused(site: Site, tmp_path: Path) -> None:
    """The server trusts the root and has nothing between; leaf files hold both."""
    leaf, _ = x509.load_pem_x509_certificates(site.client.cert.read_bytes())
    alone = replace(site.client, cert=tmp_path / "leaf.pem")
    alone.cert.write_bytes(leaf.public_bytes(Encoding.PEM))
    assert refusal(site, ClientCertificates.REQUIRED, alone) == "unable to get local issuer certificate"


def test_good_files_pass(site: Site, tmp_path: Path) -> None:
    """Those of `loghub certs`, and of any other kind of key that TLS takes."""
    check_files(site.files)
    other = self_signed(tmp_path, ed25519.Ed25519PrivateKey.generate())
    files = TlsFiles(site.files.ca, other.cert, other.key)
    check_files(files)
    assert web_context(files, ClientCertificates.NONE).verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize("missing", ["ca", "cert", "key"])
def test_a_missing_file_is_named(site: Site, tmp_path: Path, missing: str) -> None:
    """With the command that makes it."""
    files = replace(site.files, **{missing: tmp_path / "none.pem"})
    for check in (check_files, server_of):
        with pytest.raises(CertificateError, match=r"none\.pem cannot be read: No such file.*loghub certs init"):
            check(files)


def server_of(files: TlsFiles) -> None:
    """Make a context."""
    web_context(files, ClientCertificates.NONE)


@pytest.mark.parametrize("text", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"])
@pytest.mark.parametrize("spoilt", ["ca", "cert", "key"])
def test_a_spoilt_file_is_named(site: Site, tmp_path: Path, spoilt: str, text: bytes) -> None:
    """Before a client meets it."""
    path = tmp_path / "spoilt.pem"
    path.write_bytes(text)
    what = "a PEM private key without a password" if spoilt == "key" else "a PEM certificate"
    for check in (check_files, server_of):
        with pytest.raises(CertificateError, match=rf"spoilt\.pem is not {what}"):
            check(replace(site.files, **{spoilt: path}))


def test_files_in_each_others_place_are_named(site: Site) -> None:
    """The usual slip in a configuration."""
    with pytest.raises(CertificateError, match=r"hub\.key is not a PEM certificate"):
        check_files(replace(site.files, cert=site.files.key))
    with pytest.raises(CertificateError, match=r"hub\.pem is not a PEM private key"):
        check_files(replace(site.files, key=site.files.cert))


def test_another_certificates_key_is_refused(site: Site) -> None:
    """The message says which two do not belong together."""
    with pytest.raises(CertificateError, match=r"producer-orders\.key is not the key of .*server/hub\.pem"):
        check_files(replace(site.files, key=site.client.key))


def test_a_key_with_a_password_is_refused(site: Site, tmp_path: Path) -> None:
    """There is nobody to ask for it when a hub starts; OpenSSL would ask at the terminal."""
    key = load_pem_private_key(site.files.key.read_bytes(), None)
    locked = pair(tmp_path, [], key, b"secret")
    with pytest.raises(CertificateError, match=r"leaf\.key is not a PEM private key without a password"):
        check_files(replace(site.files, key=locked.key))


@pytest.mark.parametrize(("ends", "good"), [(-DAY, False), (-DAY / 86_400, False), (DAY / 24, True)])
def test_an_expired_certificate_is_not_served(site: Site, tmp_path: Path, ends: dt.timedelta, *, good: bool) -> None:
    """Clients would refuse it one by one; the message says since when, and what to do."""
    leaf = issue(site, tmp_path, begins=-2 * DAY, ends=ends, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    files = TlsFiles(site.files.ca, leaf.cert, leaf.key)
    if good:
        check_files(files)
        return
    ended = x509.load_pem_x509_certificate(leaf.cert.read_bytes()).not_valid_after_utc
    with pytest.raises(CertificateError, match=rf"leaf\.pem expired on {ended:%Y-%m-%d}: issue a new one"):
        server_of(files)


def test_a_certificate_of_the_future_is_not_served(site: Site, tmp_path: Path) -> None:
    """A clock is wrong, this one or the authority's."""
    leaf = issue(site, tmp_path, begins=DAY, ends=2 * DAY, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    with pytest.raises(CertificateError, match=r"leaf\.pem is not valid before .* check the clock"):
        check_files(TlsFiles(site.files.ca, leaf.cert, leaf.key))


def test_authorities_that_have_all_expired_are_said(site: Site, tmp_path: Path) -> None:
    """No client could come in; beside one that is good an old one does no harm, as after a rotation."""
    old = issue(site, tmp_path, begins=-2 * DAY, ends=-DAY, usage=ExtendedKeyUsageOID.SERVER_AUTH)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(x509.load_pem_x509_certificate(old.cert.read_bytes()).public_bytes(Encoding.PEM))
    with pytest.raises(CertificateError, match=r"every authority in .*bundle\.pem has expired"):
        check_files(replace(site.files, ca=bundle))
    bundle.write_bytes(bundle.read_bytes() + site.files.ca.read_bytes())
    check_files(replace(site.files, ca=bundle))


def test_what_openssl_refuses_is_said(site: Site, tmp_path: Path) -> None:
    """A key too small for its security level."""
    weak = self_signed(tmp_path, rsa.generate_private_key(65537, 1024), hashes.SHA256())  # noqa: S505  on purpose
    with pytest.raises(CertificateError, match=r"TLS refuses .*leaf\.pem with .*leaf\.key: .*KEY_TOO_SMALL"):
        server_of(TlsFiles(site.files.ca, weak.cert, weak.key))
