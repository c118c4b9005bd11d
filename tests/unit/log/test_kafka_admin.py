"""hub.log.kafka_admin: a topic that is there already is as good as made; what the brokers refuse is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from hub.log import kafka_admin
from hub.log.kafka_admin import TopicError, make_topic
from hub.log.kafka_connection import KafkaConnection, explained

CONNECTION = KafkaConnection(("127.0.0.1:9092",))
EXISTS, INVALID_REPLICATION_FACTOR = 36, 38


@dataclass
class Admin:
    """The library's client of a broker that answers as it is told."""

    answer: tuple[Any, ...] = (0,)
    fault: Exception | None = None
    options: dict[str, Any] = field(default_factory=dict)
    made: list[Any] = field(default_factory=list)
    closed: int = 0

    def __call__(self, **options: Any) -> Admin:
        """Be made."""
        self.options = options
        return self

    async def start(self) -> None:
        """Connect."""
        if self.fault:
            raise self.fault

    async def create_topics(self, topics: list[Any]) -> Any:
        """Answer."""
        self.made += topics
        return SimpleNamespace(topic_errors=[(one.name, *self.answer) for one in topics])

    async def close(self) -> None:
        """Let go of the connections."""
        self.closed += 1


@pytest.fixture
def admin(monkeypatch: pytest.MonkeyPatch) -> Admin:
    """What the module takes for the library's."""
    admin = Admin()
    monkeypatch.setattr(kafka_admin, "AIOKafkaAdminClient", admin)
    return admin


@pytest.mark.parametrize("config", [None, {}, {"cleanup.policy": "delete"}])
async def test_a_topic_has_one_partition_and_what_is_asked_for(admin: Admin, config: dict[str, str] | None) -> None:
    """The connection is the hub's, and is let go of."""
    await make_topic(CONNECTION, "acme", 3, config)
    (new,) = admin.made
    assert (new.name, new.num_partitions, new.replication_factor, new.topic_configs) == ("acme", 1, 3, config or {})
    assert admin.options == CONNECTION.options()
    assert admin.closed == 1


@pytest.mark.parametrize("answer", [(0,), (0, None), (EXISTS,), (EXISTS, "Topic 'acme' already exists.")])
async def test_a_topic_that_is_there_is_as_good_as_made(admin: Admin, answer: tuple[Any, ...]) -> None:
    """Of two hubs that make it at once, one is told so; brokers of old say no more than a number."""
    admin.answer = answer
    await make_topic(CONNECTION, "acme", 1)
    assert admin.closed == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((INVALID_REPLICATION_FACTOR,), "InvalidReplicationFactorError"),
        ((INVALID_REPLICATION_FACTOR, None), "InvalidReplicationFactorError"),
        ((INVALID_REPLICATION_FACTOR, "1 broker only."), "InvalidReplicationFactorError 1 broker only."),
    ],
)
async def test_what_the_brokers_refuse_is_said(admin: Admin, answer: tuple[Any, ...], said: str) -> None:
    """With the topic's name."""
    admin.answer = answer
    with pytest.raises(TopicError) as caught:
        await make_topic(CONNECTION, "acme", 3)
    assert explained(caught.value).endswith(f"topic acme cannot be made: {said}")
    assert admin.closed == 1


async def test_a_broker_that_is_away_leaves_no_connection(admin: Admin) -> None:
    """What it says is not changed: others try again over it."""
    admin.fault = KafkaConnectionError("no")
    with pytest.raises(KafkaConnectionError):
        await make_topic(CONNECTION, "acme", 1)
    assert (admin.made, admin.closed) == ([], 1)
