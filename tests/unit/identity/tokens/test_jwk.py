"""hub.identity.tokens.jwk: keys as JSON, there and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from hub.identity.tokens import VerifyKey, keys_of_set, set_of_keys, strong, thumbprint
from tests.forge import jwk

if TYPE_CHECKING:
    from hub.identity.tokens import PrivateKey


def test_a_thumbprint_is_that_of_rfc_7638() -> None:
    """Its own example, of section 3.1."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhM"
        "stn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5"
        "hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    [key] = keys_of_set(json.dumps({"keys": [{"kty": "RSA", "n": modulus, "e": "AQAB"}]}).encode(), strict=True)
    assert isinstance(key.key, rsa.RSAPublicKey)
    assert thumbprint(key.key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("name", ["ES256", "ES384", "ES512", "EdDSA", "RS256"])
def test_what_is_written_is_read_again(signers: dict[str, PrivateKey], name: str) -> None:
    """Every kind; the library writes the same."""
    public = signers[name].public_key()
    written = set_of_keys([strong(public), VerifyKey(public, name, "second"), VerifyKey(b"secret" * 9, "HS256", "s")])
    assert [(key.key, key.algorithm, key.kid) for key in keys_of_set(written, strict=True)] == [
        (public, name, thumbprint(public)),
        (public, name, "second"),
    ]
    plain = jwk(signers[name])
    ours = json.loads(written)["keys"][0]
    assert {member: ours[member] for member in ("kty", "crv", "x", "y", "n", "e") if member in ours} == {
        member: plain[member] for member in ("kty", "crv", "x", "y", "n", "e") if member in plain
    }
    assert b"c2Vjc" not in written


def test_a_set_is_bounded(signers: dict[str, PrivateKey]) -> None:
    """Each key of it costs time and memory."""
    row = jwk(signers["ES256"])
    sets = [
        json.dumps({"keys": [{**row, "kid": str(number)} for number in range(size)]}).encode() for size in (100, 101)
    ]
    assert len(keys_of_set(sets[0], strict=True)) == 100
    with pytest.raises(ValueError, match="100 at most"):
        keys_of_set(sets[1], strict=False)
