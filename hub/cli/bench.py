"""`loghub bench`: measures a hub of its own on this machine, and prints one JSON line."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from bench import connections as bench_connections
from bench import fanout as bench_fanout
from bench import filters as bench_filters
from bench import formats as bench_formats
from bench import java as bench_java
from bench import kafka as bench_kafka
from bench import tail as bench_tail
from bench.ingest import run
from bench.rig import Phase

app = typer.Typer(no_args_is_help=True, help="Measure a hub on this machine; each prints one JSON line.")

_RATE = 50_000.0
_SECONDS = 8.0


@app.callback()
def bench() -> None:
    """Measure a hub on this machine; each prints one JSON line."""


_MaybeRate = Annotated[
    float | None,
    typer.Option(min=0, help="Records/s; 0: saturation only; default: 50,000/s, then saturation.", show_default=False),
]


@app.command()
def ingest(
    rate: _MaybeRate = None,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Records of a batch.")] = 500,
    duration: Annotated[float, typer.Option("--seconds", min=1, max=600, help="Length of each phase.")] = _SECONDS,
) -> None:
    """Measure work A: gRPC mTLS in, fsync before the ack, one TLS WebSocket subscriber that gets every record.

    Latency is from when a batch was due to its arrival at the subscriber, at the offered rate; `cpu_us_per_record` and
    `records_per_s` are those of saturation unless --rate is given. Only the hub's process is counted.
    """
    typer.echo(json.dumps(_summary("ingest", run(_phases(rate, duration, batch)))))


def _phases(rate: float | None, duration: float, batch: int) -> dict[str, Phase]:
    phases = {}
    if rate != 0:
        phases["offered"] = Phase(_RATE if rate is None else rate, duration, batch)
    if not rate:
        phases["saturation"] = Phase(0, duration, batch)
    return phases


@app.command()
def java(
    rate: _MaybeRate = None,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Records of a batch.")] = 500,
    duration: Annotated[float, typer.Option("--seconds", min=1, max=600, help="Length of each phase.")] = 6.0,
) -> None:
    """Measure one Java producer: mTLS, fsync before the ack, one TLS WebSocket subscriber that gets every record.

    `cpu_us_per_record` is of the Java process, the making of the records included; latency is from the making of a
    batch's oldest record to its arrival at the subscriber. `make java` must have built the program.
    """
    typer.echo(json.dumps(_summary("java", bench_java.run(_phases(rate, duration, batch)))))


def _summary(name: str, results: dict[str, dict[str, Any]]) -> dict[str, Any]:
    throughput = results.get("saturation") or results["offered"]
    latency = results.get("offered") or results["saturation"]
    totals = {name: sum(result[name] for result in results.values()) for name in ("delivered", "acked", "lost")}
    return {
        "bench": name,
        "records_per_s": throughput["records_per_s"],
        "cpu_us_per_record": throughput["cpu_us_per_record"],
        "p50_ms": latency["p50_ms"],
        "p99_ms": latency["p99_ms"],
        **totals,
        **results,
    }


_Rate = Annotated[float, typer.Option(min=1, help="Records/s.")]
_Batch = Annotated[int, typer.Option(min=1, max=10_000, help="Records of a batch.")]
_Seconds = Annotated[float, typer.Option("--seconds", min=1, max=600, help="Length of the measurement.")]


@app.command()
def tail(rate: _Rate = _RATE, batch: _Batch = 500, duration: _Seconds = 15.0) -> None:
    """Measure the latency from when a batch was due to its arrival at one TLS subscriber, fsynced in between."""
    typer.echo(json.dumps(bench_tail.run(Phase(rate, duration, batch))))


@app.command()
def fanout(
    subscribers: Annotated[int, typer.Option(min=1, max=9000, help="TLS subscribers that want everything.")] = 500,
    rate: _Rate = 2500.0,
    batch: _Batch = 100,
    duration: _Seconds = 8.0,
) -> None:
    """Measure the CPU of the hub for each record delivered to each of many subscribers of the same.

    The first figures are of subscribers that take compressed batches, as `loghub tail` does; `plain` are of those that
    do not.
    """
    typer.echo(json.dumps(bench_fanout.run(Phase(rate, duration, batch), subscribers)))


@app.command()
def filters(
    distinct: Annotated[
        int, typer.Option(min=1, max=10_000, help="Different filters, a service and a word each.")
    ] = 10_000,
    rate: _Rate = _RATE,
    batch: _Batch = 500,
    duration: _Seconds = 2.5,
    beside: Annotated[
        bool, typer.Option(help="Also 0, 100 and 1,000 filters, regular expressions, and one filter of 100 watchers.")
    ] = True,
) -> None:
    """Measure the CPU of the hub for each record while many different filters are watched over 100 connections."""
    typer.echo(json.dumps(bench_filters.run(Phase(rate, duration, batch), distinct, beside=beside)))


@app.command()
def connections(
    count: Annotated[int, typer.Option(min=1, max=15_000, help="Idle TLS subscribers.")] = 10_000,
) -> None:
    """Measure the memory of the hub for each idle TLS subscriber, then send one record to all."""
    typer.echo(json.dumps(bench_connections.run(count)))


@app.command()
def formats(
    duration: Annotated[float, typer.Option("--seconds", min=0.1, max=60, help="Length of each format's run.")] = 3.0,
) -> None:
    """Measure on one core how many records a second each format of messages makes."""
    typer.echo(json.dumps(bench_formats.run(duration)))


@app.command()
def kafka(
    records: Annotated[int, typer.Option(min=500, max=5_000_000, help="Records in protobuf batches.")] = 600_000,
    ecs_records: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Records of ECS JSON, a message each.")
    ] = 120_000,
    duration: Annotated[float, typer.Option("--seconds", min=1, max=60, help="Length of the live part.")] = 5.0,
) -> None:
    """Measure the Kafka source: a full topic drained to the disk and one TLS subscriber, then latency at 10,000/s."""
    typer.echo(json.dumps(bench_kafka.run(bench_kafka.Amounts(records, ecs_records, duration))))
