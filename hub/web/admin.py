"""`/v1/admin/`: what the admins of a tenant may do, for their own tenant only.

GET  /v1/admin/revocations   the tenant's entries on the hub's list of revocations
POST /v1/admin/revocations   {"kind": "token"|"certificate"|"subject", "id": …, "reason": …, "until": …}
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from http import HTTPStatus
from time import time
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from quart import Quart, Response, request

from hub.core.principal import Scope
from hub.core.revocation import Kind, Revocation
from hub.errors import BadRequestError, LoghubError
from hub.web.auth import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hub.core.principal import Principal
    from hub.web.auth import Gate

_FIELDS = frozenset({"kind", "id", "reason", "until"})
_MAX_REASON_CHARACTERS = 256


class Revoker(Protocol):
    """Keeps the hub's own list of revocations; `hub.identity.access.Access`."""

    @property
    def revocations(self) -> Sequence[Revocation]:
        """The list."""

    async def revoke(self, entry: Revocation) -> None:
        """Put an entry on it."""


@dataclass(frozen=True, slots=True)
class AdminParts:
    """What the routes are made of.

    refused    takes note of whoever is turned away
    acted      takes note of what an admin did, and to whom
    answer     makes a response of what is to be JSON, and a status
    """

    gate: Gate
    revoker: Revoker
    refused: Callable[[LoghubError, Request], None]
    acted: Callable[[Principal, Request, Revocation], None]
    answer: Callable[..., Response]

    async def admin(self) -> tuple[Principal, Request]:
        """Return who is asking, and how; raises ForbiddenError where that is no admin, or another page."""
        asking = Request.of(request.headers, request.scope)
        try:
            self.gate.check_origin(request.headers)
            principal = await self.gate.admit_call(request.headers.getlist("Authorization"), asking.certificate_der)
            principal.require(Scope.ADMIN)
        except LoghubError as error:
            self.refused(error, asking)
            raise
        return principal, asking


def serve_admin(app: Quart, parts: AdminParts) -> None:
    """Add the routes."""
    revoker, answer = parts.revoker, parts.answer

    @app.get("/v1/admin/revocations")
    async def revocations() -> Response:
        admin, _ = await parts.admin()
        return answer({"revocations": [_said(entry) for entry in revoker.revocations if entry.tenant == admin.tenant]})

    @app.post("/v1/admin/revocations")
    async def revoke() -> Response:
        admin, asking = await parts.admin()
        entry = _entry(await request.get_data(), admin.tenant)
        await revoker.revoke(entry)
        parts.acted(admin, asking, entry)
        return answer(_said(entry), HTTPStatus.CREATED)


def _said(entry: Revocation) -> dict[str, Any]:
    return {name: value for name, value in asdict(entry).items() if value not in ("", None)}


def _entry(raw: bytes | str, tenant: str) -> Revocation:
    fields = _fields(raw)
    kind, name = fields.get("kind"), fields.get("id")
    if not isinstance(kind, str) or kind not in set(Kind):
        msg = f"kind: must be one of {', '.join(Kind)}"
        raise BadRequestError(msg)
    if not isinstance(name, str):
        msg = "id: must be a token's jti, a certificate's serial number in hexadecimal, or a subject"
        raise BadRequestError(msg)
    reason, until = fields.get("reason", ""), fields.get("until")
    if not isinstance(reason, str) or len(reason) > _MAX_REASON_CHARACTERS or not reason.isprintable():
        msg = f"reason: must be text of at most {_MAX_REASON_CHARACTERS} printable characters"
        raise BadRequestError(msg)
    now = time()
    if until is not None and (isinstance(until, bool) or not isinstance(until, int | float) or until <= now):
        msg = "until: must be a time in the future, in seconds since 1970: when what is revoked ends by itself"
        raise BadRequestError(msg)
    try:
        return Revocation(Kind(kind), name, now, tenant, None if until is None else float(until), reason)
    except ValueError as error:
        msg = f"id: {error}"
        raise BadRequestError(msg) from error


def _fields(raw: bytes | str) -> Mapping[str, Any]:
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        msg = f"the body is not JSON: {error}"
        raise BadRequestError(msg) from error
    if not isinstance(fields, dict):
        msg = "the body must be a JSON object"
        raise BadRequestError(msg)
    unknown = sorted(fields.keys() - _FIELDS)
    if unknown:
        msg = f"{unknown[0]}: there is no such field; they are {', '.join(sorted(_FIELDS))}"
        raise BadRequestError(msg)
    return fields
