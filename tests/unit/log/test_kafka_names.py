"""hub.log.kafka_topics and kafka_connection: names of topics, and how brokers are reached."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from hub.errors import ConfigError
from hub.log.kafka_connection import KafkaConnection, explained, pauses
from hub.log.kafka_topics import Topics, TopicSettings

if TYPE_CHECKING:
    from pathlib import Path

BROKERS = ("127.0.0.1:9092",)


def topics(template: str) -> Topics:
    """Return topics by a template."""
    return Topics(KafkaConnection(BROKERS), TopicSettings(template, 3, 2, 60.0, 2**20))


@pytest.mark.parametrize("template", ["loghub.{tenant}", "{tenant}", "a-{tenant}-b", "x.{tenant}.log"])
@pytest.mark.parametrize("tenant", ["acme", "a.b", "x-1_y"])
def test_a_topic_says_whose_it_is(template: str, tenant: str) -> None:
    """A tenant's name comes back from the topic's."""
    named = topics(template)
    assert named.tenant(named.partition(tenant).topic) == tenant


@pytest.mark.parametrize("topic", ["loghub.", "loghub._epoch", "loghubxacme", "other", "loghub.Acme", "a.loghub.acme"])
def test_topics_of_others_are_nobodys(topic: str) -> None:
    """The epoch's among them: no tenant's name begins with an underscore."""
    assert topics("loghub.{tenant}").tenant(topic) == ""


@pytest.mark.parametrize(
    ("connection", "protocol"),
    [
        (KafkaConnection(BROKERS), "PLAINTEXT"),
        (KafkaConnection(BROKERS, username="hub", password="x"), "SASL_PLAINTEXT"),
    ],
)
def test_what_is_set_decides_the_protocol(connection: KafkaConnection, protocol: str) -> None:
    """A user name is SASL; without an authority there is no TLS."""
    assert connection.options()["security_protocol"] == protocol


def test_certificates_that_are_not_there_are_named(tmp_path: Path) -> None:
    """With the settings to look at."""
    with pytest.raises(ConfigError, match=r"kafka\.ca"):
        KafkaConnection(BROKERS, ca=tmp_path / "none.pem").options()


def test_pauses_grow_to_ten_seconds() -> None:
    """With jitter, so that hubs do not come all at once."""
    first = list(itertools.islice(pauses(), 12))
    assert 0.1 < first[0] <= 0.25
    assert all(5.0 <= pause <= 10.0 for pause in first[7:])


def test_an_error_is_one_line() -> None:
    """Also one that says nothing."""
    assert explained(TimeoutError()) == "TimeoutError"
    assert explained(OSError("a\nb")) == "OSError: a"
