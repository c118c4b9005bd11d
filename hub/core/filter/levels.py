"""Levels by name and number: the 24 severity numbers of OpenTelemetry, four to a level."""

from __future__ import annotations

import re

LEVELS = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
WIDTH = 4
MAX_SEVERITY = 24
_ALIASES = {"warning": "warn", "err": "error", "critical": "fatal", "crit": "fatal"}
_NAME = re.compile(r"([a-z]+)([1-4]?)")


def severities_of(text: str) -> tuple[int, int] | None:
    """Return the first and last severity number of a level; None where there is no such level.

    A name is its four numbers, `warn2` the second of them, and a number itself.
    """
    if re.fullmatch("[0-9]{1,2}", text):
        return (int(text), int(text)) if int(text) <= MAX_SEVERITY else None
    match = _NAME.fullmatch(text.lower())
    first = LEVELS.get(_ALIASES.get(match[1], match[1])) if match else None
    if match is None or first is None:
        return None
    if match[2]:
        return (first + int(match[2]) - 1,) * 2
    return first, first + WIDTH - 1


def spelling(low: int, high: int) -> str:
    """Return the term for a range of severity numbers, by name where there is one."""
    begins = {first: name for name, first in LEVELS.items()}
    ends = {first + WIDTH - 1: name for name, first in LEVELS.items()}
    if high == MAX_SEVERITY and low in begins:
        return f"level>={begins[low]}"
    if low == 0 and high in ends:
        return f"level<={ends[high]}"
    if low in begins and begins[low] == ends.get(high):
        return f"level:{begins[low]}"
    return f"level:{low}" if low == high else f"level:{low}..{high}"
