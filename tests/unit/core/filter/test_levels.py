"""hub.core.filter.levels: names and numbers of the 24 severities."""

from __future__ import annotations

import pytest

from hub.core.filter.levels import LEVELS, MAX_SEVERITY, severities_of, spelling


@pytest.mark.parametrize(
    ("text", "range_"),
    [
        *((name, (first, first + 3)) for name, first in LEVELS.items()),
        *(("WARN", (13, 16)), ("Warning", (13, 16)), ("err", (17, 20)), ("critical", (21, 24)), ("crit", (21, 24))),
        *(("warn1", (13, 13)), ("warn4", (16, 16)), ("error2", (18, 18)), ("warning3", (15, 15))),
        *(("0", (0, 0)), ("9", (9, 9)), ("09", (9, 9)), ("24", (24, 24))),
    ],
)
def test_a_level_is_its_numbers(text: str, range_: tuple[int, int]) -> None:
    """A name stands for four of them, with a digit for one; a number for itself."""
    assert severities_of(text) == range_


@pytest.mark.parametrize(
    "text", ["", "loud", "warn5", "warn0", "25", "-1", "013", "1.0", "warn 2", "wa", "٣", "\u0131nfo", "İNFO", "warn\n"]
)
def test_what_is_no_level_is_none(text: str) -> None:
    """Nor are digits and letters of other scripts that look like one."""
    assert severities_of(text) is None


@pytest.mark.parametrize(
    ("low", "high", "spelt"),
    [
        *((13, 24, "level>=warn"), (0, 12, "level<=info"), (17, 20, "level:error"), (14, 14, "level:14")),
        *((0, 0, "level:0"), (1, 24, "level>=trace"), (21, 24, "level>=fatal"), (0, 24, "level<=fatal")),
        *((1, 4, "level:trace"), (5, 12, "level:5..12"), (14, 24, "level:14..24"), (0, 13, "level:0..13")),
    ],
)
def test_a_range_is_spelt_by_names_where_there_are_some(low: int, high: int, spelt: str) -> None:
    """By numbers else."""
    assert spelling(low, high) == spelt


def test_every_range_has_a_spelling_of_its_own() -> None:
    """Two ranges that are spelt alike would share a channel."""
    ranges = [(low, high) for low in range(MAX_SEVERITY + 1) for high in range(low, MAX_SEVERITY + 1)]
    assert len({spelling(*one) for one in ranges}) == len(ranges)
