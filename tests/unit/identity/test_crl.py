"""Certificate revocation lists: whose signature counts, and what they revoke."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from hub.errors import CertificateError
from hub.identity.crl import RevokedCertificates, read_crl
from hub.identity.peer import certificate_id
from hub.pki.authority import Authority

if TYPE_CHECKING:
    from pathlib import Path

NOW = dt.datetime.now(dt.UTC)
SERIAL = 0xBEEF


class Pki:
    """An authority's certificates and keys, and the lists that they sign."""

    def __init__(self, folder: Path) -> None:
        Authority.create(folder, "loghub.test")
        self.path = folder / "crl.pem"
        self.root, self.intermediate = (_load(folder / "ca" / f"{name}.pem") for name in ("root", "intermediate"))
        self._keys = {one: _key(folder / "ca" / f"{one}.key") for one in ("root", "intermediate")}

    def crl(
        self,
        *serials: int,
        by: str = "intermediate",
        key: str = "",
        reason: x509.ReasonFlags | None = None,
        delta: bool = False,
        days: float = 7,
    ) -> x509.CertificateRevocationList:
        """Return a list by one of the two, signed with its key or another's."""
        issuer = self.root if by == "root" else self.intermediate
        builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.subject)
        builder = builder.last_update(NOW - dt.timedelta(days=1)).next_update(NOW + dt.timedelta(days=days))
        for serial in serials:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(NOW)
            entry = entry.add_extension(x509.CRLReason(reason), critical=False) if reason else entry
            builder = builder.add_revoked_certificate(entry.build())
        builder = builder.add_extension(x509.DeltaCRLIndicator(1), critical=True) if delta else builder
        return builder.sign(self._keys[key or by], hashes.SHA256())

    def read(self, raw: bytes, chain: tuple[x509.Certificate, ...] | None = None) -> RevokedCertificates:
        """Read a file of lists, with the intermediate in the server's chain unless another is given."""
        self.path.write_bytes(raw)
        return read_crl(self.path, [self.root], (self.intermediate,) if chain is None else chain)


def _load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(path.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def pem(*found: x509.CertificateRevocationList | x509.Certificate) -> bytes:
    """Return a file of these."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in found)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """One authority for all."""
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Another authority that bears the same names."""
    return Pki(tmp_path_factory.mktemp("stranger"))


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_a_list_names_issuer_and_serial(pki: Pki, encoding: Encoding) -> None:
    """In both encodings; the end of the list is told."""
    revoked = pki.read(pki.crl(SERIAL, 7).public_bytes(encoding))
    assert revoked.certificates == {certificate_id(pki.intermediate.subject, serial) for serial in (SERIAL, 7)}
    assert not revoked.issuers
    assert revoked.ends_at == pytest.approx((NOW + dt.timedelta(days=7)).timestamp(), abs=1)


def test_a_file_holds_the_lists_of_several_authorities(pki: Pki) -> None:
    """What counts is the first end; text around the lists does not matter."""
    revoked = pki.read(b"# ours\n" + pem(pki.crl(1, by="root", days=3), pki.crl(2)))
    names = {certificate_id(pki.root.subject, 1), certificate_id(pki.intermediate.subject, 2)}
    assert revoked.certificates == names
    assert revoked.ends_at == pytest.approx((NOW + dt.timedelta(days=3)).timestamp(), abs=1)


def test_an_empty_list_revokes_nothing(pki: Pki) -> None:
    """It is what an authority begins with."""
    assert pki.read(pem(pki.crl())).certificates == frozenset()


def test_a_revoked_intermediate_takes_its_leaves_with_it(pki: Pki) -> None:
    """The root's list names it; whatever it has issued is refused."""
    revoked = pki.read(pem(pki.crl(pki.intermediate.serial_number, by="root")))
    assert revoked.issuers == {certificate_id(pki.intermediate.subject, 0).issuer}


def test_what_was_taken_off_hold_is_good(pki: Pki) -> None:
    """Its reason is removeFromCRL."""
    revoked = pki.read(pem(pki.crl(SERIAL, reason=x509.ReasonFlags.remove_from_crl)))
    assert not revoked.certificates
    assert pki.read(pem(pki.crl(SERIAL, reason=x509.ReasonFlags.certificate_hold))).certificates


def test_the_signer_may_come_with_the_list(pki: Pki) -> None:
    """Where the server's own certificate is of another intermediate."""
    crl = pki.crl(SERIAL)
    assert pki.read(pem(pki.intermediate, crl), chain=()).certificates
    with pytest.raises(CertificateError, match="no signature of an authority"):
        pki.read(pem(crl), chain=())


def test_a_list_that_nobody_trusted_has_signed_is_refused(pki: Pki, stranger: Pki) -> None:
    """By another's key, by a stranger of the same name, and one that brings its own authority."""
    for raw in (
        pem(pki.crl(SERIAL, key="root")),
        pem(stranger.crl(SERIAL)),
        pem(stranger.intermediate, stranger.crl(SERIAL)),
        pem(stranger.root, stranger.crl(SERIAL, by="root")),
        pem(pki.crl(1), stranger.crl(2)),
    ):
        with pytest.raises(CertificateError, match="no signature of an authority"):
            pki.read(raw)


def test_a_list_of_changes_is_refused(pki: Pki) -> None:
    """It does not say all that is revoked."""
    with pytest.raises(CertificateError, match="delta CRL"):
        pki.read(pem(pki.crl(SERIAL, delta=True)))


@pytest.mark.parametrize("damage", ["nothing", "text", "half", "certificate"])
def test_what_is_no_list_is_said(pki: Pki, damage: str) -> None:
    """The file is named."""
    good = pem(pki.crl(SERIAL))
    raw = {"nothing": b"", "text": b"hello", "half": good[: len(good) // 2], "certificate": pem(pki.root)}[damage]
    with pytest.raises(CertificateError, match=r"crl\.pem is not a certificate revocation list"):
        pki.read(raw)


def test_a_file_that_is_not_there_is_said(pki: Pki) -> None:
    """With what writes one."""
    with pytest.raises(CertificateError, match=r"absent\.pem cannot be read.*loghub certs revoke"):
        read_crl(pki.path.with_name("absent.pem"), [pki.root], ())
