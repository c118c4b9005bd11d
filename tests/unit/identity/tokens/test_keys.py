"""hub.identity.tokens.keys: which key an id names, and for how long a set is good."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hub.errors import KeysUnavailableError, UnknownKeyError
from hub.identity.tokens import Keyring, VerifyKey, strength, strong

ONE, TWO = (ec.generate_private_key(ec.SECP256R1()).public_key() for _ in range(2))


def named(key: ec.EllipticCurvePublicKey, kid: str) -> VerifyKey:
    """Return a key with an id."""
    return VerifyKey(key, "ES256", kid)


def test_a_set_is_replaced_as_a_whole() -> None:
    """A key that the new one does not have is withdrawn."""
    ring = Keyring([named(ONE, "a"), named(TWO, "b")])
    assert ring.find("b").key is TWO
    ring.replace([named(ONE, "a")])
    assert ring.find("a").key is ONE
    with pytest.raises(UnknownKeyError):
        ring.find("b")


def test_no_set_is_not_an_empty_set() -> None:
    """The hub cannot judge then: the bearer is not at fault, and may try again."""
    with pytest.raises(KeysUnavailableError) as caught:
        Keyring().find("a")
    assert (caught.value.http_status, caught.value.retry) == (503, True)


def test_a_set_that_is_too_old_is_not_used() -> None:
    """To the instant."""
    now = 0.0
    ring = Keyring(clock=lambda: now)
    ring.replace([named(ONE, "a")], good_until=10.0)
    now = 9.999
    assert ring.find("a").key is ONE
    now = 10.0
    with pytest.raises(KeysUnavailableError):
        ring.find("a")


def test_a_key_does_not_show_itself() -> None:
    """A secret in a traceback would be one no more."""
    assert "topsecret" not in repr(VerifyKey(b"topsecret", "HS256"))


def test_the_strength_of_a_key_is_said() -> None:
    """For `loghub token keys`."""
    assert strength(named(ONE, "")) == "EC secp256r1"
    assert strength(VerifyKey(b"x" * 40, "HS256")) == "shared secret of 40 bytes, for development only"


@pytest.mark.parametrize(("exponent", "bits"), [(3, 2048), (65537, 1024), (65537, 16_384)])
def test_unfit_rsa_is_refused(exponent: int, bits: int) -> None:
    """A short one, and one with the exponent of many attacks; as is one that takes long to verify with."""
    with pytest.raises(ValueError, match="RSA of 2048 to 8192 bits"):
        strong(rsa.RSAPublicNumbers(exponent, 2**bits - 1).public_key())
