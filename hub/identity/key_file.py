"""Token keys of a file, which may be written anew while the hub runs."""

from __future__ import annotations

import asyncio
import logging
from time import time
from typing import TYPE_CHECKING, Protocol

from hub.errors import CertificateError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.identity.tokens import Keyring, VerifyKey

_log = logging.getLogger(__name__)


class KeyObserver(Protocol):
    """Who wants to know how keys are; `hub.observe.metrics.Metrics`."""

    def keys_in_force(self, count: int) -> None:
        """Take the number of keys that were put in force."""

    def keys_refused(self) -> None:
        """Take note of keys that could not be had or used; the last good ones stay."""


class KeyFile:
    """Keeps a keyring as a file says. A file that is damaged changes nothing: the last good keys stay."""

    def __init__(
        self,
        path: Path,
        load: Callable[[Path], Sequence[VerifyKey]],
        ring: Keyring,
        observer: KeyObserver,
        poll_seconds: float,
    ) -> None:
        """Read the file; CertificateError where it cannot be used."""
        self._path = path
        self._load = load
        self._ring = ring
        self._observer = observer
        self._poll_seconds = poll_seconds
        self._seen = self._state()  # before it is read: what is written meanwhile is seen as a change
        self._put(load(path))

    @property
    def age_seconds(self) -> float:
        """How long ago the keys were read."""
        return time() - self._read_at

    async def begin(self) -> None:
        """Nothing is left to do: the file has been read."""

    async def run(self) -> None:
        """Look at the file again and again, until cancelled."""
        while True:
            await asyncio.sleep(self._poll_seconds)
            self.reload_if_changed()

    async def learn(self) -> bool:
        """Look at the file now; return whether it had changed."""
        return self.reload_if_changed()

    def reload_if_changed(self) -> bool:
        """Read the file, unless it is the one that was read last; return whether it was read."""
        state = self._state()
        if state == self._seen:
            return False
        self._seen = state
        self.reload()
        return True

    def reload(self) -> None:
        """Read the file, and put its keys in force if they are good."""
        try:
            keys = self._load(self._path)
        except CertificateError as error:
            self._observer.keys_refused()
            _log.error("token_keys_refused", extra={"fields": {"reason": error.message, "kept": len(self._ring.keys)}})
            return
        self._put(keys)
        _log.info("token_keys_loaded", extra={"fields": {"keys": len(keys), "file": str(self._path)}})

    def _put(self, keys: Sequence[VerifyKey]) -> None:
        self._ring.replace(keys)
        self._read_at = time()
        self._observer.keys_in_force(len(keys))

    def _state(self) -> tuple[int, int, int] | None:
        """Return what differs once the file was written, or another was put in its place; None: it is not there."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
