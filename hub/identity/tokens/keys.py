"""The keys that tokens are verified with: what is taken for one, and which are in force."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import time
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from hub.errors import KeysUnavailableError, UnknownKeyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_RSA_BITS = range(2048, 8193)  # fewer are weak; more cost whoever verifies a token milliseconds
_MIN_EXPONENT = 65_537
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key, the one algorithm it is for, and its id ("": none); for HS256 the secret, which is not shown."""

    key: PublicKey | bytes = field(repr=False)
    algorithm: str
    kid: str = ""


class Keyring:
    """The keys in force. A set is replaced as a whole: a key that was withdrawn is gone with the next one.

    `good_until`, in seconds since the epoch: when the set is too old to be trusted; None: never.
    """

    def __init__(self, keys: Sequence[VerifyKey] = (), clock: Callable[[], float] = time) -> None:
        self._keys = tuple(keys)
        self._clock = clock
        self._good_until: float | None = None

    @property
    def keys(self) -> tuple[VerifyKey, ...]:
        """All of them."""
        return self._keys

    def replace(self, keys: Sequence[VerifyKey], good_until: float | None = None) -> None:
        """Put another set in force."""
        self._keys, self._good_until = tuple(keys), good_until

    def find(self, kid: str) -> VerifyKey:
        """Return the key that an id names, or the only one without an id; keys are never tried in turn.

        Raises UnknownKeyError, or KeysUnavailableError where there is no set, or none that may be trusted still.
        """
        if not self._keys or (self._good_until is not None and self._clock() >= self._good_until):
            raise KeysUnavailableError
        fitting = [key for key in self._keys if key.kid == kid] if kid else list(self._keys)
        if kid and not fitting:
            fitting = [key for key in self._keys if not key.kid]
        if len(fitting) != 1:
            raise UnknownKeyError
        return fitting[0]


def strong(key: object, kid: str = "") -> VerifyKey:
    """Return the key with its algorithm; ValueError for a kind or size that is not taken."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return VerifyKey(key, _CURVES[key.curve.name], kid)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return VerifyKey(key, "EdDSA", kid)
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in _RSA_BITS and key.public_numbers().e >= _MIN_EXPONENT:
        return VerifyKey(key, "RS256", kid)
    msg = (
        f"keys are EC (P-256, P-384, P-521), Ed25519, or RSA of {_RSA_BITS[0]} to {_RSA_BITS[-1]} bits "
        f"with an exponent of at least {_MIN_EXPONENT}"
    )
    raise ValueError(msg)


def strength(key: VerifyKey) -> str:
    """Return what kind of key it is, and how large."""
    if isinstance(key.key, bytes):
        return f"shared secret of {len(key.key)} bytes, for development only"
    if isinstance(key.key, rsa.RSAPublicKey):
        return f"RSA {key.key.key_size} bits"
    return f"EC {key.key.curve.name}" if isinstance(key.key, ec.EllipticCurvePublicKey) else "Ed25519"
