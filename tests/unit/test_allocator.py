"""hub.allocator: freed memory stays with the process."""

from __future__ import annotations

import subprocess
import sys

_FAULTS = """
import ctypes, resource, sys
from hub.allocator import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def use():
    places = [libc.malloc(ctypes.c_size_t(1 << 20)) for _ in range(4)]
    for place in places:
        ctypes.memset(place, 1, 1 << 20)
    for place in places:
        libc.free(ctypes.c_void_p(place))
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    """Return the page faults of 100 uses of four megabytes, one after the other."""
    done = subprocess.run([sys.executable, "-c", _FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_memory_that_was_freed_is_used_again_without_page_faults() -> None:
    """A process without the settings has a fault for every few pages, over and over."""
    assert faults("keep") * 10 < faults("leave")
