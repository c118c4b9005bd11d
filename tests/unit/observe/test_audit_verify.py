"""hub.observe.audit_verify: whatever is done to the files, the first broken line is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hub.errors import ConfigError
from hub.observe.audit_chain import GENESIS, Head, Place, Seal
from hub.observe.audit_files import FileLimits, Journal, chain_files
from hub.observe.audit_verify import Anchor, events, verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHAIN = "worker-0"
FIRST, SECOND = f"{CHAIN}.00000001.jsonl", f"{CHAIN}.00000002.jsonl"
KEY = Seal(b"k" * 32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A chain of ten lines in two files, seven of them in the first."""
    fill(tmp_path, Seal())
    return tmp_path


def fill(folder: Path, seal: Seal) -> None:
    """Write the chain."""
    journal = Journal(folder, 0, seal, FileLimits(1350, 10, 1e9))
    for number in range(1, 11):
        journal.append([{"event": f"event {number}"}])
    journal.close()
    counts = [len(path.read_bytes().splitlines()) for path in chain_files(folder, journal.chain).values()]
    assert counts == [7, 3] or seal.key


def edit(path: Path, change: Callable[[list[bytes]], None]) -> None:
    """Change the lines of a file."""
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))


def resealed(line: bytes, seal: Seal, **changes: object) -> bytes:
    """Return a line with other fields, and a hash that holds."""
    fields = json.loads(line) | changes
    del fields["hash"]
    prev = fields.pop("prev")
    return seal.sealed({**fields, "prev": prev})[0] + b"\n"


def problem(folder: Path, *anchors: Anchor) -> str:
    """Return what is wrong with the one chain."""
    (report,) = verify(folder, anchors=anchors)
    return report.problem


def swap(lines: list[bytes]) -> None:
    """Change the order of two lines."""
    lines[2], lines[3] = lines[3], lines[2]


def test_a_chain_that_was_left_alone_holds(folder: Path) -> None:
    """And its end can be noted elsewhere."""
    (report,) = verify(folder)
    assert (report.chain, report.lines, report.problem, report.keyed) == (CHAIN, 10, "", False)
    anchor = Anchor.parse(str(Anchor(CHAIN, report.last)))
    assert problem(folder, anchor) == ""


@pytest.mark.parametrize(
    ("name", "change", "where", "what"),
    [
        (FIRST, lambda lines: lines.__setitem__(2, lines[2].replace(b"event 3", b"event X")), 3, "changed"),
        (FIRST, lambda lines: lines.pop(2), 3, "lines 3 to 3 were removed"),
        (FIRST, lambda lines: lines.pop(0), 1, "lines 1 to 1 were removed"),
        (FIRST, lambda lines: lines.pop(), 1, "lines 7 to 7 were removed"),
        (FIRST, lambda lines: lines.insert(3, lines[1]), 4, "put in"),
        (FIRST, lambda lines: lines.insert(3, b"{}\n"), 4, "changed"),
        (FIRST, swap, 3, "lines 3 to 3 were removed"),
        (FIRST, lambda lines: lines.__setitem__(3, resealed(lines[3], Seal(), event="forged")), 5, "another line"),
        (FIRST, lambda lines: lines.__setitem__(6, lines[6][:-20]), 7, "cut off"),
        (SECOND, lambda lines: lines.__setitem__(0, resealed(lines[0], Seal(), seq=9)), 1, "lines 8 to 8 were removed"),
    ],
    ids=[
        "changed",
        "removed",
        "first removed",
        "end of a file",
        "copied",
        "put in",
        "order",
        "forged",
        "cut",
        "number",
    ],
)
def test_the_first_broken_line_is_named(
    folder: Path, name: str, change: Callable[[list[bytes]], None], where: int, what: str
) -> None:
    """By file and number, and how it is broken."""
    edit(folder / name, change)
    found = problem(folder)
    broken = SECOND if where == 1 and "7 to 7" in what else name
    assert found.startswith(f"{broken} line {where}: ")
    assert what in found


def test_a_cut_end_is_seen_by_the_head(folder: Path) -> None:
    """By lines, in part of a line, and by a whole file."""
    good = (folder / SECOND).read_bytes()
    edit(folder / SECOND, lambda lines: lines.__delitem__(-1))
    assert "lines 10 to 10 were cut off" in problem(folder)
    (folder / SECOND).write_bytes(good[:-5])
    assert "cut off" in problem(folder)
    (folder / SECOND).unlink()
    assert "lines 8 to 10 were cut off" in problem(folder)
    (folder / FIRST).unlink()
    assert "lines 1 to 10 were cut off" in problem(folder)


def test_a_last_line_of_another_making_is_seen_by_the_head(folder: Path) -> None:
    """Nothing follows it that could tell."""
    edit(folder / SECOND, lambda lines: lines.__setitem__(-1, resealed(lines[-1], Seal(), event="forged")))
    assert problem(folder) == "line 10 is another than the one that the head knows"


def test_the_oldest_file_cannot_go_unless_the_hub_let_it(folder: Path) -> None:
    """The head says which line is the oldest."""
    (folder / FIRST).unlink()
    assert "lines 1 to 7 were removed" in problem(folder)
    last = verify_last(folder)
    (folder / f"{CHAIN}.head").write_bytes(Head(CHAIN, 8, last).line(Seal()))
    assert problem(folder) == ""


def verify_last(folder: Path) -> Place:
    """Return where the chain ends."""
    line = json.loads((folder / SECOND).read_bytes().splitlines()[-1])
    return Place(line["seq"], line["hash"])


def test_a_head_that_is_gone_is_said(folder: Path) -> None:
    """Nothing says then where the chain ends."""
    (folder / f"{CHAIN}.head").unlink()
    assert "head is gone" in problem(folder)


def test_without_a_key_a_chain_can_be_made_anew_but_not_against_an_anchor(folder: Path) -> None:
    """Whoever can write the files can do that; so the end is noted elsewhere, or a key is used."""
    noted = Anchor(CHAIN, verify(folder)[0].last)
    for path in folder.iterdir():
        path.unlink()
    fill(folder, Seal())
    edit(folder / SECOND, lambda lines: lines.__setitem__(-1, resealed(lines[-1], Seal(), event="forged")))
    forged = json.loads((folder / SECOND).read_bytes().splitlines()[-1])
    (folder / f"{CHAIN}.head").write_bytes(Head(CHAIN, 1, Place(10, forged["hash"])).line(Seal()))
    assert problem(folder) == ""
    assert problem(folder, noted) == "line 10 is gone or another than the one that the anchor knows"
    assert "gone" in problem(folder, Anchor(CHAIN, Place(11, GENESIS)))


def test_with_a_key_nothing_can_be_made_without_it(tmp_path: Path) -> None:
    """A forged line does not hold, and a chain whose key is not given is not called good."""
    fill(tmp_path, KEY)
    (report,) = verify(tmp_path, [KEY])
    assert (report.problem, report.keyed, report.lines) == ("", True, 10)
    (report,) = verify(tmp_path)
    assert "--key" in report.problem
    path = next(iter(chain_files(tmp_path, report.chain).values()))
    edit(path, lambda lines: lines.__setitem__(1, resealed(lines[1], Seal(), event="forged")))
    assert "line 2: it was changed" in verify(tmp_path, [KEY])[0].problem


def test_what_the_hub_found_itself_is_told(folder: Path) -> None:
    """Even if the chain holds."""
    journal = Journal(folder, 0, Seal(), FileLimits(1350, 10, 1e9))
    journal.append([{"event": "audit_damaged", "reason": "the head of the chain is gone"}])
    journal.close()
    assert problem(folder).endswith("the hub found when it started that the head of the chain is gone")


def test_chains_that_are_gone_are_missed(folder: Path) -> None:
    """By an anchor; a folder without any is no audit log."""
    reports = verify(folder, anchors=[Anchor("worker-1", Place(1, GENESIS))])
    assert [bool(report.problem) for report in reports] == [False, True]
    with pytest.raises(ConfigError, match="holds no audit log"):
        verify(folder / "elsewhere")


@pytest.mark.parametrize("text", ["", "worker-0", "worker-0:x:y", ":1:a", "worker-0:1:"])
def test_an_anchor_that_is_none_is_refused(text: str) -> None:
    """And what one looks like is said."""
    with pytest.raises(ConfigError, match="chain:number:hash"):
        Anchor.parse(text)


def test_events_are_read_even_from_a_broken_chain(folder: Path) -> None:
    """Those that can be read."""
    edit(folder / FIRST, lambda lines: lines.__setitem__(2, b"garbage\n"))
    found = [fields["event"] for chain, fields in events(folder) if chain == CHAIN]
    assert found == [f"event {n}" for n in (1, 2, *range(4, 11))]
