"""Makes tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from hub.core.principal import Scope
from hub.errors import CertificateError, UnauthenticatedError
from hub.identity.tokens.claims import certificate_thumbprint, principal_of
from hub.identity.tokens.jwk import thumbprint
from hub.identity.tokens.keys import PrivateKey, VerifyKey, strong

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.identity.tokens.claims import TokenRules


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token to be minted says; `scope` is space-separated.

    tenants               what the bearer may read beside or in place of `tenant`, which is then the default
    begins_in_seconds     from now until it is good
    certificate_der       the client certificate that it is bound to
    """

    tenant: str
    subject: str
    scope: str
    lifetime_seconds: float
    filter: str = ""
    token_id: str = ""
    tenants: Sequence[str] = ()
    begins_in_seconds: float = 0.0
    certificate_der: bytes | None = None


@dataclass(frozen=True, slots=True)
class Signer:
    """What signs: a private key or, for development, a shared secret; the header names the key by its thumbprint."""

    key: PrivateKey | bytes
    algorithm: str
    kid: str = ""

    @classmethod
    def of_pem(cls, pem: bytes) -> Signer:
        """Read a private key in PEM; CertificateError where it cannot be used."""
        try:
            key = load_pem_private_key(pem, password=None)
            public = strong(key.public_key())
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            msg = f"the signing key cannot be used: {error}"
            raise CertificateError(msg) from error
        return cls(key, public.algorithm, thumbprint(public.key))  # type: ignore[arg-type]  # strong has looked

    @classmethod
    def of_secret(cls, secret: VerifyKey) -> Signer:
        """Sign with the shared secret that tokens are verified with."""
        return cls(secret.key, secret.algorithm)  # type: ignore[arg-type]  # a secret is bytes


def mint(signing: bytes | Signer, claims: Claims, rules: TokenRules, now: float) -> str:
    """Return a token signed with a private key in PEM, or a signer.

    CertificateError where the key cannot be used, or the claims are such that a hub would refuse them.
    """
    signer = signing if isinstance(signing, Signer) else Signer.of_pem(signing)
    _check_scope(claims)
    if claims.lifetime_seconds + claims.begins_in_seconds > rules.max_lifetime_seconds:
        msg = (
            f"a token may live {rules.max_lifetime_seconds:g} s at most, "
            f"not {claims.lifetime_seconds + claims.begins_in_seconds:g}"
        )
        raise CertificateError(msg)
    begins = now + claims.begins_in_seconds
    payload: dict[str, Any] = {
        "iss": rules.issuer,
        "aud": rules.audience,
        "sub": claims.subject,
        **({"tenant": claims.tenant} if claims.tenant else {}),
        **({"tenants": list(claims.tenants)} if claims.tenants else {}),
        "scope": claims.scope,
        "iat": int(now),
        "nbf": int(begins),
        "exp": int(begins + claims.lifetime_seconds),
        **({"filter": claims.filter} if claims.filter else {}),
        **({"jti": claims.token_id} if claims.token_id else {}),
        **({"cnf": {"x5t#S256": certificate_thumbprint(claims.certificate_der)}} if claims.certificate_der else {}),
    }
    try:
        principal_of(payload)
    except UnauthenticatedError as error:
        msg = f"a hub would refuse such a token: {error.message}"
        raise CertificateError(msg) from error
    headers = {"kid": signer.kid} if signer.kid else None
    return jwt.encode(payload, signer.key, algorithm=signer.algorithm, headers=headers)


def _check_scope(claims: Claims) -> None:
    """Raise CertificateError for a scope that would allow nothing."""
    unknown = [scope for scope in claims.scope.split() if scope not in set(Scope)]
    if unknown or not claims.scope.split():
        msg = f"a token's scope is one or more of {', '.join(Scope)}, not {(unknown or [claims.scope])[0]!r}"
        raise CertificateError(msg)
