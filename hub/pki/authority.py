"""loghub's own certificate authority: a root, an intermediate that signs, and the leaves it issues.

    <folder>/ca.pem                    the bundle, to hand out: what peers trust; in a rotation the new root and the old
    <folder>/crl.pem                   what was revoked, to hand out
    <folder>/ca/root.pem,.key          the key kept offline where it matters
    <folder>/ca/intermediate.pem,.key  signs leaves and revocation lists
    <folder>/ca/cross.pem              the root as the one before it vouches for it, after `rotate --cross-sign`
    <folder>/ca/crl.pem                as <folder>/crl.pem
    <folder>/ca/issued.jsonl           the ledger: what was issued and revoked (hub.pki.ledger)
    <folder>/ca/lock                   held by whoever changes the folder
    <folder>/ca/previous/              root and intermediate that a rotation has replaced, until it is finished
    <folder>/ca/retired-<n>/           those of a rotation that was finished; their keys can be destroyed
    <folder>/ca/next/                  those to come, while `rotate` runs
    <folder>/server/<name>.pem,.key
    <folder>/<tenant>/<role>-<name>.pem,.key
    <folder>/tokens/signing.key,verify.pem
    <…>.pem.old,.key.old               what `renew` or `issue --replace` has replaced last

Every leaf file holds the leaf and what leads to the root. What the certificates say: hub.pki.profile.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from hub.errors import CertificateError
from hub.pki import generation
from hub.pki.constraints import constraints_of, name_constraints, violation
from hub.pki.files import (
    certificates_pem,
    key_pem,
    read_certificates,
    refuse_existing,
    replace_pair,
    write_certificates,
    write_key,
)
from hub.pki.ledger import Entry, IssuedLine, Ledger, RevokedLine, issued_line, key_fingerprint
from hub.pki.profile import (
    LEAF_DAYS,
    MAX_SERVER_DAYS,
    SERVER,
    Algorithm,
    Profile,
    algorithm_of,
    client_profile,
    leaf_certificate,
    new_key,
    server_profile,
    trust_domain_of,
)
from hub.pki.revocation_list import write_lists

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from hub.core.principal import SpiffeId
    from hub.pki.generation import Generation
    from hub.pki.profile import Signer


@dataclass(frozen=True, slots=True)
class Issued:
    """Where a leaf was written: `cert` holds leaf and intermediate. `key` is not there for one issued to a request."""

    cert: Path
    key: Path

    @classmethod
    def at(cls, cert: Path) -> Issued:
        """Return the pair of a certificate's file."""
        return cls(cert, cert.with_suffix(".key"))


@dataclass(frozen=True, slots=True)
class Order:
    """A leaf to be made. `key`: the public key of somebody who keeps the private one; None: a new pair is made."""

    profile: Profile
    days: float = LEAF_DAYS
    key: CertificatePublicKeyTypes | None = None
    replaces: str = ""


class Authority:
    """An authority in a folder; `previous` is the generation that a rotation is about to retire."""

    def __init__(self, folder: Path, current: Generation, previous: Generation | None = None) -> None:
        self.folder = folder
        self.current = current
        self.previous = previous
        self.ledger = Ledger(folder / "ca")

    @property
    def bundle(self) -> Path:
        """The file that peers trust."""
        return self.folder / "ca.pem"

    @property
    def lists(self) -> tuple[Path, Path]:
        """The files of the revocation lists; the second one is to hand out."""
        return (self.folder / "ca" / "crl.pem", self.folder / "crl.pem")

    @property
    def trust_domain(self) -> str:
        """The trust domain that the root was made for."""
        return trust_domain_of(self.current.root)

    @property
    def signers(self) -> list[Signer]:
        """The intermediates whose certificates are good: the one that issues, and the one that used to."""
        return [one.signer for one in (self.current, self.previous) if one]

    @classmethod
    def create(
        cls,
        folder: Path,
        trust_domain: str,
        constraints: x509.NameConstraints | None = None,
        algorithm: Algorithm = Algorithm.P256,
    ) -> Authority:
        """Make root, intermediate and an empty revocation list; CertificateError where the folder has one already."""
        constraints = constraints or name_constraints(trust_domain)
        ca = folder / "ca"
        if any(path.exists() for path in (folder / "ca.pem", ca / "next", *(ca / name for name in generation.NAMES))):
            msg = f"{folder} holds an authority already: use it, or choose another --dir"
            raise CertificateError(msg)
        made = generation.create(ca, generation.Blueprint(trust_domain, algorithm, constraints))
        write_certificates(folder / "ca.pem", made.root)
        authority = cls(folder, made)
        authority.write_lists()
        return authority

    @classmethod
    def open(cls, folder: Path) -> Authority:
        """Open an authority; CertificateError where there is none."""
        if (folder / "ca" / "next").exists():
            msg = f"a rotation of {folder} was interrupted: run 'loghub certs rotate --dir {folder}' again"
            raise CertificateError(msg)
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> Authority:
        """As `open`, also in the middle of a rotation."""
        ca = folder / "ca"
        try:
            current = generation.load(ca, folder / "ca.pem")
            old = ca / "previous"
            previous = generation.load(old, old / "root.pem") if old.exists() else None
        except (OSError, ValueError, TypeError, IndexError, x509.ExtensionNotFound) as error:
            msg = f"{folder} holds no usable authority ({error}): make one with 'loghub certs init --dir {folder}'"
            raise CertificateError(msg) from error
        return cls(folder, current, previous)

    def issue_server(self, name: str, hosts: Sequence[str], days: float = LEAF_DAYS) -> Issued:
        """Issue a server's certificate for these DNS names and IP addresses."""
        return self.issue(Order(server_profile(name, hosts), days))

    def issue_client(self, identity: SpiffeId, days: float = LEAF_DAYS) -> Issued:
        """Issue a client's certificate with this identity; CertificateError for another trust domain."""
        if identity.trust_domain != self.trust_domain:
            msg = f"this authority is of trust domain {self.trust_domain}, not {identity.trust_domain}"
            raise CertificateError(msg)
        return self.issue(Order(client_profile(identity), days))

    def client(self, identity: SpiffeId) -> Issued:
        """Return where a client's certificate is, or would be."""
        return self.files(client_profile(identity))

    def files(self, profile: Profile) -> Issued:
        """Return where a leaf is, or would be."""
        return Issued.at(self.folder / f"{profile.file}.pem")

    def issue(self, order: Order, *, over: bool = False) -> Issued:
        """Issue a leaf; CertificateError where there is one already, unless that is to be kept as `*.old`."""
        issued = self.files(order.profile)
        if order.key is not None:
            refuse_existing(issued.key)  # it is another key, and would be taken for this certificate's
        with self.ledger.locked():
            if over:
                self.write_over(issued, order)
                return issued
            refuse_existing(issued.key, issued.cert)
            leaf, key = self._sign(order)
            if key:
                write_key(issued.key, key)
            write_certificates(issued.cert, leaf, *self.current.chain)
        return issued

    def write_over(self, issued: Issued, order: Order) -> None:
        """Issue a leaf in the place of another. To be called with the ledger's lock held."""
        leaf, key = self._sign(order)
        chain = certificates_pem(leaf, *self.current.chain)
        replace_pair((issued.cert, chain), (issued.key, key_pem(key)) if key else None)

    def write_lists(self, days: float | None = None) -> datetime:
        """Write the revocation lists anew; return when they end. Days as of `hub.pki.revocation_list.write_lists`."""
        with self.ledger.locked():
            return self.write_lists_locked(days)

    def write_lists_locked(self, days: float | None = None) -> datetime:
        """As `write_lists`, for who holds the ledger's lock."""
        return write_lists(self.lists, self.ledger, self.signers, days)

    def issuer_of(self, leaf: x509.Certificate) -> x509.Certificate | None:
        """Return the intermediate, of this generation or an earlier one, that signed a leaf; None for a stranger's."""
        retired = sorted((self.folder / "ca").glob("retired-*/intermediate.pem"))
        known = [*(one.certificate for one in self.signers), *(read_certificates(path)[0] for path in retired)]
        return next((one for one in known if _signed(leaf, one)), None)

    def entries(self) -> list[Entry]:
        """Return the authorities in use and all that the ledger knows, oldest first."""
        generations = [one for one in (self.previous, self.current) if one]
        own = [line for one in generations for line in (_own(one.root), _own(one.signer.certificate))]
        good = {one.id for one in self.signers}
        issued = (replace(one, void=one.line.issuer not in good) for one in self.ledger.entries())
        return [*(Entry(line) for line in own), *issued]

    def longest_days(self) -> float:
        """Return for how long a leaf that is issued now can be good."""
        return (self.current.signer.certificate.not_valid_after_utc - datetime.now(UTC)) / timedelta(days=1)

    def _sign(self, order: Order) -> tuple[x509.Certificate, EllipticCurvePrivateKey | None]:
        """Make a leaf and enter it in the ledger, and its key unless somebody else has that."""
        signer = self.current.signer
        self._check(order)
        key = None if order.key else new_key(algorithm_of(signer.key) or Algorithm.P256)
        leaf = leaf_certificate(
            order.profile, key.public_key() if key else self._foreign(order.key), order.days, signer
        )
        self.ledger.append(issued_line(order.profile, leaf, signer.id, order.replaces))
        return leaf, key

    def _foreign(self, key: CertificatePublicKeyTypes | None) -> CertificatePublicKeyTypes:
        """Return a key that came from outside, unless it is known to be in other hands."""
        assert key is not None  # noqa: S101  a new one is made for nobody's
        fingerprint = key_fingerprint(key)
        for line in self.ledger.lines():
            if isinstance(line, RevokedLine) and (line.key, line.reason) == (fingerprint, "keyCompromise"):
                msg = f"the key is that of certificate {line.serial}, revoked since others have it: make a new one"
                raise CertificateError(msg)
        if fingerprint in {key_fingerprint(one.certificate.public_key()) for one in self.signers}:
            msg = "the key is the authority's own: make one for this certificate alone"
            raise CertificateError(msg)
        return key

    def _check(self, order: Order) -> None:
        """Raise CertificateError for a leaf that peers would refuse."""
        left = self.longest_days()
        if not 0 < order.days <= left:
            msg = (
                f"a certificate of this authority can be good for at most {left:.0f} days from now, not {order.days:g}"
            )
            raise CertificateError(msg)
        if order.profile.role == SERVER and order.days > MAX_SERVER_DAYS:
            msg = f"browsers take server certificates of at most {MAX_SERVER_DAYS} days, not {order.days:g}"
            raise CertificateError(msg)
        wrong = violation(constraints_of(self.current.signer.certificate), order.profile.names)
        if wrong:
            raise CertificateError(wrong)


def _own(certificate: x509.Certificate) -> IssuedLine:
    """Return what the ledger would say of an authority."""
    name = certificate.subject.rfc4514_string()
    return issued_line(Profile("authority", name, "", name, ()), certificate, "")


def _signed(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


__all__ = ["LEAF_DAYS", "MAX_SERVER_DAYS", "Authority", "Issued", "IssuedLine", "Order"]
