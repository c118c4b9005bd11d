"""The certificates, the configuration and a token of a hub, for tests that are not in Python.

python -m tests.site FOLDER     makes them in the folder, on two ports that were free, and prints where they are
"""

from __future__ import annotations

import socket
import sys
from contextlib import ExitStack
from pathlib import Path

from hub.cli.deployment import Deployment

TENANT = "acme"


def free_ports(count: int) -> list[int]:
    """Return different ports that nobody listens on."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def main(folder: Path) -> None:
    """Make everything, and say where it is."""
    deployment = Deployment.prepare(folder, "java.local")
    grpc_port, web_port = free_ports(2)
    config = deployment.configure(grpc_port, web_port, {"shutdown": {"grace-seconds": 5}})
    identity = deployment.client(TENANT)
    made = {
        "config": str(config),
        "grpc_port": grpc_port,
        "web_port": web_port,
        "ca": str(deployment.ca),
        "cert": str(identity.cert),
        "key": str(identity.key),
        "token": deployment.token(TENANT),
    }
    sys.stdout.write("".join(f"{name}={value}\n" for name, value in made.items()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
