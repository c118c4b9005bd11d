"""The WebSocket of `loghub.v1` on our own server: its protocol tells it what happens, and no task waits for anything.

A message starts a task that acts on it and on those that come meanwhile; the peer is not read until it has. The end of
the session closes the connection, and the end of the connection closes the session; both let go once.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from hub.core.ending import Ending
from hub.pb.ingest_pb2 import GOODBYE_REASON_PROTOCOL
from hub.web.tail import close_reason

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine

    from hub.web.frames import Conversation
    from hub.web.ports import Session
    from hub.web.tail import TailSocket

_FAULTS = {1009: "the message is over live.max_message_bytes: send less", 1007: "the message's text is not UTF-8"}


class Connection(Protocol):
    """A connection that can be held; `hub.web.frames.FrameWriter`."""

    def hold(self, conversation: Conversation) -> None:
        """Have a conversation get what the peer sends from now on."""

    def listen(self, *, now: bool) -> None:
        """Read what the peer sends, or leave it in the network for now."""

    def close(self, code: int, reason: str) -> None:
        """Close behind what was written; returns at once."""

    def start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        """Run a task."""


class HeldSocket:
    """Carries messages between a held connection and its session; implements `hub.web.frames.Conversation`.

    `let_go` is called once, when connection and session are done with.
    """

    __slots__ = ("_connection", "_inbox", "_let_go", "_session", "_socket", "_work")

    def __init__(
        self, session: Session, socket: TailSocket, connection: Connection, let_go: Callable[[], None]
    ) -> None:
        self._session = session
        self._socket = socket
        self._connection = connection
        self._let_go: Callable[[], None] | None = let_go
        # What came in one read of the network, which ends with it: there is no inbox where there is no work.
        self._inbox: deque[bytes | str] | None = None
        self._work: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Take the connection, and say welcome."""
        self._session.ended.add_done_callback(self._ended)
        self._session.open()
        self._connection.hold(self)

    def hear(self, data: bytes | str) -> None:
        """Take a message of the peer; no more is read until it has been acted on."""
        if self._inbox is not None:
            self._inbox.append(data)
            return
        self._inbox = deque((data,))
        self._connection.listen(now=False)
        self._work = self._connection.start(self._act(self._inbox), "tail-read")

    async def _act(self, inbox: deque[bytes | str]) -> None:
        try:
            while inbox and not self._session.ended.done():
                await self._socket.hear(inbox.popleft())
        except Exception as error:  # noqa: BLE001  a fault of ours: said in the log and to the peer, who may try again
            self._socket.failed(error)
        self._inbox = self._work = None
        self._connection.listen(now=True)

    def broken(self, code: int, reason: str) -> None:
        """End for what is no message at all, close code and reason as in RFC 6455 section 7.4.1."""
        text = _FAULTS.get(code) or reason or "the connection does not keep to the WebSocket protocol"
        self._session.end(Ending(code, GOODBYE_REASON_PROTOCOL, text, reconnect=False))

    def lost(self) -> None:
        """Close the session: the connection is gone."""
        self._finish()

    def _ended(self, ended: asyncio.Future[Ending]) -> None:
        ending = ended.result()
        self._connection.close(ending.close_code, close_reason(ending.message))
        self._finish()

    def _finish(self) -> None:
        let_go, self._let_go = self._let_go, None
        if let_go is None:
            return
        if self._work is not None:
            self._work.cancel()
        self._connection.start(self._close(let_go), "tail-close")

    async def _close(self, let_go: Callable[[], None]) -> None:
        try:
            await self._session.close()
        finally:
            let_go()
