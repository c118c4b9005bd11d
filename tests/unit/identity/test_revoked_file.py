"""The hub's own list of revocations: on disk when it says so, and read again as it was written."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from hub.core.revocation import Kind, Revocation
from hub.errors import ConfigError
from hub.identity.revoked_file import RevokedFile

if TYPE_CHECKING:
    from pathlib import Path

FIRST = Revocation(Kind.TOKEN, "t-1", 1.5, "acme", 100.0, "lost laptop")
SECOND = Revocation(Kind.CERTIFICATE, "beef", 2.0)
THIRD = Revocation(Kind.SUBJECT, "spiffe://d/tenant/acme/producer/ä", 3.0, "acme", None, 'said "no"')


@pytest.fixture
def file(tmp_path: Path) -> RevokedFile:
    """A list that is not there yet, nor its folder."""
    return RevokedFile(tmp_path / "data" / "revoked.jsonl")


def test_no_file_means_that_nothing_is_revoked(file: RevokedFile) -> None:
    """Reading does not make one."""
    assert file.read() == ()
    assert not file.path.exists()


def test_what_was_appended_is_read_in_its_order(file: RevokedFile) -> None:
    """Every field of every kind, for the owner's eyes only."""
    for entry in (FIRST, SECOND, THIRD):
        file.append(entry)
    assert RevokedFile(file.path).read() == (FIRST, SECOND, THIRD)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_half_a_line_was_never_said_to_be_stored(file: RevokedFile) -> None:
    """A crash leaves it; it is passed over, and the next entry takes its place."""
    file.append(FIRST)
    with file.path.open("ab") as raw:
        raw.write(b'{"kind":"token","id":"t-')
    assert file.read() == (FIRST,)
    file.append(SECOND)
    assert file.read() == (FIRST, SECOND)


@pytest.mark.parametrize(
    "line",
    [
        "no json",
        "[]",
        "{}",
        '{"kind":"token","at":1}',
        '{"kind":"planet","id":"x","at":1}',
        '{"kind":"token","id":"","at":1}',
        '{"kind":"token","id":"x","at":"soon"}',
        '{"kind":"token","id":"x","at":1,"tenant":"No Tenant"}',
        '{"kind":"certificate","id":"BEEF","at":1}',
        "[" * 100_000,
    ],
)
def test_a_line_that_cannot_be_read_is_named(file: RevokedFile, line: str) -> None:
    """To pass over it would let somebody in."""
    file.append(FIRST)
    with file.path.open("a") as raw:
        raw.write(line + "\n")
    with pytest.raises(ConfigError, match="line 2, cannot be read as a revocation"):
        file.read()


def test_entries_that_have_ended_are_left_out(file: RevokedFile) -> None:
    """Their tokens are refused for their age by now; the others stay as they were."""
    for entry in (FIRST, SECOND, THIRD):
        file.append(entry)
    before = file.path.read_bytes()
    file.prune(99.0)
    assert file.path.read_bytes() == before
    file.prune(100.0)
    assert file.read() == (SECOND, THIRD)
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600


def test_many_may_append_at_once(file: RevokedFile) -> None:
    """Workers and commands share the file: each line stays whole, none is lost, not even to one that prunes."""
    entries = [Revocation(Kind.TOKEN, f"t-{number}", float(number)) for number in range(60)]

    def work(entry: Revocation) -> None:
        RevokedFile(file.path).append(entry)
        RevokedFile(file.path).prune(1.0)

    ended = Revocation(Kind.TOKEN, "ended", 0.0, until=0.5)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, [*entries, *[ended] * 6]))
    assert {entry.id for entry in file.read()} >= {entry.id for entry in entries}
    assert all(json.loads(line) for line in file.path.read_text().splitlines())


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """The one who revokes must know that it did not work."""
    (tmp_path / "data").write_text("a file where the folder should be")
    file = RevokedFile(tmp_path / "data" / "revoked.jsonl")
    for act in (lambda: file.append(FIRST), lambda: file.prune(1.0), file.read):
        with pytest.raises(ConfigError, match=r"revoked\.jsonl cannot be used"):
            act()
