"""hub.pb: the committed stubs are what the contract generates, and the contract is clean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BUF = Path(sys.executable).parent / "buf"


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the stubs of the contract as it is now."""
    folder = tmp_path_factory.mktemp("pb")
    subprocess.run([sys.executable, ROOT / "tools" / "generate_stubs.py", folder], check=True)
    return folder


def stubs(folder: Path) -> dict[str, str]:
    """Return the generated files of a folder."""
    return {path.name: path.read_text() for path in folder.glob("*_pb2*.py*")}


def test_the_committed_stubs_are_the_contracts(generated: Path) -> None:
    """Each file is there, and none is stale: `make proto` would change nothing."""
    fresh, committed = stubs(generated), stubs(ROOT / "hub" / "pb")
    assert fresh.keys() == committed.keys()
    assert [name for name in fresh if fresh[name] != committed[name]] == []


def test_every_proto_file_has_stubs(generated: Path) -> None:
    """Messages and their types; a client and a server where there is a service."""
    for proto in (ROOT / "proto" / "loghub" / "v1").glob("*.proto"):
        grpc = [f"{proto.stem}_pb2_grpc.py"] if "\nservice " in proto.read_text() else []
        names = {path.name for path in generated.glob(f"{proto.stem}_pb2*")}
        assert names == {f"{proto.stem}_pb2.py", f"{proto.stem}_pb2.pyi", *grpc}


def test_nothing_but_generated_code_is_beside_the_stubs() -> None:
    """A file that no proto file stands for would never be regenerated."""
    committed = {path.name for path in (ROOT / "hub" / "pb").iterdir() if path.is_file()}
    assert committed - stubs(ROOT / "hub" / "pb").keys() == {"__init__.py"}


def test_the_contract_is_clean() -> None:
    """Every field is commented and named as buf's rules ask."""
    lint = subprocess.run([BUF, "lint", "proto"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, "", "")
