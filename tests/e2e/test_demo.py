"""`loghub demo --check`: Java services, hub and browser, as a newcomer starts them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.e2e.conftest import ROOT

COMMAND = (sys.executable, "-m", "hub.cli.main", "demo", "--check")


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    ("options", "appender"), [((), "the loghub appender"), (("--kafka",), "an appender for Kafka")]
)
def test_the_demo_shows_each_tenant_its_own_java_records(options: tuple[str, ...], appender: str) -> None:
    """The check looks at both tenants' pages in a browser, and leaves nothing running; also through a real broker."""
    run = subprocess.run([*COMMAND, *options], cwd=ROOT, capture_output=True, text=True, check=False, timeout=230)
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"The sample services are Java (Spring Boot with {appender}" in run.stdout
    assert "acme:" in run.stdout
    assert "globex:" in run.stdout
    assert "demo check passed" in run.stdout


def test_a_broker_needs_java_and_the_demo_says_so() -> None:
    """Nothing is started where the broker cannot be."""
    env = {**os.environ, "PATH": "/nonexistent"}
    run = subprocess.run([*COMMAND, "--kafka"], cwd=ROOT, capture_output=True, text=True, check=False, env=env)
    assert run.returncode != 0
    assert "no Kafka broker is at hand" in run.stderr
    assert "make kafka" in run.stderr
    assert "The sample services" not in run.stdout
