"""hub.cli.audit: what it prints, and with which status it ends."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from hub.cli.audit import app
from hub.core.principal import Principal
from hub.errors import ConfigError, UnauthenticatedError
from hub.observe.audit import Audit, AuditOptions, Event
from hub.observe.audit_files import FileLimits
from hub.observe.metrics import Metrics

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

ACME, GLOBEX = (Principal(tenant, "me", frozenset()) for tenant in ("acme", "globex"))


def run(*arguments: object) -> Result:
    """Run `loghub audit`."""
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A hub's configuration, whose audit log has a key and four events."""
    (tmp_path / "audit.key").write_text("k" * 64)
    path = tmp_path / "loghub.yaml"
    path.write_text("data-dir: data\naudit:\n  key-file: audit.key\n")
    files = FileLimits(2**20, 10, 1e9)
    options = AuditOptions(tmp_path / "data" / "audit", 0, files, 0.0, 1000, 10, 1000, tmp_path / "audit.key")
    audit = Audit(options, Metrics())
    audit.open()
    audit.record(Event.STARTED)
    audit.enter(ACME, plane="web", peer="192.0.2.7:1")
    audit.enter(GLOBEX, plane="web", peer="192.0.2.8:1")
    audit.refuse(UnauthenticatedError("no\x1b[2J"), plane="web", peer="192.0.2.9:1")
    audit.close()
    return path


def lines_file(config: Path) -> Path:
    """Return the one file."""
    (found,) = (config.parent / "data" / "audit").glob("*.jsonl")
    return found


def test_a_chain_that_holds_ends_with_status_0_and_an_anchor(config: Path) -> None:
    """Which can be given the next time."""
    done = run("verify", "--config", config)
    assert done.exit_code == 0, done.output
    assert "4 lines hold\n" in done.output
    anchor = done.output.split("anchor ")[1].strip()
    assert run("verify", "--config", config, "--anchor", anchor).exit_code == 0
    wrong = run("verify", "--config", config, "--anchor", anchor.replace(":4:", ":3:"))
    assert (wrong.exit_code, "BROKEN: line 3" in wrong.output) == (1, True)


def test_a_broken_chain_ends_with_status_1_and_names_the_line(config: Path) -> None:
    """The first that is wrong."""
    path = lines_file(config)
    path.write_text(path.read_text().replace("globex", "acme"))
    done = run("verify", "--config", config)
    assert done.exit_code == 1
    assert f"BROKEN: {path.name} line 3: it was changed" in done.output


def test_a_folder_can_be_given_with_its_keys(config: Path) -> None:
    """Such as on the machine where a copy is kept."""
    folder = config.parent / "data" / "audit"
    assert run("verify", folder, "--key", config.parent / "audit.key").exit_code == 0
    without = run("verify", folder)
    assert (without.exit_code, "--key" in without.output) == (1, True)


def test_a_folder_without_a_log_is_an_error(tmp_path: Path) -> None:
    """Not a chain that holds."""
    for command in ("verify", "show"):
        done = run(command, tmp_path / "nothing")
        assert isinstance(done.exception, ConfigError)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ((), ["hub_started", "session_opened", "session_opened", "refused"]),
        (("--event", "refused"), ["refused"]),
        (("--tenant", "acme"), ["session_opened"]),
        (("--peer", "192.0.2.8"), ["session_opened"]),
        (("--since", "1h"), ["hub_started", "session_opened", "session_opened", "refused"]),
        (("--since", "0s"), []),
    ],
)
def test_events_can_be_chosen(config: Path, options: tuple[str, ...], shown: list[str]) -> None:
    """By what they are, whose, from where, and when; for people and as they are."""
    done = run("show", "--config", config, *options)
    assert [line.split()[2] for line in done.output.splitlines()] == shown
    as_json = run("show", "--config", config, "--json", *options)
    assert [json.loads(line)["event"] for line in as_json.output.splitlines()] == shown


def test_nothing_that_a_peer_chose_steers_the_terminal(config: Path) -> None:
    """Control characters are shown as escapes."""
    for options in ((), ("--json",)):
        assert "\x1b" not in run("show", "--config", config, *options).output


def test_a_time_that_is_none_is_an_error(config: Path) -> None:
    """As everywhere."""
    assert isinstance(run("show", "--config", config, "--since", "yesterday").exception, ConfigError)
