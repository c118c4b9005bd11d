"""`loghub bench ingest`, work A: gRPC mTLS in, fsynced before the ack, one TLS WebSocket subscriber of all."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.rig import TENANT, Rig, machine_ticks, rig

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOADER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Phase:
    """One measurement: `rate` in records a second, 0: saturation."""

    rate: float
    seconds: float
    batch: int


def run(phases: Mapping[str, Phase], settings: Mapping[str, object] | None = None) -> dict[str, Any]:
    """Run each phase on a hub of its own; return its figures by the phase's name."""
    results = {}
    for name, phase in phases.items():
        with rig(settings) as hub:
            results[name] = _measure(hub, phase)
    return results


def _measure(hub: Rig, phase: Phase) -> dict[str, Any]:
    site = hub.deployment
    issued = site.client(TENANT)
    identity = {"ca": str(site.ca), "cert": str(issued.cert), "key": str(issued.key)}
    load = {
        "port": hub.listening.grpc_port,
        "rate": phase.rate,
        "seconds": phase.seconds,
        "batch": phase.batch,
        **identity,
    }
    watch = {"port": hub.listening.web_port, "ca": str(site.ca), "token": site.token(TENANT)}
    with _loader("bench.subscriber", watch) as subscriber, _loader("bench.producer", load) as producer:
        _wait_ready(subscriber)
        _wait_ready(producer)
        cpu, began, machine = hub.cpu_seconds(), time.monotonic(), machine_ticks()
        sent = _finish(producer, "go")
        cpu, took = hub.cpu_seconds() - cpu, time.monotonic() - began
        ticks, stolen = (now - then for now, then in zip(machine_ticks(), machine, strict=True))
        seen = _finish(subscriber, str(sent["acked"]))
    return {**_figures(phase, sent, seen, cpu=cpu, took=took), "steal_percent": round(stolen / max(ticks, 1) * 100, 1)}


def _loader(module: str, argument: Mapping[str, Any]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", module, json.dumps(argument)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _wait_ready(process: subprocess.Popen[str]) -> None:
    if process.stdout:
        process.stdout.readline()


def _finish(process: subprocess.Popen[str], word: str) -> dict[str, Any]:
    """Say the word that a loader waits for, and return what it has to tell at its end."""
    out, _ = process.communicate(word + "\n", timeout=_LOADER_SECONDS)
    result: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return result


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
