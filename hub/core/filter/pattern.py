"""Regular expressions: RE2's, which take time in proportion to the text whatever is written.

https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import re2

if TYPE_CHECKING:
    from collections.abc import Callable


def _options(max_bytes: int) -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = max_bytes
    return options


# A pattern of few characters may be a large program: `\pL{50}` takes 40 ms to compile within the memory that a search
# needs to be fast. So it is compiled within little memory first, which refuses a large one in 1 ms.
_SMALL, _FAST = _options(2**16), _options(2**20)


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re2._Regexp:
    try:
        re2.compile(pattern, _SMALL)
        return re2.compile(pattern, _FAST)
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from error


def finder(pattern: str) -> Callable[[str], bool]:
    """Return what says whether a text contains the pattern; ValueError with RE2's reason where it is refused."""
    search = _compiled(pattern).search
    return lambda text: search(text) is not None


def size_of(pattern: str) -> int:
    """Return the number of instructions of the pattern's program: a search may take as many steps a byte."""
    return int(_compiled(pattern).programsize)
