"""hub.identity.tokens.load and jwk: which keys and secrets are taken from files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa, x25519

from hub.core.principal import Principal, Scope
from hub.errors import CertificateError, UnauthenticatedError
from hub.identity.tokens import (
    Claims,
    Keyring,
    PrivateKey,
    TokenRules,
    TokenVerifier,
    VerifyKey,
    load_keys,
    load_secret,
    mint,
)
from tests.fakes import certificate
from tests.forge import Forge, base64url, jwk, private_pem, public_der, public_pem, sign

if TYPE_CHECKING:
    from collections.abc import Callable
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


def weak_rsa() -> rsa.RSAPrivateKey:
    """Return a key that was long enough once."""
    return rsa.generate_private_key(65537, 1024)  # noqa: S505  weak on purpose


UNFIT: dict[str, Callable[[], Any]] = {
    "RSA of 1024 bits": weak_rsa,
    "a curve of another algorithm": lambda: ec.generate_private_key(ec.SECP256K1()),
    "another Edwards curve": ed448.Ed448PrivateKey.generate,
    "a key that cannot sign": x25519.X25519PrivateKey.generate,
}


@pytest.mark.parametrize("make", UNFIT.values(), ids=UNFIT.keys())
def test_an_unfit_key_neither_signs_nor_verifies(make: Callable[[], Any], tmp_path: Path) -> None:
    """Only keys whose one algorithm is known and strong are taken."""
    key = make()
    with pytest.raises(CertificateError, match="signing key cannot be used: keys are EC"):
        mint(private_pem(key), Claims("acme", "alice", "", HOUR), RULES, NOW)
    path = tmp_path / "verify.pem"
    path.write_bytes(public_pem(key))
    with pytest.raises(CertificateError, match="neither a PEM public key nor a JWKS: keys are EC"):
        load_keys(path)


def test_a_key_set_brings_ids_and_algorithms(signers: dict[str, PrivateKey], tmp_path: Path) -> None:
    """RSA keys may be for any RSA algorithm, which the set must say if it is not RS256."""
    own = [jwk(signers[name], kid=name, alg=name) for name in ALGORITHMS]
    plain = [jwk(signers[name], kid=f"plain {name}") for name in ("ES384", "EdDSA", "PS512")]
    path = tmp_path / "keys.json"
    path.write_text("\n " + json.dumps({"keys": own + plain}))
    keys = {one.kid: one for one in load_keys(path)}
    assert {kid: one.algorithm for kid, one in keys.items()} == {name: name for name in ALGORITHMS} | {
        "plain ES384": "ES384",
        "plain EdDSA": "EdDSA",
        "plain PS512": "RS256",
    }
    for name in ALGORITHMS:
        header = json.dumps({"alg": name, "kid": name}).encode()
        assert verifier(*keys.values()).verify(sign(header, FORGE.ending(b""), signers[name], name)) == ALICE


SHARED_SECRET = {"kty": "oct", "k": base64url(b"s" * 32), "alg": "HS256", "kid": "a"}
BAD_SETS = {
    "a private key": [jwk(KEY, d=base64url(b"d" * 32))],
    "a shared secret": [SHARED_SECRET],
    "a shared secret behind a good key": [jwk(KEY), SHARED_SECRET],
    "another curve's algorithm": [jwk(KEY, alg="ES384")],
    "HS256 with a public key": [jwk(KEY, alg="HS256")],
    "RS256 with a curve": [jwk(KEY, alg="RS256")],
    "an algorithm that is a list": [jwk(KEY, alg=["ES256"])],
    "weak RSA": [jwk(weak_rsa())],
    "an unknown kind": [{"kty": "LMS", "kid": "a"}],
    "no kind": [{"kid": "a"}],
    "a point off the curve": [{"kty": "EC", "crv": "P-256", "x": base64url(b"x" * 32), "y": base64url(b"y" * 32)}],
    "a number": [1],
    "a word": ["abc"],
    "an object of keys": {"a": jwk(KEY)},
    "no algorithm": [jwk(KEY, alg="none")],
    "no key": [],
    "no key for signatures": [jwk(KEY, use="enc")],
    "two keys of one id": [jwk(KEY), jwk(OTHER_KEY)],
    "null": None,
}


@pytest.mark.parametrize("keys", BAD_SETS.values(), ids=BAD_SETS.keys())
def test_one_bad_key_spoils_the_set(keys: Any, tmp_path: Path) -> None:
    """The hub does not start on half of what it was told to trust; no secret is quoted."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": keys}))
    with pytest.raises(CertificateError, match=r"keys\.json is neither a PEM public key nor a JWKS") as caught:
        load_keys(path)
    assert base64url(b"d" * 32) not in caught.value.message
    assert SHARED_SECRET["k"] not in caught.value.message


@pytest.mark.parametrize("secret", ["a private key", "a shared secret", "a shared secret behind a good key"])
def test_a_secret_in_a_key_set_is_said(secret: str, tmp_path: Path) -> None:
    """Such a set went to the wrong place, and whoever has read it can make tokens."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": BAD_SETS[secret]}))
    with pytest.raises(CertificateError, match="must hold public keys only"):
        load_keys(path)


def test_a_secret_without_a_kind_is_not_quoted(tmp_path: Path) -> None:
    """Libraries tell what they were given; this goes to logs."""
    path = tmp_path / "keys.json"
    path.write_text('{"keys": [{"kid": "a", "x": "TOPSECRET"}]}')
    with pytest.raises(CertificateError, match="key 1 is of no kind") as caught:
        load_keys(path)
    assert "TOPSECRET" not in caught.value.message


def test_keys_for_encryption_are_passed_over(tmp_path: Path) -> None:
    """Issuers publish both kinds in one set (RFC 7517 section 4.2)."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [jwk(KEY, use="sig", kid="a"), jwk(OTHER_KEY, use="enc", kid="b")]}))
    assert [key.kid for key in load_keys(path)] == ["a"]


@pytest.mark.parametrize(
    "text", [b"", b'{"keys":' + b"[" * 100_000, b"junk", b"{", b"{}", b"[]", b'{"keys":', b"\xff", private_pem(KEY)]
)
def test_what_is_no_file_of_keys_is_said(text: bytes, tmp_path: Path) -> None:
    """Above all the private key, which a hub must not have; its text is not quoted."""
    path = tmp_path / "keys"
    path.write_bytes(text)
    with pytest.raises(CertificateError, match="neither a PEM public key nor a JWKS") as caught:
        load_keys(path)
    assert "PRIVATE" not in caught.value.message


def test_missing_keys_are_told_with_what_to_do(tmp_path: Path) -> None:
    """The message names the file and the command."""
    with pytest.raises(CertificateError, match=r"none\.pem cannot be read: No such file.*loghub certs init"):
        load_keys(tmp_path / "none.pem")


# --- the secret of HS256 ---------------------------------------------------------------------------------------------


def secret_file(folder: Path, data: bytes, mode: int = 0o600) -> Path:
    """Return a file with these bytes."""
    path = folder / "secret"
    path.write_bytes(data)
    path.chmod(mode)
    return path


RANDOM = bytes(range(1, 33))


@pytest.mark.parametrize("data", [RANDOM, RANDOM * 4, b"q3Xk0vVn8m1TzB5yLr7WcD2sHf9aUe4K"])
def test_random_bytes_are_a_secret(tmp_path: Path, data: bytes) -> None:
    """For HS256 and nothing else; tokens signed with it hold, others do not."""
    [key] = load_secret(secret_file(tmp_path, data))
    assert (key.key, key.algorithm, key.kid) == (data, "HS256", "")
    judge = verifier(key)
    assert judge.verify(FORGE.shared(data)) == ALICE
    for token in (FORGE.shared(data + b"x"), FORGE.shared(b""), FORGE.good, FORGE.shared(data, "HS384", "sha384")):
        with pytest.raises(UnauthenticatedError):
            judge.verify(token)


def test_the_last_newline_of_a_text_is_not_part_of_it(tmp_path: Path) -> None:
    """Editors and `base64` write one; of raw bytes every one counts."""
    text = b"q3Xk0vVn8m1TzB5yLr7WcD2sHf9aUe4K"
    assert load_secret(secret_file(tmp_path, text + b"\n"))[0].key == text
    assert load_secret(secret_file(tmp_path, b"\xff" + RANDOM + b"\n"))[0].key == b"\xff" + RANDOM + b"\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "32 random bytes"),
        (RANDOM[:31], "32 random bytes"),
        (b"secret" * 20, "32 random bytes"),
        (bytes(64), "32 random bytes"),
        (public_pem(KEY), "others may know"),
        (private_pem(KEY), "others may know"),
        (public_der(KEY), "others may know"),
        (certificate("spiffe://x.test/tenant/acme/node/a"), "others may know"),
        (json.dumps({"keys": [jwk(KEY)]}).encode(), "others may know"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxk0vVn8m1TzB5yLr7WcD2sHf9aUe4K me", "others may know"),
    ],
    ids=["empty", "short", "words", "zeros", "public PEM", "private PEM", "DER", "certificate", "JWKS", "SSH"],
)
def test_what_others_know_or_guess_is_no_secret(tmp_path: Path, data: bytes, words: str) -> None:
    """Above all no public key: whoever has it could make tokens. Nothing of it is quoted."""
    with pytest.raises(CertificateError, match=words) as caught:
        load_secret(secret_file(tmp_path, data))
    assert len(data) < 20 or data.decode(errors="replace")[10:20] not in caught.value.message


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o660])
def test_a_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    """The message says how to mend it."""
    with pytest.raises(CertificateError, match="chmod 600"):
        load_secret(secret_file(tmp_path, RANDOM, mode))
