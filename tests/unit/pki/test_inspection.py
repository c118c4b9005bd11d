"""hub.pki.inspection: what a peer would refuse is found, and why."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from hub.core.principal import Role, SpiffeId
from hub.pki.authority import Authority, Issued
from hub.pki.files import certificates_pem, key_pem, read_certificates
from hub.pki.inspection import Trust, inspect_file, inspect_folder, validity
from hub.pki.profile import Profile, Signer, client_profile, leaf_certificate
from hub.pki.revocation import revoke
from hub.pki.revocation_list import read_lists
from hub.pki.tokens import create_token_keys

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = SpiffeId("loghub.test", "acme", Role.PRODUCER, "orders")


def trust(authority: Authority, min_days: float = 0.0) -> Trust:
    """Return what a peer of this authority's judges by."""
    return Trust(read_certificates(authority.bundle), read_lists(authority.lists[1]), min_days)


def problems(authority: Authority, path: Path, min_days: float = 0.0) -> list[str]:
    """Return what is wrong with a file or folder."""
    inspect = inspect_folder if path.is_dir() else inspect_file
    return [one.problem for one in inspect(path, trust(authority, min_days))]


def write(authority: Authority, leaf: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Path:
    """Write a pair as if it had been issued."""
    issued = Issued.at(authority.folder / "made.pem")
    issued.cert.write_bytes(certificates_pem(leaf, *authority.current.chain))
    issued.key.write_bytes(key_pem(key))
    issued.key.chmod(0o600)
    return issued.cert


def forged(authority: Authority, profile: Profile, days: float = 1.0) -> Path:
    """Write a pair that the authority would not issue."""
    key = ec.generate_private_key(ec.SECP256R1())
    return write(authority, leaf_certificate(profile, key.public_key(), days, authority.current.signer), key)


def test_a_whole_folder_is_fine(authority: Authority) -> None:
    """With all that `loghub certs` makes; each file is told with identity, serial number and days left."""
    create_token_keys(authority.folder / "tokens")
    authority.issue_server("hub", ["a.test", "127.0.0.1"])
    authority.issue_client(ORDERS)
    found = {one.subject: one for one in inspect_folder(authority.folder, trust(authority))}
    names = ("acme/producer-orders.pem", "ca/crl.pem", "ca/intermediate.pem", "ca/root.pem", "ca.pem", "crl.pem")
    assert set(found) == {str(authority.folder / name) for name in (*names, "server/hub.pem")}
    assert not [one for one in found.values() if one.problem]
    detail = found[str(authority.folder / "acme" / "producer-orders.pem")].detail
    assert detail.startswith("spiffe://loghub.test/tenant/acme/producer/orders, serial ")
    assert detail.endswith("90 days left")


def test_a_key_elsewhere_is_no_fault(authority: Authority) -> None:
    """As of one that was issued to a request."""
    issued = authority.issue_client(ORDERS)
    issued.key.unlink()
    (found,) = inspect_file(issued.cert, trust(authority))
    assert (found.problem, found.detail[-13:]) == ("", "key elsewhere")


def test_faults_of_keys(authority: Authority) -> None:
    """Another's, damaged, or for all to read."""
    issued, other = authority.issue_client(ORDERS), authority.issue_server("hub", ["a.test"])
    issued.key.chmod(0o640)
    assert problems(authority, issued.cert) == ["producer-orders.key can be read by others than its owner: chmod 600"]
    issued.key.write_bytes(other.key.read_bytes())
    assert problems(authority, issued.cert) == ["producer-orders.key is not its key"]
    issued.key.write_bytes(b"junk")
    assert problems(authority, issued.cert)[0].startswith("producer-orders.key is not a PEM private key")


@pytest.mark.parametrize("raw", [b"", b"junk", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_damaged_file_is_told(authority: Authority, raw: bytes) -> None:
    """Wherever it lies; it is not passed over."""
    issued = authority.issue_client(ORDERS)
    issued.cert.write_bytes(raw)
    (problem,) = problems(authority, issued.cert)
    assert problem.startswith("is not a PEM certificate")
    assert len([one for one in problems(authority, authority.folder) if one]) == 1


def test_faults_of_time(authority: Authority) -> None:
    """Ended, not yet begun is no matter of ours, and too few days left."""
    issued = authority.issue_client(ORDERS, 10)
    assert problems(authority, issued.cert, 9) == [""]
    assert problems(authority, issued.cert, 11) == ["has 10 days left, less than 11"]
    path = forged(authority, client_profile(ORDERS), -0.001)
    assert problems(authority, path)[0].startswith("expired on ")
    assert validity(read_certificates(path)[0]).startswith("expired on ")


def test_faults_of_the_chain(authority: Authority, tmp_path: Path) -> None:
    """A missing intermediate, a stranger's root, an authority that may not be one."""
    issued = authority.issue_client(ORDERS)
    leaf, intermediate = read_certificates(issued.cert)
    no_way = "its chain does not lead to an authority of the bundle"
    issued.cert.write_bytes(certificates_pem(leaf))
    assert problems(authority, issued.cert) == [no_way]
    stranger = Authority.create(tmp_path / "other", "loghub.test")
    assert problems(stranger, authority.issue_server("hub", ["a.test"]).cert) == [no_way]
    key = ec.generate_private_key(ec.SECP256R1())
    own = Signer(leaf, key)
    forged_leaf = leaf_certificate(client_profile(ORDERS), key.public_key(), 1, own)
    issued.cert.write_bytes(certificates_pem(forged_leaf, leaf, intermediate))
    assert problems(authority, issued.cert) == [no_way]  # the leaf's key did not sign it
    own = Signer(leaf_certificate(client_profile(ORDERS), key.public_key(), 1, authority.current.signer), key)
    forged_leaf = leaf_certificate(client_profile(ORDERS), key.public_key(), 1, own)
    issued.cert.write_bytes(certificates_pem(forged_leaf, own.certificate, intermediate))
    assert problems(authority, issued.cert) == ["its issuer CN=acme/producer/orders is no authority"]


def test_a_second_intermediate_is_too_far_below(authority: Authority) -> None:
    """Though all signatures hold: as whoever has the intermediate's key might try."""
    signer, key = authority.current.signer, ec.generate_private_key(ec.SECP256R1())
    like = signer.certificate
    builder = x509.CertificateBuilder(
        like.subject,
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "below")]),
        key.public_key(),
        7,
        like.not_valid_before_utc,
        like.not_valid_after_utc,
    )
    for one in like.extensions:
        if not isinstance(one.value, x509.SubjectKeyIdentifier):
            builder = builder.add_extension(one.value, critical=one.critical)
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    below = Signer(builder.add_extension(own, critical=False).sign(signer.key, hashes.SHA256()), key)
    leaf = leaf_certificate(client_profile(ORDERS), key.public_key(), 1, below)
    path = authority.folder / "made.pem"
    path.write_bytes(certificates_pem(leaf, below.certificate, like))
    assert problems(authority, path) == [
        f"its authority {like.subject.rfc4514_string()} may have no authority that far below it"
    ]


def test_faults_of_the_profile(authority: Authority) -> None:
    """No identity, two, none of a SPIFFE id's form, another trust domain, or for neither end."""
    client = client_profile(ORDERS)
    uri = client.names[0]
    other = x509.UniformResourceIdentifier("spiffe://other.test/tenant/acme/producer/orders")
    for names, words in [
        ((x509.DNSName("a.test"),), "it has 0 URI names"),
        ((uri, uri), "it has 2 URI names"),
        ((x509.UniformResourceIdentifier("spiffe://loghub.test/acme"),), "is not spiffe://"),
        ((other,), "the authority may issue nothing for spiffe://other.test"),
    ]:
        assert words in problems(authority, forged(authority, replace(client, names=names)))[0]


def test_a_revoked_certificate_is_told(authority: Authority) -> None:
    """By a list with the signature of its issuer."""
    issued = authority.issue_client(ORDERS)
    before = trust(authority)
    revoke(authority, [str(issued.cert)], "superseded")
    assert [one.problem for one in inspect_file(issued.cert, before)] == [""]
    assert problems(authority, issued.cert)[0].startswith("was revoked on ")


def test_a_list_out_of_date_or_by_another_is_told(authority: Authority, tmp_path: Path) -> None:
    """It would be refused, or revoke nothing."""
    stranger = Authority.create(tmp_path / "other", "loghub.test")
    authority.lists[1].write_bytes(stranger.lists[1].read_bytes())
    assert problems(authority, authority.lists[1]) == ["has no signature of its authority"]
    authority.write_lists(1 / 86_400_000)
    assert problems(authority, authority.lists[1]) == ["is out of date: write it anew with 'certs crl'"]


def test_an_authority_that_nobody_trusts_is_told(authority: Authority, tmp_path: Path) -> None:
    """In a folder of the bundle's."""
    stranger = Authority.create(tmp_path / "other", "loghub.test")
    assert problems(authority, stranger.bundle) == ["is not of the bundle, nor issued by it"]


def test_a_leaf_for_neither_end_is_told(authority: Authority) -> None:
    """Its extended key usage is another."""
    client = client_profile(ORDERS)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = leaf_certificate(client, key.public_key(), 1, authority.current.signer)
    builder = x509.CertificateBuilder().issuer_name(leaf.issuer).subject_name(leaf.subject)
    builder = builder.public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(leaf.not_valid_before_utc).not_valid_after(leaf.not_valid_after_utc)
    for one in leaf.extensions:
        signing = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
        value = signing if isinstance(one.value, x509.ExtendedKeyUsage) else one.value
        builder = builder.add_extension(value, critical=one.critical)
    signer = authority.current.signer
    path = write(authority, builder.sign(signer.key, hashes.SHA256()), key)
    assert problems(authority, path) == ["it is for neither end of a TLS connection"]
