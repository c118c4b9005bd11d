"""Programs as users start them: the hub, Java, a browser, each a process that is ended by its id."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.cli.children import Children
from hub.cli.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
_JAR = ROOT / "clients/java-compat/compat/target/compat.jar"


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """A hub's certificates and configuration, on two ports that were free."""
    made = Deployment.prepare(tmp_path / "hub", "e2e.local")
    made.configure(free_port(), free_port(), {"shutdown": {"grace-seconds": 5}})
    return made


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    """Processes that end with the test."""
    with Children(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def load_command() -> list[str]:
    """The Java program that sends numbered records; `make java` has built it."""
    return [*_java(), "-jar", str(_JAR)]


@pytest.fixture(scope="session")
def java_command() -> list[str]:
    """What runs a program of `compat`; its class follows."""
    return [*_java(), "-cp", str(_JAR)]


def _java() -> list[str]:
    java = shutil.which("java")
    assert java, "there is no java on the PATH"
    assert _JAR.is_file(), f"{_JAR} is not there: run 'make java'"
    return [java, "-Xmx256m"]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
