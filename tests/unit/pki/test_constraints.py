"""hub.pki.constraints: for which names an intermediate may sign."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from hub.core.principal import Role, SpiffeId
from hub.errors import CertificateError
from hub.pki.authority import Authority
from hub.pki.constraints import constraints_of, name_constraints, violation

if TYPE_CHECKING:
    from pathlib import Path

FREE = name_constraints("loghub.test")
HELD = name_constraints("loghub.test", ["Example.com"])
WITH_IP = name_constraints("loghub.test", ["example.com"], any_ip=True)


def uri(text: str) -> x509.GeneralName:
    """Return a URI name."""
    return x509.UniformResourceIdentifier(text)


def ip(text: str) -> x509.GeneralName:
    """Return an address."""
    return x509.IPAddress(ip_address(text))


@pytest.mark.parametrize(
    ("constraints", "name", "allowed"),
    [
        (FREE, uri("spiffe://loghub.test/tenant/a/producer/b"), True),
        (FREE, uri("spiffe://other.test/tenant/a/producer/b"), False),
        (FREE, uri("spiffe://x.loghub.test/tenant/a/producer/b"), False),
        (FREE, uri("https://loghub.test/"), False),
        (FREE, x509.DNSName("anything"), True),
        (FREE, ip("10.0.0.1"), True),
        (HELD, x509.DNSName("example.com"), True),
        (HELD, x509.DNSName("HUB.example.COM"), True),
        (HELD, x509.DNSName("*.example.com"), True),
        (HELD, x509.DNSName("badexample.com"), False),
        (HELD, x509.DNSName("com"), False),
        (HELD, ip("10.0.0.1"), False),
        (HELD, ip("::1"), False),
        (WITH_IP, ip("10.0.0.1"), True),
        (WITH_IP, x509.DNSName("other.com"), False),
    ],
)
def test_names_are_held_to_what_is_permitted(
    constraints: x509.NameConstraints, name: x509.GeneralName, *, allowed: bool
) -> None:
    """As peers will; the integration tests show that these agree."""
    problem = violation(constraints, [uri("spiffe://loghub.test/tenant/a/producer/b"), name])
    assert (problem == "") is allowed
    assert allowed or str(name.value) in problem


def test_without_constraints_everything_is_allowed() -> None:
    """As by an authority of another make."""
    assert violation(None, [x509.DNSName("anything")]) == ""


@pytest.mark.parametrize("name", ["", "*.example.com", ".example.com", "10.0.0.1", "a b", "https://a"])
def test_what_is_no_dns_name_cannot_be_permitted(name: str) -> None:
    """The message says what to write."""
    with pytest.raises(CertificateError, match=r"is not a DNS name: permit example\.com"):
        name_constraints("loghub.test", [name])


def test_an_authority_keeps_to_its_constraints(tmp_path: Path) -> None:
    """It says so before a peer does, and writes nothing."""
    authority = Authority.create(tmp_path, "loghub.test", HELD)
    assert constraints_of(authority.current.signer.certificate) == HELD
    assert authority.issue_server("good", ["hub.example.com"])
    assert authority.issue_client(SpiffeId("loghub.test", "acme", Role.PRODUCER, "other.com"))
    for host, word in (("hub.test", "only for example.com"), ("127.0.0.1", "--permit-any-ip")):
        with pytest.raises(CertificateError, match=rf"may issue nothing for {host}.*{word}"):
            authority.issue_server("bad", [host])
    assert not list((tmp_path / "server").glob("bad*"))
