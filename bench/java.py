"""`loghub bench java`: one Java producer over mTLS, fsync before the ack, one TLS WebSocket that gets every record."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.loader import Loader
from bench.rig import Phase, Rig, rig
from hub.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

JAR = Path(__file__).resolve().parents[1] / "clients/java-compat/compat/target/compat.jar"
_OPTIONS = ("-XX:+UseParallelGC", "-Xmx512m")
_PROGRAM = "io.loghub.compat.Flood"
# The virtual machine compiles what is hot in this time.
_WARM_UP_SECONDS = 6.0


def run(phases: Mapping[str, Phase]) -> dict[str, Any]:
    """Run each phase on a hub of its own; return its figures by the phase's name.

    ConfigError where there is no Java, or the program is not built.
    """
    java = shutil.which("java")
    if java is None or not JAR.is_file():
        missing = "java is not on the PATH" if java is None else f"{JAR} is not there: run 'make java'"
        raise ConfigError(missing)
    results = {}
    for name, phase in phases.items():
        with rig() as hub:
            results[name] = _measure(hub, phase, java)
    return results


def _measure(hub: Rig, phase: Phase, java: str) -> dict[str, Any]:
    watch = {"port": hub.listening.web_port, "ca": str(hub.deployment.ca), "token": hub.token}
    with Loader("arrivals", watch) as arrivals, Loader("java", {}, command=_command(hub, phase, java)) as producer:
        arrivals.wait_ready()
        producer.wait_ready()
        producer.finish("go")
        arrivals.finish("measure")
        with hub.measured() as cost:
            producer.wait_ready()
        sent = producer.wait_ready()
        seen = arrivals.finish(sent["acked"])
    measured = max(sent["measured"], 1)
    return {
        "offered_per_s": phase.rate or None,
        "records_per_s": round(sent["measured"] / sent["took"]),
        "cpu_us_per_record": round(sent["cpu_s"] / measured * 1e6, 3),
        "hub_cpu_us_per_record": round(cost.cpu / measured * 1e6, 3),
        "p50_ms": seen.get("p50_ms"),
        "p99_ms": seen.get("p99_ms"),
        "delivered": seen["delivered"],
        "acked": sent["acked"],
        "lost": sent["sent"] - seen["delivered"],
        "wrong": seen["wrong"],
        "steal_percent": cost.steal_percent,
    }


def _command(hub: Rig, phase: Phase, java: str) -> list[str]:
    issued = hub.deployment.client("bench")
    files = [str(hub.deployment.ca), str(issued.cert), str(issued.key)]
    figures = [phase.rate, phase.seconds, _WARM_UP_SECONDS, phase.batch]
    endpoint = f"localhost:{hub.listening.grpc_port}"
    return [java, *_OPTIONS, "-cp", str(JAR), _PROGRAM, endpoint, *files, *map(str, figures)]
