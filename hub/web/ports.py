"""What the web part asks of the live part; the composition root gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager

    from hub.core.ending import Ending
    from hub.core.ports import Sink, Wire
    from hub.core.principal import Principal
    from hub.errors import LoghubError
    from hub.pb.tail_pb2 import ClientMessage


# What the audit log calls this part.
PLANE = "web"


class Session(Protocol):
    """One subscriber's connection; `hub.live.session.TailSession`."""

    ended: asyncio.Future[Ending]
    refused: LoghubError | None
    """What was wrong with the last message, if anything."""

    def open(self) -> None:
        """Say welcome."""

    async def close(self) -> None:
        """Let go of everything."""

    async def receive(self, message: ClientMessage) -> None:
        """Act on a message."""

    def no_more(self) -> None:
        """Take note that no message will come; what stands goes on."""

    def end(self, ending: Ending) -> None:
        """Say goodbye."""

    def recheck(self, check: Callable[[Principal], None]) -> None:
        """End where the check raises LoghubError for the principal."""

    def shut_down(self, spread_seconds: float) -> None:
        """End because the hub does."""


class OpenSession(Protocol):
    """Makes sessions."""

    def __call__(
        self, principal: Principal, sink: Sink, wire: Wire, verify: Callable[[str], Awaitable[Principal]]
    ) -> Session:
        """Return the session of a connection; raises ForbiddenError where the principal may not read."""


class Exports(Protocol):
    """Takes OTLP requests; `hub.ingest.otlp.OtlpReceiver`. `kind` is a type of content, of requests and answers."""

    max_bytes: int
    """Of a request, as inflated."""

    def holding(self, principal: Principal) -> AbstractContextManager[Callable[[int], None]]:
        """Give what a request takes room with, byte by byte as it comes; raises QuotaError."""

    async def export(self, principal: Principal, raw: bytes, kind: str) -> bytes:
        """Store what a request has; return the answer. Raises LoghubError."""

    def refusal(self, error: LoghubError, kind: str) -> bytes:
        """Return what says an error."""


def ended_by(session: Session) -> str:
    """Return why a session has ended, for the audit log."""
    return session.ended.result().message if session.ended.done() else "the peer is gone"
