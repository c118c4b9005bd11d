"""docs/reference/formats.md: names every format, every field that one knows, every reason and every bound."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from hub.errors import FormatReason
from hub.ingest.formats import FORMATS, application, ecs, filebeat, fluent_bit, logstash
from hub.ingest.formats.layout import Layout
from hub.ingest.formats.payload import MAX_BYTES, MAX_RECORDS

PAGE = (Path(__file__).resolve().parents[4] / "docs" / "reference" / "formats.md").read_text(encoding="utf-8")
LAYOUTS = {
    "ecs": ecs.LAYOUT,
    "logstash": logstash.LAYOUT,
    "log4j2": application.LAYOUT,
    "filebeat": filebeat.LAYOUT,
    "fluent-bit": fluent_bit.LAYOUT,
}
# Names that the code gives to what it has put together; the page says of what.
OWN = {"@observed", "@syslog"}
# The page says of these: also in the MDC's object.
MDC = tuple(f"{one}{kind}" for one in application.LAYOUT.hoisted for kind in ("trace", "span"))


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_field_of_a_format_is_on_the_page(name: str) -> None:
    """Also what it leaves out, and beginnings that it takes off."""
    layout = LAYOUTS[name]
    known = {value for field in fields(Layout) if field.init for value in getattr(layout, field.name)} - OWN
    missing = {one for one in known if f"`{one}`" not in PAGE and not one.startswith(MDC)}
    assert len(known) > 10
    assert not missing


def test_every_format_and_reason_is_on_the_page() -> None:
    """In their tables."""
    assert {name for name in FORMATS if f"\n| `{name}` |" not in PAGE} == set()
    assert {reason for reason in FormatReason if f"\n| `{reason}` |" not in PAGE} == set()


def test_bounds_are_as_the_page_says() -> None:
    """Of records, and of bytes that they share."""
    assert f"{MAX_RECORDS:,} records" in PAGE
    assert f"{MAX_BYTES // 2**20} MiB" in PAGE
