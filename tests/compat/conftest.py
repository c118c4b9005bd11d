"""Java and Node, as they are built, and the table of what was compared."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.compat.contract import ROOT
from tests.compat.echo import Peer
from tests.compat.figures import Figures

if TYPE_CHECKING:
    from collections.abc import Iterator

JAR = ROOT / "clients/java-compat/compat/target/compat.jar"
NODE = ROOT / "tests/compat/node"
FIGURES = pytest.StashKey[Figures]()


def pytest_configure(config: pytest.Config) -> None:
    """Begin with an empty table."""
    config.stash[FIGURES] = Figures()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table, and keep it for `make test`, which prints it last."""
    text = config.stash[FIGURES].table()
    if not text:
        return
    terminalreporter.section("compat")
    terminalreporter.write(text)
    folder = ROOT / ".cache" / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compat.txt").write_text(text, encoding="utf-8")


@pytest.fixture(scope="session")
def figures(request: pytest.FixtureRequest) -> Figures:
    """What the table at the end says."""
    return request.config.stash[FIGURES]


@pytest.fixture(scope="session")
def java() -> list[str]:
    """The beginning of a command that runs a class of the Java programs; `make java` has built them."""
    program = shutil.which("java")
    assert program, "there is no java on the PATH"
    assert JAR.is_file(), f"{JAR} is not there: run 'make java'"
    return [program, "-Xmx512m", "-XX:+UseSerialGC", "-cp", str(JAR)]


@pytest.fixture(scope="session")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The contract as it is now, as a serialised FileDescriptorSet."""
    image = tmp_path_factory.mktemp("contract") / "contract.binpb"
    buf = Path(sys.executable).parent / "buf"
    subprocess.run([buf, "build", "proto", "--as-file-descriptor-set", "-o", image], cwd=ROOT, check=True)
    return image


@pytest.fixture(scope="session")
def node(contract: Path) -> list[str]:
    """The command of Node's echo; `make compat` has installed what it needs."""
    program = shutil.which("node")
    assert program, "there is no node on the PATH"
    assert (NODE / "node_modules").is_dir(), f"{NODE}/node_modules is not there: run 'make compat'"
    return [program, str(NODE / "echo.js"), str(contract)]


@pytest.fixture(scope="session")
def java_echo(java: list[str]) -> Iterator[Peer]:
    """Java, ready to answer."""
    with Peer([*java, "io.loghub.compat.Echo"]) as peer:
        yield peer


@pytest.fixture(scope="session")
def node_echo(node: list[str]) -> Iterator[Peer]:
    """Node, ready to answer."""
    with Peer(node) as peer:
        yield peer
