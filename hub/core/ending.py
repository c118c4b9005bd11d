"""How the hub ends a subscriber's connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.errors import TokenExpiredError
from hub.pb.ingest_pb2 import GOODBYE_REASON_EXPIRED, GOODBYE_REASON_INTERNAL

if TYPE_CHECKING:
    from hub.errors import LoghubError
    from hub.pb.ingest_pb2 import GoodbyeReason

_INTERNAL_CODE = 1011


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection is closed: its WebSocket code and, for the goodbye before it, the reason.

    `error` is what a call's status says, where that is more than the code tells.
    """

    close_code: int
    reason: GoodbyeReason
    message: str
    reconnect: bool
    retry_after_seconds: float = 0.0
    error: LoghubError | None = None

    @classmethod
    def of_fault(cls, message: str) -> Ending:
        """End for a fault of the hub, after which the peer may try again."""
        return cls(_INTERNAL_CODE, GOODBYE_REASON_INTERNAL, message, reconnect=True)

    @classmethod
    def of_expiry(cls) -> Ending:
        """End since the peer's credentials have; only fresh ones will do."""
        message = "the token or certificate has expired: get a fresh one"
        return cls(TokenExpiredError.close_code, GOODBYE_REASON_EXPIRED, message, reconnect=False)
