"""The page of consumer groups: it names everything that the contract, the settings and the metrics have for them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.config import Settings
from hub.config.bounds import Consume
from hub.observe.metrics import Metrics
from hub.pb import consume_pb2

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "consumer-groups.md").read_text(encoding="utf-8")
QUOTED = set(re.findall(r"`([^`\n]+)`", PAGE))
MESSAGES = consume_pb2.DESCRIPTOR.message_types_by_name


def kinds() -> list[tuple[str, Descriptor]]:
    """Return every kind of message of a membership, of both sides."""
    sides = (MESSAGES["ConsumerMessage"], MESSAGES["ConsumerEvent"])
    return [(field.name, field.message_type) for side in sides for field in side.fields if field.message_type]


@pytest.mark.parametrize(("name", "message"), kinds(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_message_and_its_fields_are_on_the_page(name: str, message: Descriptor) -> None:
    """A field that is added to the contract is added to the page."""
    assert name in QUOTED
    assert {field.name for field in message.fields} <= QUOTED


def test_every_setting_is_on_the_page_and_exists() -> None:
    """By section and name."""
    sections = {name: field.annotation for name, field in Settings.model_fields.items()}
    assert {f"consume.{name}" for name in Consume.model_fields} <= QUOTED
    for section, name in re.findall(r"`(consume|live|web|log)\.(\w+)`", PAGE):
        assert name in getattr(sections[section], "model_fields", {}), f"{section}.{name}"


def test_a_metric_that_the_page_names_exists() -> None:
    """As it is scraped."""
    metrics = Metrics()
    metrics.tenant("acme")
    metrics.group_lag.labels("acme", "audit").set(1)
    scraped = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    named = set(re.findall(r"`(loghub_group_\w+)`", PAGE))
    assert len(named) == 5
    assert named <= scraped
