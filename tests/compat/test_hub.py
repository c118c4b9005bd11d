"""The golden vectors through a real hub: Java sends them over gRPC, subscribers read them in protobuf and in JSON."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from hub.cli.children import Children
from hub.cli.deployment import Deployment
from hub.cli.hub_child import start_hub
from hub.pb.record_pb2 import LogRecord, Value
from tests.compat.comparison import same
from tests.compat.contract import KINDS
from tests.compat.echo import frame
from tests.compat.vectors import VECTORS
from tests.peers import JSON, PROTO, Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.compat.figures import Figures

TENANT = "acme"
SEVERITIES = range(25)
SECONDS = 120
ATTRIBUTE = "vector"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A hub with the default limits."""
    deployment = Deployment.prepare(tmp_path / "hub", "compat.local")
    deployment.configure(0, 0)
    with Children(tmp_path) as children:
        _, listening = start_hub(children, deployment)
        yield Site(deployment, listening)


def records() -> list[LogRecord]:
    """Return the vectors that are records, and those that are values, in records."""
    found: list[LogRecord] = []
    for vector in VECTORS:
        if KINDS[vector.kind] is LogRecord:
            found.append(vector.message)
        elif KINDS[vector.kind] is Value:
            found.append(LogRecord(attributes={ATTRIBUTE: vector.message}))
    return found


def send(java: list[str], site: Site, sent: list[LogRecord]) -> dict[str, int]:
    """Send records by the Java client; return its account."""
    identity = site.deployment.client(TENANT)
    options = {
        "--endpoint": site.endpoint,
        "--ca": str(site.deployment.ca),
        "--cert": str(identity.cert),
        "--key": str(identity.key),
        "--producer-id": "compat",
        "--count": "1",
        "--deadline-seconds": str(SECONDS),
    }
    command = [*java, "io.loghub.compat.Send", *(word for pair in options.items() for word in pair)]
    content = b"".join(frame(record.SerializeToString()) for record in sent)
    done = subprocess.run(command, input=content, capture_output=True, check=True, timeout=SECONDS)
    account: dict[str, int] = json.loads(done.stdout)
    return account


@pytest.mark.timeout(2 * SECONDS)
async def test_what_java_sends_is_what_subscribers_get(java: list[str], site: Site, figures: Figures) -> None:
    """To the last bit in protobuf, with fields that nobody knows; in JSON as the vectors have it."""
    everything = records()
    good = [record for record in everything if record.severity in SEVERITIES]
    account = send(java, site, everything)
    assert account == {"acked": len(good), "rejected": len(everything) - len(good), "pending": 0}
    assert len(good) > 50

    in_protobuf, in_json = await received(site, PROTO, len(good)), await received(site, JSON, len(good))
    for sent, came in zip(good, in_protobuf, strict=True):
        assert same(sent, came)
    wanted = [vector.as_json for vector in VECTORS if KINDS[vector.kind] is Value]
    assert [one["attributes"][ATTRIBUTE] for one in in_json if ATTRIBUTE in one.get("attributes", {})] == wanted
    figures.count("golden vectors: Java → hub → subscribers, protobuf and JSON", 2 * len(good))


@pytest.mark.timeout(2 * SECONDS)
async def test_half_a_character_of_javas_becomes_a_replacement(java: list[str], site: Site) -> None:
    """The client makes U+FFFD of it, and the hub takes it; a question mark stays what it is."""
    account = send(java, site, [LogRecord(body="a{half}b?")])
    assert account == {"acked": 1, "rejected": 0, "pending": 0}
    (in_protobuf,), (in_json,) = await received(site, PROTO, 1), await received(site, JSON, 1)
    assert in_protobuf.body == in_json["body"] == "a\ufffdb?"


async def received(site: Site, encoding: str, count: int) -> list[Any]:
    """Return the records that a subscriber gets, in the order of the log."""
    found: list[Any] = []
    async with site.subscriber(TENANT, encoding) as tail:
        await tail.subscribe(oldest=True)
        while len(found) < count:
            message = await tail.until("records")
            batches = message["batches"] if tail.json else message.batches
            found += [one for batch in batches for one in (batch["records"] if tail.json else batch.records)]
    return found
