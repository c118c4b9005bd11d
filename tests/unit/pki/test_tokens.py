"""hub.pki.tokens: the pair of keys that tokens are signed and verified with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hub.errors import CertificateError, UnauthenticatedError
from hub.identity.tokens import Claims, Keyring, TokenRules, TokenVerifier, load_keys, mint
from hub.pki.tokens import TokenKeys, create_token_keys

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_000_000.0
RULES = TokenRules("loghub", "loghub", max_lifetime_seconds=3600.0, leeway_seconds=0.0)
ALICE = Claims("acme", "alice", "logs:read", 3600.0)


def verifier(keys: TokenKeys) -> TokenVerifier:
    """Return what a hub with these keys judges by."""
    return TokenVerifier(Keyring(load_keys(keys.public)), RULES, clock=lambda: NOW)


def test_a_pair_is_made_beside_the_certificates(tmp_path: Path) -> None:
    """In a folder of its own, whose private half is its owner's alone."""
    keys = create_token_keys(tmp_path / "tokens")
    assert keys == TokenKeys(tmp_path / "tokens" / "signing.key", tmp_path / "tokens" / "verify.pem")
    assert sorted(keys.public.parent.iterdir()) == [keys.private, keys.public]
    assert keys.private.stat().st_mode & 0o777 == 0o600
    assert keys.public.stat().st_mode & 0o077 == 0o044
    assert keys.public.parent.stat().st_mode & 0o777 == 0o700


def test_the_public_half_is_public_only(tmp_path: Path) -> None:
    """It is what hubs are given: ES256, and without an id."""
    keys = create_token_keys(tmp_path)
    signing = load_pem_private_key(keys.private.read_bytes(), password=None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    assert signing.curve.name == "secp256r1"
    assert [(one.key, one.algorithm, one.kid) for one in load_keys(keys.public)] == [
        (signing.public_key(), "ES256", "")
    ]
    assert b"PRIVATE" not in keys.public.read_bytes()


def test_what_the_one_signs_the_other_verifies(tmp_path: Path) -> None:
    """And no other pair's does."""
    keys, others = create_token_keys(tmp_path / "a"), create_token_keys(tmp_path / "b")
    token = mint(keys.private.read_bytes(), ALICE, RULES, NOW)
    assert verifier(keys).verify(token).subject == "alice"
    with pytest.raises(UnauthenticatedError, match="does not hold"):
        verifier(others).verify(token)


def test_keys_are_not_overwritten(tmp_path: Path) -> None:
    """All tokens out there would be void."""
    keys = create_token_keys(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(CertificateError, match=r"signing\.key exists and is not overwritten"):
        create_token_keys(tmp_path)
    keys.public.unlink()
    with pytest.raises(CertificateError, match=r"signing\.key exists and is not overwritten"):
        create_token_keys(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == {keys.private: before[keys.private]}


def test_a_lost_signing_key_is_not_replaced_beside_the_old_public_one(tmp_path: Path) -> None:
    """Hubs would refuse whatever the new one signs."""
    keys = create_token_keys(tmp_path)
    keys.private.unlink()
    with pytest.raises(CertificateError, match=r"verify\.pem exists and is not overwritten"):
        create_token_keys(tmp_path)
    assert list(tmp_path.iterdir()) == [keys.public]
