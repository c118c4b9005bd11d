"""How the hub ends a subscriber's connection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.pb.ingest_pb2 import GoodbyeReason


@dataclass(frozen=True, slots=True)
class Ending:
    """How a connection is closed: its WebSocket code and, for the goodbye before it, the reason."""

    close_code: int
    reason: GoodbyeReason
    message: str
    reconnect: bool
    retry_after_seconds: float = 0.0
