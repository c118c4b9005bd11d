"""Who opens a connection to the web port, and from which page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from werkzeug.datastructures import Headers

from hub.core.principal import Scope
from hub.errors import ForbiddenError, UnauthenticatedError, UnknownKeyError
from hub.identity.peer import principal_of_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hub.core.principal import Principal
    from hub.identity.tickets import Ticket

# The parameter of an address that a ticket stands in.
TICKET = "ticket"
_BEARER = "bearer."


class AuthMode(StrEnum):
    """What a subscriber must show."""

    JWT = "JWT"
    MTLS = "mTLS"
    BOTH = "mTLS+JWT"


class Verifier(Protocol):
    """Judges tokens; `hub.identity.tokens.TokenVerifier`."""

    def verify(self, token: str, certificate_der: bytes | None = None) -> Principal:
        """Return the bearer's principal; raises UnauthenticatedError."""

    async def learn(self) -> bool:
        """Ask for keys that are not known yet; return whether there may be others now than before."""


class TicketDesk(Protocol):
    """Gives out tickets and takes them back; `hub.identity.tickets.Tickets`."""

    async def issue(self, principal: Principal, certificate_der: bytes | None) -> Ticket:
        """Give out a ticket of a principal; raises QuotaError."""

    async def redeem(self, ticket: str, certificate_der: bytes | None) -> Principal:
        """Return whose ticket it is, once; raises UnauthenticatedError."""


@dataclass(frozen=True, slots=True)
class Request:
    """What of a request says who is asking, and from where: headers, subprotocols, certificate, address, tickets."""

    headers: Headers
    subprotocols: Sequence[str]
    certificate_der: bytes | None
    peer: str = ""
    tickets: Sequence[str] = ()

    @classmethod
    def of(cls, headers: Headers, scope: Mapping[str, Any], tickets: Sequence[str] = ()) -> Request:
        """Return the request of an ASGI scope; `tickets` stand in its address, where one may."""
        tls = (scope.get("extensions") or {}).get("tls") or {}
        address = _address(scope.get("client"))
        return cls(headers, scope.get("subprotocols") or (), tls.get("client_cert_der"), address, tickets)


@dataclass(frozen=True, slots=True)
class Gate:
    """Judges requests. Without `allowed_origins`, a page may come from the host that it asks.

    `check` raises RevokedError for a principal that showed what is revoked.
    """

    mode: AuthMode
    trust_domain: str
    verifier: Verifier
    allowed_origins: tuple[str, ...]
    check: Callable[[Principal], None]
    desk: TicketDesk

    async def admit(self, request: Request) -> Principal:
        """Return who is asking, by a ticket too; raises as `principal`. Waits for keys that are not known yet."""
        if not request.tickets:
            return await self._learned(partial(self.principal, request))
        self._check_mode()
        if len(request.tickets) + len(_tokens(request)) > 1:
            raise _one_only()
        named = self._named(request.certificate_der)
        return self._joined(await self.desk.redeem(request.tickets[0], request.certificate_der), named)

    async def admit_call(self, authorization: Sequence[str], certificate_der: bytes | None) -> Principal:
        """Return who calls over gRPC, as `principal_of`; waits as `admit`."""
        return await self._learned(partial(self.principal_of, authorization, certificate_der))

    async def renew(self, token: str, certificate_der: bytes | None) -> Principal:
        """Return whom a fresh token names, as `renewed`; waits as `admit`."""
        return await self._learned(partial(self.renewed, token, certificate_der))

    async def give_ticket(self, request: Request) -> tuple[Principal, Ticket]:
        """Give whoever asks with a token a ticket; raises as `admit`, and QuotaError where there are too many."""
        self._check_mode()
        principal = await self.admit(replace(request, tickets=()))
        principal.require(Scope.READ)
        return principal, await self.desk.issue(principal, request.certificate_der)

    async def _learned(self, judge: Callable[[], Principal]) -> Principal:
        """Judge, and once more where the token names a key that has been asked for since."""
        try:
            return judge()
        except UnknownKeyError:
            if not await self.verifier.learn():
                raise
        return judge()

    def _check_mode(self) -> None:
        if self.mode is AuthMode.MTLS:
            msg = "this hub takes no tokens: the client certificate says who is asking, and until when"
            raise ForbiddenError(msg)

    def principal(self, request: Request) -> Principal:
        """Return who is asking; raises UnauthenticatedError, or ForbiddenError for a certificate of no use."""
        named = self._named(request.certificate_der)
        if self.mode is AuthMode.MTLS:
            if named is None:
                msg = "this hub asks for a client certificate"
                raise UnauthenticatedError(msg)
            return named
        return self._bearer(_token(request), request.certificate_der, named)

    def principal_of(self, authorization: Sequence[str], certificate_der: bytes | None) -> Principal:
        """Return who calls over gRPC, by Authorization headers; raises as `principal`.

        That port asks every peer for a certificate; unless both are asked for, it is enough without a token.
        """
        if self.mode is AuthMode.JWT and not authorization and (named := self._named(certificate_der)):
            return named
        headers = Headers([("Authorization", value) for value in authorization])
        return self.principal(Request(headers, (), certificate_der))

    def renewed(self, token: str, certificate_der: bytes | None) -> Principal:
        """Return whom a fresh token on an open connection names; raises as `principal`."""
        self._check_mode()
        return self._bearer(token, certificate_der, self._named(certificate_der))

    def _named(self, certificate_der: bytes | None) -> Principal | None:
        if certificate_der is None:
            return None
        named = principal_of_certificate(certificate_der, self.trust_domain)
        self.check(named)
        return named

    def _bearer(self, token: str, certificate_der: bytes | None, named: Principal | None) -> Principal:
        return self._joined(self.verifier.verify(token, certificate_der), named)

    def _joined(self, bearer: Principal, named: Principal | None) -> Principal:
        """Return the bearer's principal on a connection whose certificate, if any, names a principal too."""
        self.check(bearer)
        if named is None:
            if self.mode is AuthMode.BOTH:
                msg = "this hub asks for a client certificate beside the token"
                raise UnauthenticatedError(msg)
            return bearer
        if not bearer.reads(named.tenant):
            msg = "the client certificate and the token are of different tenants"
            raise ForbiddenError(msg)
        if self.mode is AuthMode.BOTH:  # each of the two must allow what is done
            bearer = replace(bearer, scopes=bearer.scopes & named.scopes)
        ends = [end for end in (bearer.expires_at, named.expires_at) if end is not None]
        return replace(bearer, expires_at=min(ends, default=None), peer=named)

    def check_origin(self, headers: Headers) -> None:
        """Raise ForbiddenError for a page from elsewhere; programs send no Origin."""
        origin = headers.get("Origin")
        if origin is None:
            return
        allowed = self.allowed_origins or (f"https://{headers.get('Host', '')}",)
        if origin not in allowed:
            msg = f"pages from {origin[:256]!r} may not connect: add it to web.allowed_origins"
            raise ForbiddenError(msg)


def _address(client: Sequence[Any] | None) -> str:
    """Return the address and port of an ASGI client."""
    if not client:
        return ""
    host, port = client[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _token(request: Request) -> str:
    """Return the bearer token of the Authorization header or of the subprotocols; exactly one must be there."""
    tokens = _tokens(request)
    if not tokens:
        msg = "no token: send 'Authorization: Bearer …', or from a browser the subprotocol 'bearer.…'"
        raise UnauthenticatedError(msg)
    if len(tokens) > 1:
        raise _one_only()
    return tokens[0]


def _tokens(request: Request) -> list[str]:
    tokens = [name[len(_BEARER) :] for name in request.subprotocols if name.startswith(_BEARER)]
    for header in request.headers.getlist("Authorization"):
        scheme, _, value = header.partition(" ")
        if scheme.lower() == "bearer" and value.strip():
            tokens.append(value.strip())
    return tokens


def _one_only() -> UnauthenticatedError:
    return UnauthenticatedError("more than one token or ticket: send one")
