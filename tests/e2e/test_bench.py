"""`loghub bench`: a short run of the real thing prints figures that agree with each other."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from hub.ingest.formats import FORMATS


@pytest.mark.parametrize("rate", [5000, 0])
def test_ingest_prints_one_line_of_figures(rate: int) -> None:
    """At an offered rate and at saturation: what is acknowledged is delivered, once and in order."""
    command = [sys.executable, "-m", "hub.cli.main", "bench", "ingest", f"--rate={rate}", "--batch=50", "--seconds=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    figures = json.loads(line)
    assert figures["acked"] == figures["delivered"] >= 5000
    assert figures["lost"] == 0
    assert figures["offered" if rate else "saturation"]["wrong"] == 0
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]
    assert figures["cpu_us_per_record"] > 0
    assert figures["records_per_s"] > 1000


@pytest.mark.parametrize(
    ("bench", "options", "keys"),
    [
        ("tail", ["--rate=5000", "--batch=50", "--seconds=1"], {"p50_ms", "p99_ms", "cpu_us_per_record"}),
        (
            "fanout",
            ["--subscribers=20", "--rate=1000", "--batch=50", "--seconds=1"],
            {"p50_ms", "p99_ms", "cpu_us_per_delivery", "connected", "records_per_s"},
        ),
        (
            "filters",
            ["--distinct=500", "--rate=5000", "--batch=100", "--seconds=1", "--no-beside"],
            {"cpu_us_per_record", "records_per_s"},
        ),
        ("connections", ["--count=50"], {"kib_per_connection", "connected", "received"}),
    ],
)
def test_a_bench_prints_one_line_of_figures(bench: str, options: list[str], keys: set[str]) -> None:
    """What is expected is delivered, none of it wrong."""
    command = [sys.executable, "-m", "hub.cli.main", "bench", bench, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    figures = json.loads(line)
    assert keys | {"bench", "lost", "expected"} <= figures.keys()
    assert (figures["lost"], figures["wrong"]) == (0, 0)
    got = figures["received" if bench == "connections" else "delivered"]
    assert got == figures["expected"] > 0


@pytest.mark.timeout(120)
def test_java_prints_one_line_of_figures() -> None:
    """What a Java producer was acknowledged is delivered, once and in order; `make java` has built it."""
    command = [sys.executable, "-m", "hub.cli.main", "bench", "java", "--rate=2000", "--batch=50", "--seconds=1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    figures = json.loads(line)
    assert figures["acked"] == figures["delivered"] >= 2000
    assert (figures["lost"], figures["offered"]["wrong"]) == (0, 0)
    assert figures["records_per_s"] > 500
    assert figures["cpu_us_per_record"] > 0
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]


@pytest.mark.timeout(150)
def test_kafka_prints_one_line_of_figures() -> None:
    """A broker, a hub and loaders of its own; every record that was in the topics is delivered once, in order."""
    options = ["--records=20000", "--ecs-records=2000", "--seconds=1"]
    command = [sys.executable, "-m", "hub.cli.main", "bench", "kafka", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=140, check=False)
    assert done.returncode == 0, done.stderr
    [line] = done.stdout.splitlines()
    figures = json.loads(line)
    assert figures["delivered"] == figures["expected"] == 32_000
    assert (figures["lost"], figures["wrong"]) == (0, 0)
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]
    assert min(figures[f"{name}_records_per_s"] for name in ("protobuf", "ecs")) > 500
    assert figures["cpu_us_per_record"] > 0


def test_formats_prints_a_rate_of_each() -> None:
    """None is slower than a fifth of what is asked of the slowest that has a figure, 60,000 ECS records a second."""
    command = [sys.executable, "-m", "hub.cli.main", "bench", "formats", "--seconds=0.5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    for name in FORMATS:
        rate = figures[f"{name.replace('-', '_')}_records_per_s"]
        assert rate > 12_000, name
        assert figures[f"{name.replace('-', '_')}_us_per_record"] == pytest.approx(1e6 / rate, rel=0.05, abs=0.01)
