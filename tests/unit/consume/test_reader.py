"""hub.consume.reader: what a delivery may hold, found in the log."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.consume.reader import Found, PieceReader, Want
from hub.core.consumer_group import Piece
from hub.core.stored import Hole, HoleReason
from hub.log.memory import MemoryLog
from hub.log.retention import Retention
from tests.fakes import FOREVER, GatedLog, entry, filter_of

WANT = Want(100, 2**20)


def bodies(found: Found) -> list[str]:
    """Return the bodies of what was found."""
    return [batch.message.records[index].body for batch, indexes in found.parts for index in indexes]


async def reader(*batches: tuple[str, ...], wanted: str = "", read_bytes: int = 2**20) -> PieceReader:
    """Return the reader of a log with these batches."""
    log = MemoryLog(FOREVER)
    await log.append([entry("a", *one) for one in batches])
    return PieceReader(log, "a", filter_of(wanted), read_bytes)


async def test_what_matches_is_found_in_order() -> None:
    """Over batches, and no further than the log."""
    one = await reader(("x1", "no", "x2"), ("no",), ("x3",), wanted="x*")
    found = await one.find(0, WANT)
    assert (bodies(found), found.next, found.records) == (["x1", "x2", "x3"], 5, 3)
    assert found.piece(0) == Piece(0, 0, 5, 3)
    assert (await one.find(1, WANT)).piece(1) == Piece(1, 2, 5, 2)


@pytest.mark.parametrize("most", [1, 2, 3, 7])
async def test_pieces_together_are_all_there_is(most: int) -> None:
    """However small they must be: each begins where the one before ended, within a batch too."""
    one = await reader(("1", "2", "3"), ("4", "5", "6", "7"), ("8",))
    begin, seen = 0, []
    while True:
        found = await one.find(begin, Want(most, 2**20))
        if found.empty:
            break
        assert 0 < len(bodies(found)) <= most
        seen += bodies(found)
        begin = found.next
    assert seen == list("12345678")


async def test_a_piece_ends_near_its_bytes_and_never_before_a_record() -> None:
    """A record is never cut."""
    one = await reader(("x" * 1000,) * 10)
    assert len(bodies(await one.find(0, Want(100, 3500)))) == 3
    assert len(bodies(await one.find(0, Want(100, 1)))) == 1


async def test_a_piece_ends_where_it_must() -> None:
    """In the middle of a batch, and with nothing in it."""
    one = await reader(("x1", "x2", "no", "x3"), wanted="x*")
    assert bodies(await one.find(0, replace(WANT, end=2))) == ["x1", "x2"]
    found = await one.find(2, replace(WANT, end=3))
    assert (found.empty, found.next) == (True, 3)


async def test_where_nothing_matches_an_empty_piece_tells_how_far_it_was_looked() -> None:
    """So that it is not looked through again."""
    one = await reader(*[("no",)] * 100, wanted="x*", read_bytes=1)
    found = await one.find(0, WANT)
    assert (found.empty, found.next) == (True, 16)
    assert found.piece(0) == Piece(0, 16, 16, 0)


async def test_holes_are_part_of_a_piece() -> None:
    """Cut to it, with their reason."""
    log = MemoryLog(Retention(1, 2**40, 10**9))
    await log.append([entry("a", "1", "2", "3"), entry("a", "4", received=10**10)])
    await log.retain(10**10)
    one = PieceReader(log, "a", filter_of(""), 2**20)
    found = await one.find(1, replace(WANT, end=2))
    assert (found.holes, found.parts) == ([Hole(1, 2, HoleReason.RETENTION)], [])
    found = await one.find(0, WANT)
    assert (found.holes, bodies(found), found.next) == ([Hole(0, 3, HoleReason.RETENTION)], ["4"], 4)
    assert found.piece(0).first == 0


async def test_what_was_read_is_not_read_again() -> None:
    """The next piece of the same read comes without the log."""
    log = GatedLog()
    await log.append([entry("a", *"12"), entry("a", *"34")])
    one = PieceReader(log, "a", filter_of(""), 2**20)
    assert bodies(await one.find(0, Want(1, 2**20))) == ["1"]
    log.gate.clear()
    assert bodies(await one.find(1, Want(2, 2**20))) == ["2", "3"]
    log.gate.set()
    assert bodies(await one.find(0, Want(1, 2**20))) == ["1"], "back again it is"
