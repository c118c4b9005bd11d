"""`loghub bench ingest`, work A: gRPC mTLS in, fsynced before the ack, one TLS WebSocket subscriber that gets all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.loader import Loader
from bench.rig import Phase, Rig, rig

if TYPE_CHECKING:
    from collections.abc import Mapping


def run(phases: Mapping[str, Phase], settings: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Run each phase on a hub of its own; return its figures by the phase's name."""
    results = {}
    for name, phase in phases.items():
        with rig(settings) as hub:
            results[name] = _measure(hub, phase)
    return results


def _measure(hub: Rig, phase: Phase) -> dict[str, Any]:
    watch = hub.watch(1, [""], batch=phase.batch, packed=True)  # as `loghub tail` does
    with Loader("watchers", watch) as watchers, Loader("producer", hub.load(phase)) as producer:
        watchers.wait_ready()
        producer.wait_ready()
        with hub.measured() as cost:
            sent = producer.finish("go")
        watchers.finish({"expected": sent["acked"], "sent": sent["sent"]})
        seen = watchers.finish("leave")
    acked = sent["acked"]
    return {
        "offered_per_s": phase.rate or None,
        "records_per_s": round(acked / cost.took),
        "cpu_us_per_record": round(cost.cpu / max(acked, 1) * 1e6, 3),
        "p50_ms": seen["p50_ms"],
        "p99_ms": seen["p99_ms"],
        "delivered": seen["delivered"],
        "acked": acked,
        "lost": acked - seen["delivered"],
        "wrong": seen["wrong"],
        "steal_percent": cost.steal_percent,
    }
