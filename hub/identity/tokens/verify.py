"""Judges tokens by the keys in force and the rules."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

import jwt

from hub.errors import UnauthenticatedError
from hub.identity.tokens.claims import check_binding, check_names, check_present, check_times, principal_of
from hub.identity.tokens.compact import bad, header_of, parts_of, raw, segment

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from hub.core.principal import Principal
    from hub.identity.tokens.claims import TokenRules
    from hub.identity.tokens.keys import Keyring, VerifyKey


async def _nothing_to_learn() -> bool:
    return False


class TokenVerifier:
    """Judges tokens by a set of keys and rules.

    `learn` gets keys that are not known yet from wherever they come, and says whether it asked.
    """

    def __init__(
        self,
        keys: Keyring,
        rules: TokenRules,
        clock: Callable[[], float] = time,
        learn: Callable[[], Awaitable[bool]] = _nothing_to_learn,
    ) -> None:
        self._keys = keys
        self._rules = rules
        self._clock = clock
        self._learn = learn

    async def learn(self) -> bool:
        """Ask for keys that are not known yet; return whether there may be others now than before."""
        return await self._learn()

    def verify(self, token: str, certificate_der: bytes | None = None) -> Principal:
        """Return the bearer's principal; `certificate_der` is the connection's client certificate, if it has one.

        Never waits. Raises TokenExpiredError; UnknownKeyError, after which `learn` may help; KeysUnavailableError
        where there are no keys to judge by; and UnauthenticatedError for anything else that is wrong. None of them
        quotes the token.
        """
        header, payload, signature = parts_of(token)
        self._check_signature(token, header_of(header), signature)
        claims = segment(payload)
        now = self._clock()
        check_times(claims, self._rules, now)
        check_names(claims, self._rules)
        check_binding(claims, certificate_der)
        return principal_of(claims)

    def faults(self, token: str, certificate_der: bytes | None = None) -> list[str]:
        """Return all that is wrong with a token, for whoever has to find out why it is refused; empty: it is good."""
        try:
            header, payload, signature = parts_of(token)
        except UnauthenticatedError as error:
            return [error.message]
        found: dict[str, None] = {}
        claims: Mapping[str, Any] = {}

        def read() -> None:
            nonlocal claims
            claims = segment(payload)

        now = self._clock()
        checks: tuple[Callable[[], object], ...] = (
            lambda: self._check_signature(token, header_of(header), signature),
            read,
            lambda: check_present(claims),
            lambda: check_times(claims, self._rules, now),
            lambda: check_names(claims, self._rules),
            lambda: check_binding(claims, certificate_der),
            lambda: principal_of(claims),
        )
        for check in checks:
            try:
                check()
            except UnauthenticatedError as error:
                found[error.message] = None
                if check is read:
                    break
            except KeyError:  # a claim that is missing, which has been said
                continue
        return list(found)

    def _check_signature(self, token: str, header: Mapping[str, Any], signature: str) -> None:
        key = self._key(header)
        raw(signature)  # PyJWT takes stray bits at its end, which would make two texts of one token
        try:
            jwt.PyJWS().decode(token, key.key, algorithms=[key.algorithm])
        except jwt.PyJWTError as error:
            raise bad("has a signature that does not hold: it is not from this hub's issuer, or was changed") from error

    def _key(self, header: Mapping[str, Any]) -> VerifyKey:
        kid = header.get("kid", "")
        if not isinstance(kid, str):
            raise bad("has a kid that is not a string")
        key = self._keys.find(kid)
        if header.get("alg") != key.algorithm:
            raise bad(f"is not signed with {key.algorithm}, the algorithm of its key")
        return key
