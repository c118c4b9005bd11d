"""hub.observe.audit_files: the chain goes on over files, crashes and full disks."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from hub.errors import ConfigError
from hub.observe import audit_files
from hub.observe.audit_chain import Seal
from hub.observe.audit_files import FileLimits, Journal, chain_files, chain_names, load_key
from hub.observe.audit_verify import verify

if TYPE_CHECKING:
    from pathlib import Path

LIMITS = FileLimits(max_file_bytes=2000, keep_files=3, keep_seconds=1e9)
CHAIN = "worker-0"


def journal(folder: Path, limits: FileLimits = LIMITS) -> Journal:
    """Open the chain of worker 0."""
    return Journal(folder, 0, Seal(), limits)


def write(folder: Path, *names: str, limits: FileLimits = LIMITS) -> Journal:
    """Write events, one at a time, and close."""
    one = journal(folder, limits)
    for name in names:
        one.append([{"event": name}])
    one.close()
    return one


def die(one: Journal) -> None:
    """Let go of the chain's lock, and nothing else, as when the process dies."""
    os.close(one._head)  # noqa: SLF001


def newest(folder: Path) -> Path:
    """Return the newest file."""
    return list(chain_files(folder, CHAIN).values())[-1]


def names_of(folder: Path) -> list[str]:
    """Return the events of all files."""
    lines = [line for path in chain_files(folder, CHAIN).values() for line in path.read_text().splitlines()]
    return [json.loads(line)["event"] for line in lines]


def problem(folder: Path) -> str:
    """Return what is wrong with the chain."""
    return verify(folder)[0].problem


def test_the_chain_goes_on_after_a_restart(tmp_path: Path) -> None:
    """In the same file, behind the last line."""
    write(tmp_path, "a", "b")
    again = write(tmp_path, "c")
    assert names_of(tmp_path) == ["a", "b", "c"]
    assert (again.found, again.last.seq, problem(tmp_path)) == ("", 3, "")


def test_files_change_by_size_and_the_oldest_go(tmp_path: Path) -> None:
    """The chain goes over their boundaries, and holds from the oldest that is kept."""
    one = write(tmp_path, *[f"event {n}" for n in range(100)])
    files = chain_files(tmp_path, CHAIN)
    assert len(files) == LIMITS.keep_files
    assert all(path.stat().st_size <= LIMITS.max_file_bytes for path in files.values())
    assert (one.last.seq, problem(tmp_path)) == (100, "")
    assert names_of(tmp_path)[-1] == "event 99"
    assert "event 0" not in names_of(tmp_path)
    write(tmp_path, "more")
    assert problem(tmp_path) == ""


def test_files_that_are_too_old_go_too(tmp_path: Path) -> None:
    """When the next one is begun."""
    write(tmp_path, *["x"] * 25)
    assert len(chain_files(tmp_path, CHAIN)) == 3
    for path in chain_files(tmp_path, CHAIN).values():
        os.utime(path, (1, 1))
    write(tmp_path, *["y"] * 12, limits=FileLimits(2000, 100, 60.0))
    assert len(chain_files(tmp_path, CHAIN)) == 2
    assert problem(tmp_path) == ""


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """Neither folder nor files."""
    write(tmp_path / "audit", "a")
    paths = [tmp_path / "audit", *(tmp_path / "audit").iterdir()]
    assert len(paths) == 3
    assert all(path.stat().st_mode & 0o077 == 0 for path in paths)


def test_two_processes_cannot_write_one_chain(tmp_path: Path) -> None:
    """The second is told what to do; when the first has gone, it may."""
    first = journal(tmp_path)
    with pytest.raises(ConfigError, match=r"audit\.path"):
        journal(tmp_path)
    Journal(tmp_path, 1, Seal(), LIMITS).close()
    first.close()
    journal(tmp_path).close()


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_what_a_crash_left_of_a_line_is_set_aside(tmp_path: Path, cut: int) -> None:
    """It was never known to be on disk; the chain goes on behind the last whole line, and holds."""
    one = journal(tmp_path)
    one.append([{"event": "a"}])
    one.sync()
    one.append([{"event": "b"}])  # written, but neither synced nor in the head
    os.truncate(newest(tmp_path), newest(tmp_path).stat().st_size - cut)
    die(one)
    assert problem(tmp_path) == ""
    again = write(tmp_path, "c")
    assert "set aside" in again.found
    assert not again.damaged
    assert names_of(tmp_path) == ["a", "c"]
    assert newest(tmp_path).with_suffix(".torn").read_bytes().startswith(b'{"seq":2')
    assert problem(tmp_path) == ""


def test_lines_behind_the_head_that_are_whole_are_kept(tmp_path: Path) -> None:
    """The process died before it could say so."""
    one = journal(tmp_path)
    one.append([{"event": "a"}, {"event": "b"}])
    die(one)
    again = write(tmp_path, "c")
    assert (again.found, names_of(tmp_path), problem(tmp_path)) == ("", ["a", "b", "c"], "")


def test_a_crash_right_after_a_new_file_was_begun(tmp_path: Path) -> None:
    """The chain goes on from the file before."""
    write(tmp_path, "a")
    (tmp_path / f"{CHAIN}.00000002.jsonl").touch()
    again = write(tmp_path, "b")
    assert (again.found, names_of(tmp_path), problem(tmp_path)) == ("", ["a", "b"], "")


def test_a_cut_end_stays_seen_after_a_restart(tmp_path: Path) -> None:
    """The hub goes on behind what the head knows, so that the hole is there for good."""
    write(tmp_path, "a", "b", "c")
    lines = newest(tmp_path).read_bytes().splitlines(keepends=True)
    newest(tmp_path).write_bytes(b"".join(lines[:1]))
    again = write(tmp_path, "d")
    assert again.damaged
    assert (again.last.seq, names_of(tmp_path)) == (4, ["a", "d"])
    assert "lines 2 to 3 were removed" in problem(tmp_path)


@pytest.mark.parametrize("what", ["files", "head", "changed head"])
def test_what_was_taken_away_is_found(tmp_path: Path, what: str) -> None:
    """At the next start at the latest."""
    write(tmp_path, "a", "b")
    head = tmp_path / f"{CHAIN}.head"
    if what == "files":
        newest(tmp_path).unlink()
    elif what == "head":
        head.unlink()
    else:
        head.write_bytes(head.read_bytes().replace(b'"seq":2', b'"seq":1'))
    assert problem(tmp_path)
    assert write(tmp_path).damaged


class FullDisk:
    """os.write that has room for some bytes only."""

    def __init__(self, room: int) -> None:
        self.room = room

    def __call__(self, descriptor: int, data: Any) -> int:
        """Write what there is room for."""
        if not self.room:
            raise OSError(28, "No space left on device")
        taken = min(self.room, len(data))
        self.room -= taken
        return os.write(descriptor, data[:taken])


@pytest.mark.parametrize("room", [0, 1, 100, 250])
def test_a_full_disk_leaves_the_chain_as_it_was(tmp_path: Path, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half line stays, and it goes on when there is room."""
    one = journal(tmp_path)
    one.append([{"event": "a"}])
    with monkeypatch.context() as patched:
        disk = type("Disk", (), {**vars(os), "write": FullDisk(room)})
        patched.setattr(audit_files, "os", disk)
        with pytest.raises(OSError, match="No space"):
            one.append([{"event": "b"}, {"event": "c"}])
    one.append([{"event": "d"}])
    one.close()
    assert (names_of(tmp_path), problem(tmp_path)) == (["a", "d"], "")


def test_a_chain_of_its_own_for_each_key(tmp_path: Path) -> None:
    """So that keys can be changed, and lines without one cannot pose as keyed."""
    seals = [Seal(), Seal(b"a" * 32), Seal(b"b" * 32)]
    for seal in seals:
        one = Journal(tmp_path, 0, seal, LIMITS)
        one.append([{"event": "x"}])
        one.close()
    assert len(chain_names(tmp_path)) == 3
    assert [report.problem for report in verify(tmp_path, seals[1:])] == ["", "", ""]


def test_a_folder_that_cannot_be_written_says_which_setting(tmp_path: Path) -> None:
    """Such as a file in its place."""
    (tmp_path / "audit").touch()
    with pytest.raises(ConfigError, match=r"audit\.path"):
        journal(tmp_path / "audit")


def test_a_key_must_be_there_and_long_enough(tmp_path: Path) -> None:
    """The error says how to make one; white space around it does not count."""
    key = tmp_path / "audit.key"
    with pytest.raises(ConfigError, match="openssl rand"):
        load_key(key)
    key.write_bytes(b"short")
    with pytest.raises(ConfigError, match="5 bytes"):
        load_key(key)
    key.write_bytes(b"k" * 32 + b"\n")
    assert load_key(key) == Seal(b"k" * 32)
