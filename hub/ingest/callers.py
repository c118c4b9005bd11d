"""Who calls the services of producers: whoever shows a producer's certificate; and how the others are turned away."""

from __future__ import annotations

from functools import lru_cache
from time import time
from typing import TYPE_CHECKING, NoReturn

from hub.core.principal import Principal, Scope
from hub.errors import ForbiddenError, LoghubError, UnauthenticatedError
from hub.identity.peer import principal_of_certificate
from hub.rpc.peer import peer_address
from hub.rpc.status import abort

if TYPE_CHECKING:
    from collections.abc import Callable

    from grpc.aio import ServicerContext

    from hub.observe.audit import Audit
    from hub.observe.metrics import Metrics

# What the audit log calls this part.
PLANE = "ingest"


class Callers:
    """Judges calls by their certificates.

    trust_domain    whose SPIFFE ids are taken
    check           raises RevokedError for a principal whose certificate is revoked
    """

    def __init__(self, trust_domain: str, check: Callable[[Principal], None], audit: Audit, metrics: Metrics) -> None:
        self._check = check
        self._audit = audit
        self._metrics = metrics
        self._principal = lru_cache(maxsize=4096)(
            lambda certificate: principal_of_certificate(certificate, trust_domain)
        )

    def authenticate(self, context: ServicerContext[bytes, bytes]) -> Principal:
        """Return who calls; raises UnauthenticatedError, and ForbiddenError for who may not write."""
        certificates = context.auth_context().get("x509_pem_cert")
        if not certificates:
            raise UnauthenticatedError
        principal: Principal = self._principal(certificates[0])
        self._check(principal)
        principal.check_alive(time())
        principal.require(Scope.WRITE)
        return principal

    async def refuse(
        self, context: ServicerContext[bytes, bytes], error: LoghubError, *, retry_seconds: float = 0.0
    ) -> NoReturn:
        """End a call with the error's status, and with RetryInfo where trying again can help."""
        if isinstance(error, UnauthenticatedError | ForbiddenError):
            self._metrics.auth_refused.labels("grpc", type(error).__name__).inc()
        self._audit.refuse(error, plane=PLANE, peer=peer_address(context))
        await abort(context, error, retry_seconds=retry_seconds)
