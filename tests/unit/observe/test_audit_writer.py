"""hub.observe.audit_writer: nobody waits for it, and what is lost is counted."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from hub.observe.audit_chain import Place
from hub.observe.audit_writer import MAX_TEXT, AuditWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pytest

    from hub.observe.audit_writer import Entry

SECONDS = 10.0


class FakeJournal:
    """Keeps lines while its gate is open; fails `failures` times first."""

    chain = "worker-0"

    def __init__(self, failures: int = 0, error: Exception | None = None) -> None:
        self.last = Place()
        self.lines: list[Mapping[str, object]] = []
        self.syncs = 0
        self.closed = False
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self._failures = failures
        self._error = error or OSError(28, "No space left on device")

    def append(self, events: Iterable[Mapping[str, object]]) -> None:
        """Keep lines."""
        self.asked.set()
        assert self.gate.wait(SECONDS)
        if self._failures:
            self._failures -= 1
            raise self._error
        self.lines.extend(events)

    def sync(self) -> None:
        """Count."""
        self.syncs += 1

    def close(self) -> None:
        """Keep that it was closed."""
        self.closed = True

    @property
    def events(self) -> list[object]:
        """Their names."""
        return [line["event"] for line in self.lines]


class Rig:
    """A writer, its journal, and what it said was dropped."""

    def __init__(self, journal: FakeJournal, queue_events: int = 100, *own: Entry) -> None:
        self.journal = journal
        self.dropped = 0
        self.own = list(own)
        self.writer = AuditWriter(journal, 0.0, queue_events, self._summaries, self._drop)
        self.writer.start()

    def _summaries(self, everything: bool) -> list[Entry]:  # noqa: FBT001  as the writer asks
        return self.own if everything else []

    def _drop(self, count: int) -> None:
        self.dropped += count

    def put(self, *names: object) -> None:
        """Take events."""
        for name in names:
            self.writer.put((1_700_000_000.25, {"event": name}))


def test_events_are_written_in_order_with_their_time() -> None:
    """The end waits for all of them, and for the disk."""
    rig = Rig(FakeJournal(), 1000)
    rig.put(*range(600))
    rig.writer.close()
    assert rig.journal.events == list(range(600))
    assert rig.journal.lines[0] == {"time": "2023-11-14T22:13:20.250Z", "event": 0}
    assert rig.journal.closed
    assert rig.journal.syncs


def test_a_full_queue_loses_events_and_says_so() -> None:
    """To the metrics at once, and in the log when there is room again; nobody waited."""
    journal = FakeJournal()
    journal.gate.clear()
    rig = Rig(journal, 5)
    rig.put("first")
    assert journal.asked.wait(SECONDS)
    began = time.monotonic()
    rig.put(*range(20))
    assert time.monotonic() - began < 1
    assert rig.dropped == 15
    journal.gate.set()
    rig.writer.close()
    assert journal.events == ["first", 0, 1, 2, 3, 4, "audit_lost"]
    assert journal.lines[-1]["count"] == 15


def test_a_disk_that_fails_for_a_while_loses_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What was taken waits for it; that it failed is said once, and that it does not any more."""
    rig = Rig(FakeJournal(failures=1))
    rig.put("a", "b")
    deadline = time.monotonic() + SECONDS
    while not rig.journal.lines and time.monotonic() < deadline:
        time.sleep(0.01)
    rig.writer.close()
    assert (rig.journal.events, rig.dropped) == (["a", "b"], 0)
    said = [record.getMessage() for record in caplog.records if record.levelname != "INFO"]
    assert said == ["audit_write_failed", "audit_written_again"]


def test_a_disk_that_does_not_come_back_does_not_hold_the_end() -> None:
    """What could not be written is counted."""
    rig = Rig(FakeJournal(failures=10**6), 1000)
    rig.put(*range(600))
    began = time.monotonic()
    rig.writer.close()
    assert time.monotonic() - began < 5
    assert rig.journal.closed
    assert rig.dropped == 600


def test_one_bad_event_does_not_end_it() -> None:
    """A fault of ours costs the events that it came with, and they are counted."""
    rig = Rig(FakeJournal(failures=1, error=TypeError("not JSON")))
    rig.put("bad")
    deadline = time.monotonic() + SECONDS
    while not rig.dropped and time.monotonic() < deadline:
        time.sleep(0.01)
    rig.put("good")
    rig.writer.close()
    assert rig.dropped == 1
    assert sorted(map(str, rig.journal.events)) == ["audit_lost", "good"]


def test_its_own_events_come_last() -> None:
    """What was still to be told of repeats."""
    rig = Rig(FakeJournal(), 100, (1.0, {"event": "suppressed", "count": 3}))
    rig.put("a")
    rig.writer.close()
    assert rig.journal.events == ["a", "suppressed"]


def test_texts_are_redacted_and_cut_and_empty_fields_left_out() -> None:
    """Numbers stay numbers."""
    rig = Rig(FakeJournal())
    token = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
    fields: dict[str, object] = {
        "event": "x",
        "reason": f"bad {token}",
        "peer": "",
        "subject": "s" * 1000,
        "serial": None,
        "session": 0,
    }
    rig.writer.put((1.0, fields))
    rig.writer.close()
    (line,) = rig.journal.lines
    assert line["reason"] == "bad [token]"
    assert line["subject"] == "s" * MAX_TEXT
    assert set(line) == {"time", "event", "reason", "subject", "session"}
