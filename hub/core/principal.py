"""Who is asking, as proved by a certificate or a token; the only source of a tenant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from hub.errors import BadRequestError, ForbiddenError, UnauthenticatedError

_TENANT = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
MAX_TENANTS = 100
_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")


class Role(StrEnum):
    """What a certificate is issued for; the fourth part of its SPIFFE id."""

    PRODUCER = "producer"
    SUBSCRIBER = "subscriber"
    NODE = "node"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a principal may do."""

    READ = "logs:read"
    WRITE = "logs:write"
    ADMIN = "admin"


_SCOPES = {
    Role.PRODUCER: frozenset({Scope.WRITE}),
    Role.SUBSCRIBER: frozenset({Scope.READ}),
    Role.NODE: frozenset[Scope](),
    Role.ADMIN: frozenset({Scope.READ, Scope.ADMIN}),
}


def check_tenant(tenant: str) -> str:
    """Return the tenant's name, or raise ValueError: 1 to 63 characters of [a-z0-9._-], ends alphanumeric."""
    if not _TENANT.fullmatch(tenant):
        msg = f"tenant {tenant!r} is not 1 to 63 characters of [a-z0-9._-] that begin and end with [a-z0-9]"
        raise ValueError(msg)
    return tenant


def check_name(name: str) -> str:
    """Return the name of a service, person or hub, or raise ValueError."""
    if not _NAME.fullmatch(name):
        msg = f"name {name!r} is not 1 to 128 characters of [A-Za-z0-9._-] that begin and end alphanumeric"
        raise ValueError(msg)
    return name


@dataclass(frozen=True, slots=True)
class SpiffeId:
    """`spiffe://<trust-domain>/tenant/<tenant>/<role>/<name>` (the SPIFFE-ID standard, with loghub's path)."""

    trust_domain: str
    tenant: str
    role: Role
    name: str

    def __post_init__(self) -> None:
        """Refuse parts that would not survive a round trip through the URI."""
        check_tenant(self.tenant)
        check_name(self.name)
        if not _TRUST_DOMAIN.fullmatch(self.trust_domain):
            msg = f"trust domain {self.trust_domain!r} is not 1 to 255 characters of [a-z0-9._-]"
            raise ValueError(msg)

    def __str__(self) -> str:
        """Return the URI."""
        return f"spiffe://{self.trust_domain}/tenant/{self.tenant}/{self.role}/{self.name}"

    @classmethod
    def parse(cls, uri: str) -> SpiffeId:
        """Read a URI; ValueError says what it should look like."""
        parts = uri.removeprefix("spiffe://").split("/")
        if not uri.startswith("spiffe://") or len(parts) != 5 or parts[1] != "tenant":  # noqa: PLR2004  five parts, see the docstring
            msg = f"{uri!r} is not spiffe://<trust-domain>/tenant/<tenant>/<role>/<name>"
            raise ValueError(msg)
        if parts[3] not in set(Role):
            msg = f"role {parts[3]!r} in {uri!r} is none of {', '.join(Role)}"
            raise ValueError(msg)
        return cls(parts[0], parts[2], Role(parts[3]), parts[4])


@dataclass(frozen=True, slots=True)
class CertificateId:
    """What names a certificate (RFC 5280 section 4.1.2.2): the SHA-256 of its issuer's name in DER, its serial."""

    issuer: bytes
    serial: int


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated peer.

    `tenant` is the one that it reads and writes; `tenants`, where there are any, are all that it may read, and
    `tenant` is then the one it reads unless it names another ("": it must name one). `issued_at` and `expires_at` are
    in seconds since the Unix epoch; `filter` is ANDed to every filter the peer asks for; `token_id` and `certificate`
    name what can be revoked. `peer` is whom the connection's certificate names where a token says who is asking.
    """

    tenant: str
    subject: str
    scopes: frozenset[Scope]
    expires_at: float | None = None
    filter: str = ""
    token_id: str = ""
    issued_at: float = 0.0
    certificate: CertificateId | None = None
    peer: Principal | None = None
    tenants: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a tenant that is not one."""
        for tenant in self.tenants:
            check_tenant(tenant)
        if self.tenant or not self.tenants:
            check_tenant(self.tenant)
        if len(self.tenants) > MAX_TENANTS or (self.tenants and self.tenant and self.tenant not in self.tenants):
            msg = f"a principal's tenants are {MAX_TENANTS} at most, and its tenant is one of them"
            raise ValueError(msg)

    @property
    def readable(self) -> tuple[str, ...]:
        """All tenants that it may read, in the order of the alphabet."""
        return tuple(sorted(self.tenants)) or (self.tenant,)

    @property
    def home(self) -> str:
        """The tenant that its connections are counted for."""
        return self.tenant or self.readable[0]

    def reads(self, tenant: str) -> bool:
        """Whether it may read a tenant's records."""
        return tenant in self.tenants if self.tenants else tenant == self.tenant

    def reading(self, tenant: str) -> str:
        """Return the tenant that it reads when it asks for one, "": for none.

        Raises ForbiddenError for a tenant that it may not read, BadRequestError where it must name one.
        """
        if not tenant and not self.tenant:
            msg = f"the token is for several tenants: name the one to read, one of {', '.join(self.readable)}"
            raise BadRequestError(msg)
        if tenant and not self.reads(tenant):
            msg = f"tenant {tenant[:64]!r} may not be read: the token or certificate is for {', '.join(self.readable)}"
            raise ForbiddenError(msg)
        return tenant or self.tenant

    @classmethod
    def of_certificate(
        cls, uris: list[str], *, trust_domain: str, validity: tuple[float, float], certificate: CertificateId
    ) -> Principal:
        """Return the principal of a peer whose certificate has these URI names, and is valid from and until a time.

        Raises ForbiddenError unless there is exactly one URI, and it is a SPIFFE id of this trust domain (SPIFFE
        X.509-SVID section 5.2 has one with more URIs refused, whatever their scheme).
        """
        spiffe = [uri for uri in uris if uri.lower().startswith("spiffe:")]
        if len(spiffe) != 1:
            msg = (
                f"the client certificate has {len(spiffe)} SPIFFE URI names, it must have exactly one: "
                "issue one with 'loghub certs issue'"
            )
            raise ForbiddenError(msg)
        if len(uris) != 1:
            msg = f"the client certificate has {len(uris)} URI names, it must have its SPIFFE id and no other"
            raise ForbiddenError(msg)
        try:
            identity = SpiffeId.parse(spiffe[0])
        except ValueError as error:
            raise ForbiddenError(str(error)) from error
        if identity.trust_domain != trust_domain:
            msg = f"the client certificate is of trust domain {identity.trust_domain!r}, this hub's is {trust_domain!r}"
            raise ForbiddenError(msg)
        return cls(
            tenant=identity.tenant,
            subject=str(identity),
            scopes=_SCOPES[identity.role],
            issued_at=validity[0],
            expires_at=validity[1],
            certificate=certificate,
        )

    def require(self, scope: Scope) -> None:
        """Raise ForbiddenError unless the principal has the scope; but to read, it needs a tenant of its own too."""
        if scope not in self.scopes:
            have = ", ".join(sorted(self.scopes)) or "none"
            msg = f"{self.subject} lacks the scope {scope} (it has: {have})"
            raise ForbiddenError(msg)
        if scope is not Scope.READ and not self.tenant:
            msg = f"the scope {scope} needs a token with a tenant of its own (tenant), not several (tenants)"
            raise ForbiddenError(msg)

    def check_alive(self, now: float) -> None:
        """Raise UnauthenticatedError once the certificate or token has expired; `now` in seconds since the epoch."""
        if self.expires_at is not None and now >= self.expires_at:
            msg = f"the credentials of {self.subject} have expired: renew them"
            raise UnauthenticatedError(msg)
