"""An authority for tests of the parts around it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from hub.pki.authority import Authority

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an authority, to be copied: to make one takes three signatures and twenty fsyncs."""
    return Authority.create(tmp_path_factory.mktemp("made") / "pki", "loghub.test").folder


@pytest.fixture
def authority(made: Path, tmp_path: Path) -> Authority:
    """One of the test's own, of trust domain `loghub.test`."""
    return Authority.open(shutil.copytree(made, tmp_path / "pki"))
