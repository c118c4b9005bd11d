"""hub.pki.profile: a leaf says what it was made by, and nothing can be mistaken for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from hub.core.principal import Role, SpiffeId
from hub.errors import CertificateError
from hub.pki.files import read_certificates
from hub.pki.profile import Algorithm, algorithm_of, client_profile, new_key, profile_of, server_profile

if TYPE_CHECKING:
    from hub.pki.authority import Authority


@pytest.mark.parametrize("role", Role)
def test_a_clients_profile_is_read_back(authority: Authority, role: Role) -> None:
    """Identity, file and use."""
    profile = client_profile(SpiffeId("loghub.test", "acme", role, "orders.v2"))
    assert (profile.role, profile.file) == (role, f"acme/{role}-orders.v2")
    assert profile.usage == ExtendedKeyUsageOID.CLIENT_AUTH
    issued = authority.issue_client(SpiffeId("loghub.test", "acme", role, "orders.v2"))
    assert profile_of(read_certificates(issued.cert)[0]) == profile


def test_a_servers_profile_is_read_back(authority: Authority) -> None:
    """With names and addresses."""
    profile = server_profile("hub", ["a.test", "*.b.test", "127.0.0.1", "::1"])
    assert profile.usage == ExtendedKeyUsageOID.SERVER_AUTH
    issued = authority.issue_server("hub", ["a.test", "*.b.test", "127.0.0.1", "::1"])
    assert profile_of(read_certificates(issued.cert)[0]) == profile


def test_a_clients_common_name_is_no_dns_name() -> None:
    """OpenSSL and Java would hold it to the DNS names that are permitted."""
    assert "/" in client_profile(SpiffeId("loghub.test", "acme.com", Role.PRODUCER, "a.b")).common_name


def test_an_authority_is_no_leaf(authority: Authority) -> None:
    """Nor would be renewed as one."""
    for certificate in (authority.current.root, authority.current.signer.certificate):
        with pytest.raises(CertificateError, match=r"it is no leaf of loghub|handshakes and nothing else"):
            profile_of(certificate)


def test_kinds_of_keys() -> None:
    """Those that are made, and others."""
    for algorithm in Algorithm:
        assert algorithm_of(new_key(algorithm)) is algorithm
        assert algorithm_of(new_key(algorithm).public_key()) is algorithm
    assert algorithm_of(ec.generate_private_key(ec.SECP256K1())) is None
    assert algorithm_of(ed25519.Ed25519PrivateKey.generate()) is None
