"""hub.cli.main: every command is found in its module, and none is imported before it is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from hub.cli.main import COMMANDS, app


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_help(name: str) -> None:
    """Its module has it, under the name that is typed."""
    done = CliRunner().invoke(app, [name, "--help"])
    assert done.exit_code == 0, done.output
    assert f"loghub {name}" in " ".join(done.output.split())


def test_the_help_names_all() -> None:
    """In the order of the table."""
    group = get_command(app)
    assert group.list_commands(None) == list(COMMANDS)  # type: ignore[attr-defined]
    output = CliRunner().invoke(app, ["--help"]).output
    assert all(f" {name} " in output for name in COMMANDS)


def test_a_slip_is_told_with_the_nearest_command() -> None:
    """And ends with status 2."""
    done = CliRunner().invoke(app, ["tial"])
    assert done.exit_code == 2
    assert "tail" in done.output


def test_nothing_is_imported_that_the_command_does_not_need() -> None:
    """The version asks for no part of the hub."""
    source = (
        "import sys, hub.cli.main; print([name for name in ('quart', 'grpc', 'lmdb', 'lark') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"
