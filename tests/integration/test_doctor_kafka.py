"""`loghub doctor` on Kafka: which step fails is said, with what to do."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from hub.cli.broker import Broker, BrokerTls, BrokerUser
from hub.cli.doctor_kafka import kafka
from hub.config import load
from hub.core.principal import Role
from tests.certificates import wide_root
from tests.kafka_settings import source_settings
from tests.topics import create_topic, produce

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from hub.app import Hub
    from hub.cli.deployment import Deployment
    from hub.cli.finding import Finding
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]


async def found(deployment: Deployment, section: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Return what the doctor finds with a section `kafka`: status, check and text."""
    settings = load(deployment.configure(0, 0, {"kafka": section}), {})
    findings: list[Finding] = await asyncio.to_thread(lambda: list(kafka(settings)))
    assert all(one.advice for one in findings if one.status != "ok")
    return [(str(one.status), one.check, one.text) for one in findings]


def one(topic: str) -> dict[str, Any]:
    """Return a source."""
    return {"topics": [topic], "tenant": "acme", "format": "text"}


async def test_nothing_is_said_where_kafka_is_not_used(deployment: Deployment) -> None:
    """It need not be there."""
    assert await found(deployment, {}) == []


async def test_topics_are_counted_and_missing_ones_named(broker: Broker, deployment: Deployment) -> None:
    """A broker that takes the hub in, a topic that is there, one that is not."""
    await create_topic(broker, "doctor-1")
    section = source_settings(broker.address, one("doctor-1"), one("doctor-2"))
    assert await found(deployment, section) == [
        ("ok", "kafka", f"{broker.address} takes the hub in"),
        ("warning", "kafka-topics", "the topic doctor-2 does not exist"),
        ("ok", "kafka-topics", "1 topics are read: doctor-1"),
    ]
    nothing = source_settings(broker.address, {"pattern": "no-such-.*", "tenant": "acme", "format": "text"})
    assert (await found(deployment, nothing))[-1] == ("warning", "kafka-topics", "no topic fits kafka.sources")


@pytest.mark.parametrize(
    ("address", "check", "words"),
    [
        ("no-such-host.invalid:9092", "kafka-name", "cannot be resolved"),
        ("127.0.0.1:1", "kafka-port", "nobody answers"),
    ],
)
async def test_an_address_that_leads_nowhere_is_named(
    deployment: Deployment, address: str, check: str, words: str
) -> None:
    """The name or the port."""
    ((status, where, text),) = await found(deployment, source_settings(address, one("t")))
    assert (status, where) == ("failed", check)
    assert address in text
    assert words in text


async def test_files_that_cannot_be_read_are_named(deployment: Deployment, tmp_path: Path) -> None:
    """Of TLS, and of the password."""
    for section in ({"ca": str(tmp_path / "none.pem")}, {"username": "hub", "password_file": str(tmp_path / "none")}):
        ((status, _, text),) = await found(deployment, source_settings("127.0.0.1:1", one("t"), **section))
        assert status == "failed"
        assert "kafka." in text


@pytest.mark.timeout(150)
async def test_what_is_wrong_with_tls_is_told_apart(deployment: Deployment, tmp_path: Path) -> None:
    """No TLS there, an authority that is not trusted, the hub's certificate missing; and all good, but no rights."""
    issued = deployment.authority.issue_server("doctors-broker", ("127.0.0.1", "localhost"))
    keystore = tmp_path / "keystore.pem"
    keystore.write_bytes(issued.key.read_bytes() + issued.cert.read_bytes())
    other = tmp_path / "other.pem"
    other.write_bytes(wide_root().certificate.public_bytes(Encoding.PEM))
    mine = deployment.client("acme", Role.NODE, "doctor")
    pair = {"cert": str(mine.cert), "key": str(mine.key)}
    strict = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    with Broker(tmp_path / "broker", BrokerTls(keystore, deployment.ca), strict) as broker:
        await create_topic(broker, "secret")
        trusted = {"ca": str(deployment.ca), **pair}
        for address, section, check in (
            (broker.address, trusted, "kafka-tls"),
            (broker.tls_address, {"ca": str(other), **pair}, "kafka-tls"),
            (broker.tls_address, {"ca": str(deployment.ca)}, "kafka-certificate"),
            (broker.tls_address, {}, "kafka-tls"),
        ):
            ((status, where, text),) = await found(deployment, source_settings(address, one("secret"), **section))
            assert (status, where) == ("failed", check), text
        assert await found(deployment, source_settings(broker.tls_address, one("secret"), **trusted)) == [
            ("ok", "kafka", f"{broker.tls_address} takes the hub in"),
            ("failed", "kafka-topics", "the hub may not see the topic secret"),
        ]


@pytest.mark.timeout(120)
async def test_a_wrong_password_is_told_from_a_good_one(deployment: Deployment, tmp_path: Path, start: Start) -> None:
    """By SCRAM; and with the good one topics are read."""
    password = tmp_path / "password"
    with Broker(tmp_path / "broker", user=BrokerUser("hub", "secret")) as broker:
        await create_topic(broker, "by-user")
        await produce(broker, "by-user", b"hello")
        user = {"username": "hub", "password_file": str(password)}
        section = source_settings(broker.sasl_address, one("by-user"), **user)
        password.write_text("wrong")
        ((status, check, text),) = await found(deployment, section)
        assert (status, check) == ("failed", "kafka-user")
        assert "user hub" in text
        assert "wrong" not in text
        password.write_text("secret\n")
        assert (await found(deployment, section))[0] == ("ok", "kafka", f"{broker.sasl_address} takes the hub in")
        async with start(kafka=section) as (site, _), site.subscriber("acme") as tail:
            await tail.subscribe(oldest=True)
            assert await tail.bodies(1) == ["hello"]
