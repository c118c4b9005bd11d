"""One generation of an authority: a root, the intermediate below it, and perhaps what the root before vouches for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hub.errors import CertificateError
from hub.pki.files import write_certificates, write_key
from hub.pki.profile import (
    Algorithm,
    Signer,
    cross_certificate,
    intermediate_certificate,
    new_key,
    root_certificate,
    trust_domain_of,
)

if TYPE_CHECKING:
    from pathlib import Path

NAMES = ("root.key", "root.pem", "intermediate.key", "intermediate.pem")
CROSS = "cross.pem"


@dataclass(frozen=True, slots=True)
class Generation:
    """A root, what signs leaves, and the cross certificate that leaves' chains end with, if there is one."""

    root: x509.Certificate
    signer: Signer
    cross: x509.Certificate | None = None

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        """What follows a leaf in its file."""
        return (self.signer.certificate, self.cross) if self.cross else (self.signer.certificate,)


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a generation is made by."""

    trust_domain: str
    algorithm: Algorithm
    constraints: x509.NameConstraints
    number: int = 1


def create(folder: Path, blueprint: Blueprint, old_root: Signer | None = None) -> Generation:
    """Make a generation, and write its files into a folder that has none of them; the old root vouches for the new."""
    root_key, key = new_key(blueprint.algorithm), new_key(blueprint.algorithm)
    root = root_certificate(root_key, blueprint.trust_domain, blueprint.number)
    certificate = intermediate_certificate(
        key.public_key(), blueprint.number, blueprint.constraints, Signer(root, root_key)
    )
    write_key(folder / "root.key", root_key)
    write_certificates(folder / "root.pem", root)
    write_key(folder / "intermediate.key", key)
    write_certificates(folder / "intermediate.pem", certificate)
    cross = None
    if old_root:
        cross = cross_certificate(root, blueprint.number, old_root)
        write_certificates(folder / CROSS, cross)
    return Generation(root, Signer(certificate, key), cross)


def load(folder: Path, root: Path) -> Generation:
    """Read a generation whose root is in this file; the root's key may be away. Raises OSError, ValueError and others.

    CertificateError where a key is of another kind, or does not belong to the certificate beside it.
    """
    certificate = x509.load_pem_x509_certificate(root.read_bytes())
    trust_domain_of(certificate)
    signer = load_signer(folder, "intermediate")
    cross = folder / CROSS
    return Generation(
        certificate, signer, x509.load_pem_x509_certificate(cross.read_bytes()) if cross.exists() else None
    )


def load_signer(folder: Path, name: str) -> Signer:
    """Read an authority's certificate and key; errors as those of `load`."""
    certificate = x509.load_pem_x509_certificate((folder / f"{name}.pem").read_bytes())
    key = load_pem_private_key((folder / f"{name}.key").read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        msg = f"{folder}/{name}.key is not an EC key"
        raise CertificateError(msg)
    if key.public_key() != certificate.public_key():
        msg = f"{folder}/{name}.key is not the key of {name}.pem beside it"
        raise CertificateError(msg)
    return Signer(certificate, key)
