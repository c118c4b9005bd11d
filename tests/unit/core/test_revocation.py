"""What is revoked, and whom that concerns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from hub.core.principal import CertificateId, Principal, Scope
from hub.core.revocation import Kind, Revocation, Revocations, serial_text
from hub.errors import RevokedError

CERTIFICATE = CertificateId(b"issuer", 0xBEEF)
ALICE = Principal("acme", "alice", frozenset({Scope.READ}), token_id="t-1", issued_at=100.0)
ORDERS = Principal("acme", "orders", frozenset({Scope.WRITE}), issued_at=100.0, certificate=CERTIFICATE)
BOTH = replace(ALICE, peer=ORDERS)


@dataclass(frozen=True)
class Lists:
    """What authorities have revoked."""

    certificates: frozenset[object] = frozenset()
    issuers: frozenset[bytes] = frozenset()


def knowing(*entries: Revocation, lists: Lists | None = None) -> Revocations:
    """Return revocations with these on their list."""
    revocations = Revocations()
    revocations.replace_entries(entries)
    revocations.replace_certificates(lists or Lists())
    return revocations


def is_revoked(revocations: Revocations, principal: Principal) -> bool:
    """Return whether the principal is turned away."""
    try:
        revocations.check(principal)
    except RevokedError:
        return True
    return False


def test_nothing_revoked_lets_everybody_pass() -> None:
    """An empty list has no entries and refuses nobody."""
    revocations = knowing()
    assert not len(revocations)
    assert not any(is_revoked(revocations, who) for who in (ALICE, ORDERS, BOTH))


@pytest.mark.parametrize(
    ("entry", "revoked"),
    [
        (Revocation(Kind.TOKEN, "t-1", 1.0), {"alice", "both"}),
        (Revocation(Kind.TOKEN, "t-1", 1.0, "acme"), {"alice", "both"}),
        (Revocation(Kind.TOKEN, "t-1", 1.0, "globex"), set()),
        (Revocation(Kind.TOKEN, "t-2", 1.0), set()),
        (Revocation(Kind.TOKEN, "alice", 200.0), set()),
        (Revocation(Kind.CERTIFICATE, "beef", 1.0), {"orders", "both"}),
        (Revocation(Kind.CERTIFICATE, "beef", 1.0, "acme"), {"orders", "both"}),
        (Revocation(Kind.CERTIFICATE, "beef", 1.0, "globex"), set()),
        (Revocation(Kind.CERTIFICATE, "beee", 1.0), set()),
        (Revocation(Kind.SUBJECT, "alice", 100.0, "acme"), {"alice", "both"}),
        (Revocation(Kind.SUBJECT, "alice", 99.0, "acme"), set()),
        (Revocation(Kind.SUBJECT, "orders", 100.0), {"orders", "both"}),
        (Revocation(Kind.SUBJECT, "alice", 100.0, "globex"), set()),
    ],
)
def test_an_entry_concerns_whom_it_names(entry: Revocation, revoked: set[str]) -> None:
    """Its kind, its tenant and its time count, for the token and for the certificate of a connection alike."""
    revocations = knowing(entry)
    principals = {"alice": ALICE, "orders": ORDERS, "both": BOTH}
    assert {name for name, who in principals.items() if is_revoked(revocations, who)} == revoked


def test_an_authority_revokes_its_own_certificates() -> None:
    """The same serial number of another issuer is another certificate."""
    listed = knowing(lists=Lists(frozenset({CERTIFICATE})))
    other = replace(ORDERS, certificate=CertificateId(b"another", CERTIFICATE.serial))
    assert (is_revoked(listed, ORDERS), is_revoked(listed, BOTH), is_revoked(listed, other)) == (True, True, False)


def test_what_a_revoked_authority_has_issued_is_revoked() -> None:
    """Whatever its serial number."""
    listed = knowing(lists=Lists(issuers=frozenset({b"issuer"})))
    assert is_revoked(listed, ORDERS)
    assert not is_revoked(listed, replace(ORDERS, certificate=CertificateId(b"another", 1)))


def test_a_newer_list_takes_the_place_of_the_older() -> None:
    """What is no longer on it is good again; the two lists are apart."""
    revocations = knowing(Revocation(Kind.TOKEN, "t-1", 1.0), lists=Lists(frozenset({CERTIFICATE})))
    assert len(revocations) == 2
    revocations.replace_certificates(Lists())
    assert (is_revoked(revocations, ORDERS), is_revoked(revocations, ALICE)) == (False, True)
    revocations.replace_entries(())
    assert not is_revoked(revocations, ALICE)


@pytest.mark.parametrize("order", [1, -1])
def test_of_two_entries_for_a_subject_the_later_counts(order: int) -> None:
    """However they stand in the list, and whoever made them: what came between is revoked too."""
    early = Revocation(Kind.SUBJECT, "alice", 50.0, "acme")
    for late in (Revocation(Kind.SUBJECT, "alice", 150.0, "acme"), Revocation(Kind.SUBJECT, "alice", 150.0)):
        assert is_revoked(knowing(*(early, late)[::order]), ALICE)


@pytest.mark.parametrize("text", ["", "x" * 513, "a\nb", "\x1b[2J"])
def test_an_id_is_short_and_printable(text: str) -> None:
    """It is written to logs and terminals."""
    with pytest.raises(ValueError, match="printable"):
        Revocation(Kind.TOKEN, text, 1.0)


@pytest.mark.parametrize("text", ["BEEF", "0beef", "0xbeef", "be:ef", "-1", "zz", " beef"])
def test_a_serial_number_has_one_spelling(text: str) -> None:
    """Another one would be stored and never found."""
    with pytest.raises(ValueError, match="hexadecimal"):
        Revocation(Kind.CERTIFICATE, text, 1.0)
    assert serial_text(0xBEEF) == Revocation(Kind.CERTIFICATE, "beef", 1.0).id


@pytest.mark.parametrize("own", ["", "acme"])
@pytest.mark.parametrize("kind", [Kind.TOKEN, Kind.SUBJECT])
def test_a_token_for_several_tenants_is_revoked_by_any_of_them(own: str, kind: Kind) -> None:
    """Each of them lets it read; a tenant that it does not read has no say."""
    name = "t-1" if kind is Kind.TOKEN else "alice"
    several = replace(ALICE, tenant=own, tenants=frozenset({"acme", "globex"}))
    for tenant, ends in (("acme", True), ("globex", True), ("initech", False), ("", True)):
        assert is_revoked(knowing(Revocation(kind, name, 200.0, tenant)), several) is ends
