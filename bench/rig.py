"""What every benchmark needs: a hub in a process of its own, its identities, and its CPU time."""

from __future__ import annotations

import os
import resource
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.children import Children
from hub.cli.deployment import Deployment
from hub.cli.hub_child import start_hub

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hub.app import Listening

TENANT = "bench"
_TRUST_DOMAIN = "bench.local"
_TICKS = os.sysconf("SC_CLK_TCK")


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

    def rss_kib(self) -> int:
        """Return the resident memory of the hub's process."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])


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
