"""hub.observe.audit: what is recorded of whom, and what is only counted."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from hub.core.principal import CertificateId, Principal, Scope
from hub.errors import BadFilterError, ConfigError, ForbiddenError, QuotaError, UnauthenticatedError
from hub.observe.audit import Audit, AuditOptions, Event, host_of
from hub.observe.audit_files import FileLimits
from hub.observe.audit_verify import events, verify
from hub.observe.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READER = Principal("acme", "me", frozenset({Scope.READ}), token_id="t-1", certificate=CertificateId(b"", 255))
PEER = "192.0.2.7:51234"


class Log:
    """An audit log of its own."""

    def __init__(self, folder: Path, key_file: Path | None = None) -> None:
        self.folder = folder
        self.metrics = Metrics()
        options = AuditOptions(folder, 2, FileLimits(2**20, 10, 1e9), 0.0, 1000, 3, 1000, key_file)
        self.audit = Audit(options, self.metrics)

    def lines(self) -> list[dict[str, Any]]:
        """Close it, and return what was written; the chain holds."""
        self.audit.close()
        found = [fields for _, fields in events(self.folder)]
        assert [report.problem for report in verify(self.folder)] == [""]
        return found

    def count(self, name: str, **labels: str) -> float:
        """Return a counter."""
        return self.metrics.registry.get_sample_value(f"loghub_audit_{name}_total", labels) or 0.0


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    """An open audit log."""
    made = Log(tmp_path / "audit")
    made.audit.open()
    yield made
    made.audit.close()


def test_an_event_says_who_what_and_from_where(log: Log) -> None:
    """In one line of the worker's chain."""
    log.audit.record(Event.REVOKED, READER, plane="admin", peer=PEER, target="certificate:4f2a", reason="lost")
    (line,) = log.lines()
    assert {name: line[name] for name in line if name not in ("time", "prev", "hash")} == {
        "seq": 1,
        "event": "revoked",
        "outcome": "ok",
        "tenant": "acme",
        "subject": "me",
        "serial": "ff",
        "token_id": "t-1",
        "plane": "admin",
        "peer": PEER,
        "target": "certificate:4f2a",
        "reason": "lost",
    }
    assert [path.name for path in sorted(log.folder.iterdir())] == ["worker-2.00000001.jsonl", "worker-2.head"]
    assert log.count("events", event="revoked") == 1


def test_a_session_has_a_beginning_and_an_end(log: Log) -> None:
    """With one number; two sessions have two."""
    first = log.audit.enter(READER, plane="web", peer=PEER)
    log.audit.enter(READER, plane="tail", peer=PEER)
    first.renewed(None)
    first.renewed(ForbiddenError("for another tenant"))
    first.leave("the hub is shutting down")
    opened, other, renewed, refused, ended = log.lines()
    assert [line["event"] for line in (opened, other, renewed)] == ["session_opened", "session_opened", "token_renewed"]
    assert (refused["event"], refused["reason"], refused["tenant"]) == ("refused", "for another tenant", "acme")
    assert (ended["event"], ended["reason"], ended["plane"]) == ("session_ended", "the hub is shutting down", "web")
    assert opened["session"] == ended["session"] != other["session"]
    assert ended["seconds"] >= 0


def test_beside_a_token_it_is_the_connections_certificate_that_is_named(log: Log) -> None:
    """It can be revoked as well."""
    bearer = Principal("acme", "me", frozenset(), token_id="t-2", peer=READER)
    log.audit.record(Event.REQUEST, bearer, peer=PEER)
    (line,) = log.lines()
    assert (line["token_id"], line["serial"]) == ("t-2", "ff")


@pytest.mark.parametrize("error", [UnauthenticatedError("no"), ForbiddenError("no"), QuotaError("no")])
def test_a_refusal_says_why(log: Log, error: Any) -> None:
    """By the error's class and text."""
    log.audit.refuse(error, plane="ingest", peer=PEER)
    (line,) = log.lines()
    assert (line["event"], line["outcome"], line["reason"]) == ("refused", "refused", "no")
    assert line["code"] == type(error).__name__


def test_what_was_asked_for_is_not_recorded(log: Log) -> None:
    """A bad filter, whose text is in the error, is nobody's business."""
    log.audit.refuse(BadFilterError("'secret' is no level"), plane="web", peer=PEER)
    assert log.lines() == []


def test_a_flood_of_refusals_becomes_a_few_lines_and_a_number(log: Log) -> None:
    """For each peer by itself, whatever its port; other events are not held up."""
    began = time.monotonic()
    for port in range(20_000):
        log.audit.refuse(UnauthenticatedError(f"no {port}"), plane="web", peer=f"192.0.2.7:{port}")
    assert time.monotonic() - began < 2
    log.audit.refuse(UnauthenticatedError("no"), plane="web", peer="192.0.2.8:1")
    log.audit.record(Event.ADMIN, reason="act")
    lines = log.lines()
    assert [line["event"] for line in lines] == ["refused"] * 4 + ["admin_act", "suppressed"]
    summary = lines[-1]
    assert (summary["of"], summary["count"], summary["peer"]) == ("refused", 19_997, "192.0.2.7")
    assert summary["code"] == "UnauthenticatedError"
    assert log.count("suppressed_events", event="refused") == 19_997
    assert log.count("dropped_events") == 0


def test_sessions_are_never_suppressed(log: Log) -> None:
    """Each is somebody who was let in."""
    for _ in range(50):
        log.audit.enter(READER, plane="web", peer=PEER).leave()
    assert len(log.lines()) == 100


def test_two_subjects_behind_one_address_are_two(log: Log) -> None:
    """Their calls do not hide each other's."""
    for subject in ("a", "a", "b"):
        principal = Principal("acme", subject, frozenset())
        for _ in range(3):
            log.audit.record(Event.REQUEST, principal, plane="ingest", peer=PEER)
    lines = log.lines()
    assert [line["subject"] for line in lines] == ["a"] * 3 + ["b"] * 3 + ["a"]
    assert lines[-1]["count"] == 3


def test_one_that_is_off_or_not_open_takes_nothing(tmp_path: Path) -> None:
    """And makes no folder."""
    for audit in (Audit(None, Metrics()), Log(tmp_path / "audit").audit):
        audit.enter(READER, plane="web", peer=PEER).leave()
        audit.close()
    off = Audit(None, Metrics())
    off.open()
    off.record(Event.STARTED)
    off.close()
    assert not (tmp_path / "audit").exists()


def test_what_was_found_broken_at_the_start_is_the_first_event(tmp_path: Path) -> None:
    """So that it is in the log and not only in the hub's own lines."""
    one = Log(tmp_path)
    one.audit.open()
    one.audit.record(Event.STARTED)
    one.audit.close()
    (tmp_path / "worker-2.head").unlink()
    two = Log(tmp_path)
    two.audit.open()
    two.audit.record(Event.STARTED)
    two.audit.close()
    found = [json.loads(line) for line in (tmp_path / "worker-2.00000001.jsonl").read_text().splitlines()]
    assert [line["event"] for line in found] == ["hub_started", "audit_damaged", "hub_started"]


def test_a_key_that_cannot_be_used_is_said_at_the_start(tmp_path: Path) -> None:
    """As any wrong setting."""
    with pytest.raises(ConfigError, match="audit key"):
        Log(tmp_path, tmp_path / "no.key").audit.open()


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("192.0.2.7:1", "192.0.2.7"),
        ("[2001:db8::7]:1", "2001:db8::/64"),
        ("[2001:db8::8]:2", "2001:db8::/64"),
        ("[2001:db8:0:1::8]:2", "2001:db8:0:1::/64"),
        ("[::ffff:192.0.2.7]:1", "192.0.2.7"),
        ("unix:/run/x", "unix"),
        ("", ""),
    ],
)
def test_who_counts_as_one_peer(peer: str, host: str) -> None:
    """Who has one IPv6 address has a network of them."""
    assert host_of(peer) == host
