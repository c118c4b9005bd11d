"""`loghub demo --check`: Java services, hub and browser, as a newcomer starts them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.e2e.conftest import ROOT


@pytest.mark.timeout(240)
def test_the_demo_shows_each_tenant_its_own_java_records() -> None:
    """The check looks at both tenants' pages in a browser, and leaves nothing running."""
    command = [sys.executable, "-m", "hub.cli.main", "demo", "--check"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=230)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "The sample services are Java" in run.stdout
    assert "acme:" in run.stdout
    assert "globex:" in run.stdout
    assert "demo check passed" in run.stdout
