"""The sockets of the gRPC port: which there are, what came on them, and how one is held and cut (Linux only).

gRPC owns them and hides them, so they are found among this process's own files, and looked at by number. A number may
stand for another connection a moment later: whatever changes one acts on a duplicate, whose peer has been asked for.
"""

from __future__ import annotations

import ctypes
import os
import select
import socket
import struct
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from hub.rpc.peer import MAPPED, Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# linux/tcp.h, struct tcp_info: tcpi_bytes_acked and tcpi_bytes_received.
_TCP_INFO_BYTES, _COUNTS_AT = 136, 120
_COUNTS = struct.Struct("=QQ")
# asm-generic/socket.h
_SO_ATTACH_FILTER, _SO_DETACH_FILTER, _SO_BUF_LOCK = 26, 27, 72
_RETURN_NOTHING = struct.pack("=HBBI", 0x06, 0, 0, 0)
_AF_UNSPEC = struct.pack("=H14x", 0)
_ADDRESS_BYTES = 128
# More than the kernel keeps of a stranger.
_DRAIN_BYTES = 2**20
_FAMILY = struct.Struct("=H")
_IPV4 = struct.Struct("!H4s")
_IPV6 = struct.Struct("!H4x16s")
# How many numbers are looked at in a turn, 1.5 us each, and how far beyond the highest that has been seen.
_TURN_FILES, _MARGIN_FILES = 64, 64
# New files have the lowest numbers that are free: so many of these are looked at in every turn.
_GUESSES = 4


class GrpcSockets:
    """The sockets of a port that is open in this process; `hub.rpc.guard.Sockets`."""

    def __init__(self, port: int) -> None:
        self._libc = _Libc()
        self._poll = select.epoll()
        # An event of which gRPC has taken the bytes already is told only because a socket that can be written counts.
        self._watched = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
        self._port = port
        self._peers: dict[int, Peer] = {}
        self._next, self._top = 0, _TURN_FILES
        self._guesses: list[int] = []
        self._nothing_code = ctypes.create_string_buffer(_RETURN_NOTHING)
        self._nothing = struct.pack("@HP", 1, ctypes.addressof(self._nothing_code))
        self._guess()

    def fileno(self) -> int:
        """Return what can be read once there is news."""
        return self._poll.fileno()

    @property
    def turns(self) -> int:
        """How many turns find all there is."""
        return self._top // _TURN_FILES + 1

    def news(self) -> list[int]:
        """Return what epoll says."""
        return [file for file, _ in self._poll.poll(0)]

    def ignore(self, file: int, peer: Peer) -> None:
        """Tell no more news of a connection."""
        if self._peers.get(file) == peer:
            with suppress(OSError):
                self._poll.unregister(file)

    def find(self) -> Iterator[tuple[int, Peer | None]]:
        """Look at the likeliest numbers, and at the next ones in their order."""
        numbers = [*self._guesses, *(number % self._top for number in range(self._next, self._next + _TURN_FILES))]
        self._next = (self._next + _TURN_FILES) % self._top
        for number in numbers:
            peer = self._libc.peer(number, self._port)
            before = self._peers.get(number)
            if peer == before:
                continue
            if before:
                del self._peers[number]
            if peer:
                self._peers[number] = peer
                self._top = max(self._top, number + _MARGIN_FILES)
                with suppress(OSError):
                    self._poll.register(number, self._watched)
            yield number, peer
        self._guess()

    def _guess(self) -> None:
        self._guesses = [os.dup(self._poll.fileno()) for _ in range(_GUESSES)]
        for number in self._guesses:
            os.close(number)

    def counts(self, file: int) -> tuple[int, int] | None:
        """Return the kernel's figures."""
        return self._libc.counts(file)

    def narrow(self, file: int, peer: Peer, size: int) -> None:
        """Set the size of the receive buffer, or leave it to the kernel."""
        with self._same(file, peer) as one:
            if one and size:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
            elif one:
                with suppress(OSError):  # before Linux 5.14 it stays as it is
                    one.setsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK, 0)

    def hold(self, file: int, peer: Peer) -> bool:
        """Attach a filter that takes nothing (socket(7), SO_ATTACH_FILTER)."""
        with self._same(file, peer) as one:
            if one:
                one.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, self._nothing)
            return bool(one)

    def release(self, file: int, peer: Peer) -> bool:
        """Detach it."""
        with self._same(file, peer) as one:
            if one:
                one.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
            return bool(one)

    def drain(self, file: int, peer: Peer) -> None:
        """Take what waits in the kernel and throw it away (tcp(7), MSG_TRUNC)."""
        with self._same(file, peer) as one, suppress(OSError):
            if one:
                one.recv(_DRAIN_BYTES, socket.MSG_DONTWAIT | socket.MSG_TRUNC)

    def cut(self, file: int, peer: Peer) -> bool:
        """Dissolve the connection, at once and with a reset."""
        with self._same(file, peer) as one:
            if one:
                self._libc.reset(one.fileno())
            return bool(one)

    def close(self) -> None:
        """Watch no more."""
        self._poll.close()

    @contextmanager
    def _same(self, file: int, peer: Peer) -> Iterator[socket.socket | None]:
        """Yield a duplicate of a connection; None where the number has another meaning by now."""
        try:
            number = os.dup(file)
        except OSError:
            yield None
            return
        try:
            one = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 0, fileno=number)
        except OSError:
            os.close(number)
            yield None
            return
        with one:
            yield one if self._libc.peer(number, self._port) == peer else None


class _Libc:
    """System calls on numbers of files: an object of Python's would own them, and close them."""

    def __init__(self) -> None:
        # PyDLL keeps Python's lock: none of these calls waits, and giving the lock up costs more than they do.
        libc = ctypes.PyDLL(None)
        self._connect = libc.connect
        self._getsockopt, self._getsockname, self._getpeername = libc.getsockopt, libc.getsockname, libc.getpeername
        self._getsockopt.argtypes = [ctypes.c_int] * 3 + [ctypes.c_void_p] * 2
        self._getsockname.argtypes = self._getpeername.argtypes = [ctypes.c_int] + [ctypes.c_void_p] * 2
        self._out = ctypes.create_string_buffer(max(_TCP_INFO_BYTES, _ADDRESS_BYTES))
        self._size = ctypes.c_uint()
        self._to = ctypes.addressof(self._out), ctypes.addressof(self._size)

    def counts(self, file: int) -> tuple[int, int] | None:
        """Return the bytes received, and those that the peer has acknowledged (tcp(7), TCP_INFO)."""
        self._size.value = _TCP_INFO_BYTES
        if self._getsockopt(file, socket.IPPROTO_TCP, socket.TCP_INFO, *self._to) or self._size.value < _TCP_INFO_BYTES:
            return None
        acknowledged, received = _COUNTS.unpack_from(self._out, _COUNTS_AT)
        return received, acknowledged

    def peer(self, file: int, port: int) -> Peer | None:
        """Return the peer of a connection to a port; None for any other file."""
        name = self._name(self._getsockname, file)
        return self._name(self._getpeername, file) if name and name.port == port else None

    def reset(self, file: int) -> None:
        """Reset a TCP connection (connect(2), AF_UNSPEC)."""
        self._connect(file, _AF_UNSPEC, len(_AF_UNSPEC))

    def _name(self, ask: Callable[..., int], file: int) -> Peer | None:
        self._size.value = _ADDRESS_BYTES
        if ask(file, *self._to):
            return None
        family = _FAMILY.unpack_from(self._out)[0]
        if family == socket.AF_INET:
            port, host = _IPV4.unpack_from(self._out, 2)
            return Peer(MAPPED + host, port)
        if family == socket.AF_INET6:
            port, host = _IPV6.unpack_from(self._out, 2)
            return Peer(host, port)
        return None
