"""`loghub check-config`: prints the settings in use, or every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner

from hub.cli.check_config import check_config
from hub.config import load

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "configuration.md"


@pytest.fixture
def command() -> typer.Typer:
    """Return the command as an application of its own."""
    app = typer.Typer()
    app.command()(check_config)
    return app


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Return a good configuration."""
    path = tmp_path / "loghub.yaml"
    path.write_text("web: {port: 9443}\nlog: {retention-seconds: 2d}\n", encoding="utf-8")
    return path


def test_good_settings_are_printed_with_all_defaults(command: typer.Typer, config: Path) -> None:
    """The output says ok, and holds what the file set beside what it left out."""
    result = CliRunner().invoke(command, ["--config", str(config)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.endswith("# ok\n")
    shown = yaml.safe_load(result.stdout)
    assert (shown["web"]["port"], shown["grpc"]["port"], shown["log"]["retention_seconds"]) == (9443, 4317, 172_800.0)


def test_the_output_is_a_configuration_itself(command: typer.Typer, config: Path, tmp_path: Path) -> None:
    """Reading the output gives the same settings again."""
    result = CliRunner().invoke(command, ["--config", str(config)])
    printed = tmp_path / "printed.yaml"
    printed.write_text(result.stdout, encoding="utf-8")
    assert load(printed, {}) == load(config, {})


def test_the_environment_is_checked_too(command: typer.Typer, config: Path) -> None:
    """A variable shows in the output, and one that sets nothing is an error."""
    good = CliRunner().invoke(command, ["--config", str(config)], env={"LOGHUB_WORKERS": "5"})
    assert yaml.safe_load(good.stdout)["workers"] == 5
    bad = CliRunner().invoke(command, ["--config", str(config)], env={"LOGHUB_WORKER": "5"})
    assert bad.exit_code == 1
    assert "LOGHUB_WORKERS" in bad.stderr


def test_every_mistake_is_printed_and_the_status_is_1(command: typer.Typer, config: Path) -> None:
    """A line for each on standard error, no settings, no traceback."""
    config.write_text("web: {prot: 1}\nworker: 2\n", encoding="utf-8")
    result = CliRunner().invoke(command, ["--config", str(config)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert [line.partition(":")[0] for line in result.stderr.splitlines()] == ["web.prot", "worker"]


def test_a_missing_file_is_an_error(command: typer.Typer, tmp_path: Path) -> None:
    """The file's name is in the message."""
    result = CliRunner().invoke(command, ["--config", str(tmp_path / "absent.yaml")])
    assert result.exit_code == 1
    assert "absent.yaml" in result.stderr


def test_the_reference_page_is_up_to_date(command: typer.Typer) -> None:
    """docs/reference/configuration.md is what `--reference` prints; run the command in its second line to renew it."""
    result = CliRunner().invoke(command, ["--reference"])
    assert result.exit_code == 0
    assert result.stdout == PAGE.read_text(encoding="utf-8")
