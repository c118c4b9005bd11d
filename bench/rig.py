"""What every benchmark needs: a hub in a process of its own, its identities, and its CPU time."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.deployment import Deployment
from hub.errors import LoghubError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TENANT = "bench"
_TRUST_DOMAIN = "bench.local"
_START_SECONDS = 20.0
_STOP_SECONDS = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(LoghubError):
    """The benchmark could not be run."""


@dataclass(frozen=True, slots=True)
class Rig:
    """A running hub, and what a loader needs to reach it."""

    deployment: Deployment
    process: subprocess.Popen[bytes]
    grpc_port: int
    web_port: int

    def cpu_seconds(self) -> float:
        """Return the user and system CPU time that the hub's process has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def rss_kib(self) -> int:
        """Return the resident memory of the hub's process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])


@contextmanager
def rig(settings: Mapping[str, object] | None = None, folder: Path | None = None) -> Iterator[Rig]:
    """Start a hub in a scratch folder, and stop and remove it at the end."""
    raise_open_files()
    scratch = Path(tempfile.mkdtemp(prefix="loghub-bench-", dir=folder))
    try:
        deployment = Deployment.prepare(scratch, _TRUST_DOMAIN)
        config = deployment.configure(0, 0, settings)
        log = scratch / "hub.log"
        command = [sys.executable, "-m", "hub.cli.main", "serve", "--config", str(config)]
        with log.open("wb") as errors:
            process = subprocess.Popen(command, stderr=errors)
        try:
            grpc_port, web_port = _ports(process, log)
            yield Rig(deployment, process, grpc_port, web_port)
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def raise_open_files() -> None:
    """Let this process and its children open as many files as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _ports(process: subprocess.Popen[bytes], log: Path) -> tuple[int, int]:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for line in log.read_text().splitlines():
            event = json.loads(line) if line.startswith("{") else {}
            if event.get("event") == "ready":
                return event["grpc_port"], event["web_port"]
        time.sleep(0.05)
    msg = f"the hub did not start:\n{log.read_text()}"
    raise BenchError(msg)
