"""uvicorn's WebSocket protocol, for an application that says who may come in and then lets go of the connection.

    "loghub.frames"   a `FrameWriter` in `scope["extensions"]`: takes ready frames, which go straight to the transport
                      without a task switch, a queue or an encoder between, and by `hold` a `Conversation`, which from
                      then on gets what the peer sends

No task, no coroutine and no request object lives as long as a held connection, and what the handshake needed is let
go of: see docs/design/connections.md.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import Protocol as WebSocketParser
from websockets.protocol import State
from websockets.server import ServerProtocol

from hub.core.session import Sampler
from hub.errors import QuotaError
from hub.web.frames import FrameWriter
from hub.web.headers import HEADERS
from hub.web.http import tls_extension

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.frames import Frame
    from websockets.http11 import Request, Response

    from hub.web.frames import Conversation, Flusher

FRAMES = "loghub.frames"
_LOW_WATER = 4
_TOO_LARGE, _NOT_TEXT = 1009, 1007
# What is read at once, so that a flood is noticed after 680 of the smallest frames (7 ms), not after 43,000 (0.4 s).
_SLICE_BYTES = 4096
# What a peer may have been about to send when it was told that all is over.
_LATE_BYTES = 2**18
# For the reason to reach a peer that floods.
_FLOOD_SECONDS = 0.25


class _Nobody:
    """Where events for an application go that has let go of its connection."""

    def put_nowait(self, _event: object) -> None:
        """Drop it."""


_NOBODY = _Nobody()


class _Hardened(ServerProtocol):
    """Says in every refusal, also those that are not the application's, what `hub.web.headers` says."""

    def send_response(self, response: Response) -> None:
        """Send the answer to a handshake."""
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        super().send_response(response)


class LoghubWebSocket(WebSocketsSansIOProtocol):
    """uvicorn's protocol with our extensions.

    queue_bytes      wait for a peer before it counts as slow
    max_fragments    frames of one message
    max_frames_per_s frames of any kind that a peer may send: pings, pongs and fragments cost as much as messages
    close_seconds    for a peer to read what is left and answer a close
    """

    queue_bytes = 0
    max_fragments = 0
    max_frames_per_s = 0
    close_seconds = 0.0
    flusher: Flusher
    told: Callable[[str], None]
    _frames: Sampler | None = None
    _late_bytes = 0
    _frame_writer: FrameWriter | None = None
    _conversation: Conversation | None = None
    _failed = False

    def handle_connect(self, event: Request) -> None:
        """Put the extensions into the scope before the application sees it."""
        self.conn.__class__ = _Hardened  # uvicorn makes it, and does not ask of which class
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.transport.set_write_buffer_limits(self.queue_bytes, self.queue_bytes // _LOW_WATER)
            extensions: dict[str, Any] = self.scope["extensions"]
            self._frame_writer = FrameWriter(self, self.flusher, self.queue_bytes)
            extensions[FRAMES] = self._frame_writer
            extensions["tls"] = tls_extension(self.transport)

    # --- a held connection -------------------------------------------------------------------------------------------

    def hold(self, conversation: Conversation) -> None:
        """Have a conversation get what the peer sends, and the application nothing more."""
        self._conversation = conversation
        let_go: Any = self
        let_go.queue, let_go.scope, let_go.request, let_go.response = _NOBODY, None, None, None
        self.conn.parser = WebSocketParser.parse(self.conn)  # the one of the handshake keeps the request
        next(self.conn.parser)
        self.stop_keepalive()
        self.start_keepalive()  # in the context of whoever holds it, not of the request
        if self.disconnected:
            conversation.lost()

    def listen(self, *, now: bool) -> None:
        """Read what the peer sends, or leave it in the network for now."""
        if self.read_paused is now and not self.disconnected:
            self.read_paused = not now
            if now:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def close(self, code: int, reason: str) -> None:
        """Close a connection behind what was written to it; a peer that does not answer is cut."""
        if self.close_sent or self.disconnected or self.transport.is_closing():
            return
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.listen(now=True)
        self._cut_in_time()

    def _cut_in_time(self) -> None:
        """Give the peer the time to close; uvicorn's own timer would wait on, for it to read what is left."""
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(self.close_seconds, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the conversation."""
        super().connection_lost(exc)
        if self._conversation is not None:
            self._conversation.lost()

    def send_receive_event_to_app(self) -> None:
        """Hand a message over; one that comes before the handshake is answered breaks RFC 6455 section 4.1."""
        if not self.handshake_complete:
            self.transport.abort()
        elif self._conversation is None:
            super().send_receive_event_to_app()
        elif not self.close_sent:
            self._hand_over(self._conversation)

    def _hand_over(self, conversation: Conversation) -> None:
        data = b"".join(self.frames)
        self.frames = []
        if self.curr_msg_data_type != "text":
            conversation.hear(data)
            return
        try:
            conversation.hear(data.decode())
        except UnicodeDecodeError:
            self.conn.send_close(_NOT_TEXT)
            self.handle_parser_exception()

    # --- floods ------------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Take what the peer sends, a little at a time; nothing more of one that has broken a rule.

        A head that cannot be read is refused: uvicorn passes over it, and its peer would hold the connection for ever.
        """
        if self.close_sent and not self._failed:
            self._late_bytes += len(data)
            if self._late_bytes > _LATE_BYTES:
                self._failed = True
                self.told("late")
                self.transport.abort()
        for begin in range(0, len(data), _SLICE_BYTES):
            if self._failed:
                return
            super().data_received(data[begin : begin + _SLICE_BYTES] if len(data) > _SLICE_BYTES else data)
            if self.conn.handshake_exc is not None and not self.handshake_complete and not self.transport.is_closing():
                self.handshake_complete = self._failed = True
                self.transport.write(b"".join(self.conn.data_to_send()))
                self.transport.close()

    def handle_events(self) -> None:
        """Act on what came, unless it is more than may come."""
        count = len(self.conn.events)
        if self.handshake_complete and count:
            if self._frames is None:
                self._frames = Sampler(self.max_frames_per_s)
            if self._frames.room(self.loop.time()) < count:
                self._flooded()
                return
            self._frames.spend(count)
        super().handle_events()

    def _flooded(self) -> None:
        """Say why, read nothing more, and cut soon: a close in order would read on, and decrypt, until the peer ends.

        uvicorn's own way ended so: for thirty seconds all that a flood sent was read and dropped.
        """
        self.told("frames")
        if self.close_sent:  # it has been told already, and goes on
            self._failed = True
            self.transport.abort()
            return
        reason = f"over web.max_frames_per_s ({self.max_frames_per_s})"
        self.conn.send_close(QuotaError.close_code, reason)
        if self._conversation is not None:
            self._conversation.broken(QuotaError.close_code, reason)
        if self._frame_writer is not None:
            self._frame_writer.flush()
        self._failed = self.close_sent = True
        self.queue.put_nowait({"type": "websocket.disconnect", "code": QuotaError.close_code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.transport.pause_reading()
        self.read_paused = False  # whoever looks at that would read on once the application has taken what there is
        self.stop_keepalive()
        if self.close_timer is not None:
            self.close_timer.cancel()
        self.close_timer = self.loop.call_later(_FLOOD_SECONDS, self.transport.abort)

    # --- peers at fault ----------------------------------------------------------------------------------------------

    def pause_writing(self) -> None:
        """Take note that the peer does not keep up."""
        super().pause_writing()
        if self._frame_writer is not None:
            self._frame_writer.paused = True

    def resume_writing(self) -> None:
        """Take note that the peer has read most of what waited."""
        super().resume_writing()
        if self._frame_writer is not None:
            self._frame_writer.paused = False

    def handle_ping(self) -> None:
        """Answer a ping, unless the peer does not read: RFC 6455 section 5.5.3 asks for the latest answer only."""
        output = b"".join(self.conn.data_to_send())
        if self.writable.is_set():
            self.transport.write(output)

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment; empty ones cost memory too, so they are counted."""
        if self.close_sent:
            return
        super().handle_cont(event)
        if len(self.frames) > self.max_fragments:
            self.conn.send_close(_TOO_LARGE, "too many fragments")
            self.handle_parser_exception()

    def handle_close(self, event: Frame) -> None:
        """Answer a close; a peer that does not read the answer is cut."""
        super().handle_close(event)
        if not self.disconnected and self.close_timer is None:
            self._cut_in_time()

    def handle_parser_exception(self) -> None:
        """Say goodbye before the connection is closed for what the peer sent."""
        writer, close = self._frame_writer, self.conn.close_sent
        if writer is not None and close is not None and not self.close_sent:
            if self._conversation is not None:
                self._conversation.broken(close.code, close.reason)
            writer.flush()
            self._failed = True
        super().handle_parser_exception()
        self._cut_in_time()

    def shutdown(self) -> None:
        """Let the connection go; one that is closing already, and whose peer does not read to the end, is cut."""
        if self.conn.state is State.CLOSING and not self.close_sent:
            self.transport.abort()
        else:
            super().shutdown()

    # --- the application ---------------------------------------------------------------------------------------------

    async def run_asgi(self) -> None:
        """Run the application as uvicorn does, but that a held connection stays when it returns."""
        try:
            await self.app(self.scope, self.receive, self.send)
        except ClientDisconnected:
            pass
        except BaseException:  # also a cancel of the server's: the peer is answered, nobody waits for this task
            self.logger.exception("Exception in ASGI application")
            self.send_500_response()
        else:
            if not self.handshake_complete:
                self.logger.error("ASGI callable returned without completing handshake.")
                self.send_500_response()
        if self.close_timer is None and self._conversation is None:
            self.transport.close()

    async def send(self, message: Any) -> None:  # noqa: ANN401  any ASGI event
        """Write frames before what comes behind them, such as a close.

        A refusal counts as the end of the handshake, which uvicorn takes for a fault of the application; so it does a
        close behind the one that a fault of the peer was answered by, or of a connection that is held by now.
        """
        closes = message["type"] == "websocket.close"
        if closes and (self._failed or self._conversation is not None):
            return
        if self._frame_writer is not None:
            self._frame_writer.flush()
        if closes and not await self._reads():
            self.transport.abort()
            return
        await super().send(message)
        if self.close_timer is not None:
            self._cut_in_time()
        if message["type"] == "websocket.http.response.body" and not message.get("more_body"):
            self.handshake_complete = True

    async def _reads(self) -> bool:
        """Wait for the peer to have read most of what waits; false where it does not in the time for that."""
        try:
            async with asyncio.timeout(self.close_seconds):
                await self.writable.wait()
        except TimeoutError:
            return False
        return True
