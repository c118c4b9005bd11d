"""Keys for tokens: made beside the certificates, so that a deployment is one folder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.pki.files import refuse_existing, write_key, write_new

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class TokenKeys:
    """The key that signs tokens, and the one that hubs verify them with."""

    private: Path
    public: Path


def new_signing_key() -> ec.EllipticCurvePrivateKey:
    """Make a key for ES256."""
    return ec.generate_private_key(ec.SECP256R1())


def create_token_keys(folder: Path) -> TokenKeys:
    """Make an ES256 key pair in a folder; CertificateError where one is there already."""
    key = new_signing_key()
    keys = TokenKeys(folder / "signing.key", folder / "verify.pem")
    refuse_existing(keys.private, keys.public)
    write_key(keys.private, key)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_new(keys.public, public, mode=0o644)
    return keys
