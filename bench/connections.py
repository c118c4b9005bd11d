"""`loghub bench connections`: what an idle TLS subscriber costs in memory, and whether all of them get a record."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

from bench.loader import Loader
from bench.rig import Phase, rig, room

# One loader opens so many: it is one process with the same limit of open files as the hub.
_PER_LOADER = 5000
_ONE_RECORD = Phase(rate=1.0, seconds=1.0, batch=1)
# What a handshake may take on a slow machine, TLS and token included.
_CONNECT_SECONDS = 0.01
_AT_LEAST_SECONDS = 35.0
# Every subscriber must have the record within this time.
_WITHIN_SECONDS = 2.0


def run(count: int) -> dict[str, Any]:
    """Connect subscribers, let them rest, and send one record to all."""
    patience = max(_AT_LEAST_SECONDS, count * _CONNECT_SECONDS)
    shares = [min(_PER_LOADER, count - first) for first in range(0, count, _PER_LOADER)]
    with rig(room(count)) as hub, ExitStack() as stack:
        producer = stack.enter_context(Loader("producer", hub.load(_ONE_RECORD)))
        producer.wait_ready()
        resident = hub.rss_kib()
        began = time.monotonic()
        with hub.measured() as connecting:
            in_time = {"patience_seconds": _WITHIN_SECONDS, "connect_seconds": patience}
            watches = [hub.watch(share, [""], batch=1, **in_time) for share in shares]
            loaders = [stack.enter_context(Loader("watchers", watch, patience * 2)) for watch in watches]
            connected = sum(loader.wait_ready()["connected"] for loader in loaders)
        took = time.monotonic() - began
        grown = hub.rss_kib() - resident
        sent = producer.finish("go")
        for loader, share in zip(loaders, shares, strict=True):
            loader.finish({"expected": share, "sent": sent["sent"]})
        seen = [loader.finish("leave") for loader in loaders]
    received = sum(one["received"] for one in seen)
    return {
        "bench": "connections",
        "connected": connected,
        "kib_per_connection": round(grown / max(connected, 1), 1),
        "received": received,
        "expected": count,
        "lost": count - received,
        "wrong": sum(one["wrong"] for one in seen),
        "last_ms": max((one["last_ms"] for one in seen if one["received"]), default=None),
        "connects_per_s": round(connected / took),
        "connect_cpu_ms": round(connecting.cpu / max(connected, 1) * 1e3, 2),
        "steal_percent": connecting.steal_percent,
    }
