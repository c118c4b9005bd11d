"""`loghub bench`: measures a hub of its own on this machine, and prints one JSON line."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from bench.ingest import Phase, run

app = typer.Typer(no_args_is_help=True, help="Measure a hub on this machine; each prints one JSON line.")

_RATE = 50_000.0
_SECONDS = 8.0


@app.callback()
def bench() -> None:
    """Measure a hub on this machine; each prints one JSON line."""


@app.command()
def ingest(
    rate: Annotated[
        float | None,
        typer.Option(
            min=0, help="Records/s; 0: saturation only; default: 50,000/s, then saturation.", show_default=False
        ),
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Records of a batch.")] = 500,
    duration: Annotated[float, typer.Option("--seconds", min=1, max=600, help="Length of each phase.")] = _SECONDS,
) -> None:
    """Measure work A: gRPC mTLS in, fsync before the ack, one TLS WebSocket subscriber that gets every record.

    Latency is from when a batch was due to its arrival at the subscriber, at the offered rate; `cpu_us_per_record` and
    `records_per_s` are those of saturation unless --rate is given. Only the hub's process is counted.
    """
    phases = {}
    if rate != 0:
        phases["offered"] = Phase(_RATE if rate is None else rate, duration, batch)
    if not rate:
        phases["saturation"] = Phase(0, duration, batch)
    typer.echo(json.dumps(_summary(run(phases))))


def _summary(results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    throughput = results.get("saturation") or results["offered"]
    latency = results.get("offered") or results["saturation"]
    totals = {name: sum(result[name] for result in results.values()) for name in ("delivered", "acked", "lost")}
    return {
        "bench": "ingest",
        "records_per_s": throughput["records_per_s"],
        "cpu_us_per_record": throughput["cpu_us_per_record"],
        "p50_ms": latency["p50_ms"],
        "p99_ms": latency["p99_ms"],
        **totals,
        **results,
    }
