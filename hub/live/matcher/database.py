"""Many expressions found in one pass over a text, by Hyperscan.

    literals   case-folded texts, compiled in 0.03 ms each
    patterns   regular expressions of RE2's syntax, as far as Hyperscan reads them; 1 to 2 ms each

What it finds are candidates, with the place where each ends: an expression may be found where it does not hold (across
the border of two texts, or since RE2 reads it more narrowly), but never the other way round.

https://intel.github.io/hyperscan/dev-reference/compilation.html
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

import hyperscan

if TYPE_CHECKING:
    from collections.abc import Mapping

    Hit = tuple[int, int]

# A text ends with this; expressions that contain it are found across borders at worst.
BORDER = "\n"
# `^` and `$` hold at every border, UTF-8 as RE2 reads it, and what Hyperscan cannot do exactly it finds too often.
_FLAGS = hyperscan.HS_FLAG_MULTILINE | hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_PREFILTER
# What means something else in many texts put together than in one alone: ends of the text, and flags but for case.
_UNFIT = re.compile(r"\\[AzZCQ]|\(\?(?!:|i\)|i:|P<)")


class Database:
    """Compiled expressions by number; `scan` may be called from one thread at a time."""

    def __init__(self, expressions: Mapping[int, str], flags: int, *, literal: bool) -> None:
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        try:
            self._database.compile(
                expressions=[text.encode() for text in expressions.values()],
                ids=list(expressions),
                elements=len(expressions),
                flags=flags,
                literal=literal,
            )
        except hyperscan.error as error:
            raise ValueError(str(error)) from error

    def scan(self, text: bytes, max_hits: int) -> list[Hit]:
        """Return the number of each expression found, and where it ends in bytes; stops after `max_hits`."""
        hits: list[Hit] = []
        add = hits.append

        def found(number: int, _start: int, end: int, _flags: int, _context: object) -> bool | None:
            add((number, end))
            return len(hits) >= max_hits or None

        with suppress(hyperscan.ScanTerminated):
            self._database.scan(text, match_event_handler=found)
        return hits


def compile_literals(expressions: Mapping[int, str]) -> Database:
    """Return a database of case-folded texts; ValueError where one cannot be. Not for the event loop."""
    return Database(expressions, 0, literal=True)


def compile_patterns(expressions: Mapping[int, str]) -> Database:
    """Return a database of patterns; ValueError where Hyperscan does not read one. Not for the event loop."""
    return Database(expressions, _FLAGS, literal=False)


def fits(pattern: str) -> bool:
    """Whether a pattern finds in many texts put together all that it finds in each."""
    return not _UNFIT.search(pattern)
