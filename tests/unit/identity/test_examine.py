"""hub.identity.examine: what a certificate file says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from hub.core.principal import Role, SpiffeId
from hub.errors import CertificateError
from hub.identity.examine import Facts, broken_link, facts_of, is_key_of, leads_to
from hub.pki.authority import Authority

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority."""
    return Authority.create(tmp_path_factory.mktemp("examine") / "pki", "test.local")


def test_a_servers_file_tells_hosts_dates_and_use(authority: Authority) -> None:
    """Leaf first; the intermediate is for no host."""
    issued = authority.issue_server("hub", ["logs.example", "127.0.0.1", "::1"], days=7)
    leaf, intermediate = facts_of(issued.cert)
    assert (leaf.hosts, leaf.for_servers, leaf.weak_key) == (("logs.example", "127.0.0.1", "::1"), True, "")
    assert leaf.not_before < datetime.now(UTC) < leaf.not_after < datetime.now(UTC) + timedelta(days=8)
    assert intermediate.hosts == ()
    assert broken_link(issued.cert) == ""
    assert leads_to(issued.cert, authority.bundle)
    assert is_key_of(issued.key, issued.cert)


def test_a_clients_is_not_for_servers(authority: Authority) -> None:
    """By its extended key usage."""
    issued = authority.issue_client(SpiffeId("test.local", "acme", Role.PRODUCER, "a"))
    assert not facts_of(issued.cert)[0].for_servers
    assert not is_key_of(issued.key, authority.bundle)


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("logs.example", True),
        ("LOGS.example.", True),
        ("a.hubs.example", True),
        ("a.b.hubs.example", False),
        ("hubs.example", False),
        (".hubs.example", False),
        ("192.0.2.1", True),
        ("192.0.2.2", False),
        ("", False),
    ],
)
def test_which_hosts_a_certificate_is_good_for(host: str, good: bool) -> None:  # noqa: FBT001
    """A wildcard stands for exactly one label."""
    now = datetime.now(UTC)
    facts = Facts(
        "x", now, now, ("logs.example", "*.hubs.example", "192.0.2.1"), for_servers=True, weak_key="", der=b""
    )
    assert facts.is_good_for(host) is good


def test_files_that_hold_something_else_are_named(authority: Authority, tmp_path: Path) -> None:
    """Missing, not PEM, or a key with a password; none of it is quoted."""
    nothing, other, locked = tmp_path / "nothing.pem", tmp_path / "other.pem", tmp_path / "locked.key"
    other.write_text("secret words")
    with pytest.raises(CertificateError, match=r"nothing\.pem cannot be read"):
        facts_of(nothing)
    with pytest.raises(CertificateError, match=r"other\.pem is not a PEM certificate$"):
        facts_of(other)
    key = ec.generate_private_key(ec.SECP256R1())
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")))
    for path in (other, locked):
        with pytest.raises(CertificateError, match=r"is not a PEM private key without a password$"):
            is_key_of(path, authority.bundle)
