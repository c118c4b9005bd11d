"""TLS of the web port on sockets of our own: what is written is encrypted and sent in one step, without a copy between.

asyncio's way, and uvloop's, is to encrypt into a buffer in memory, to take it out as an object, and to hand that to
another transport, which writes it at the end of the turn. For a frame of 9 KB that is 30 µs a connection, against 21
where OpenSSL writes to the socket itself, and a connection holds no buffers (docs/design/fanout.md).

A transport ends in one of three ways: `close` sends what waits, says goodbye and gives the peer a moment to read it;
`abort` cuts; a peer that ends or breaks TLS is let go of. `connection_lost` is called once, from the event loop.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger(__name__)
# No less than a TLS record, so that none is left half read, of which the socket would say nothing.
_READ_BYTES = 16 * 1024
# Reads of one connection before others have their turn.
_READS_AT_ONCE = 4
_HIGH_BYTES = 64 * 1024
# What a peer may still send while it reads the end, and for how long: to close before would cut what it has not read.
_LINGER_BYTES = 2**18
_LINGER_SECONDS = 2.0
_AGAIN = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class TlsTransport(asyncio.Transport):
    """One connection whose handshake is done; `lingering` is where it is kept while its peer reads the end."""

    __slots__ = (
        *("_closing", "_fd", "_gone", "_high", "_lingering", "_loop", "_low", "_paused", "_protocol", "_read"),
        *("_reading", "_socket", "_waiting", "_waiting_bytes", "_write"),
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: ssl.SSLSocket,
        peername: object,
        lingering: set[Linger],
    ) -> None:
        super().__init__(
            {
                "peername": peername,
                "sockname": connection.getsockname(),
                "socket": connection,
                "ssl_object": connection,
                "sslcontext": connection.context,
            }
        )
        self._loop = loop
        self._lingering = lingering
        self._socket = connection
        self._fd = connection.fileno()
        # OpenSSL's own calls: those of the socket around them look at each call whether there is TLS at all.
        inner = cast("Any", connection)._sslobj  # noqa: SLF001
        self._read: Callable[[int], bytes] = inner.read
        self._write: Callable[[bytes], int] = inner.write
        self._protocol: Any = None
        # Bounded by the protocol: it is told to pause above the high mark, and who does not keep to it is cut.
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._high, self._low = _HIGH_BYTES, _HIGH_BYTES // 4
        self._paused = self._closing = self._gone = False
        self._reading = False

    def begin(self, protocol: asyncio.BaseProtocol) -> None:
        """Give the connection to a protocol, and begin to read."""
        self._protocol = protocol
        self._call(protocol.connection_made, self)
        if not self._closing:
            self.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection over."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return whose the connection is."""
        return cast("asyncio.BaseProtocol", self._protocol)

    def is_closing(self) -> bool:
        """Whether it is closed in any way."""
        return self._closing

    # --- reading -----------------------------------------------------------------------------------------------------

    def is_reading(self) -> bool:
        """Whether the peer is read."""
        return self._reading

    def pause_reading(self) -> None:
        """Read nothing for now."""
        if self._reading:
            self._reading = False
            if not self._closing:
                self._loop.remove_reader(self._fd)

    def resume_reading(self) -> None:
        """Read on; OpenSSL never holds back anything that was read, since a read takes a whole record."""
        if not self._reading and not self._closing:
            self._reading = True
            self._loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        for _ in range(_READS_AT_ONCE):
            if not self._reading or self._closing:
                return
            try:
                data = self._read(_READ_BYTES)
            except _AGAIN:
                return
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                self._ended()
                return
            except OSError as error:
                self._lose(error)
                return
            if not data:
                self._ended()
                return
            self._call(self._protocol.data_received, data)

    def _ended(self) -> None:
        """Take note that the peer sends nothing more; with TLS that is the end, whatever the protocol would like."""
        self._call(self._protocol.eof_received)
        self.close()

    def _call(self, callback: Callable[..., object], *arguments: object) -> None:
        """Call the protocol; a fault of it ends the connection, not the hub."""
        try:
            callback(*arguments)
        except Exception as error:  # noqa: BLE001  a fault of ours, or of the library's: said in the log
            _log.exception("web_protocol_failed")
            self._lose(error)

    # --- writing -----------------------------------------------------------------------------------------------------

    def write(self, data: Any) -> None:  # noqa: ANN401  bytes or the like
        """Send; what the network does not take now waits."""
        if self._closing:
            return
        if not self._waiting:
            try:
                self._write(data)
            except _AGAIN:
                self._loop.add_writer(self._fd, self._writable)
            except OSError as error:
                self._lose(error)
                return
            else:
                return
        # OpenSSL wants the very same bytes again, so what waits is left as it is.
        self._waiting.append(bytes(data))
        self._waiting_bytes += len(data)
        if self._waiting_bytes > self._high and not self._paused:
            self._paused = True
            self._call(self._protocol.pause_writing)

    def _writable(self) -> None:
        waiting = self._waiting
        while waiting:
            try:
                self._write(waiting[0])
            except _AGAIN:
                break
            except OSError as error:
                self._lose(error)
                return
            self._waiting_bytes -= len(waiting.popleft())
        if self._paused and self._waiting_bytes <= self._low:
            self._paused = False
            self._call(self._protocol.resume_writing)
        if not self._waiting and not self._gone:
            self._loop.remove_writer(self._fd)
            if self._closing:
                self._say_goodbye()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set when the protocol is told to pause, in bytes that wait, and when to go on."""
        self._high = (_HIGH_BYTES if low is None else 4 * low) if high is None else high
        self._low = self._high // 4 if low is None else low

    def get_write_buffer_size(self) -> int:
        """Return how many bytes wait."""
        return self._waiting_bytes

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return when the protocol is told to go on, and when to pause."""
        return self._low, self._high

    def can_write_eof(self) -> bool:
        """TLS has no half of a connection."""
        return False

    # --- ending ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Send what waits, then end in order."""
        if self._closing:
            return
        self.pause_reading()
        self._closing = True
        if not self._waiting:
            self._say_goodbye()

    def abort(self) -> None:
        """Cut the connection at once."""
        self._lose(None)

    def _say_goodbye(self) -> None:
        """Tell the peer that nothing more comes, and wait a moment for it to have read that."""
        self._gone = True
        with suppress(OSError):
            cast("Any", self._socket)._sslobj.shutdown()  # noqa: SLF001  it would wait for the peer's own
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        self._loop.call_soon(self._tell_lost, None)
        Linger(self._loop, self._socket, self._lingering).begin()

    def _lose(self, error: BaseException | None) -> None:
        if self._gone:
            return
        self.pause_reading()
        self._closing = self._gone = True
        self._loop.remove_reader(self._fd)
        self._loop.remove_writer(self._fd)
        self._waiting.clear()
        self._waiting_bytes = 0
        close_quietly(self._socket)
        self._loop.call_soon(self._tell_lost, error)

    def _tell_lost(self, error: BaseException | None) -> None:
        protocol, self._protocol = self._protocol, _NOBODY
        try:
            protocol.connection_lost(error if isinstance(error, OSError) else None)
        except Exception:  # noqa: BLE001  as above
            _log.exception("web_protocol_failed")


class _Nobody(asyncio.Protocol):
    """Whose a connection is that is over."""


_NOBODY = _Nobody()


class Linger:
    """Passes over what a peer still sends, unread by TLS, until it ends too, or for a bounded time."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: ssl.SSLSocket, others: set[Linger]) -> None:
        self._loop = loop
        self._others = others
        self._socket = connection
        self._fd = connection.fileno()
        self._left = _LINGER_BYTES
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Read until the end."""
        self._others.add(self)
        self._timer = self._loop.call_later(_LINGER_SECONDS, self.end)
        self._loop.add_reader(self._fd, self._readable)

    def _readable(self) -> None:
        try:
            data = socket.socket.recv(self._socket, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._left -= len(data)
        if not data or self._left < 0:
            self.end()

    def end(self) -> None:
        """Wait no longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._loop.remove_reader(self._fd)
            self._others.discard(self)
            close_quietly(self._socket)


def close_quietly(connection: ssl.SSLSocket) -> None:
    """Close a socket whose peer may be gone already."""
    with suppress(OSError):
        connection.close()
