"""JSON Web Tokens: what a bearer may do, checked more strictly than the library does by default.

PyJWT alone takes a token without exp, aud or iss, claim names that stand twice, any lifetime, and exp as a string. Here
a key is bound to one algorithm; iss, aud, exp, nbf and sub are required; names may stand once; a header that brings
its own key or critical extensions is refused (RFC 7515, RFC 7519, RFC 8725). `cnf.x5t#S256` binds a token to the
connection's certificate (RFC 8705).
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hashlib import sha256
from time import time
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from hub.core.principal import Principal, Scope
from hub.errors import CertificateError, TokenExpiredError, UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

MAX_TOKEN_BYTES = 8192
_MIN_RSA_BITS = 2048
_REQUIRED = ("iss", "aud", "exp", "nbf", "sub", "tenant")
_FOREIGN_HEADERS = ("crit", "jwk", "jku", "x5u", "x5c", "b64", "zip")
_TYPES = ("jwt", "at+jwt")
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
# Base64 for URLs and dots (RFC 7515 section 2): padding would make two texts of one token.
_COMPACT = re.compile(r"[A-Za-z0-9_.-]+")
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """A public key, the one algorithm it is for, and its id ("": none)."""

    key: PublicKey
    algorithm: str
    kid: str = ""


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What tokens must say, in seconds: exp minus iat (or nbf) at most; how far ahead an issuer's clock may be."""

    issuer: str
    audience: str
    max_lifetime_seconds: float
    leeway_seconds: float


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token to be minted says; `scope` is space-separated."""

    tenant: str
    subject: str
    scope: str
    lifetime_seconds: float
    filter: str = ""
    token_id: str = ""


class TokenVerifier:
    """Judges tokens by a set of keys and rules."""

    def __init__(self, keys: Sequence[VerifyKey], rules: TokenRules, clock: Callable[[], float] = time) -> None:
        self._keys = tuple(keys)
        self._rules = rules
        self._clock = clock

    def verify(self, token: str, certificate_der: bytes | None = None) -> Principal:
        """Return the bearer's principal; `certificate_der` is the connection's client certificate, if it has one.

        Raises TokenExpiredError, and UnauthenticatedError for anything else that is wrong; neither quotes the token.
        """
        if len(token) > MAX_TOKEN_BYTES:
            raise _bad(f"is longer than {MAX_TOKEN_BYTES} bytes")
        if not _COMPACT.fullmatch(token):
            raise _bad("is not Base64 for URLs in three parts with dots between")
        header = _header(token)
        key = self._key(header)
        try:
            jwt.PyJWS().decode(token, key.key, algorithms=[key.algorithm])
        except jwt.PyJWTError as error:
            raise _bad(
                "has a signature that does not hold: it is not from this hub's issuer, or was changed"
            ) from error
        claims = _segment(token.split(".")[1])
        self._check_times(claims)
        self._check_names(claims)
        _check_binding(claims, certificate_der)
        return _principal(claims)

    def _key(self, header: Mapping[str, Any]) -> VerifyKey:
        kid = header.get("kid", "")
        if not isinstance(kid, str):
            raise _bad("has a kid that is not a string")
        fitting = [key for key in self._keys if key.kid == kid] if kid else list(self._keys)
        if kid and not fitting:
            fitting = [key for key in self._keys if not key.kid]
        if len(fitting) != 1:
            raise _bad("names no key that this hub trusts (kid)")
        if header.get("alg") != fitting[0].algorithm:
            raise _bad(f"is not signed with {fitting[0].algorithm}, the algorithm of its key")
        return fitting[0]

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        for name in _REQUIRED:
            if name not in claims:
                raise _bad(f"lacks the claim {name!r}")
        expires, begins = _seconds(claims, "exp"), _seconds(claims, "nbf")
        issued = _seconds(claims, "iat") if "iat" in claims else begins
        now, leeway = self._clock(), self._rules.leeway_seconds
        if expires - min(issued, begins) > self._rules.max_lifetime_seconds:
            raise _bad(f"lives longer than {self._rules.max_lifetime_seconds:g} s, the longest that is allowed")
        if now >= expires:  # without leeway, since it is then that streams are ended too
            raise TokenExpiredError
        if now + leeway < max(begins, issued):
            raise _bad("is not valid yet: check the clocks")

    def _check_names(self, claims: Mapping[str, Any]) -> None:
        if claims["iss"] != self._rules.issuer:
            raise _bad(f"is not from the issuer {self._rules.issuer!r}")
        audience = claims["aud"]
        if audience != self._rules.audience and not (isinstance(audience, list) and self._rules.audience in audience):
            raise _bad(f"is not for the audience {self._rules.audience!r}")


def load_keys(path: Path) -> tuple[VerifyKey, ...]:
    """Read the public keys of a PEM file or a JWKS; CertificateError says what is wrong with it."""
    try:
        text = path.read_bytes()
    except OSError as error:
        msg = f"the token keys {path} cannot be read: {error.strerror}; make some with 'loghub certs init'"
        raise CertificateError(msg) from error
    try:
        return _of_jwks(text) if text.lstrip().startswith(b"{") else (_strong(load_pem_public_key(text), ""),)
    except (ValueError, TypeError, UnsupportedAlgorithm, RecursionError) as error:
        msg = f"{path} is neither a PEM public key nor a JWKS: {error}"
        raise CertificateError(msg) from error


def mint(private_pem: bytes, claims: Claims, rules: TokenRules, now: float) -> str:
    """Return a token signed with a private key in PEM; CertificateError where the key cannot be used."""
    try:
        key = load_pem_private_key(private_pem, password=None)
        algorithm = _strong(key.public_key(), "").algorithm
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        msg = f"the signing key cannot be used: {error}"
        raise CertificateError(msg) from error
    _check_mintable(claims)
    if claims.lifetime_seconds > rules.max_lifetime_seconds:
        msg = f"a token may live {rules.max_lifetime_seconds:g} s at most, not {claims.lifetime_seconds:g}"
        raise CertificateError(msg)
    payload: dict[str, Any] = {
        "iss": rules.issuer,
        "aud": rules.audience,
        "sub": claims.subject,
        "tenant": claims.tenant,
        "scope": claims.scope,
        "iat": int(now),
        "nbf": int(now),
        "exp": int(now + claims.lifetime_seconds),
    }
    payload |= {"filter": claims.filter} if claims.filter else {}
    payload |= {"jti": claims.token_id} if claims.token_id else {}
    return jwt.encode(payload, key, algorithm=algorithm)  # type: ignore[arg-type]  # a union of keys


def _check_mintable(claims: Claims) -> None:
    """Raise CertificateError for claims that a hub would refuse, or that would allow nothing."""
    unknown = [scope for scope in claims.scope.split() if scope not in set(Scope)]
    if unknown or not claims.scope.split():
        msg = f"a token's scope is one or more of {', '.join(Scope)}, not {(unknown or [claims.scope])[0]!r}"
        raise CertificateError(msg)
    if not claims.subject.isprintable() or not claims.subject:
        msg = f"a token's subject must be printable and not empty, not {claims.subject!r}"
        raise CertificateError(msg)


def certificate_thumbprint(certificate_der: bytes) -> str:
    """Return a certificate's `x5t#S256` (RFC 8705 section 3.1)."""
    return urlsafe_b64encode(sha256(certificate_der).digest()).rstrip(b"=").decode()


def _header(token: str) -> Mapping[str, Any]:
    segments = token.split(".")
    if len(segments) != 3:  # noqa: PLR2004  header, payload, signature
        raise _bad("does not have three parts")
    header = _segment(segments[0])
    foreign = [name for name in _FOREIGN_HEADERS if name in header]
    if foreign:
        raise _bad(f"has a header that is not taken: {foreign[0]}")
    if str(header.get("typ", "JWT")).lower() not in _TYPES:
        raise _bad("is of another type than JWT")
    return header


def _segment(text: str) -> dict[str, Any]:
    """Decode a part of a token; the same name twice is refused, since two readers might not see the same one."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        value = json.loads(raw.decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, Base64Error, RecursionError) as error:
        raise _bad("cannot be read") from error
    if not isinstance(value, dict):
        raise _bad("cannot be read")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise _bad("has a name that stands twice")
    return dict(pairs)


def _no_constant(_name: str) -> None:
    raise _bad("has a number that is none")


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(f"has a claim {name!r} that is not a number")
    try:
        return float(value)
    except OverflowError as error:
        raise _bad(f"has a claim {name!r} that is out of range") from error


def _check_binding(claims: Mapping[str, Any], certificate_der: bytes | None) -> None:
    if "cnf" not in claims:
        return
    cnf = claims["cnf"]
    thumbprint = cnf.get("x5t#S256") if isinstance(cnf, dict) else None
    if not isinstance(thumbprint, str) or not thumbprint.isascii() or certificate_der is None:
        raise _bad("is bound to a client certificate that this connection does not show")
    if not hmac.compare_digest(thumbprint.encode(), certificate_thumbprint(certificate_der).encode()):
        raise _bad("is bound to another client certificate")


def _principal(claims: Mapping[str, Any]) -> Principal:
    texts = {name: claims.get(name, "") for name in ("tenant", "sub", "scope", "filter", "jti")}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise _bad(f"has a claim {name!r} that is not a string")
    if not texts["sub"]:
        raise _bad("has an empty claim 'sub'")
    unprintable = [name for name in ("sub", "jti") if not texts[name].isprintable()]
    if unprintable:
        raise _bad(f"has a claim {unprintable[0]!r} with characters that cannot be printed")
    known = set(Scope)
    try:
        return Principal(
            tenant=texts["tenant"],
            subject=texts["sub"],
            scopes=frozenset(Scope(scope) for scope in texts["scope"].split() if scope in known),
            expires_at=_seconds(claims, "exp"),
            filter=texts["filter"],
            token_id=texts["jti"],
            issued_at=_seconds(claims, "iat" if "iat" in claims else "nbf"),
        )
    except ValueError as error:
        raise _bad("has a claim 'tenant' that is none: 1 to 63 characters of [a-z0-9._-]") from error


def _of_jwks(text: bytes) -> tuple[VerifyKey, ...]:
    """Return the keys of a JWKS that are for signatures; ValueError, which quotes none of it, where one is unfit."""
    found = json.loads(text).get("keys")
    if not isinstance(found, list) or not all(isinstance(jwk, dict) for jwk in found):
        msg = "'keys' must be a list of keys"
        raise ValueError(msg)
    keys = tuple(_of_jwk(number, jwk) for number, jwk in enumerate(found, 1) if jwk.get("use", "sig") == "sig")
    kids = [key.kid for key in keys]
    if not keys or len(set(kids)) != len(kids):
        msg = "it must hold at least one key for signatures, each with a kid of its own"
        raise ValueError(msg)
    return keys


def _of_jwk(number: int, jwk: Mapping[str, Any]) -> VerifyKey:
    if "d" in jwk or "k" in jwk or jwk.get("kty") == "oct":
        msg = "a key set for verification must hold public keys only"
        raise ValueError(msg)
    try:
        public = jwt.PyJWK(dict(jwk)).key
    except (jwt.PyJWTError, NotImplementedError) as error:
        msg = f"key {number} is of no kind that is known, or incomplete"
        raise ValueError(msg) from error
    key = _strong(public, str(jwk.get("kid", "")))
    wanted = jwk.get("alg", key.algorithm)
    rsa_other = isinstance(key.key, rsa.RSAPublicKey) and wanted in _RSA
    if wanted != key.algorithm and not rsa_other:
        msg = f"a key is for {key.algorithm}, not {wanted}"
        raise ValueError(msg)
    return VerifyKey(key.key, wanted, key.kid)


def _strong(key: object, kid: str) -> VerifyKey:
    """Return the key with its algorithm; ValueError for a kind or size that is not taken."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return VerifyKey(key, _CURVES[key.curve.name], kid)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return VerifyKey(key, "EdDSA", kid)
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _MIN_RSA_BITS:
        return VerifyKey(key, "RS256", kid)
    msg = f"keys are EC (P-256, P-384, P-521), Ed25519 or RSA of at least {_MIN_RSA_BITS} bits"
    raise ValueError(msg)


def _bad(what: str) -> UnauthenticatedError:
    return UnauthenticatedError(f"the token {what}")
