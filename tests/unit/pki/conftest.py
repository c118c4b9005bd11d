"""An authority for tests of the parts around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.pki.authority import Authority

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """One of the test's own, of trust domain `loghub.test`."""
    return Authority.create(tmp_path / "pki", "loghub.test")
