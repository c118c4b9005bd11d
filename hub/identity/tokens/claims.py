"""What a token says, judged by the rules of the hub; nothing here looks at its signature."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from hub.core.principal import MAX_TENANTS, Principal, Scope, check_tenant
from hub.errors import TokenExpiredError
from hub.identity.tokens.compact import bad, base64url

if TYPE_CHECKING:
    from collections.abc import Mapping

_REQUIRED = ("iss", "aud", "exp", "nbf", "sub")
# The end of the year 9999: what lies behind it, or before 1970, is no time that a token needs.
_LAST_SECOND = 253_402_300_799
_MAX_TEXT = 255  # characters of sub (OpenID Connect section 2) and of jti, which go to logs and lists


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What tokens must say, in seconds: exp minus iat (or nbf) at most; how far ahead an issuer's clock may be."""

    issuer: str
    audience: str
    max_lifetime_seconds: float
    leeway_seconds: float


def check_times(claims: Mapping[str, Any], rules: TokenRules, now: float) -> None:
    """Raise TokenExpiredError, or UnauthenticatedError for a token that lives too long or not yet."""
    check_present(claims)
    expires, begins = _seconds(claims, "exp"), _seconds(claims, "nbf")
    issued = _seconds(claims, "iat") if "iat" in claims else begins
    if expires - min(issued, begins) > rules.max_lifetime_seconds:
        raise bad(f"lives longer than {rules.max_lifetime_seconds:g} s, the longest that is allowed")
    if now >= expires:  # without leeway, since it is then that streams are ended too
        raise TokenExpiredError
    if now + rules.leeway_seconds < max(begins, issued):
        raise bad("is not valid yet: check the clocks")


def check_present(claims: Mapping[str, Any]) -> None:
    """Raise UnauthenticatedError where a claim is missing that every token must have."""
    for name in _REQUIRED:
        if name not in claims:
            raise bad(f"lacks the claim {name!r}")
    _check_has_tenant(claims)


def _check_has_tenant(claims: Mapping[str, Any]) -> None:
    if "tenant" not in claims and "tenants" not in claims:
        raise bad("lacks the claim 'tenant', or 'tenants'")


def check_names(claims: Mapping[str, Any], rules: TokenRules) -> None:
    """Raise UnauthenticatedError for a token of another issuer, or for another service."""
    if claims.get("iss") != rules.issuer:
        raise bad(f"is not from the issuer {rules.issuer!r}")
    audience = claims.get("aud")
    if audience != rules.audience and not (isinstance(audience, list) and rules.audience in audience):
        raise bad(f"is not for the audience {rules.audience!r}")


def check_binding(claims: Mapping[str, Any], certificate_der: bytes | None) -> None:
    """Raise UnauthenticatedError where a token is bound to another certificate than the connection's (RFC 8705)."""
    if "cnf" not in claims:
        return
    cnf = claims["cnf"]
    thumbprint = cnf.get("x5t#S256") if isinstance(cnf, dict) else None
    if not isinstance(thumbprint, str) or not thumbprint.isascii() or certificate_der is None:
        raise bad("is bound to a client certificate that this connection does not show")
    if not hmac.compare_digest(thumbprint.encode(), certificate_thumbprint(certificate_der).encode()):
        raise bad("is bound to another client certificate")


def certificate_thumbprint(certificate_der: bytes) -> str:
    """Return a certificate's `x5t#S256` (RFC 8705 section 3.1)."""
    return base64url(sha256(certificate_der).digest())


def principal_of(claims: Mapping[str, Any]) -> Principal:
    """Return whom the claims name; UnauthenticatedError where one of them is of another kind than it must be."""
    _check_has_tenant(claims)
    texts = {name: claims.get(name, "") for name in ("tenant", "sub", "scope", "filter", "jti")}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise bad(f"has a claim {name!r} that is not a string")
    _check_texts(texts)
    tenants = _tenants(claims)
    if "tenant" in claims:
        _check_tenant(texts["tenant"], "tenant")
        if tenants and texts["tenant"] not in tenants:
            raise bad("has a claim 'tenant' that is not one of its 'tenants'")
    known = set(Scope)
    return Principal(
        tenant=texts["tenant"] or (next(iter(tenants)) if len(tenants) == 1 else ""),
        subject=texts["sub"],
        scopes=frozenset(Scope(scope) for scope in texts["scope"].split() if scope in known),
        expires_at=_seconds(claims, "exp"),
        filter=texts["filter"],
        token_id=texts["jti"],
        issued_at=_seconds(claims, "iat" if "iat" in claims else "nbf"),
        tenants=tenants,
    )


def _check_texts(texts: Mapping[str, str]) -> None:
    if not texts["sub"]:
        raise bad("has an empty claim 'sub'")
    for name in ("sub", "jti"):
        if not texts[name].isprintable():
            raise bad(f"has a claim {name!r} with characters that cannot be printed")
        if len(texts[name]) > _MAX_TEXT:
            raise bad(f"has a claim {name!r} of more than {_MAX_TEXT} characters")


def _tenants(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the claim `tenants`; empty where it is not there."""
    if "tenants" not in claims:
        return frozenset()
    names = claims["tenants"]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise bad("has a claim 'tenants' that is not a list of strings")
    if not 1 <= len(names) <= MAX_TENANTS:
        raise bad(f"has a claim 'tenants' of {len(names)} names: there must be 1 to {MAX_TENANTS}")
    for name in names:
        _check_tenant(name, "tenants")
    if len(set(names)) != len(names):
        raise bad("has a claim 'tenants' with a name that stands twice")
    return frozenset(names)


def _check_tenant(name: str, claim: str) -> None:
    try:
        check_tenant(name)
    except ValueError as error:
        what = "that is none" if claim == "tenant" else "with a name that is none"
        raise bad(f"has a claim {claim!r} {what}: 1 to 63 characters of [a-z0-9._-]") from error


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad(f"has a claim {name!r} that is not a number")
    if not 0 <= value <= _LAST_SECOND:  # exact for integers of any size
        raise bad(f"has a claim {name!r} that is out of range: seconds since 1970 are meant")
    return float(value)
