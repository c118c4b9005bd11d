"""What every benchmark needs: a hub in a process of its own, its identities, and its CPU time."""

from __future__ import annotations

import os
import resource
import tempfile
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hub.cli.children import Children
from hub.cli.deployment import Deployment
from hub.cli.hub_child import start_hub

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hub.app import Listening

TENANT = "bench"
_TRUST_DOMAIN = "bench.local"
_SPARE_CONNECTIONS = 10
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Phase:
    """What producers offer: `rate` in records a second, 0: saturation."""

    rate: float
    seconds: float
    batch: int


@dataclass(slots=True)
class Cost:
    """What a measurement took: the hub's CPU and the time, in seconds, and what the host gave to others."""

    cpu: float = 0.0
    took: float = 0.0
    steal_percent: float = 0.0


@dataclass(frozen=True, slots=True)
class Rig:
    """A running hub, and what a loader needs to reach it."""

    deployment: Deployment
    pid: int
    listening: Listening

    def cpu_seconds(self) -> float:
        """Return the user and system CPU time that the hub's process has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @contextmanager
    def measured(self) -> Iterator[Cost]:
        """Measure what happens in between; the figures are there at the end."""
        cost = Cost()
        cpu, began, machine = self.cpu_seconds(), time.monotonic(), machine_ticks()
        yield cost
        cost.cpu, cost.took = self.cpu_seconds() - cpu, time.monotonic() - began
        ticks, stolen = (now - then for now, then in zip(machine_ticks(), machine, strict=True))
        cost.steal_percent = round(stolen / max(ticks, 1) * 100, 1)

    @property
    def token(self) -> str:
        """A token that reads the tenant's records."""
        return self.deployment.token(TENANT)

    def load(self, phase: Phase, **more: object) -> dict[str, Any]:
        """Return what the producer is to send."""
        issued = self.deployment.client(TENANT)
        identity = {"ca": str(self.deployment.ca), "cert": str(issued.cert), "key": str(issued.key)}
        return {"port": self.listening.grpc_port, **asdict(phase), **identity, **more}

    def watch(self, connections: int, filters: Sequence[str], **more: object) -> dict[str, Any]:
        """Return what subscribers are to watch."""
        site = {"port": self.listening.web_port, "ca": str(self.deployment.ca), "token": self.token}
        return {**site, "connections": connections, "filters": list(filters), **more}

    def rss_kib(self) -> int:
        """Return the resident memory of the hub's process."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])


def room(connections: int) -> dict[str, dict[str, int]]:
    """Return the settings that let so many subscribers of one tenant in."""
    most = connections + _SPARE_CONNECTIONS
    web = {"max_connections": most, "max_connections_per_tenant": most}
    return {"web": web, "quotas": {"max_connections_per_principal": most}}


def machine_ticks() -> tuple[int, int]:
    """Return the ticks of all CPUs since boot, and those of them that the host gave to others (proc(5), `steal`).

    What is stolen while a process is on a CPU is counted as the process's own time, so figures of runs with much of it
    are too high.
    """
    ticks = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(ticks), ticks[7]


@contextmanager
def rig(settings: Mapping[str, object] | None = None, folder: Path | None = None) -> Iterator[Rig]:
    """Start a hub in a scratch folder, and stop and remove it at the end."""
    raise_open_files()
    with tempfile.TemporaryDirectory(prefix="loghub-bench-", dir=folder) as scratch:
        deployment = Deployment.prepare(Path(scratch), _TRUST_DOMAIN)
        deployment.configure(0, 0, settings)
        with Children(Path(scratch)) as children:
            hub, listening = start_hub(children, deployment)
            yield Rig(deployment, hub.process.pid, listening)


def raise_open_files() -> None:
    """Let this process and its children open as many files as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
