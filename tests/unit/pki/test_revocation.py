"""hub.pki.revocation: what is taken back is on the ledger and on the list, and stays there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.core.principal import Role, SpiffeId
from hub.errors import CertificateError
from hub.identity.crl import read_crl
from hub.identity.peer import certificate_id
from hub.pki.authority import Authority, Order
from hub.pki.files import read_certificates
from hub.pki.ledger import RevokedLine, serial_text
from hub.pki.profile import client_profile
from hub.pki.revocation import revoke
from hub.pki.revocation_list import read_lists

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = SpiffeId("loghub.test", "acme", Role.PRODUCER, "orders")


def listed(authority: Authority) -> set[int]:
    """Return the serial numbers on the list that is handed out."""
    return {entry.serial_number for crl in read_lists(authority.lists[1]) for entry in crl}


@pytest.mark.parametrize("form", ["file", "hex", "upper", "colons", "0x"])
def test_a_certificate_is_named_by_file_or_serial(authority: Authority, form: str) -> None:
    """In any way that tools print it; a hub reads the list."""
    issued = authority.issue_client(ORDERS)
    leaf = read_certificates(issued.cert)[0]
    text = serial_text(leaf.serial_number)
    pairs = ":".join(f"{leaf.serial_number:040X}"[at : at + 2] for at in range(0, 40, 2))
    which = {"file": str(issued.cert), "hex": text, "upper": text.upper(), "colons": pairs, "0x": f"0x{text}"}[form]
    lines, _ = revoke(authority, [which], "keyCompromise")
    assert [(line.serial, line.reason) for line in lines] == [(text, "keyCompromise")]
    assert listed(authority) == {leaf.serial_number}
    bundle = read_certificates(authority.bundle)
    found = read_crl(authority.lists[1], bundle, [authority.current.signer.certificate])
    assert found.certificates == {certificate_id(leaf.issuer, leaf.serial_number)}


def test_what_is_revoked_stays_so(authority: Authority) -> None:
    """A second time changes neither reason nor time."""
    first, second = authority.issue_server("a", ["a.test"]), authority.issue_server("b", ["b.test"])
    before, _ = revoke(authority, [str(first.cert)], "superseded")
    again, _ = revoke(authority, [str(first.cert), str(first.cert), str(second.cert)], "keyCompromise")
    assert len(again) == 1
    revoked = [line for line in authority.ledger.lines() if isinstance(line, RevokedLine)]
    assert revoked == [*before, *again]
    assert len(listed(authority)) == 2


def test_all_are_known_before_the_first_is_revoked(authority: Authority, tmp_path: Path) -> None:
    """A slip in one name revokes nothing."""
    issued = authority.issue_client(ORDERS)
    foreign = Authority.create(tmp_path / "other", "loghub.test").issue_client(ORDERS)
    for wrong, words in [
        ("abc", "no certificate of .* has the serial number abc: see 'loghub certs list'"),
        ("no/such.pem", "is neither a file nor a serial number"),
        (str(foreign.cert), "was not issued by the intermediate"),
        (str(authority.bundle), "was not issued by the intermediate"),
    ]:
        with pytest.raises(CertificateError, match=words):
            revoke(authority, [str(issued.cert), wrong], "superseded")
    with pytest.raises(CertificateError, match="'stolen' is no reason: use one of unspecified, keyCompromise"):
        revoke(authority, [str(issued.cert)], "stolen")
    assert listed(authority) == set()


def test_one_that_the_ledger_does_not_know_can_be_revoked_by_its_file(authority: Authority) -> None:
    """As those of an older loghub, or where the ledger was lost."""
    issued = authority.issue_client(ORDERS)
    authority.ledger.path.unlink()
    revoke(authority, [str(issued.cert)], "unspecified")
    assert listed(authority) == {read_certificates(issued.cert)[0].serial_number}


def test_a_key_that_others_have_is_certified_no_more(authority: Authority) -> None:
    """Nor is the authority's own; one that was revoked for another reason is."""
    issued = authority.issue_client(ORDERS)
    key = read_certificates(issued.cert)[0].public_key()
    issued.key.unlink()
    order = Order(client_profile(ORDERS), key=key)
    revoke(authority, [str(issued.cert)], "superseded")
    authority.issue(order, over=True)
    revoke(authority, [str(issued.cert)], "keyCompromise")
    with pytest.raises(CertificateError, match="revoked since others have it: make a new one"):
        authority.issue(order, over=True)
    own = authority.current.signer.certificate.public_key()
    with pytest.raises(CertificateError, match="the key is the authority's own"):
        authority.issue(Order(client_profile(ORDERS), key=own), over=True)
