"""hub.config: what must fit together for Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.config import load
from hub.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

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
        (GOOD.replace("kafka}", "kafka, kafka_max_message_bytes: 64KiB}"), "log.kafka_max_message_bytes"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, words: str) -> None:
    """The message says which setting, and what to do."""
    with pytest.raises(ConfigError) as caught:
        load(written(tmp_path, text), {})
    assert words in caught.value.message
