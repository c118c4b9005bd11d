"""The admin API of a hub, for commands."""

from __future__ import annotations

import json
from http.client import HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hub.errors import BadRequestError, ForbiddenError, LoghubError, QuotaError, UnauthenticatedError

if TYPE_CHECKING:
    from hub.client.subscriber import Access
    from hub.core.revocation import Revocation

_SECONDS = 10.0
_MAX_ANSWER_BYTES = 16 * 2**20
_PATH = "/v1/admin/revocations"
_ERRORS = {kind.http_status: kind for kind in (BadRequestError, UnauthenticatedError, ForbiddenError, QuotaError)}


class AdminApi:
    """Asks a hub as one of a tenant's admins."""

    def __init__(self, access: Access) -> None:
        """Take where the hub is, https://host[:port], and an admin's token, certificate or both."""
        self._access = access

    def revoke(self, entry: Revocation) -> None:
        """Revoke something of the admin's tenant; raises LoghubError with what the hub said."""
        fields = {"kind": entry.kind, "id": entry.id, "reason": entry.reason, "until": entry.until}
        self._ask("POST", {name: value for name, value in fields.items() if value not in ("", None)})

    def revocations(self) -> list[dict[str, Any]]:
        """Return what is revoked of the admin's tenant."""
        return list(self._ask("GET")["revocations"])

    def _ask(self, method: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        url = urlsplit(self._access.url)
        if url.scheme != "https" or not url.hostname:
            msg = f"{self._access.url!r} is not https://host[:port]"
            raise BadRequestError(msg)
        headers = {"Authorization": f"Bearer {self._access.token}"} if self._access.token else {}
        connection = HTTPSConnection(url.hostname, url.port or 443, timeout=_SECONDS, context=self._access.tls())
        try:
            connection.request(method, _PATH, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            answer = json.loads(response.read(_MAX_ANSWER_BYTES))
        except (OSError, HTTPException, ValueError) as error:
            msg = f"{self._access.url} gave no answer that can be read: {error}"
            raise LoghubError(msg) from error
        finally:
            connection.close()
        if response.status >= 400:  # noqa: PLR2004  RFC 9110 section 15
            raise _ERRORS.get(response.status, LoghubError)(str(answer.get("error", response.status)))
        return dict(answer)
