"""The page of the filter language: every example on it holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from google.protobuf.json_format import Parse

from hub.errors import BadFilterError
from hub.pb.record_pb2 import Batch, LogRecord
from tests.fakes import filter_of

PAGE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "filter-language.md"


def rows(*heading: str) -> list[list[str]]:
    """Return the cells of all tables with such a heading."""
    found, inside = [], False
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        if cells == list(heading):
            inside = True
        elif not cells:
            inside = False
        elif inside and not set(cells[0]) <= set("-"):
            found.append([cell.strip("`") for cell in cells])
    return found


@pytest.mark.parametrize(("text", "passes", "fails"), rows("filter", "passes", "does not pass"))
def test_an_example_passes_what_it_says(text: str, passes: str, fails: str) -> None:
    """The one record and not the other, also through the canonical form."""
    batch = Batch(records=[Parse(passes, LogRecord()), Parse(fails, LogRecord())])
    assert filter_of(text).select(batch) == [0]
    assert filter_of(filter_of(text).canonical).select(batch) == [0]


@pytest.mark.parametrize(("text", "canonical"), rows("filter", "canonical form"))
def test_a_canonical_form_is_as_it_says(text: str, canonical: str) -> None:
    """To the letter."""
    assert filter_of(text).canonical == canonical


@pytest.mark.parametrize(("text", "error"), rows("filter", "error"))
def test_an_error_is_as_it_says(text: str, error: str) -> None:
    """To the letter."""
    with pytest.raises(BadFilterError) as caught:
        filter_of(text)
    assert caught.value.message == error


def test_the_examples_were_found() -> None:
    """A change of the page's form does not make the tests above vanish."""
    assert len(rows("filter", "passes", "does not pass")) > 35
    assert rows("filter", "canonical form")
    assert rows("filter", "error")
