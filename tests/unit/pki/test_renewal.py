"""hub.pki.renewal: the same names again, and never half of a pair."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hub.core.principal import Role, SpiffeId
from hub.errors import CertificateError
from hub.pki import files
from hub.pki.authority import Authority, Issued, Order
from hub.pki.files import old, read_certificates
from hub.pki.profile import client_profile
from hub.pki.renewal import Renewal, due, renew
from hub.pki.revocation import revoke

if TYPE_CHECKING:
    from collections.abc import Callable

ORDERS = SpiffeId("loghub.test", "acme", Role.PRODUCER, "orders")


def public(issued: Issued) -> Any:
    """Return the public half of the key file."""
    return load_pem_private_key(issued.key.read_bytes(), None).public_key()


def names(leaf: x509.Certificate) -> list[x509.GeneralName]:
    """Return its names."""
    return list(leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)


@pytest.mark.parametrize("keep_key", [False, True])
def test_the_identity_stays(authority: Authority, *, keep_key: bool) -> None:
    """And the lifetime, but for serial number and dates; the old files are kept."""
    pairs = [authority.issue_server("hub", ["b.test", "127.0.0.1"], 30), authority.issue_client(ORDERS, 30)]
    for issued in pairs:
        before, key_before = read_certificates(issued.cert)[0], public(issued)
        raw = issued.cert.read_bytes(), issued.key.read_bytes()
        assert renew(authority, issued.cert, Renewal(keep_key=keep_key)) == issued
        after = read_certificates(issued.cert)[0]
        assert (names(after), after.subject) == (names(before), before.subject)
        assert after.serial_number != before.serial_number
        assert abs((after.not_valid_after_utc - before.not_valid_after_utc).total_seconds()) < 60
        assert after.public_key() == public(issued)
        assert (public(issued) == key_before) is keep_key
        assert issued.key.stat().st_mode & 0o777 == 0o600
        assert old(issued.cert).read_bytes() == raw[0]
        assert keep_key or old(issued.key).read_bytes() == raw[1]
        assert keep_key or old(issued.key).stat().st_mode & 0o777 == 0o600
    assert [one.line.replaces != "" for one in authority.ledger.entries()] == [False, False, True, True]
    assert not [path for path in authority.folder.rglob(".*") if path.is_file()]


def test_days_may_be_another_number(authority: Authority) -> None:
    """Within what a certificate may have."""
    issued = authority.issue_client(ORDERS, 30)
    renew(authority, issued.cert, Renewal(days=60))
    leaf = read_certificates(issued.cert)[0]
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 60
    with pytest.raises(CertificateError, match="at most 1825 days"):
        renew(authority, issued.cert, Renewal(days=2000))


def contents(folder: Path) -> dict[Path, bytes]:
    """Return the files of a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}


def refused(authority: Authority, issued: Issued, how: Renewal, words: str) -> None:
    """Fail unless it is refused with these words, and nothing has changed."""
    before = contents(authority.folder)
    with pytest.raises(CertificateError, match=words):
        renew(authority, issued.cert, how)
    assert contents(authority.folder) == before


def test_what_cannot_be_renewed_is_said(authority: Authority, tmp_path: Path) -> None:
    """A stranger's, one that is revoked, one whose key is elsewhere, one beside another's key."""
    stranger = Authority.create(tmp_path / "other", "loghub.test").issue_client(ORDERS)
    refused(authority, stranger, Renewal(), "was not issued by .*pki: renew it where it comes from")
    issued = authority.issue_client(ORDERS)
    issued.key.write_bytes(stranger.key.read_bytes())
    refused(authority, issued, Renewal(keep_key=True), "is not the key of")
    refused(authority, issued, Renewal(key=public(issued)), "is not the request's key: move it away")
    issued.key.write_bytes(b"junk")
    refused(authority, issued, Renewal(keep_key=True), "is not a PEM private key")
    issued.key.unlink()
    refused(authority, issued, Renewal(), r"there is no .*\.key: its owner has it")
    revoke(authority, [str(issued.cert)], "superseded")
    refused(authority, issued, Renewal(keep_key=True), "is revoked: give its owner another")
    issued.cert.write_bytes(b"junk")
    refused(authority, issued, Renewal(), "is not a PEM certificate")


def test_a_key_that_is_elsewhere_can_be_certified_again(authority: Authority) -> None:
    """The same one, or that of a new request."""
    first, second = (ec.generate_private_key(ec.SECP256R1()).public_key() for _ in range(2))
    issued = authority.issue(Order(client_profile(ORDERS), key=first))
    for how, expected in ((Renewal(keep_key=True), first), (Renewal(key=second), second)):
        renew(authority, issued.cert, how)
        assert read_certificates(issued.cert)[0].public_key() == expected
        assert not issued.key.exists()


def test_the_first_half_is_taken_back_where_the_second_fails(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a disk that fails between the two."""
    issued = authority.issue_client(ORDERS)
    before = issued.cert.read_bytes(), issued.key.read_bytes()
    replace = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if target == issued.cert:
            raise OSError(5, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(CertificateError, match="cannot be written: Input/output error"):
        renew(authority, issued.cert, Renewal())
    assert (issued.cert.read_bytes(), issued.key.read_bytes()) == before
    assert not [path for path in authority.folder.rglob(".*") if path.is_file()]
    monkeypatch.undo()
    renew(authority, issued.cert, Renewal())
    assert read_certificates(issued.cert)[0].public_key() == public(issued)
    assert (old(issued.cert).read_bytes(), old(issued.key).read_bytes()) == before


def test_both_halves_are_written_before_the_first_is_put_in_place(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a full disk changes nothing."""
    issued = authority.issue_client(ORDERS)
    before = issued.cert.read_bytes(), issued.key.read_bytes()
    write: Callable[..., None] = files._write  # noqa: SLF001  where the disk is

    def full(scratch: Path, data: bytes, mode: int) -> None:
        if scratch.name.startswith(f".{issued.cert.name}"):
            raise OSError(28, "No space left on device")
        write(scratch, data, mode)

    monkeypatch.setattr(files, "_write", full)
    with pytest.raises(CertificateError, match="No space left on device"):
        renew(authority, issued.cert, Renewal())
    assert (issued.cert.read_bytes(), issued.key.read_bytes()) == before
    assert not old(issued.key).exists()


def test_what_is_due(authority: Authority) -> None:
    """The newest of each file, unless it is revoked or away."""
    brief = authority.issue_client(ORDERS, 10)
    long = authority.issue_server("hub", ["a.test"], 90)
    revoked = authority.issue_server("revoked", ["a.test"], 10)
    away = authority.issue_server("away", ["a.test"], 10)
    revoke(authority, [str(revoked.cert)], "superseded")
    away.cert.unlink()
    assert due(authority, 30) == [brief.cert]
    assert due(authority, float("inf")) == [brief.cert, long.cert]
    renew(authority, brief.cert, Renewal(days=80))
    assert due(authority, 30) == []
    assert due(authority, 85) == [brief.cert]
