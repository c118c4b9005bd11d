"""hub.identity.tokens.verify: a token is taken only if nothing at all is wrong with it; see test_hostile_tokens."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from hub.core.principal import Principal, Scope
from hub.errors import GrpcCode, TokenExpiredError, UnauthenticatedError
from hub.identity.tokens import (
    MAX_TOKEN_BYTES,
    Keyring,
    PrivateKey,
    TokenRules,
    TokenVerifier,
    VerifyKey,
    certificate_thumbprint,
)
from tests.forge import Forge, base64url, public_der, public_pem, sign

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


def refusal(hostile: str, judge: TokenVerifier, certificate: bytes | None = CERTIFICATE) -> UnauthenticatedError:
    """Return the error that a token is refused with."""
    with pytest.raises(UnauthenticatedError) as caught:
        judge.verify(hostile, certificate)
    return caught.value


def test_a_good_token_is_taken() -> None:
    """The proof that the rows of the table fail for their faults: this is what they are made from."""
    assert verifier().verify(GOOD) == ALICE
    assert verifier().verify(GOOD, CERTIFICATE) == ALICE


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_holds_for_its_own_key(signers: dict[str, PrivateKey], algorithm: str) -> None:
    """And for no other token: the same key's signature under another algorithm is refused, as is a changed one."""
    key = signers[algorithm]
    judge = verifier(VerifyKey(key.public_key(), algorithm))
    header, payload = json.dumps({"alg": algorithm}).encode(), FORGE.ending(b"")
    good = sign(header, payload, key, algorithm)
    assert judge.verify(good) == ALICE
    changed = payload.replace(b"acme", b"acne")
    assert "does not hold" in refusal(good.replace(base64url(payload), base64url(changed)), judge).message
    for other in set(ALGORITHMS) - {algorithm}:
        if signers[other] is key:
            foreign = sign(json.dumps({"alg": other}).encode(), payload, key, other)
            assert f"not signed with {algorithm}" in refusal(foreign, judge).message
            disguised = sign(header, payload, key, other)
            assert "does not hold" in refusal(disguised, judge).message


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "EdDSA", "ES384"])
def test_a_public_key_is_no_shared_secret(signers: dict[str, PrivateKey], algorithm: str) -> None:
    """Whatever the kind of key, and whether or not the token admits to the algorithm it used."""
    key = signers[algorithm]
    judge = verifier(VerifyKey(key.public_key(), algorithm))
    for secret in (public_pem(key), public_der(key)):
        assert f"not signed with {algorithm}" in refusal(FORGE.shared(secret), judge).message
        assert "does not hold" in refusal(FORGE.shared(secret, algorithm), judge).message


def test_a_token_may_be_as_long_as_the_limit() -> None:
    """The longest that fits is taken, the next longer one is not."""
    tokens = [saying(x="a" * size) for size in range(5860, 5900)]
    fitting = [one for one in tokens if len(one) <= MAX_TOKEN_BYTES]
    assert 0 < len(fitting) < len(tokens)
    assert len(fitting[-1]) > MAX_TOKEN_BYTES - 2
    assert verifier().verify(fitting[-1]) == ALICE
    assert "longer than" in refusal(tokens[len(fitting)], verifier()).message


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT"])
def test_the_types_of_access_tokens_are_taken(typ: str) -> None:
    """In any case, as RFC 7515 section 4.1.9 says; and a header need not name one."""
    assert verifier().verify(headed(typ=typ)) == ALICE
    assert verifier().verify(FORGE.token({"alg": "ES256"}, CLAIMS)) == ALICE


@pytest.mark.parametrize("aud", ["loghub", ["loghub"], ["other", "loghub"]])
def test_the_audience_may_be_one_of_several(aud: str | list[str]) -> None:
    """A token may be for other services as well."""
    assert verifier().verify(saying(aud=aud)) == ALICE


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ("", set()),
        ("logs:read", {Scope.READ}),
        ("logs:write logs:read", {Scope.READ, Scope.WRITE}),
        ("openid  admin\tprofile", {Scope.ADMIN}),
        ("LOGS:READ", set()),
        ("logs:read,logs:write", set()),
        ("logs:read:acme", set()),
        ("logs:*", set()),
        ("*", set()),
    ],
)
def test_scopes_are_those_that_loghub_knows(scope: str, scopes: set[Scope]) -> None:
    """Others are for other services; nothing that only looks like a scope gives one."""
    assert verifier().verify(saying(scope=scope)) == replace(ALICE, scopes=frozenset(scopes))


def test_a_token_without_scope_allows_nothing() -> None:
    """It names somebody, no more."""
    assert verifier().verify(FORGE.lacking("scope")) == replace(ALICE, scopes=frozenset())


def test_filter_and_token_id_are_kept() -> None:
    """They narrow what is read, and name what is revoked."""
    assert verifier().verify(saying(filter="severity >= ERROR", jti="42")) == replace(
        ALICE, filter="severity >= ERROR", token_id="42"
    )


@pytest.mark.parametrize("late", [0.0, 1.0, HOUR, 1e12])
def test_an_expired_token_is_told_apart(late: float) -> None:
    """A client that reads this gets a fresh one and comes again; the end is `exp`, to the instant."""
    error = refusal(GOOD, verifier(now=NOW + HOUR + late))
    assert type(error) is TokenExpiredError
    assert (error.grpc_code, error.http_status, error.close_code) == (GrpcCode.UNAUTHENTICATED, 401, 4408)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW + 0.5, "nbf": NOW - HOUR, "iat": NOW - HOUR},
        {"nbf": NOW + LEEWAY, "iat": NOW + LEEWAY},
        {"exp": NOW + DAY},
        {"exp": NOW + 1.5, "nbf": NOW - DAY + 1.5},
        {"exp": int(NOW + HOUR), "nbf": int(NOW), "iat": int(NOW)},
    ],
)
def test_a_token_is_good_up_to_its_limits(claims: dict[str, Any]) -> None:
    """An issuer's clock may be ahead by the leeway, and the longest lifetime is itself allowed."""
    assert verifier().verify(saying(**claims)).expires_at == claims.get("exp", NOW + HOUR)


def test_an_expired_token_of_another_key_is_not_called_expired() -> None:
    """Who cannot sign learns nothing about the claims."""
    error = refusal(saying(exp=NOW - HOUR, key=OTHER_KEY), verifier())
    assert type(error) is UnauthenticatedError
    assert "does not hold" in error.message


def test_a_bound_token_holds_on_its_own_connection_only() -> None:
    """Stolen, it is worth nothing without the certificate's key."""
    bound = saying(cnf={"x5t#S256": certificate_thumbprint(CERTIFICATE)})
    assert verifier().verify(bound, CERTIFICATE) == ALICE
    for certificate in (None, b"", b"another certificate"):
        assert "bound to" in refusal(bound, verifier(), certificate).message


def test_a_thumbprint_is_that_of_rfc_8705() -> None:
    """SHA-256 over the certificate's DER, in Base64 for URLs, without padding."""
    assert certificate_thumbprint(b"") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    assert certificate_thumbprint(CERTIFICATE) == base64url(sha256(CERTIFICATE).digest())


@pytest.mark.parametrize(
    "kid",
    ["c", "A", "a ", "../../../../dev/null", "/dev/null", "a\0", "' OR 1=1 --", "https://evil.test/k", "a/../b"],
)
def test_a_kid_finds_a_key_or_nothing(kid: str) -> None:
    """It is compared with the ids of keys, and goes nowhere else."""
    judge = verifier(named(KEY, "a"), named(OTHER_KEY, "b"))
    assert "names no key" in refusal(headed(kid=kid), judge).message


@pytest.mark.parametrize("header", [HEADER, HEADER | {"kid": ""}])
def test_a_token_says_which_of_several_keys_it_means(header: dict[str, Any]) -> None:
    """They are not tried in turn."""
    judge = verifier(named(KEY, "a"), named(OTHER_KEY, "b"))
    assert "names no key" in refusal(FORGE.token(header, CLAIMS), judge).message
    assert verifier(named(KEY, "a")).verify(FORGE.token(header, CLAIMS)) == ALICE


def test_the_key_that_a_kid_names_is_the_one_that_counts() -> None:
    """Another trusted key's signature does not hold for it."""
    judge = verifier(named(KEY, "a"), named(OTHER_KEY, "b"))
    assert judge.verify(headed(kid="a")) == ALICE
    assert judge.verify(headed(kid="b", key=OTHER_KEY)) == ALICE
    for kid, key in (("b", KEY), ("a", OTHER_KEY)):
        assert "does not hold" in refusal(headed(kid=kid, key=key), judge).message


def test_a_key_without_an_id_is_meant_by_any_kid_that_names_no_other() -> None:
    """A PEM file has no room for an id, but issuers write one into every token."""
    assert verifier().verify(headed(kid="2024-01")) == ALICE
    judge = verifier(VerifyKey(KEY.public_key(), "ES256"), named(OTHER_KEY, "b"))
    assert judge.verify(headed(kid="a")) == ALICE
    assert "does not hold" in refusal(headed(kid="b"), judge).message


def test_two_keys_of_one_id_are_no_key() -> None:
    """Nobody could say which is meant."""
    judge = verifier(named(KEY, "a"), named(OTHER_KEY, "a"))
    assert "names no key" in refusal(headed(kid="a"), judge).message


def test_the_algorithm_is_that_of_the_key_a_kid_names(signers: dict[str, PrivateKey]) -> None:
    """A token cannot choose another one that this hub takes elsewhere."""
    other = signers["ES384"]
    judge = verifier(named(KEY, "a"), VerifyKey(other.public_key(), "ES384", "b"))
    assert "not signed with ES384" in refusal(headed(kid="b"), judge).message


def test_a_clock_is_read_for_each_token() -> None:
    """A verifier lives as long as the hub."""
    times = iter([NOW, NOW + DAY])
    judge = TokenVerifier(Keyring([VerifyKey(KEY.public_key(), "ES256")]), RULES, clock=lambda: next(times))
    assert judge.verify(GOOD) == ALICE
    with pytest.raises(TokenExpiredError):
        judge.verify(GOOD)


@pytest.mark.parametrize(
    ("claims", "tenant", "tenants"),
    [
        ({}, "acme", set()),
        ({"tenants": ["globex", "acme"]}, "acme", {"acme", "globex"}),
        ({"tenants": ["acme"]}, "acme", {"acme"}),
        ({"tenant": None, "tenants": ["globex", "acme"]}, "", {"acme", "globex"}),
        ({"tenant": None, "tenants": ["globex"]}, "globex", {"globex"}),
        ({"tenant": None, "tenants": [f"t{number}" for number in range(100)]}, "", {f"t{n}" for n in range(100)}),
    ],
)
def test_a_token_is_for_one_tenant_or_several(claims: dict[str, Any], tenant: str, tenants: set[str]) -> None:
    """`tenant` is then the one that is meant where none is named; a single one of `tenants` is that too."""
    missing = [name for name, value in claims.items() if value is None]
    said = {name: value for name, value in claims.items() if value is not None}
    principal = verifier().verify(FORGE.lacking(*missing, **said))
    assert (principal.tenant, set(principal.tenants)) == (tenant, tenants)
