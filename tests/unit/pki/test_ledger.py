"""hub.pki.ledger: every certificate is known, also after a crash, and no revocation is lost in silence."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from hub.errors import CertificateError
from hub.pki.ledger import Entry, IssuedLine, Ledger, ListLine, RevokedLine

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ISSUED = IssuedLine("ab", "ü", "server", ["a.test"], NOW.isoformat(), "2030-04-01T00:00:00+00:00", "1f", "f", "e", "d")
REVOKED = RevokedLine("ab", "1f", "superseded", NOW.isoformat(), ISSUED.not_after)
LIST = ListLine(1, 30.0, NOW.isoformat())


def test_lines_come_back(tmp_path: Path) -> None:
    """In their order; no file is no line."""
    ledger = Ledger(tmp_path)
    assert ledger.lines() == []
    for line in (ISSUED, LIST, REVOKED):
        ledger.append(line)
    assert ledger.lines() == [ISSUED, LIST, REVOKED]
    assert ledger.path.stat().st_mode & 0o777 == 0o600
    assert [json.loads(line)["event"] for line in ledger.path.read_text().splitlines()] == ["issued", "crl", "revoked"]


def test_the_half_of_a_line_is_written_over(tmp_path: Path) -> None:
    """Wherever a crash cut it: what it told of was never handed out."""
    ledger = Ledger(tmp_path)
    ledger.append(LIST)
    first = ledger.path.read_bytes()
    ledger.append(ISSUED)
    whole = ledger.path.read_bytes()
    for end in range(len(first), len(whole), 9):
        ledger.path.write_bytes(whole[:end])
        assert ledger.lines() == [LIST]
    ledger.append(REVOKED)
    assert ledger.lines() == [LIST, REVOKED]


@pytest.mark.parametrize("damage", ["{}", "x", '{"event":"issued"}', '{"event":"no"}', "[]", '{"event":"crl","n":1}'])
def test_a_damaged_line_is_an_error(tmp_path: Path, damage: str) -> None:
    """It might be a revocation; the message names it."""
    ledger = Ledger(tmp_path)
    ledger.path.write_text(f"{damage}\n")
    ledger.append(LIST)
    with pytest.raises(CertificateError, match=r"issued\.jsonl, line 1, cannot be read"):
        ledger.lines()


def test_entries_say_what_became_of_a_certificate(tmp_path: Path) -> None:
    """The same serial number by another issuer is another certificate."""
    ledger = Ledger(tmp_path)
    second, other = replace(ISSUED, serial="cd", replaces="ab"), replace(ISSUED, serial="ef")
    for line in (ISSUED, second, other, replace(REVOKED, serial="ef"), replace(REVOKED, serial="cd", issuer="2f")):
        ledger.append(line)
    assert [entry.status(NOW) for entry in ledger.entries()] == ["replaced", "valid", "revoked"]


@pytest.mark.parametrize(
    ("entry", "status"),
    [
        (Entry(ISSUED), "valid"),
        (Entry(ISSUED, replaced=True), "replaced"),
        (Entry(ISSUED, replaced=True, void=True), "void"),
        (Entry(replace(ISSUED, not_after=NOW.isoformat()), void=True), "expired"),
        (Entry(replace(ISSUED, not_after=NOW.isoformat()), REVOKED), "revoked"),
    ],
)
def test_what_counts_most_is_said(entry: Entry, status: str) -> None:
    """A certificate has one status."""
    assert entry.status(NOW) == status
    assert entry.ends_at - NOW in {timedelta(0), timedelta(days=90)}


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    """With the file's name."""
    ledger = Ledger(tmp_path)
    ledger.path.mkdir()
    for act in (ledger.lines, lambda: ledger.append(LIST)):
        with pytest.raises(CertificateError, match=r"the ledger .*issued\.jsonl cannot be used: Is a directory"):
            act()
