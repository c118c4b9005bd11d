"""`loghub bench ingest`, work A: gRPC mTLS in, fsynced before the ack, one TLS WebSocket subscriber of all."""

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
    watch = {"port": hub.listening.web_port, "ca": str(hub.deployment.ca), "token": hub.token}
    with Loader("subscriber", watch) as subscriber, Loader("producer", hub.load(phase)) as producer:
        subscriber.wait_ready()
        producer.wait_ready()
        with hub.measured() as cost:
            sent = producer.finish("go")
        seen = subscriber.finish(sent["acked"])
    return {**_figures(phase, sent, seen, cpu=cost.cpu, took=cost.took), "steal_percent": cost.steal_percent}


def _figures(phase: Phase, sent: dict[str, Any], seen: dict[str, Any], *, cpu: float, took: float) -> dict[str, Any]:
    latencies = sorted((seen["seen"][seq] - at) * 1000 for seq, at in sent["sent"].items() if seq in seen["seen"]) or [
        float("nan")
    ]
    acked = sent["acked"]
    return {
        "offered_per_s": phase.rate or None,
        "records_per_s": round(acked / took),
        "cpu_us_per_record": round(cpu / max(acked, 1) * 1e6, 3),
        "p50_ms": round(latencies[len(latencies) // 2], 2),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)], 2),
        "delivered": seen["delivered"],
        "acked": acked,
        "lost": acked - seen["delivered"],
        "out_of_order": seen["out_of_order"],
    }
