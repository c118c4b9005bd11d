"""`loghub bench connections`: what an idle TLS subscriber costs in memory, and whether all of them get a record."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

from bench.loader import Loader
from bench.rig import Phase, rig

# One loader opens so many: it is one process with the same limit of open files as the hub.
_PER_LOADER = 5000
_ONE_RECORD = Phase(rate=1.0, seconds=1.0, batch=1)


def run(count: int) -> dict[str, Any]:
    """Connect subscribers, let them rest, and send one record to all."""
    settings = {"web": {"max_connections": count + 10, "max_connections_per_tenant": count + 10}}
    with rig(settings) as hub, ExitStack() as stack:
        producer = stack.enter_context(Loader("producer", hub.load(_ONE_RECORD)))
        producer.wait_ready()
        before, began = hub.rss_kib(), time.monotonic()
        shares = [min(_PER_LOADER, count - first) for first in range(0, count, _PER_LOADER)]
        loaders = [stack.enter_context(Loader("watchers", hub.watch(share, [""]))) for share in shares]
        connected = sum(loader.wait_ready()["connected"] for loader in loaders)
        took, resident = time.monotonic() - began, hub.rss_kib()
        with hub.measured() as cost:
            sent = producer.finish("go")
            seen = [
                loader.finish({"expected": share, "sent": sent["sent"]})
                for loader, share in zip(loaders, shares, strict=True)
            ]
    received = sum(one["received"] for one in seen)
    return {
        "bench": "connections",
        "connected": connected,
        "connects_per_s": round(connected / took),
        "kib_per_connection": round((resident - before) / max(connected, 1), 1),
        "received": received,
        "expected": count,
        "lost": count - received,
        "last_ms": max(one["last_ms"] or float("inf") for one in seen),
        "steal_percent": cost.steal_percent,
    }
