"""Keys that are slow to make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

if TYPE_CHECKING:
    from hub.identity.tokens import PrivateKey


@pytest.fixture(scope="session")
def signers() -> dict[str, PrivateKey]:
    """Return a key for each algorithm that is allowed; the RSA algorithms share one, which is slow to make."""
    one = rsa.generate_private_key(65537, 2048)
    names = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
    keys: dict[str, PrivateKey] = dict.fromkeys(names, one)
    keys |= {"ES256": ec.generate_private_key(ec.SECP256R1()), "ES384": ec.generate_private_key(ec.SECP384R1())}
    return keys | {"ES512": ec.generate_private_key(ec.SECP521R1()), "EdDSA": ed25519.Ed25519PrivateKey.generate()}
