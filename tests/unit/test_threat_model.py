"""docs/explanation/threat-model.md: what it names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hub.config import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "explanation" / "threat-model.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([^`\n]+)`", PAGE)))
TESTS = [name for name in NAMED if name.startswith("tests/")]
FILES = [name for name in NAMED if name.startswith("hub/")]
SETTINGS = [name.split(":")[0] for name in NAMED if re.match(r"[a-z]+\.[a-z_]+(:|$)", name)]


def test_every_control_has_a_setting_or_file_and_a_test() -> None:
    """Each line of the table."""
    table = PAGE.split("## Controls")[1].split("##")[0]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 20
    for threat, _, where, proof in rows:
        assert "`" in where, threat
        assert "`tests/" in proof, threat


@pytest.mark.parametrize("name", TESTS)
def test_a_test_that_is_named_exists(name: str) -> None:
    """By its file and its function."""
    path, _, function = name.partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    assert not function or re.search(rf"^(async )?def {function}\(", text, re.MULTILINE)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_named_exists(name: str) -> None:
    """It was not moved since."""
    assert (ROOT / name).is_file()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_that_is_named_exists(name: str) -> None:
    """It was not renamed since."""
    assert name in dict(Settings().flat())
