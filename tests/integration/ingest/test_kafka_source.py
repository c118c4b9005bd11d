"""The Kafka source on a real broker: from a topic's messages to a subscriber of the topic's tenant."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from opentelemetry.proto.logs.v1.logs_pb2 import LogsData

from hub.cli.broker import Broker, BrokerTls
from hub.core.principal import Role
from hub.pb.record_pb2 import Batch, LogRecord
from tests.kafka_settings import source_settings
from tests.topics import create_topic, delete_messages, delete_topic, header, messages, partitions, produce

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from hub.app import Hub
    from hub.cli.deployment import Deployment
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]

ECS = {"@timestamp": "2024-05-01T10:11:12.345Z", "log.level": "INFO", "message": "hello"}
LOGSTASH = {"@timestamp": "2024-05-01T10:11:12.345Z", "level": "INFO", "message": "hello"}
FORMATS = {
    "protobuf": Batch(records=[LogRecord(body="hello")]).SerializeToString(),
    "ecs": json.dumps(ECS).encode(),
    "logstash": json.dumps(LOGSTASH).encode(),
    "log4j2": json.dumps({"instant": {"epochSecond": 1, "nanoOfSecond": 2}, "message": "hello"}).encode(),
    "filebeat": json.dumps({"@timestamp": ECS["@timestamp"], "message": json.dumps(ECS)}).encode(),
    "fluent-bit": json.dumps({"date": 1.5, "log": json.dumps(LOGSTASH)}).encode(),
    "otlp-json": b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"hello"}}]}]}]}',
    "otlp-protobuf": b"",
    "text": b"hello\n",
}


@pytest.fixture
def topic() -> str:
    """A topic of the test's own."""
    return f"logs-{uuid4().hex}"


def own(*bodies: str) -> bytes:
    """Return a message of the hub's own format."""
    return Batch(records=[LogRecord(body=body) for body in bodies]).SerializeToString()


def source(topic: str, form: str = "text", **more: Any) -> dict[str, Any]:
    """Return a source of the tenant acme."""
    return {"topics": [topic], "tenant": "acme", "format": form, **more}


def otlp() -> bytes:
    """Return a request of OTLP."""
    made = LogsData()
    made.resource_logs.add().scope_logs.add().log_records.add().body.string_value = "hello"
    return made.SerializeToString()


def metric(hub: Hub, name: str, **labels: str) -> float:
    """Return a metric's value, 0 where there is none."""
    return hub.metrics.registry.get_sample_value(f"loghub_kafka_source_{name}", labels) or 0.0


async def until(met: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for something that the hub brings about."""
    async with asyncio.timeout(seconds):
        while not met():  # noqa: ASYNC110  what is waited for is another part's
            await asyncio.sleep(0.02)


async def test_a_topic_s_messages_reach_its_tenant(broker: Broker, start: Start, topic: str) -> None:
    """What was in the topic before the hub came is there, and what comes later; in order; no other tenant sees it."""
    await create_topic(broker, topic)
    await produce(broker, topic, own("a", "b"), own("c"))
    settings = source_settings(broker.address, source(topic, "protobuf"))
    async with start(kafka=settings) as (site, hub), site.subscriber("acme") as tail:
        await tail.subscribe(oldest=True)
        assert await tail.bodies(3) == ["a", "b", "c"]
        await produce(broker, topic, own("d"))
        assert await tail.bodies(1) == ["d"]
        assert metric(hub, "messages_total", topic=topic) == 3
        async with site.subscriber("other") as stranger:
            await stranger.subscribe(oldest=True)
            await site.push("other", "mine")
            assert await stranger.bodies(1) == ["mine"]
    async with start(kafka=settings) as (site, _), site.subscriber("acme") as tail:  # a restart reads nothing again
        await produce(broker, topic, own("e"))
        await tail.subscribe(oldest=True)
        assert await tail.bodies(5) == ["a", "b", "c", "d", "e"]


async def test_every_format_is_read(broker: Broker, start: Start, topic: str) -> None:
    """Each from a topic of its own, to a tenant of its own."""
    values = {**FORMATS, "otlp-protobuf": otlp()}
    for form, value in values.items():
        await create_topic(broker, f"{topic}.{form}")
        await produce(broker, f"{topic}.{form}", value)
    sources = [{"topics": [f"{topic}.{form}"], "tenant": form, "format": form} for form in values]
    async with start(kafka=source_settings(broker.address, *sources)) as (site, _):
        for form in values:
            async with site.subscriber(form) as tail:
                await tail.subscribe(oldest=True)
                assert await tail.bodies(1) == ["hello"], form


async def test_what_cannot_be_read_becomes_a_dead_letter(broker: Broker, start: Start, topic: str) -> None:
    """The partition goes on; the letter holds the message, whole, and says why and where it was."""
    await create_topic(broker, topic)
    values = (b'{"message":"one"}', b"{broken", None, b"", '{"message":"é"}'.encode("utf-16"), b'{"message":"two"}')
    await produce(broker, topic, *values, key=b"k", headers=[("x", b"y")])
    async with (
        start(kafka=source_settings(broker.address, source(topic, "ecs"))) as (site, hub),
        site.subscriber("acme") as tail,
    ):
        await tail.subscribe(oldest=True)
        assert await tail.bodies(2) == ["one", "two"]
        letters = await messages(broker, f"{topic}.dead-letters", 4)
        assert metric(hub, "dead_letters_total", topic=topic, reason="empty") == 2
        assert metric(hub, "dead_letters_total", topic=topic, reason="syntax") == 1
    assert [letter.value for letter in letters] == [*values[1:5]]
    assert [header(letter, "reason") for letter in letters] == ["syntax", "empty", "empty", "encoding"]
    assert [header(letter, "offset") for letter in letters] == ["1", "2", "3", "4"]
    about = {(letter.key, header(letter, "topic"), header(letter, "partition")) for letter in letters}
    assert about == {(b"k", topic, "0")}
    assert all(("x", b"y") in letter.headers for letter in letters)


async def test_large_messages_are_read_and_too_large_ones_are_letters(broker: Broker, start: Start, topic: str) -> None:
    """5 MiB of records pass, and one of 5 MiB is refused as at every door; its letter is cut."""
    await create_topic(broker, topic, max_message_bytes=str(32 * 2**20))
    many = own(*(f"{number:05d}{'x' * 520}" for number in range(10_000)))
    assert len(many) > 5 * 2**20
    await produce(broker, topic, many, own("y" * 5 * 2**20), own("end"))
    async with (
        start(kafka=source_settings(broker.address, source(topic, "protobuf"))) as (site, _),
        site.subscriber("acme") as tail,
    ):
        await tail.subscribe(oldest=True)
        bodies = await tail.bodies(10_001)
        assert [body[:5] for body in bodies] == [*(f"{number:05d}" for number in range(10_000)), "end"]
        (letter,) = await messages(broker, f"{topic}.dead-letters", 1)
    assert (header(letter, "reason"), header(letter, "records")) == ("record", "0")
    assert len(letter.value) == 900 * 2**10
    assert int(header(letter, "cut-from-bytes")) > 5 * 2**20


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_messages_are_read(broker: Broker, start: Start, topic: str, codec: str) -> None:
    """By every codec that Kafka has."""
    await create_topic(broker, topic)
    await produce(broker, topic, *(b"line %d" % number for number in range(100)), compression_type=codec, linger_ms=20)
    async with (
        start(kafka=source_settings(broker.address, source(topic))) as (site, _),
        site.subscriber("acme") as tail,
    ):
        await tail.subscribe(oldest=True)
        assert await tail.bodies(100) == [f"line {number}" for number in range(100)]


async def test_topics_that_come_later_are_picked_up(
    broker: Broker, start: Start, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A missing one is named once; those of a pattern come as they are made, dead letters not among them."""
    caplog.set_level(logging.INFO)
    by_pattern = {"pattern": f"p-{topic}-.*", "tenant": "other", "format": "ecs"}
    async with start(kafka=source_settings(broker.address, source(topic), by_pattern)) as (site, _):
        await until(lambda: "kafka_topic_missing" in caplog.text)
        for tenant, name, value in (
            ("acme", topic, b"hello"),
            ("other", f"p-{topic}-1", b'{"message":"hello"}'),
            ("other", f"p-{topic}-2", b'{"message":"hello"}'),
        ):
            await create_topic(broker, name)
            async with site.subscriber(tenant) as tail:
                await tail.subscribe()
                await produce(broker, name, value)
                assert await tail.bodies(1) == ["hello"]
        await produce(broker, f"p-{topic}-1", b"no JSON")
        await messages(broker, f"p-{topic}-1.dead-letters", 1)
        await asyncio.sleep(1.0)  # three looks at the topics
        assert await partitions(broker, f"p-{topic}-1.dead-letters") == 1
    assert caplog.text.count("kafka_topic_missing") == 1
    assert caplog.text.count("kafka_topic_found") == 1
    assert "dead_letters_held" not in caplog.text


async def test_where_dead_letters_cannot_be_written_the_partition_waits(
    broker: Broker, start: Start, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Said once; nothing is lost, other partitions go on, and so does this one once it can."""
    await create_topic(broker, topic, 2)
    await produce(broker, topic, b"{bad", b'{"message":"after"}')
    await produce(broker, topic, b'{"message":"beside"}', partition=1)
    settings = source_settings(broker.address, source(topic, "ecs"), dead_letter_replication_factor=3)
    async with start(kafka=settings) as (site, hub), site.subscriber("acme") as tail:
        await tail.subscribe(oldest=True)
        assert await tail.bodies(1) == ["beside"]
        await until(lambda: metric(hub, "paused", topic=topic, partition="0") == 1)
        await asyncio.sleep(1.5)  # time for more tries
        assert caplog.text.count("kafka_dead_letters_held") == 1
        await create_topic(broker, f"{topic}.dead-letters")
        assert await tail.bodies(1) == ["after"]
        assert len(await messages(broker, f"{topic}.dead-letters", 1)) == 1
        await until(lambda: metric(hub, "paused", topic=topic, partition="0") == 0)


async def test_a_topic_made_anew_is_read_from_its_beginning(broker: Broker, start: Start, topic: str) -> None:
    """Its offsets begin again, and are others all the same."""
    await create_topic(broker, topic)
    await produce(broker, topic, b"a", b"b", b"c")
    async with (
        start(kafka=source_settings(broker.address, source(topic))) as (site, _),
        site.subscriber("acme") as tail,
    ):
        await tail.subscribe(oldest=True)
        assert await tail.bodies(3) == ["a", "b", "c"]
        await delete_topic(broker, topic)
        await asyncio.sleep(1.0)
        await create_topic(broker, topic)
        await produce(broker, topic, b"x")
        assert await tail.bodies(1) == ["x"]
        await produce(broker, topic, b"y")
        assert await tail.bodies(1) == ["y"]


async def test_messages_that_retention_removed_are_counted(
    broker: Broker, start: Start, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Two of four were gone when the hub came back: it says so, and reads the others."""
    await create_topic(broker, topic)
    await produce(broker, topic, b"a")
    settings = source_settings(broker.address, source(topic))
    async with start(kafka=settings) as (site, _), site.subscriber("acme") as tail:
        await tail.subscribe(oldest=True)
        assert await tail.bodies(1) == ["a"]
    await produce(broker, topic, b"b", b"c", b"d", b"e")
    await delete_messages(broker, topic, 3)
    async with start(kafka=settings) as (site, hub), site.subscriber("acme") as tail:
        await tail.subscribe(oldest=True)
        assert await tail.bodies(3) == ["a", "d", "e"]
        assert metric(hub, "lost_messages_total", topic=topic) == 2
    assert caplog.text.count("kafka_source_messages_lost") == 1


async def test_key_and_headers_become_attributes_where_that_is_set(broker: Broker, start: Start, topic: str) -> None:
    """And never the tenant."""
    await create_topic(broker, topic)
    headers = [("tenant", b"other"), ("trace", b"t1")]
    await produce(broker, topic, b"hello", key=b"other", headers=headers)
    settings = source_settings(broker.address, source(topic, key_attribute="key", headers=["tenant", "trace"]))
    async with start(kafka=settings) as (site, _), site.subscriber("acme") as tail:
        await tail.subscribe(filter="attr.tenant:other attr.trace:t1 attr.key:other", oldest=True)
        assert await tail.bodies(1) == ["hello"]
        async with site.subscriber("other") as stranger:
            await stranger.subscribe(oldest=True)
            await site.push("other", "mine")
            assert await stranger.bodies(1) == ["mine"]


async def test_two_hubs_share_a_topic_and_take_over(
    broker: Broker, start: Start, deployment: Deployment, topic: str, tmp_path: Path
) -> None:
    """Each record is in exactly one of two logs of their own, whoever reads its partition; the group knows how far."""
    await create_topic(broker, topic, 4)
    settings = source_settings(broker.address, source(topic), source_session_seconds=6)
    async with start(kafka=settings, data_dir=str(tmp_path / "1")) as (one, _):
        await _numbers(broker, topic, 0)
        async with one.subscriber("acme") as tail:
            await tail.subscribe(oldest=True)
            first = await tail.bodies(8)
        async with start(kafka=settings, data_dir=str(tmp_path / "2")) as (two, hub):
            await until(lambda: len(hub_lanes(hub)) == 2)
            await _numbers(broker, topic, 8)
            async with one.subscriber("acme") as here, two.subscriber("acme") as there:
                await here.subscribe(oldest=True)
                await there.subscribe(oldest=True)
                second = (await here.bodies(12))[8:] + await there.bodies(4)
        await _numbers(broker, topic, 16)
        async with one.subscriber("acme") as tail:
            await tail.subscribe(oldest=True)
            third = (await tail.bodies(20))[12:]
    assert sorted(map(int, first + second + third)) == list(range(24))
    assert deployment


def hub_lanes(hub: Hub) -> list[object]:
    """Return the partitions that a hub reads."""
    source = hub._source  # noqa: SLF001
    assert source
    return list(source._lanes)  # noqa: SLF001


async def _numbers(broker: Broker, topic: str, first: int) -> None:
    for number in range(first, first + 8):
        await produce(broker, topic, b"%d" % number, partition=number % 4)


async def test_the_group_is_told_how_far_the_log_is(broker: Broker, start: Start, topic: str) -> None:
    """For whoever watches the group."""
    await create_topic(broker, topic)
    await produce(broker, topic, b"a", b"b", b"c")
    settings = source_settings(broker.address, source(topic))
    async with start(kafka=settings) as (_, hub):
        await until(lambda: metric(hub, "messages_total", topic=topic) == 3)
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, group_id=settings["source-group"])
    await consumer.start()
    try:
        assert await consumer.committed(TopicPartition(topic, 0)) == 3
    finally:
        await consumer.stop()


@pytest.mark.timeout(240)
async def test_a_broker_that_is_away_costs_nothing(
    start: Start, topic: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At the start and in between: the other doors are served, it is said once, and reading goes on when it is back."""
    with Broker(tmp_path / "broker", settings={"group.min.session.timeout.ms": "500"}) as broker:
        await create_topic(broker, topic)
        await produce(broker, topic, b"a")
        await asyncio.to_thread(broker.kill)
        settings = source_settings(broker.address, source(topic), source_session_seconds=1, timeout_seconds=1)
        async with start(kafka=settings) as (site, _), site.subscriber("acme") as tail:
            await tail.subscribe()
            await site.push("acme", "pushed")
            assert await tail.bodies(1) == ["pushed"]
            await asyncio.sleep(2.0)
            assert caplog.text.count("kafka_unreachable") == 1
            await asyncio.to_thread(broker.start)
            assert await tail.bodies(1) == ["a"]
            await asyncio.to_thread(broker.kill)
            await site.push("acme", "pushed too")
            assert await tail.bodies(1) == ["pushed too"]
            await asyncio.to_thread(broker.start)
            await produce(broker, topic, b"b")
            assert await asyncio.wait_for(tail.bodies(1), 40) == ["b"]
            await asyncio.to_thread(broker.kill)  # a hub that stops then stops in time


@pytest.mark.timeout(120)
async def test_tls_with_a_certificate(start: Start, deployment: Deployment, topic: str, tmp_path: Path) -> None:
    """TLS 1.3, the broker's certificate checked, the hub's own shown; without one nothing is read."""
    issued = deployment.authority.issue_server("broker", ("127.0.0.1", "localhost"))
    keystore = tmp_path / "keystore.pem"
    keystore.write_bytes(issued.key.read_bytes() + issued.cert.read_bytes())
    mine = deployment.client("acme", Role.NODE, "hub")
    with Broker(tmp_path / "broker", tls=BrokerTls(keystore, deployment.ca)) as broker:
        await create_topic(broker, topic)
        await produce(broker, topic, b"secret", b"\xff")
        settings = source_settings(broker.tls_address, source(topic), ca=str(deployment.ca))
        whole = {**settings, "cert": str(mine.cert), "key": str(mine.key)}
        async with start(kafka=whole) as (site, _), site.subscriber("acme") as tail:
            await tail.subscribe(oldest=True)
            assert await tail.bodies(2) == ["secret", "\ufffd"]
        async with start(kafka=settings, data_dir=str(tmp_path / "2")) as (_, hub):
            await asyncio.sleep(2.0)
            assert hub_lanes(hub) == []
