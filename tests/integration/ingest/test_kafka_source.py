"""The Kafka source on a real broker: from a topic's messages to a subscriber of the topic's tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from hub.pb.record_pb2 import Batch, LogRecord
from tests.topics import create_topic, header, messages, produce

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from hub.cli.broker import Broker
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]


@pytest.fixture
def topic() -> str:
    """A topic of the test's own."""
    return f"logs-{uuid4().hex}"


def kafka(broker: Broker, *sources: dict[str, Any], **settings: Any) -> dict[str, Any]:
    """Return settings for a broker that is alone."""
    quick = {
        "source-group": f"g-{uuid4().hex}",
        "source-discover-seconds": 0.3,
        "source-commit-seconds": 0.2,
        "source-retry-seconds": 0.5,
        "dead-letter-replication-factor": 1,
        "timeout-seconds": 5,
    }
    return {"brokers": [broker.address], "sources": list(sources), **quick, **settings}


def own(*bodies: str) -> bytes:
    """Return a message of the hub's own format."""
    return Batch(records=[LogRecord(body=body) for body in bodies]).SerializeToString()


async def test_a_topic_s_messages_reach_its_tenant(broker: Broker, start: Start, topic: str) -> None:
    """What was in the topic before the hub came is there, and what comes later; in order; no other tenant sees it."""
    await create_topic(broker, topic)
    await produce(broker, topic, own("a", "b"), own("c"))
    source = {"topics": [topic], "tenant": "acme", "format": "protobuf"}
    async with start(kafka=kafka(broker, source)) as (site, _), site.subscriber("acme") as tail:
        await tail.subscribe(oldest=True)
        assert await tail.bodies(3) == ["a", "b", "c"]
        await produce(broker, topic, own("d"))
        assert await tail.bodies(1) == ["d"]
        async with site.subscriber("other") as stranger:
            await stranger.subscribe(oldest=True)
            await site.push("other", "mine")
            assert await stranger.bodies(1) == ["mine"]


async def test_what_cannot_be_read_becomes_a_dead_letter(broker: Broker, start: Start, topic: str) -> None:
    """The partition goes on; the letter holds the message, whole, and says why and where it was."""
    await create_topic(broker, topic)
    values = (b'{"message":"one"}', b"{broken", None, b"", '{"message":"é"}'.encode("utf-16"), b'{"message":"two"}')
    await produce(broker, topic, *values, key=b"k", headers=[("x", b"y")])
    source = {"topics": [topic], "tenant": "acme", "format": "ecs"}
    async with start(kafka=kafka(broker, source)) as (site, _), site.subscriber("acme") as tail:
        await tail.subscribe(oldest=True)
        assert await tail.bodies(2) == ["one", "two"]
        letters = await messages(broker, f"{topic}.dead-letters", 4)
    assert [letter.value for letter in letters] == [*values[1:5]]
    assert [header(letter, "reason") for letter in letters] == ["syntax", "empty", "empty", "encoding"]
    assert [header(letter, "offset") for letter in letters] == ["1", "2", "3", "4"]
    assert {(letter.key, header(letter, "topic"), header(letter, "partition")) for letter in letters} == {
        (b"k", topic, "0")
    }
    assert all(("x", b"y") in letter.headers for letter in letters)
