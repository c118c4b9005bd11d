"""The thread that writes the audit log: takes events from a bounded queue, and a failing disk stops nobody."""

from __future__ import annotations

import logging
import queue
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from hub.observe.logging import redacted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from hub.observe.audit_chain import Place

_log = logging.getLogger(__name__)
MAX_TEXT = 256
# How long events are gathered for one write, how many it takes, and how often the thread looks around.
_GATHER_SECONDS = 0.02
_BATCH = 256
_LOOK_SECONDS = 0.5
_RETRY_SECONDS = 0.1
_CLOSE_SECONDS = 10.0

Entry = tuple[float, dict[str, object]]


class Journal(Protocol):
    """What events are written to; `hub.observe.audit_files.Journal`."""

    chain: str
    last: Place

    def append(self, events: Iterable[Mapping[str, object]]) -> None:
        """Write events; OSError where none of them could be."""

    def sync(self) -> None:
        """Have them on disk."""

    def close(self) -> None:
        """Have them on disk, and let go."""


class AuditWriter:
    """Writes to a journal until it is closed.

    `summaries` is asked now and then, and at the end with True, for entries of its own. `dropped` is told of entries
    that are lost: those that find `queue_events` waiting, and those that could not be written to the end.
    """

    def __init__(
        self,
        journal: Journal,
        fsync_seconds: float,
        queue_events: int,
        summaries: Callable[[bool], Iterable[Entry]],
        dropped: Callable[[int], None],
    ) -> None:
        self._journal = journal
        self._fsync_seconds = fsync_seconds
        self._queue_events = queue_events
        self._summaries = summaries
        self._dropped = dropped
        # Bounded by `put`: when it is full, the entry is lost, which is counted and later said in the log itself.
        self._queue: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._lost = self._lost_told = 0
        self._pending: list[Mapping[str, object]] = []
        self._failing = False
        self._closing = threading.Event()
        # A daemon, so that a disk that hangs cannot keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, entry: Entry) -> None:
        """Take an entry, at once: time in seconds since the epoch, and fields."""
        if self._queue.qsize() >= self._queue_events:
            self._lost += 1
            self._dropped(1)
        else:
            self._queue.put(entry)

    def close(self) -> None:
        """Write what waits, and end; waits for the disk, but not for ever."""
        self._closing.set()
        self._queue.put(None)  # wakes the thread
        self._thread.join(_CLOSE_SECONDS)

    # --- the thread --------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        journal = self._journal
        synced = looked = time.monotonic()
        last = False
        while not last:
            closing = self._closing.is_set()
            last = closing and self._queue.empty()
            if not self._pending:
                self._gather()
            now = time.monotonic()
            if last or (now - looked >= _LOOK_SECONDS and not self._failing):
                looked = now
                self._pending += map(_line, self._summaries(last))
            if not self._write():
                last = closing
            elif last or now - synced >= self._fsync_seconds:
                synced = now
                self._attempt(journal.sync)
        self._give_up(len(self._pending) + sum(entry is not None for entry in self._rest()))
        self._attempt(journal.close)
        anchor = f"{journal.chain}:{journal.last.seq}:{journal.last.hash}"
        _log.info("audit_closed", extra={"fields": {"anchor": anchor}})

    def _gather(self) -> None:
        """Wait for an entry, and for those that come just behind it."""
        try:
            found = [self._queue.get(timeout=max(0.01, min(_LOOK_SECONDS, self._fsync_seconds)))]
        except queue.Empty:
            return
        self._closing.wait(_GATHER_SECONDS)
        while len(found) < _BATCH and not self._queue.empty():
            found.append(self._queue.get())
        self._pending += [_line(entry) for entry in found if entry is not None]

    def _rest(self) -> Iterator[Entry | None]:
        while not self._queue.empty():
            yield self._queue.get()

    def _write(self) -> bool:
        """Write what is pending, with the number of what was lost before it; false where it must be tried again."""
        lost = self._lost
        lines = list(self._pending)
        if lost > self._lost_told:
            lines.append(_line((time.time(), {"event": "audit_lost", "count": lost - self._lost_told})))
        if not lines:
            return True
        if not self._attempt(lambda: self._journal.append(lines)):
            self._closing.wait(_RETRY_SECONDS)
            return False
        self._pending.clear()
        self._lost_told = lost
        return True

    def _attempt(self, act: Callable[[], None]) -> bool:
        """Do something to the journal; say it once where that fails, and once where it does again."""
        try:
            act()
        except Exception as error:  # noqa: BLE001  the audit log must not end because of one event, nor the hub because of it
            if not self._failing:
                reason = error.strerror if isinstance(error, OSError) else repr(error)
                _log.exception("audit_write_failed", extra={"fields": {"reason": reason}})
                if not isinstance(error, OSError):
                    self._give_up(len(self._pending))
                    self._pending.clear()
            self._failing = True
            return False
        if self._failing:
            _log.warning("audit_written_again", extra={"fields": {"chain": self._journal.chain}})
        self._failing = False
        return True

    def _give_up(self, count: int) -> None:
        if count:
            self._lost += count
            self._dropped(count)
            _log.error("audit_lost", extra={"fields": {"count": count}})


def _line(entry: Entry) -> dict[str, object]:
    """Return the fields of a line: the time, and what is not empty, texts redacted and cut."""
    seconds, fields = entry
    when = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"time": when, **{name: _cut(value) for name, value in fields.items() if value not in ("", None)}}


def _cut(value: object) -> object:
    return value if isinstance(value, int | float) else redacted(str(value))[:MAX_TEXT]
