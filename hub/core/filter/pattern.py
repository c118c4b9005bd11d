"""Regular expressions: RE2's, which take time in proportion to the text whatever is written.

https://github.com/google/re2/wiki/Syntax
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import re2

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_PATTERN_BYTES = 2**20
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = _MAX_PATTERN_BYTES


@lru_cache(maxsize=4096)
def finder(pattern: str) -> Callable[[str], bool]:
    """Return what says whether a text contains the pattern; ValueError with RE2's reason where it is refused."""
    try:
        search = re2.compile(pattern, _OPTIONS).search
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from error
    return lambda text: search(text) is not None
