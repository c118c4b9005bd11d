"""Takes connections on the web port, and lets in whose TLS handshake is done.

A step of a handshake takes 0.3 ms of the event loop, and hundreds may come at once. So they take turns of a
millisecond with everything else that the loop has to do; nobody else's records wait for a crowd at the door.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import ssl
from collections import deque
from typing import TYPE_CHECKING

from hub.web.tls import TlsTransport, close_quietly

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from hub.web.tls import Linger

_log = logging.getLogger(__name__)
_ACCEPTS_AT_ONCE = 8
# How long handshakes go on before all else has its turn.
_TURN_SECONDS = 0.001
_NO_FILES_SECONDS = 0.5
_NO_FILES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class _Handshake:
    """A connection that is not let in yet."""

    def __init__(self, listener: TlsListener, connection: ssl.SSLSocket, peername: object) -> None:
        self._listener = listener
        self._loop = listener.loop
        self._socket = connection
        self._fd = connection.fileno()
        self._peername = peername
        self.over = False
        self._timer = self._loop.call_later(listener.handshake_seconds, self.cut)
        self._loop.add_reader(self._fd, self._heard)

    def _heard(self) -> None:
        """Have the next step made in its turn."""
        self._loop.remove_reader(self._fd)
        self._listener.step_soon(self)

    def _may_write(self) -> None:
        self._loop.remove_writer(self._fd)
        self._listener.step_soon(self)

    def step(self) -> None:
        """Go on with what the peer has said."""
        try:
            self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self._loop.add_reader(self._fd, self._heard)
        except ssl.SSLWantWriteError:
            self._loop.add_writer(self._fd, self._may_write)
        except OSError:  # those of TLS too
            self.cut()
        else:
            self._leave()
            self._listener.welcome(self._socket, self._peername)

    def _leave(self) -> None:
        self.over = True
        self._timer.cancel()
        self._listener.shaking.discard(self)

    def cut(self) -> None:
        """End it: it takes too long, is no TLS, or the listener closes."""
        self._leave()
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        close_quietly(self._socket)


class TlsListener:
    """Takes connections from a listening socket, each to a protocol of its own once its handshake is done.

    handshake_seconds   for a peer to be done with it
    shaking             those that are not yet; as many as files may be open
    """

    def __init__(
        self,
        listener: socket.socket,
        context: ssl.SSLContext,
        make_protocol: Callable[[], asyncio.BaseProtocol],
        handshake_seconds: float,
    ) -> None:
        """Begin to accept; call it inside the event loop."""
        self.loop = asyncio.get_running_loop()
        self.handshake_seconds = handshake_seconds
        self.shaking: set[_Handshake] = set()
        # Each of `shaking` at most once.
        self._ready: deque[_Handshake] = deque()
        self._listener = listener
        self._context = context
        self._make_protocol = make_protocol
        # Each for two seconds at most.
        self._lingering: set[Linger] = set()
        self._closed = False
        self._resume: asyncio.TimerHandle | None = None
        listener.setblocking(False)  # noqa: FBT003  the standard library's
        self.loop.add_reader(listener.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_AT_ONCE):
            try:
                connection, peername = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_FILES:
                    raise
                self._rest(error)
                return
            self._shake(connection, peername)

    def _rest(self, error: OSError) -> None:
        """Accept nothing for a moment: as many files are open as may be."""
        _log.warning("web_accept_postponed", extra={"fields": {"reason": error.strerror}})
        self.loop.remove_reader(self._listener.fileno())
        self._resume = self.loop.call_later(_NO_FILES_SECONDS, self._go_on)

    def _go_on(self) -> None:
        if not self._closed:
            self.loop.add_reader(self._listener.fileno(), self._accept)

    def _shake(self, connection: socket.socket, peername: object) -> None:
        connection.setblocking(False)  # noqa: FBT003  as above
        try:
            shaking = self._context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        except OSError:  # gone again
            connection.close()
            return
        one = _Handshake(self, shaking, peername)
        self.shaking.add(one)

    def step_soon(self, one: _Handshake) -> None:
        """Have a handshake go on in its turn: a step takes 0.3 ms, and hundreds may come at once."""
        if not self._ready:
            self.loop.call_soon(self._turn)
        self._ready.append(one)

    def _turn(self) -> None:
        """Make steps for a moment; then whatever else waits in the event loop has its turn before the next ones."""
        end = self.loop.time() + _TURN_SECONDS
        while self._ready and self.loop.time() < end:
            one = self._ready.popleft()
            if not one.over:
                one.step()
        if self._ready:
            self.loop.call_soon(self._turn)

    def welcome(self, connection: ssl.SSLSocket, peername: object) -> None:
        """Let a peer in whose handshake is done."""
        try:
            transport = TlsTransport(self.loop, connection, peername, self._lingering)
        except OSError:  # gone again
            close_quietly(connection)
            return
        transport.begin(self._make_protocol())

    def close(self) -> None:
        """Accept nothing more; connections that stand go on."""
        if self._closed:
            return
        self._closed = True
        if self._resume is not None:
            self._resume.cancel()
        self.loop.remove_reader(self._listener.fileno())
        for one in list(self.shaking):
            one.cut()

    async def wait_closed(self) -> None:
        """Let go of those whose peers still read the end: the event loop may be at its own."""
        for one in list(self._lingering):
            one.end()
