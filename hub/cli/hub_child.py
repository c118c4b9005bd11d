"""A hub as a child process, and the ports that it says it listens on."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from hub.app import Listening
from hub.cli.children import ChildError

if TYPE_CHECKING:
    from pathlib import Path

    from hub.cli.children import Child, Children
    from hub.cli.deployment import Deployment

_READY_SECONDS = 30.0
_POLL_SECONDS = 0.02


def start_hub(children: Children, deployment: Deployment, *options: str, name: str = "hub") -> tuple[Child, Listening]:
    """Start `loghub serve` with the deployment's configuration, and wait until it is ready.

    Raises ChildError where it ends or is not ready in time.
    """
    command = [sys.executable, "-m", "hub.cli.main", "serve", "--config", str(deployment.config), *options]
    child = children.start(name, command)
    deadline = time.monotonic() + _READY_SECONDS
    while (listening := _listening(child.log)) is None:
        child.check()
        if time.monotonic() > deadline:
            msg = f"the hub was not ready after {_READY_SECONDS:g} s: see {child.log}"
            raise ChildError(msg)
        time.sleep(_POLL_SECONDS)
    return child, listening


def _listening(log: Path) -> Listening | None:
    for line in log.read_text(errors="replace").splitlines():
        if '"ready"' in line:
            event = json.loads(line)
            return Listening(event["grpc_port"], event["web_port"])
    return None
