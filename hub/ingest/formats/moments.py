"""Times as they stand in log messages: ISO 8601, or a number since the Unix epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_SECOND = 10**9
_MAX_NANOS = 2**64
# With T or a space, a point or a comma, any number of digits, and a zone in any of its spellings or none.
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:[.,]([0-9]{1,9})[0-9]*)? ?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
# As most encoders write it, to the millisecond in UTC: read in half of the time.
_PLAIN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}")
_MILLIS = {f"{number:03d}": number * 10**6 for number in range(1000)}
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
# Up to which number since 1970 the unit is taken for: seconds until the year 5138, thousandths until 5138, and so on.
_UNITS = ((10**11, _SECOND), (10**14, 10**6), (10**17, 10**3), (_MAX_NANOS, 1))


def nanos(value: object) -> int | None:
    """Return nanoseconds since the Unix epoch; None for what is no time, or none from 1970 to 2554.

    A time without a zone is taken as UTC. The unit of a number follows from its size.
    """
    if type(value) is str:
        if value[23:] == "Z" and value[19] == "." and (thousandths := _MILLIS.get(value[20:23])) is not None:
            start = _utc(value[:19])
            if start is not None:
                return _in_range(start + thousandths)
        found = _ISO.fullmatch(value)
        if found:
            return _in_range(_of_iso(*found.groups()))
        if not _NUMBER.fullmatch(value):
            return None
        whole, _, fraction = value.partition(".")
        if fraction and int(whole) < _UNITS[0][0]:
            return _in_range(int(whole) * _SECOND + int(fraction[:9].ljust(9, "0")))
        value = float(value) if fraction else int(whole)
    if type(value) is int or type(value) is float:
        return _of_number(value)
    return None


def _of_iso(second: str, fraction: str | None, zone: str | None) -> int | None:
    start = _start(second, zone)
    if start is None:
        return None
    return start + int(fraction.ljust(9, "0")) if fraction else start


@lru_cache(maxsize=1024)  # as below
def _utc(second: str) -> int | None:
    return _start(second, "Z") if _PLAIN.fullmatch(second) else None


@lru_cache(maxsize=1024)  # seconds come again and again: 0.1 µs instead of 0.7
def _start(second: str, zone: str | None) -> int | None:
    offset = "+00:00" if zone in (None, "Z") else zone
    try:
        return int(datetime.fromisoformat(f"{second}{offset}").astimezone(UTC).timestamp()) * _SECOND
    except (ValueError, OverflowError):
        return None


def _of_number(value: float) -> int | None:
    """Return a number's time, exact for integers, to the microsecond for floats, which hold no more today."""
    for bound, unit in _UNITS:
        if 0 < value < bound:
            if isinstance(value, int):
                return _in_range(value * unit)
            return _in_range(round(value * unit / 1000) * 1000)
    return None


def _in_range(value: int | None) -> int | None:
    return value if value is not None and 0 < value < _MAX_NANOS else None
