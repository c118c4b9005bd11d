"""hub.pki.revocation_list: complete, signed, numbered, and replaced whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from hub.errors import CertificateError
from hub.pki.authority import Authority
from hub.pki.files import read_certificates
from hub.pki.ledger import RevokedLine
from hub.pki.revocation_list import REASONS, read_lists

if TYPE_CHECKING:
    from pathlib import Path

DAY = timedelta(days=1)


def days_from_now(moment: datetime) -> float:
    """Return how many days are left."""
    return (moment - datetime.now(UTC)) / DAY


def number(crl: x509.CertificateRevocationList) -> int:
    """Return the list's number."""
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def only(authority: Authority) -> x509.CertificateRevocationList:
    """Return the list; there is one, in both files alike."""
    assert authority.lists[0].read_bytes() == authority.lists[1].read_bytes()
    (crl,) = read_lists(authority.lists[1])
    return crl


def test_a_new_authority_has_an_empty_list(tmp_path: Path) -> None:
    """For hubs to be configured with from the first day, good for a month."""
    authority = Authority.create(tmp_path, "loghub.test")
    crl = only(authority)
    signer = authority.current.signer.certificate
    assert len(crl) == 0
    assert crl.issuer == signer.subject
    assert crl.is_signature_valid(signer.public_key())  # type: ignore[arg-type]
    assert crl.next_update_utc
    assert days_from_now(crl.next_update_utc) == pytest.approx(30, abs=0.002)
    assert crl.last_update_utc < datetime.now(UTC)
    aki = crl.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert aki == signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert read_certificates(authority.lists[1]) == [signer]
    assert authority.lists[1].stat().st_mode & 0o077 == 0o044


def test_numbers_rise(authority: Authority) -> None:
    """Also where the list itself was lost."""
    found = [number(only(authority))]
    for path in authority.lists:
        path.unlink()
    for _ in range(3):
        authority.write_lists()
        found.append(number(only(authority)))
    assert found == [1, 2, 3, 4]


def test_how_long_a_list_is_good_is_kept(authority: Authority) -> None:
    """Once given, it holds for the next ones."""
    assert days_from_now(authority.write_lists(7)) == pytest.approx(7, abs=0.002)
    assert days_from_now(authority.write_lists()) == pytest.approx(7, abs=0.002)


@pytest.mark.parametrize("days", [0, -1, 3651, float("nan"), float("inf")])
def test_a_list_is_good_for_a_while(authority: Authority, days: float) -> None:
    """And what is no time changes nothing."""
    before = authority.lists[1].read_bytes()
    with pytest.raises(CertificateError, match="is good for more than 0 and at most 3650 days"):
        authority.write_lists(days)
    assert authority.lists[1].read_bytes() == before


def test_entries_have_their_reasons(authority: Authority) -> None:
    """But for `unspecified`, which says nothing; those that ended long ago are left out, and other issuers'."""
    line = RevokedLine("1", authority.current.signer.id, "", "2026-01-02T03:04:05+00:00", "2999-01-01T00:00:00+00:00")
    for serial, reason in enumerate(REASONS, 1):
        authority.ledger.append(replace(line, serial=f"{serial:x}", reason=reason))
    ended = [datetime.now(UTC) - days * DAY for days in (29, 31)]
    for serial, end in enumerate(ended, 100):
        authority.ledger.append(replace(line, serial=f"{serial:x}", reason="superseded", not_after=end.isoformat()))
    authority.ledger.append(replace(line, serial="ff", reason="superseded", issuer="other"))
    authority.write_lists()
    found = {}
    for entry in only(authority):
        assert entry.revocation_date_utc == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        reasons = [one.value.reason for one in entry.extensions if isinstance(one.value, x509.CRLReason)]
        found[entry.serial_number] = reasons[0].value if reasons else "unspecified"
    assert found == {**dict(enumerate(REASONS, 1)), 100: "superseded"}


@pytest.mark.parametrize("raw", [b"", b"junk", b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"])
def test_what_is_no_list_is_said(tmp_path: Path, raw: bytes) -> None:
    """With the file's name."""
    path = tmp_path / "crl.pem"
    with pytest.raises(CertificateError, match=r"crl\.pem cannot be read: No such file"):
        read_lists(path)
    path.write_bytes(raw)
    with pytest.raises(CertificateError, match=r"crl\.pem (holds no|is not a) revocation list in PEM"):
        read_lists(path)
