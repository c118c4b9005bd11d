"""hub.identity.tokens.mint: what is minted is taken, and what would be refused is not minted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from hub.core.principal import Principal, Scope
from hub.errors import CertificateError
from hub.identity.tokens import (
    Claims,
    Keyring,
    PrivateKey,
    TokenRules,
    TokenVerifier,
    VerifyKey,
    load_keys,
    mint,
    thumbprint,
)
from tests.forge import Forge, private_pem, public_pem

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_700_000_000
HOUR, DAY = 3600.0, 86_400.0
LEEWAY = 30.0
RULES = TokenRules("https://issuer.test", "loghub", max_lifetime_seconds=DAY, leeway_seconds=LEEWAY)
KEY = ec.generate_private_key(ec.SECP256R1())
FORGE = Forge(KEY, NOW, "https://issuer.test")
OTHER_KEY, HEADER, CLAIMS, GOOD = FORGE.other_key, FORGE.header, FORGE.claims, FORGE.good
ALICE = Principal("acme", "alice", frozenset({Scope.READ}), expires_at=NOW + HOUR, issued_at=NOW)
CERTIFICATE = b"a certificate in DER"
ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
saying, headed = FORGE.saying, FORGE.headed


def verifier(*keys: VerifyKey, now: float = NOW, rules: TokenRules = RULES) -> TokenVerifier:
    """Return a verifier of the usual key, or these."""
    return TokenVerifier(Keyring(keys or (VerifyKey(KEY.public_key(), "ES256"),)), rules, clock=lambda: now)


def named(key: ec.EllipticCurvePrivateKey, kid: str) -> VerifyKey:
    """Return a key to verify with that has an id."""
    return VerifyKey(key.public_key(), "ES256", kid)


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "EdDSA", "RS256"])
def test_a_minted_token_is_taken(signers: dict[str, PrivateKey], tmp_path: Path, algorithm: str) -> None:
    """The key's file decides the algorithm on both sides."""
    key = signers[algorithm]
    path = tmp_path / "verify.pem"
    path.write_bytes(public_pem(key))
    keys = load_keys(path)
    assert [(one.algorithm, one.kid) for one in keys] == [(algorithm, "")]
    claims = Claims("acme", "alice", "logs:read admin", HOUR, "severity >= ERROR", "42")
    minted = mint(private_pem(key), claims, RULES, NOW)
    assert verifier(*keys).verify(minted) == Principal(
        "acme",
        "alice",
        frozenset({Scope.READ, Scope.ADMIN}),
        expires_at=NOW + HOUR,
        filter="severity >= ERROR",
        token_id="42",
        issued_at=NOW,
    )
    assert mint(private_pem(key), replace(claims, tenant="globex"), RULES, NOW) != minted


def test_a_minted_token_says_what_it_must_and_no_more() -> None:
    """Times are whole seconds; an empty filter and id are left out."""
    minted = mint(private_pem(KEY), Claims("acme", "alice", "logs:read", HOUR), RULES, NOW + 0.75)
    header, payload, _ = minted.split(".")
    assert json.loads(jwt.utils.base64url_decode(header)) == HEADER | {"kid": thumbprint(KEY.public_key())}
    assert json.loads(jwt.utils.base64url_decode(payload)) == CLAIMS
    assert b".0" not in jwt.utils.base64url_decode(payload)


def test_no_token_is_minted_that_lives_too_long() -> None:
    """A verifier with the same rules would refuse it."""
    longest = mint(private_pem(KEY), Claims("acme", "alice", "logs:read", DAY), RULES, NOW + 0.5)
    assert verifier().verify(longest).tenant == "acme"
    with pytest.raises(CertificateError, match="86400 s at most, not 86401"):
        mint(private_pem(KEY), Claims("acme", "alice", "logs:read", DAY + 1), RULES, NOW)


@pytest.mark.parametrize("pem", [b"", b"junk", public_pem(KEY), private_pem(KEY, b"secret"), private_pem(KEY)[:-60]])
def test_what_is_no_signing_key_is_said(pem: bytes) -> None:
    """A public key, one with a password, a torn one."""
    with pytest.raises(CertificateError, match="signing key cannot be used") as caught:
        mint(pem, Claims("acme", "alice", "", HOUR), RULES, NOW)
    assert not [line for line in pem.decode().splitlines() if len(line) > 32 and line in caught.value.message]


@pytest.mark.parametrize(
    ("subject", "scope"), [("", "logs:read"), ("a\nb", "logs:read"), ("alice", ""), ("alice", "logs:raed logs:read")]
)
def test_no_token_is_minted_that_is_refused_or_allows_nothing(subject: str, scope: str) -> None:
    """Whoever mints sees the mistake, not whoever comes with the token."""
    with pytest.raises(CertificateError, match=r"a token's|would refuse such a token"):
        mint(private_pem(KEY), Claims("acme", subject, scope, HOUR), RULES, NOW)
