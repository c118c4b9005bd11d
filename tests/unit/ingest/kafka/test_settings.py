"""hub.ingest.kafka.settings: what the source is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub import options
from hub.config import load
from hub.ingest.kafka.settings import rules_of, source_options

if TYPE_CHECKING:
    from pathlib import Path

    from hub.config import Settings

SOURCES = (
    "sources: [{topics: [logs], tenant: acme, format: ecs, start: latest}, {pattern: '.*', tenant: b, format: text}]"
)


def settings(tmp_path: Path, more: str = "", kafka: str = "") -> Settings:
    """Return settings with two sources."""
    path = tmp_path / "loghub.yaml"
    path.write_text(f"kafka: {{brokers: 'a:9092', {SOURCES}{kafka}}}\n{more}")
    return load(path, {})


def test_rules_are_as_the_sources_are_set(tmp_path: Path) -> None:
    """In their order."""
    rules = rules_of(settings(tmp_path))
    first, second = rules.of("logs"), rules.of("anything")
    assert first
    assert second
    assert (first.tenant, first.format, first.latest) == ("acme", "ecs", True)
    assert (second.tenant, second.format, second.latest) == ("b", "text", False)
    assert rules.of("logs.dead-letters") is None


def test_no_pattern_reads_the_hub_s_own_log(tmp_path: Path) -> None:
    """Where the log is on Kafka, its topics are nobody's; otherwise that is a name like any other."""
    own = settings(tmp_path, "log: {backend: kafka, kafka_topic: 'own.{tenant}.log'}")
    assert rules_of(own).of("own.acme.log") is None
    assert rules_of(own).of("own.log")
    assert rules_of(settings(tmp_path)).of("loghub.acme")


@pytest.mark.parametrize(("kafka", "member"), [("", ""), (", source_member: hub-7", "hub-7-2")])
def test_a_lasting_name_is_each_worker_s_own(tmp_path: Path, kafka: str, member: str) -> None:
    """Two members of one name would throw each other out."""
    made = settings(tmp_path, kafka=kafka)
    assert source_options(made, options.batch_limits(made), 2).group.member == member


@pytest.mark.parametrize("bounds", ["", "ingest: {max_batch_bytes: 1024, max_record_bytes: 1024}"])
def test_whatever_is_read_fits_into_a_batch(tmp_path: Path, bounds: str) -> None:
    """Stamps included, and one record into a parcel."""
    made = settings(tmp_path, bounds)
    given = source_options(made, options.batch_limits(made), 0)
    rule = given.rules.of("logs")
    assert rule
    reading = given.reading(rule)
    assert reading.parcel_bytes + 512 <= made.ingest.max_batch_bytes
    assert 0 < reading.max_record_bytes + 5 <= reading.parcel_bytes
