"""On how many examples a property is tried: on few in a tier of seconds, on more when asked.

FUZZ_TIMES=20 tries each on twenty times as many; PYTEST_TIMEOUT=1200 lets a test take as long.
"""

from __future__ import annotations

import os

from hypothesis import settings

TIMES = int(os.environ.get("FUZZ_TIMES", "1"))


def examples(count: int) -> settings:
    """Return settings for `count` examples in the tier; an example may take any time, since the machine may be busy."""
    return settings(deadline=None, max_examples=count * TIMES)
