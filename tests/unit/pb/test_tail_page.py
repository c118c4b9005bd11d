"""The page of the live tail: it names everything that the contract, the settings and the errors have for it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.config import Settings
from hub.errors import ERRORS_BY_CLOSE_CODE
from hub.pb import tail_pb2
from hub.web.query import subscribe_of

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "tail-api.md").read_text(encoding="utf-8")
QUOTED = set(re.findall(r"`([^`\n]+)`", PAGE))
MESSAGES = tail_pb2.DESCRIPTOR.message_types_by_name
ENUMS = tail_pb2.DESCRIPTOR.enum_types_by_name
# Not sent over the subscriber's wires that the page tells of, or never with a close code of its own.
UNNAMED_CODES = {4401, 4403, 4501}


def kinds() -> list[tuple[str, Descriptor]]:
    """Return every kind of message, of both sides."""
    sides = (MESSAGES["ClientMessage"], MESSAGES["ServerMessage"])
    return [(field.name, field.message_type) for side in sides for field in side.fields if field.message_type]


@pytest.mark.parametrize(("name", "message"), kinds(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_message_and_its_fields_are_on_the_page(name: str, message: Descriptor) -> None:
    """A field that is added to the contract is added to the page."""
    assert f"### {name}\n" in PAGE or name in QUOTED
    assert {field.name for field in message.fields} <= QUOTED


def test_parts_of_messages_are_on_the_page() -> None:
    """The limits of the welcome and the fields of an account."""
    for part in ("ServerLimits", "Ledger"):
        assert {field.name for field in MESSAGES[part].fields} <= QUOTED


def test_error_codes_and_gap_reasons_are_on_the_page() -> None:
    """Every one of them, but for the one that says nothing."""
    names = {value.name for enum in ENUMS.values() for value in enum.values if value.number}
    assert names <= QUOTED


def test_the_parameters_of_the_query_are_on_the_page() -> None:
    """The page names those that are understood, and each is."""
    section = PAGE.split("### As the query")[1].split("mean the same")[0]
    names = [name for name in re.findall(r"`(\w+)`", section) if name != "v1"]
    values = {
        "tenant": "acme",
        "last": "1",
        "since": "1h",
        "oldest": "true",
        "follow": "true",
        "max_records_per_s": "1",
    }
    for name in names:
        subscribe_of([(name, values.get(name, "x"))], "s")
    assert len(names) == 8


def test_a_setting_that_the_page_names_exists() -> None:
    """By section and name."""
    sections = {name: field.annotation for name, field in Settings.model_fields.items()}
    named = re.findall(r"`(live|web|log|shutdown|tokens|grpc|ingest)\.(\w+)`", PAGE)
    assert len(named) > 20
    for section, name in named:
        assert name in getattr(sections[section], "model_fields", {}), f"{section}.{name}"


def test_the_close_codes_of_errors_are_on_the_page() -> None:
    """A code by which a session may end says whether to come back."""
    codes = set(map(int, re.findall(r"\b(1\d{3}|4\d{3})\b", PAGE)))
    assert ERRORS_BY_CLOSE_CODE.keys() - UNNAMED_CODES <= codes


@pytest.mark.parametrize("program", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL), ids=lambda text: text[3:20])
def test_a_program_on_the_page_can_be_read(program: str) -> None:
    """As Python."""
    ast.parse(program)
