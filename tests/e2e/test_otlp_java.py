"""A Java service that knows OpenTelemetry and nothing of loghub delivers to a filtered subscriber."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hub.cli.hub_child import start_hub
from hub.pb.record_pb2 import Exception as LoggedException
from hub.pb.record_pb2 import LogRecord, Severity
from tests.peers import Site

if TYPE_CHECKING:
    from hub.cli.children import Children
    from hub.cli.deployment import Deployment

ROOT = Path(__file__).resolve().parents[2]
TENANT = "acme"
COUNT = 2_000
FILTER = 'service:otel-java level>=error logger:com.example.Orders attr.bad:true "order"'


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.timeout(120)
async def test_the_sdks_exporter_delivers(deployment: Deployment, children: Children, protocol: str) -> None:
    """With an endpoint and certificates only: all are stored, and what a filter asks for arrives with its types."""
    java, jar = shutil.which("java"), ROOT / "clients/java-compat/otel-compat/target/otel-compat.jar"
    assert java, "there is no java on the PATH"
    assert jar.is_file(), f"{jar} is not there: run 'make java'"
    _, listening = start_hub(children, deployment)
    site = Site(deployment, listening)
    client = deployment.client(TENANT)
    endpoint = f"https://{site.endpoint}" if protocol == "grpc" else site.url
    files = (str(deployment.ca), str(client.cert), str(client.key))
    async with site.subscriber(TENANT) as tail, site.subscriber("globex") as other:
        await tail.subscribe(filter=FILTER)
        await other.subscribe()
        child = children.start("otel", [java, "-Xmx256m", "-jar", str(jar), protocol, endpoint, *files, str(COUNT)])
        assert await asyncio.to_thread(child.process.wait, 60) == 0, child.log.read_text()
        found: list[LogRecord] = []
        while len(found) < COUNT // 100:
            for batch in (await tail.until("records")).batches:
                assert batch.resource.attributes["deployment.environment.name"].string_value == "test"
                found.extend(batch.records)
        await site.push("globex", "mine")
        assert await other.bodies(1) == ["mine"]
        await tail.send(unsubscribe={"id": "s"})
        ledger = (await tail.until("unsubscribed")).ledger
    assert (ledger.accepted, ledger.delivered, ledger.lost) == (COUNT, COUNT // 100, 0)
    assert [record.attributes["n"].int_value for record in found] == list(range(0, COUNT, 100))
    record = found[1]
    assert (record.body, record.severity, record.severity_text) == ("order 100", Severity.SEVERITY_ERROR, "ERROR")
    assert record.logger == "com.example.Orders"
    assert record.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert record.span_id.hex() == "00f067aa0ba902b7"
    assert record.exception == LoggedException(type="java.lang.IllegalStateException", message="no stock")
    assert record.attributes["ratio"].double_value == 50.0
    assert record.attributes["bad"].bool_value is True
    assert record.attributes["text"].string_value == "value 100"
    assert record.attributes["list"].string_value == '["a","b"]'
