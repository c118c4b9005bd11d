"""hub.config: what must fit together for Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from hub.config import load
from hub.config.doors import KafkaSource
from hub.errors import ConfigError
from hub.ingest.formats import FORMATS

if TYPE_CHECKING:
    from pathlib import Path

SOURCE = "kafka: {brokers: 'a:9092', sources: [{topics: [logs], tenant: acme, format: ecs}]}"
GOOD = "log: {backend: kafka}\nkafka: {brokers: 'a:9092, b:9092'}\n"


def written(tmp_path: Path, text: str) -> Path:
    """Return a configuration file."""
    path = tmp_path / "loghub.yaml"
    path.write_text(text)
    return path


def test_brokers_and_files_are_read(tmp_path: Path) -> None:
    """A list by commas, and paths from the file's folder on."""
    settings = load(written(tmp_path, GOOD + "  \n").rename(tmp_path / "x.yaml"), {})
    assert settings.kafka.brokers == ("a:9092", "b:9092")
    path = written(tmp_path, "kafka: {brokers: ['[::1]:9092'], ca: ca.pem, cert: c.pem, key: k.pem}")
    kafka = load(path, {}).kafka
    assert (kafka.ca, kafka.cert, kafka.key) == tuple(tmp_path / name for name in ("ca.pem", "c.pem", "k.pem"))


def test_sources_are_read(tmp_path: Path) -> None:
    """With their defaults, and a name or a pattern each."""
    text = SOURCE.replace("}]", "}, {pattern: 'app-.*', tenant: other, format: text, headers: 'a, b'}]")
    first, second = load(written(tmp_path, text), {}).kafka.sources
    assert (first.topics, first.tenant, first.format, first.start) == (("logs",), "acme", "ecs", "earliest")
    assert (second.pattern, second.headers) == ("app-.*", ("a", "b"))


def test_every_format_can_be_set(tmp_path: Path) -> None:
    """The setting names those that there are."""
    assert set(get_args(KafkaSource.model_fields["format"].annotation)) == set(FORMATS)
    for name in FORMATS:
        assert load(written(tmp_path, SOURCE.replace("ecs", name)), {}).kafka.sources[0].format == name


def test_limits_of_the_source_are_metrics(tmp_path: Path) -> None:
    """By their settings' names."""
    limits = load(written(tmp_path, SOURCE), {}).limits()
    assert limits["kafka.source_pending_bytes"] == 32 * 2**20
    assert limits["kafka.dead_letter_max_bytes"] == 900 * 2**10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("log: {backend: kafka}", "kafka.brokers names none"),
        ("log: {backend: disk}", "log.backend"),
        (GOOD + "workers: 2", "run more hubs"),
        ("kafka: {brokers: ['a']}", "host:port"),
        ("kafka: {cert: c.pem}", "cert and key belong together"),
        ("kafka: {cert: c.pem, key: k.pem}", "without it there is no TLS"),
        ("kafka: {username: hub}", "username and password_file belong together"),
        ("kafka: {sasl_mechanism: PLAIN}", "sasl_mechanism"),
        ("log: {kafka_topic: logs}", "kafka_topic"),
        ("log: {kafka_topic: 'a b {tenant}'}", "kafka_topic"),
        ("log: {kafka_min_insync_replicas: 4}", "nothing could ever be stored"),
        (SOURCE.replace("brokers: 'a:9092', ", ""), "brokers names none"),
        (SOURCE.replace("topics: [logs]", "topics: [logs], pattern: 'logs.*'"), "set one of them"),
        (SOURCE.replace("topics: [logs], ", ""), "set one of them"),
        (SOURCE.replace("topics: [logs]", "topics: ['a b']"), "a topic is"),
        (SOURCE.replace("topics: [logs]", "pattern: 'logs('"), "no regular expression"),
        (SOURCE.replace("acme", "Acme"), "tenant 'Acme' is not"),
        (SOURCE.replace("ecs", "xml"), "kafka.sources.0.format"),
        (SOURCE.replace(", format: ecs", ""), "kafka.sources.0.format"),
        (SOURCE.replace("format", "formats"), "kafka.sources.0.formats"),
        (SOURCE.replace("}]", "}, {topics: [logs], tenant: other, format: text}]"), "name the topic logs twice"),
        (SOURCE.replace("[logs]", "[logs, logs.dead-letters]"), "is for the dead letters of logs"),
        (SOURCE.replace("sources:", "source_group: 'a b', sources:"), "source_group"),
        (SOURCE.replace("sources:", "source_member: 'a/b', sources:"), "source_member"),
        (SOURCE.replace("sources:", "dead_letter_topic: '{topic}', sources:"), "dead_letter_topic"),
        (SOURCE.replace("sources:", "dead_letter_topic: '{tenant}.dead', sources:"), "dead_letter_topic"),
        (SOURCE.replace("sources:", "source_fetch_bytes: 1, sources:"), "source_fetch_bytes"),
        (GOOD.replace("kafka}", "kafka, kafka_max_message_bytes: 64KiB}"), "log.kafka_max_message_bytes"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, words: str) -> None:
    """The message says which setting, and what to do."""
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text), {})
    assert words in caught.value.message
