"""`loghub serve`: runs a hub, in one process or in several that share the ports and the log."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.app import Listening
from hub.app import serve as run_hub
from hub.config import Settings, load
from hub.errors import ConfigError
from hub.observe.logging import set_up

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = logging.getLogger(__name__)
# A worker that lives shorter than this counts as failing; the pause before it is started again doubles up to the last.
_HEALTHY_SECONDS = 10.0
_MAX_PAUSE_SECONDS = 30.0
_POLL_SECONDS = 0.2


def serve(
    config: Annotated[Path | None, typer.Option(help="The YAML configuration.", show_default=False)] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes; overrides the configuration.")] = None,
    worker: Annotated[int, typer.Option(hidden=True)] = -1,
) -> None:
    """Run the hub until SIGTERM or Ctrl-C."""
    settings = load(config)
    if workers is not None:
        settings = settings.model_copy(update={"workers": workers})
    set_up(settings.logging.level, settings.logging.format)
    if settings.workers > 1 and worker < 0:
        _check_ports(settings)
        raise typer.Exit(_Supervisor(_command(config, settings.workers), settings.workers).run())
    number = max(worker, 0)
    run_hub(settings, number, lambda listening: _ready(listening, number))


def _ready(listening: Listening, worker: int) -> None:
    fields = {"grpc_port": listening.grpc_port, "web_port": listening.web_port, "worker": worker, "pid": os.getpid()}
    _log.info("ready", extra={"fields": fields})


def _check_ports(settings: Settings) -> None:
    if 0 in (settings.grpc.port, settings.web.port):
        msg = "several workers share their ports, so grpc.port and web.port cannot be 0"
        raise ConfigError(msg)


def _command(config: Path | None, workers: int) -> list[str]:
    options = ["--config", str(config)] if config else []
    return [sys.executable, "-m", "hub.cli.main", "serve", *options, "--workers", str(workers)]


class _Supervisor:
    """Starts the workers, starts those again that die, and passes on the signal to stop."""

    def __init__(self, command: Sequence[str], workers: int) -> None:
        self._command = command
        self._running: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
        self._due: dict[int, float] = dict.fromkeys(range(workers), 0.0)
        self._pause = dict.fromkeys(range(workers), 1.0)
        self._stopping = False

    def run(self) -> int:
        """Return the exit status once all workers have ended."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGHUP, self._pass_on)
        while not self._stopping or self._running:
            self._start_due()
            self._reap()
            time.sleep(_POLL_SECONDS)
        return 0

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True
        for process, _ in self._running.values():
            process.send_signal(signal.SIGTERM)

    def _pass_on(self, number: int, _frame: object) -> None:
        for process, _ in self._running.values():
            process.send_signal(number)

    def _start_due(self) -> None:
        now = time.monotonic()
        for worker in [worker for worker, due in self._due.items() if due <= now and not self._stopping]:
            del self._due[worker]
            process = subprocess.Popen([*self._command, "--worker", str(worker)])  # noqa: S603  our own command line
            self._running[worker] = (process, now)

    def _reap(self) -> None:
        for worker, (process, began) in list(self._running.items()):
            status = process.poll()
            if status is None:
                continue
            del self._running[worker]
            if self._stopping:
                continue
            now = time.monotonic()
            healthy = now - began > _HEALTHY_SECONDS
            self._pause[worker] = 1.0 if healthy else min(self._pause[worker] * 2, _MAX_PAUSE_SECONDS)
            self._due[worker] = now + (0.0 if healthy else self._pause[worker])
            _log.error("worker_died", extra={"fields": {"worker": worker, "status": status}})
