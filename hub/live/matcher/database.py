"""Many expressions found in one pass over a text, by Hyperscan.

    literals   case-folded texts, found in ASCII of any case; compiled in 0.03 ms each
    patterns   regular expressions of RE2's syntax, as far as Hyperscan reads them; 1 to 2 ms each

What it finds are candidates, with the place where each ends: an expression may be found where it does not hold (across
the border of two texts, or since RE2 reads it more narrowly), but never the other way round.

https://intel.github.io/hyperscan/dev-reference/compilation.html
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

import hyperscan

if TYPE_CHECKING:
    from collections.abc import Mapping

# A text ends with this; expressions that contain it are found across borders at worst.
BORDER = "\n"
# `^` and `$` hold at every border, UTF-8 as RE2 reads it, and what Hyperscan cannot do exactly it finds too often.
_FLAGS = hyperscan.HS_FLAG_MULTILINE | hyperscan.HS_FLAG_UTF8 | hyperscan.HS_FLAG_PREFILTER
# What means something else in many texts put together than in one alone: ends of the text, and flags but for case; and
# what RE2 finds more widely: by newer tables of Unicode, between the bytes of a character, or in a class turned around.
_UNFIT = re.compile(r"\\[AzZCQpPB]|\[[^\]]*\\W|\[:\^|\(\?(?!:|i\)|i:|P<)")
# Names of classes, as RE2 reads them and Hyperscan does not quite: a vertical tab is no space, and where case is
# ignored the long s and the sign of Kelvin are letters.
_SPACES, _NO_SPACES, _WORD = r"\t\n\f\r ", r"\x00-\x08\x0b\x0e-\x1f!-\x{10ffff}", "A-Za-z0-9_"
_CLASSES = {r"\s": _SPACES, r"\S": _NO_SPACES, r"\w": _WORD, "[:word:]": _WORD, "[:alpha:]": "A-Za-z"}
_CLASSES |= {"[:lower:]": "a-z", "[:upper:]": "A-Z", "[:alnum:]": "A-Za-z0-9", "[:print:]": " -~", "[:graph:]": "!-~"}
_OUTSIDE = re.compile(r"\\.|\[\^?\]?|.", re.DOTALL)
_INSIDE = re.compile(r"\\.|\[:\^?\w+:\]|.", re.DOTALL)


class Hits(NamedTuple):
    """What was found: the number of each expression, and where each ends in bytes."""

    numbers: list[int]
    ends: list[int]


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

    def scan(self, text: bytes, max_hits: int) -> Hits:
        """Find expressions; stops after `max_hits`."""
        hits = Hits([], [])
        numbers, ends = hits

        def found(number: int, _start: int, end: int, _flags: int, _context: object) -> bool | None:
            numbers.append(number)
            ends.append(end)
            return len(numbers) >= max_hits or None

        with suppress(hyperscan.ScanTerminated):
            self._database.scan(text, match_event_handler=found)
        return hits


def compile_literals(expressions: Mapping[int, str]) -> Database:
    """Return a database of case-folded texts; ValueError where one cannot be. Not for the event loop."""
    return Database(expressions, hyperscan.HS_FLAG_CASELESS, literal=True)


def compile_patterns(expressions: Mapping[int, str]) -> Database:
    """Return a database of patterns; ValueError where Hyperscan does not read one. Not for the event loop."""
    return Database({number: spelt_out(text) for number, text in expressions.items()}, _FLAGS, literal=False)


def spelt_out(pattern: str) -> str:
    """Return a pattern of RE2 with the characters that its names of classes stand for."""
    out, at, inside = [], 0, False
    while found := (_INSIDE if inside else _OUTSIDE).match(pattern, at):
        part, at = found[0], found.end()
        if inside:
            out.append(_CLASSES.get(part, part))
            inside = part != "]"
        else:
            out.append(f"[{_CLASSES[part]}]" if part in _CLASSES else part)
            inside = part.startswith("[")
    return "".join(out)


def fits(pattern: str) -> bool:
    """Whether a pattern finds in many texts put together all that it finds in each."""
    return not _UNFIT.search(pattern)
