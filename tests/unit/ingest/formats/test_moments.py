"""hub.ingest.formats.moments: times in every spelling, exact to the nanosecond where they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.formats.moments import nanos, nanos_of

SECOND = 1_714_558_272
NANOS = SECOND * 10**9
zones = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024-05-01T10:11:12Z", NANOS),
        ("2024-05-01T10:11:12.345Z", NANOS + 345_000_000),
        ("2024-05-01T10:11:12.345678901Z", NANOS + 345_678_901),
        ("2024-05-01T10:11:12.3456789019999Z", NANOS + 345_678_901),
        ("2024-05-01T12:11:12.5+02:00", NANOS + 500_000_000),
        ("2024-05-01T12:11:12.5+0200", NANOS + 500_000_000),
        ("2024-05-01T12:11:12+02", NANOS),
        ("2024-05-01T05:41:12-04:30", NANOS),
        ("2024-05-01 10:11:12,345", NANOS + 345_000_000),
        ("2024-05-01 10:11:12.345 +0000", NANOS + 345_000_000),
        ("2024-05-01T10:11:12", NANOS),
        (SECOND, NANOS),
        (SECOND * 10**3 + 345, NANOS + 345_000_000),
        (SECOND * 10**6 + 345, NANOS + 345_000),
        (NANOS + 1, NANOS + 1),
        (SECOND + 0.345678, NANOS + 345_678_000),
        (SECOND * 10**3 + 0.25, NANOS + 250_000),
        (str(SECOND), NANOS),
        (f"{SECOND}.345678901", NANOS + 345_678_901),
        (f"{SECOND * 10**3}.5", NANOS + 500_000),
        (str(NANOS + 1), NANOS + 1),
    ],
)
def test_times_are_read(value: object, expected: int) -> None:
    """ISO 8601 with any zone or none (then UTC), and numbers whose size tells the unit."""
    assert nanos(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        *("", "now", "2024-05-01", "10:11:12", "2024-13-01T00:00:00Z", "2024-05-01T25:00:00Z", "2024-05-01T10:11:12X"),
        *("2024-05-01T10:11:12+99:00", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "9999-12-31T00:00:00Z"),
        *("٢٠٢٤-05-01T10:11:12Z", "1e9", "-5", "1" * 30),
        *(0, -1, 0.0, 2**64, 10**30, float("nan"), float("inf"), -1.5),
        *(True, None, [SECOND], {"seconds": SECOND}),
    ],
)
def test_what_is_no_time_is_none(value: object) -> None:
    """Nothing is raised, and nothing is guessed."""
    assert nanos(value) is None


@given(moment=st.datetimes(datetime(1971, 1, 1), datetime(2500, 1, 1), timezones=zones))  # noqa: DTZ001  zones come on top
def test_any_time_with_a_zone_is_exact(moment: datetime) -> None:
    """As Python reads it."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    assert nanos(moment.isoformat()) == since // timedelta(microseconds=1) * 1000


SPELLINGS = st.sampled_from(
    [
        *("2024-05-01T10:11:12.345Z", "2024-05-01T10:11:12.346Z", "2024-05-01 10:11:12.345Z"),
        *("2024-05-01T10:11:12,345Z", "2024-05-01T10:11:12.3+5Z", "2024-05-01T10:11:12.345X"),
        *("2024-05-01T10:11:12.\u0663\u0664\u0665Z", "2024-05-01T10:11:12.34\u00b2Z", "2024-13-01T00:00:00.345Z"),
        *("1969-12-31T23:59:59.345Z", "1970-01-01T00:00:00.000Z", "9999-12-31T00:00:00.345Z"),
        *("2554-07-21T23:34:33.345Z", "2554-07-21T23:34:34.345Z"),
        *("2024-05-01T10:11:12.345678Z", "2024-05-01T10:11:12Z", "", "x" * 24, str(SECOND)),
    ]
)


@given(st.lists(SPELLINGS, min_size=1, max_size=4) | st.lists(SPELLINGS | st.none() | st.integers(), max_size=4))
def test_many_at_once_are_read_as_each_by_itself(values: list[object]) -> None:
    """Written alike or not, and where one of them is no time."""
    assert nanos_of(values) == [nanos(value) for value in values]


@pytest.mark.parametrize("digits", ["5", "345", "345678901"])
def test_those_written_alike_are(digits: str) -> None:
    """With a fraction of any length; the last of them is another second."""
    at = NANOS + int(digits.ljust(9, "0"))
    same = f"2024-05-01T10:11:12.{digits}Z"
    assert nanos_of([same, same, f"2024-05-01T10:11:13.{digits}Z"]) == [at, at, at + 10**9]
