"""Keys as JSON: sets of them (RFC 7517), and the thumbprint that makes an id of one (RFC 7638)."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.identity.tokens.compact import base64url
from hub.identity.tokens.keys import PublicKey, VerifyKey, strong

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MAX_KEYS = 100
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
# What makes up a key, in the order that RFC 7638 section 3 hashes it in.
_MEMBERS = ("crv", "e", "kty", "n", "x", "y")


class _UnfitError(ValueError):
    """A key that cannot be used, and does no harm to the others of its set."""


def keys_of_set(text: bytes, *, strict: bool) -> tuple[VerifyKey, ...]:
    """Return the keys of a JWKS that are for signatures; ValueError, which quotes none of it, where it is unfit.

    `strict`: one key that cannot be used spoils the set. Otherwise such keys are passed over, as RFC 7517 section 5
    asks of whoever reads a set that others keep; one with a secret in it is refused all the same.
    """
    value = json.loads(text)
    found = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(found, list) or not all(isinstance(jwk, dict) for jwk in found) or len(found) > _MAX_KEYS:
        msg = f"'keys' must be a list of keys, of {_MAX_KEYS} at most"
        raise ValueError(msg)
    keys = []
    for number, jwk in enumerate(found, 1):
        try:
            if _is_for_signatures(jwk):
                keys.append(_key_of(number, jwk))
        except _UnfitError:
            if strict:
                raise
    kids = [key.kid for key in keys]
    if not keys or len(set(kids)) != len(kids):
        msg = "it must hold at least one key for signatures, each with a kid of its own"
        raise ValueError(msg)
    return tuple(keys)


def _is_for_signatures(jwk: Mapping[str, Any]) -> bool:
    if "d" in jwk or "k" in jwk or jwk.get("kty") == "oct":
        msg = "a key set for verification must hold public keys only"
        raise ValueError(msg)
    operations = jwk.get("key_ops", ["verify"])
    return jwk.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations


def _key_of(number: int, jwk: Mapping[str, Any]) -> VerifyKey:
    try:
        public = jwt.PyJWK(dict(jwk)).key
    except (jwt.PyJWTError, NotImplementedError, ValueError, TypeError) as error:
        msg = f"key {number} is of no kind that is known, or incomplete"
        raise _UnfitError(msg) from error
    try:
        key = strong(public, str(jwk.get("kid", "")))
    except ValueError as error:
        raise _UnfitError(str(error)) from error
    wanted = jwk.get("alg", key.algorithm)
    rsa_other = isinstance(key.key, rsa.RSAPublicKey) and wanted in _RSA
    if wanted != key.algorithm and not rsa_other:
        msg = f"a key is for {key.algorithm}, not {wanted}"
        raise _UnfitError(msg)
    return VerifyKey(key.key, wanted, key.kid)


def thumbprint(key: PublicKey) -> str:
    """Return the key's SHA-256 thumbprint (RFC 7638), by which `loghub token` names keys."""
    members = _members(key)
    text = json.dumps({name: members[name] for name in _MEMBERS if name in members}, separators=(",", ":"))
    return base64url(sha256(text.encode()).digest())


def set_of_keys(keys: Sequence[VerifyKey]) -> bytes:
    """Return public keys as a JWKS; one without an id gets its thumbprint for one."""
    rows = [
        {**_members(key.key), "kid": key.kid or thumbprint(key.key), "alg": key.algorithm, "use": "sig"}
        for key in keys
        if not isinstance(key.key, bytes)
    ]
    return json.dumps({"keys": rows}, indent=2).encode() + b"\n"


def _members(key: PublicKey) -> dict[str, str]:
    """Return what RFC 7518 section 6 and RFC 8037 write a key as."""
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    if isinstance(key, ec.EllipticCurvePublicKey):
        point, size = key.public_numbers(), (key.key_size + 7) // 8
        x, y = (base64url(part.to_bytes(size)) for part in (point.x, point.y))
        return {"kty": "EC", "crv": _CURVES[key.curve.name], "x": x, "y": y}
    return {"kty": "OKP", "crv": "Ed25519", "x": base64url(key.public_bytes(Encoding.Raw, PublicFormat.Raw))}


def _number(value: int) -> str:
    return base64url(value.to_bytes((value.bit_length() + 7) // 8))
