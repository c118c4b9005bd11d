"""Wakes the other processes that share a log file, by datagrams between UNIX sockets in a folder beside it.

A datagram that finds no room is not sent again: who has that many unread is awake anyway, and sweeps over all its
tenants from time to time.
"""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

from hub.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_MAX_DATAGRAM_BYTES = 65_536
_TENANTS_AT_ONCE = 1000  # a name has at most 63 bytes, see hub.core.principal
_READ_AT_ONCE = 64


class SocketBell:
    """A bell in a folder; each process has one socket there, named by its process id."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._path = folder / f"{os.getpid()}.sock"
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)  # noqa: FBT003  the socket API's own positional flag
        try:
            self._socket.bind(str(self._path))
        except OSError as error:
            self._socket.close()
            msg = f"the bell {self._path} cannot be made: {error}; a data_dir with a shorter path may help"
            raise ConfigError(msg) from error

    def ring(self, tenants: Sequence[str]) -> None:
        """Wake all other processes for these tenants."""
        for at in range(0, len(tenants), _TENANTS_AT_ONCE):
            self._send("\n".join(tenants[at : at + _TENANTS_AT_ONCE]).encode())

    def _send(self, message: bytes) -> None:
        for peer in self._folder.glob("*.sock"):
            if peer == self._path:
                continue
            try:
                self._socket.sendto(message, str(peer))
            except BlockingIOError:
                continue
            except (ConnectionRefusedError, FileNotFoundError):
                peer.unlink(missing_ok=True)  # its process has died

    def answer(self, listener: Callable[[str], None]) -> None:
        """Call the listener with each tenant that another process rings for."""
        asyncio.get_running_loop().add_reader(self._socket, self._read, listener)

    def _read(self, listener: Callable[[str], None]) -> None:
        tenants: set[str] = set()
        for _ in range(_READ_AT_ONCE):
            try:
                tenants.update(self._socket.recv(_MAX_DATAGRAM_BYTES).decode().split("\n"))
            except BlockingIOError:
                break
        for tenant in tenants:
            listener(tenant)

    def close(self) -> None:
        """Stop listening and remove the socket."""
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        self._path.unlink(missing_ok=True)
