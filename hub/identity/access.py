"""What decides who may be here, kept current while the hub runs: TLS files, revocation lists, the hub's own list.

Files are looked at several times a second, and at once at `hurry` (SIGHUP). What has changed holds for new handshakes
and calls from then on; whoever has a stream open is checked again. A file that cannot be used changes nothing: that is
said in the log and on the metrics, and looked at again when the file changes.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from time import time
from typing import TYPE_CHECKING, Protocol

from hub.core.revocation import Revocations
from hub.errors import LoghubError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.core.principal import Principal
    from hub.core.revocation import Revocation
    from hub.identity.revoked_file import RevokedFile
    from hub.identity.server_tls import ServerTls

_log = logging.getLogger(__name__)


class Observer(Protocol):
    """Hears of what was read anew; `hub.observe.metrics.Metrics`."""

    def reloaded(self, what: str, *, failed: bool) -> None:
        """Count a change of `tls` or `revocations`."""

    def access(self, certificate_ends: float, crl_ends: float | None, revocations: int) -> None:
        """Take when certificate and lists end, in seconds since the Unix epoch, and how much is revoked."""


class _Watch:
    """Tells when one of some files is another than before."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._seen = self._state()

    def changed(self) -> bool:
        """Return whether a file has changed since this was last asked."""
        state = self._state()
        changed = state != self._seen
        self._seen = state
        return changed

    def _state(self) -> list[tuple[int, int, int]]:
        return [_state(path) for path in self._paths]


class Access:
    """The gatekeepers' knowledge: `tls` for handshakes, `check` for what was shown in them."""

    def __init__(self, tls: ServerTls, files: Sequence[Path], revoked: RevokedFile, observer: Observer) -> None:
        """Read the hub's own list; ConfigError where it cannot be used: a hub must not forget what is revoked."""
        self.tls = tls
        self._revoked = revoked
        self._observer = observer
        self._revocations = Revocations()
        self._rechecks: list[Callable[[Callable[[Principal], None]], None]] = []
        self._wake = asyncio.Event()
        self._tls_files = _Watch(files)
        revoked.prune(time())
        self._list_file = _Watch([revoked.path])
        self._revocations.replace_certificates(tls.revoked)
        self._revocations.replace_entries(revoked.read())
        self._tell()

    def check(self, principal: Principal) -> None:
        """Raise RevokedError where what the principal showed is revoked."""
        self._revocations.check(principal)

    def on_change(self, recheck: Callable[[Callable[[Principal], None]], None]) -> None:
        """Have a function called with `check` when more may be revoked than before, to end the streams it has open."""
        self._rechecks.append(recheck)

    @property
    def revocations(self) -> tuple[Revocation, ...]:
        """The hub's own list, oldest first."""
        return self._revocations.entries

    async def revoke(self, entry: Revocation) -> None:
        """Put an entry on the hub's own list; streams that it concerns have ended here when this returns."""
        await asyncio.to_thread(self._revoked.append, entry)
        self.look()

    def hurry(self) -> None:
        """Have all files read now, changed or not."""
        self._wake.set()

    async def run(self, interval_seconds: float) -> None:
        """Look at the files until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(interval_seconds):
                    await self._wake.wait()
            self.look(all_files=self._wake.is_set())
            self._wake.clear()

    def look(self, *, all_files: bool = False) -> None:
        """Read what has changed."""
        tls = self._tls_files.changed()
        own = self._list_file.changed()
        changed = False
        if tls or all_files:
            changed |= self._try("tls", self._reload_tls)
        if own or all_files:
            changed |= self._try("revocations", self._reload_list)
        if changed:
            self._tell()
            for recheck in self._rechecks:
                recheck(self.check)

    def _reload_tls(self) -> None:
        self.tls.reload()
        self._revocations.replace_certificates(self.tls.revoked)

    def _reload_list(self) -> None:
        self._revocations.replace_entries(self._revoked.read())

    def _try(self, what: str, reload: Callable[[], None]) -> bool:
        try:
            reload()
        except LoghubError as error:
            _log.error("reload_failed", extra={"fields": {"what": what, "reason": error.message}})
            self._observer.reloaded(what, failed=True)
            return False
        _log.info("reloaded", extra={"fields": {"what": what}})
        self._observer.reloaded(what, failed=False)
        return True

    def _tell(self) -> None:
        self._observer.access(self.tls.ends_at, self.tls.revoked.ends_at, len(self._revocations))


def _state(path: Path) -> tuple[int, int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
