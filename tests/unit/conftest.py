"""What holds for the whole tier."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings

from tests.examples import examples

if TYPE_CHECKING:
    import pytest

FILES = {path: number for number, path in enumerate(sorted(Path(__file__).parent.rglob("test_*.py")))}

settings.register_profile("unit", examples(50))
settings.load_profile("unit")
gc.disable()  # while tests are collected there is no garbage


def pytest_addoption(parser: pytest.Parser) -> None:
    """Processes that share the tier each run a part of its files.

    They cost half of what workers do to which a master hands out tests: those collect all, and report each test thrice.
    """
    parser.addoption("--part", default="1/1", metavar="N/ALL", help="run every ALLth file, beginning with the Nth")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave other parts' files alone; neighbours, which take about as long, are dealt out in turn."""
    part, parts = map(int, config.getoption("part").split("/"))
    return True if FILES.get(collection_path, part - 1) % parts != part - 1 else None


def pytest_collection_finish() -> None:
    """Leave what was collected out of every later search for cycles: it stays to the end, and is most of what there is.

    The tier's CPU time falls by a tenth, and tests that collect garbage themselves take a fifth of theirs.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
