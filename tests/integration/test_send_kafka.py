"""`loghub send --kafka` to a real broker, and from there through the hub's source to its tenant."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from hub.pb.record_pb2 import Batch
from tests.integration.test_commands import loghub
from tests.topics import create_topic, messages

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from hub.app import Hub
    from hub.cli.broker import Broker
    from tests.peers import Site

LINES = "order 1 placed\nWARN stock is low\n\n" + '{"message": "paid", "level": "error", "order": 7}\n'


@pytest.fixture
def topic() -> str:
    """A topic of the test's own."""
    return f"lines-{uuid4().hex}"


async def test_lines_reach_their_tenant_and_nobody_else(
    broker: Broker, topic: str, start: Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]
) -> None:
    """What the topic's tenant reads is what was sent, in order; another tenant reads nothing."""
    await create_topic(broker, topic, 3)
    sources = [{"topics": [topic], "tenant": "acme", "format": "ecs"}]
    kafka = {"brokers": [broker.address], "sources": sources, "source-group": topic}
    async with start(kafka=kafka) as (site, _), site.subscriber("acme") as own, site.subscriber("globex") as other:
        await own.subscribe(oldest=True)
        await other.subscribe(oldest=True, follow=False)

        done = await loghub("send", "--kafka", broker.address, "--topic", topic, "--service", "orders", stdin=LINES)

        assert (done.status, done.err.strip()) == (0, "acknowledged 3, not stored 0")
        assert await own.bodies(3) == ["order 1 placed", "WARN stock is low", "paid"]
        assert (await other.until("unsubscribed")).ledger.accepted == 0


@pytest.mark.parametrize("form", ["text", "protobuf", "ecs"])
async def test_messages_are_in_the_format_that_was_asked_for(broker: Broker, topic: str, form: str) -> None:
    """As another consumer of the topic sees them."""
    await create_topic(broker, topic)

    done = await loghub("send", "--kafka", broker.address, "--topic", topic, "--format", form, stdin=LINES)
    count = 1 if form == "protobuf" else 3
    values = [message.value for message in await messages(broker, topic, count)]

    assert done.status == 0, done.err
    if form == "text":
        assert values == [line.encode() for line in LINES.splitlines() if line]
    elif form == "protobuf":
        assert [one.body for one in Batch.FromString(values[0]).records] == [
            "order 1 placed",
            "WARN stock is low",
            "paid",
        ]
    else:
        assert [json.loads(one)["log.level"] for one in values] == ["INFO", "WARN", "error"]


async def test_a_topic_that_is_not_there_is_named(broker: Broker, topic: str) -> None:
    """Nothing is waited for that will not come."""
    done = await loghub("send", "--kafka", broker.address, "--topic", topic, stdin=LINES)

    assert done.status != 0
    assert f"there is no topic {topic}: create it" in done.err


async def test_brokers_that_are_away_are_said_and_tried_again() -> None:
    """It goes on until it is ended."""
    command = (sys.executable, "-m", "hub.cli.main", "send", "--kafka", "127.0.0.1:1", "--topic", "t")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stderr=pipe)
    assert process.stderr
    try:
        async with asyncio.timeout(50):
            said = [(await process.stderr.readline()).decode() for _ in range(2)]
    finally:
        process.terminate()
        await process.communicate()

    assert all(line.startswith("loghub send: no broker answers (KafkaConnectionError") for line in said)
    assert all("trying again in" in line for line in said)


async def test_a_message_over_the_brokers_limit_is_reported_and_the_rest_is_stored(broker: Broker, topic: str) -> None:
    """What comes behind it too, in order; the command counts it as not stored, and fails."""
    await create_topic(broker, topic, max_message_bytes="10000")
    lines = "first\n" + "x" * 50_000 + "\nsecond\n" + "y" * 50_000 + "\nlast\n"

    done = await loghub("send", "--kafka", broker.address, "--topic", topic, "--format", "text", stdin=lines)

    assert done.status == 1
    assert "not stored: MessageSizeTooLargeError" in done.err
    assert "acknowledged 3, not stored 2" in done.err
    assert [message.value for message in await messages(broker, topic, 3)] == [b"first", b"second", b"last"]


async def test_the_sample_service_in_python_logs_through_a_topic_too(broker: Broker, topic: str) -> None:
    """For the demo, where the Java one is not built."""
    await create_topic(broker, topic)
    env = {**os.environ, "KAFKA_BROKERS": broker.address, "KAFKA_TOPIC": topic, "SAMPLE_ORDERS_PER_S": "200"}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "hub.cli.sample", env=env)
    try:
        async with asyncio.timeout(50):
            found = [json.loads(one.value) for one in await messages(broker, topic, 10)]
    finally:
        process.terminate()
        await process.wait()

    assert found[0]["message"].startswith("[demo] order 1 placed")
    assert {one["service.name"] for one in found} == {"orders"}
    assert "PaymentError" in {one.get("error.type") for one in found}


async def test_what_is_missing_or_unreadable_is_named(tmp_path: Path) -> None:
    """Before anything is connected to."""
    nowhere = tmp_path / "nowhere"
    no_certificates = {"LOGHUB_CA": "", "LOGHUB_CERT": "", "LOGHUB_KEY": ""}
    without_topic, password, authority, hub = await asyncio.gather(
        loghub("send", "--kafka", "127.0.0.1:1", stdin=LINES),
        loghub("send", "--kafka", "h:1", "--topic", "t", "--kafka-password-file", nowhere, stdin=LINES),
        loghub("send", "--kafka", "h:1", "--topic", "t", "--kafka-ca", nowhere, stdin=LINES),
        loghub("send", stdin=LINES, env=no_certificates),
    )

    assert "--kafka needs a --topic" in without_topic.err
    assert "--kafka-password-file" in password.err
    assert "certificates for Kafka" in authority.err
    assert "--ca, --cert and --key are needed" in hub.err
    assert all(done.status for done in (without_topic, password, authority, hub))
