"""No hostile token is taken; tests/integration/test_hostile_tokens.py sends the same ones through a running hub."""

from __future__ import annotations

from time import process_time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from hub.core.principal import Principal, Scope
from hub.errors import GrpcCode, UnauthenticatedError
from hub.identity.tokens import Keyring, TokenRules, TokenVerifier, VerifyKey
from tests.forge import HOUR, Forge, hostile, twins

NOW = 1_700_000_000
FORGE = Forge(ec.generate_private_key(ec.SECP256R1()), NOW, "https://issuer.test")
CERTIFICATE = b"a certificate in DER"
RULES = TokenRules("https://issuer.test", "loghub", max_lifetime_seconds=86_400.0, leeway_seconds=30.0)
JUDGE = TokenVerifier(Keyring([VerifyKey(FORGE.key.public_key(), "ES256")]), RULES, clock=lambda: float(NOW))
HOSTILE = hostile(FORGE, CERTIFICATE)
TWINS = twins(FORGE, CERTIFICATE)
# Whatever a token is like, the hub judges it in less than this; a good one takes about 0.1 ms.
BUDGET_SECONDS = 0.02


def refusal(token: str) -> UnauthenticatedError:
    """Return the error that a token is refused with."""
    with pytest.raises(UnauthenticatedError) as caught:
        JUDGE.verify(token, CERTIFICATE)
    return caught.value


@pytest.mark.parametrize(("token", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_token_is_refused(token: str, words: str) -> None:
    """Each has one fault; the error is the one for unproven peers, says what the fault is, and quotes no token."""
    error = refusal(token)
    assert (error.grpc_code, error.http_status) == (GrpcCode.UNAUTHENTICATED, 401)
    assert error.close_code == (4408 if words == "expired" else 4401)
    assert words in error.message
    assert not [part for part in token.split(".") if len(part) > 8 and part in error.message]


@pytest.mark.parametrize("family", TWINS)
def test_the_good_twin_of_a_family_is_taken(family: str) -> None:
    """The proof that the hostile ones are refused for their faults: this is what they are made from."""
    principal = JUDGE.verify(TWINS[family], CERTIFICATE)
    assert (principal.tenant, principal.subject, principal.scopes) == ("acme", "alice", frozenset({Scope.READ}))


def test_the_table_has_what_it_claims() -> None:
    """Every row is a token of its own, none of them is good, and each family has its twin."""
    tokens = [token for token, _ in HOSTILE.values()]
    assert len(set(tokens)) == len(tokens) > 200
    assert not set(TWINS.values()) & set(tokens)
    assert {name.split(":")[0] for name in HOSTILE} == set(TWINS)


def test_no_hostile_token_takes_long() -> None:
    """Anybody can send one, and the hub judges it in its only thread."""
    slowest = 0.0
    for token, _ in HOSTILE.values():
        times = []
        for _ in range(2):
            began = process_time()
            refusal(token)
            times.append(process_time() - began)
        slowest = max(slowest, min(times))
    assert slowest < BUDGET_SECONDS


def test_every_prefix_and_every_changed_character_is_refused() -> None:
    """There is not one character of a token that does not count."""
    good = FORGE.good
    for end in range(len(good)):
        refusal(good[:end])
    for at, character in enumerate(good):
        refusal(good[:at] + ("A" if character != "A" else "B") + good[at + 1 :])


def test_a_diagnosis_of_a_hostile_token_names_its_fault() -> None:
    """`loghub token show` says what the hub says, and whatever else is wrong."""
    for token, words in HOSTILE.values():
        assert any(words in fault for fault in JUDGE.faults(token, CERTIFICATE)), words
    assert JUDGE.faults(FORGE.good) == []


def test_a_diagnosis_names_every_fault() -> None:
    """Not only the first, for which the hub refuses it."""
    token = FORGE.saying(
        key=FORGE.other_key, iss="other", exp=NOW - HOUR, nbf=NOW - 2 * HOUR, iat=NOW - 2 * HOUR, sub=7
    )
    words = ("does not hold", "expired", "issuer", "'sub'")
    faults = JUDGE.faults(token)
    assert len(faults) == len(words)
    assert all(word in fault for word, fault in zip(words, faults, strict=True))


def test_a_principal_is_what_the_claims_say() -> None:
    """And nothing else."""
    assert JUDGE.verify(FORGE.good) == Principal(
        "acme", "alice", frozenset({Scope.READ}), expires_at=NOW + HOUR, issued_at=NOW
    )
