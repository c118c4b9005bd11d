"""Times as they stand in log messages: ISO 8601, or a number since the Unix epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_SECOND = 10**9
_MAX_NANOS = 2**64
# With T or a space, a point or a comma, any number of digits, and a zone in any of its spellings or none.
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?:[.,]([0-9]{1,9})[0-9]*)? ?(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
# As most encoders write it, in UTC, with a fraction of up to nine digits: read in half of the time.
_PLAIN = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}")
_FRACTION_AT = 20
_FRACTIONS = {digits: 10 ** (9 - digits) for digits in range(1, 10)}
_NUMBER = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")
# Up to which number since 1970 the unit is taken for: seconds until the year 5138, thousandths until 5138, and so on.
_UNITS = ((10**11, _SECOND), (10**14, 10**6), (10**17, 10**3), (_MAX_NANOS, 1))


def nanos(value: object) -> int | None:
    """Return nanoseconds since the Unix epoch; None for what is no time, or none from 1970 to 2554.

    A time without a zone is taken as UTC. The unit of a number follows from its size.
    """
    if type(value) is str:
        fraction = value[_FRACTION_AT:-1]
        unit = _FRACTIONS.get(len(fraction))
        if unit and value[19] == "." and value[-1] == "Z" and fraction.isascii() and fraction.isdigit():
            start = _utc(value[:19])
            if start is not None:
                return _in_range(start + int(fraction) * unit)
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


def nanos_of(values: Sequence[object]) -> list[int | None]:
    """Return `nanos` of each value; in a third of the time where all are written alike."""
    return _alike(values) or list(map(nanos, values))


def _alike(values: Sequence[object]) -> list[int | None]:
    """Return the times of texts of one length in UTC with a fraction; nothing where they are not."""
    if set(map(type, values)) != {str}:
        return []
    texts = cast("Sequence[str]", values)
    length, *others = set(map(len, texts))
    unit = _FRACTIONS.get(length - _FRACTION_AT - 1)
    if others or not unit or {text[19] + text[-1] for text in texts} != {".Z"}:
        return []
    fractions = [text[_FRACTION_AT:-1] for text in texts]
    joined = "".join(fractions)
    starts = {second: _utc(second) or 0 for second in {text[:19] for text in texts}}
    if not (joined.isascii() and joined.isdigit()) or _outside(starts.values()):
        return []
    return [starts[text[:19]] + int(fraction) * unit for text, fraction in zip(texts, fractions, strict=True)]


def _outside(seconds: Collection[int]) -> bool:
    """Tell whether one of the nanoseconds at which seconds begin is out of range, or the next second would be."""
    return min(seconds) <= 0 or max(seconds) >= _MAX_NANOS - _SECOND


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
