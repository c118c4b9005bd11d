"""hub.ingest.formats.filebeat, fluent_bit and shipped: a line in an envelope, and JSON in a line in an envelope."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub.ingest.formats import filebeat, fluent_bit
from hub.ingest.formats.attributes import put
from hub.pb.record_pb2 import Exception as LoggedException
from hub.pb.record_pb2 import LogRecord, Severity

SAMPLES = Path(__file__).resolve().parents[3] / "data" / "formats"
LOGGER = "com.example.orders.OrderService"
TRACED = {"trace_id": bytes.fromhex("4bf92f3577b34da6a3ce929d0e0e4736"), "span_id": bytes.fromhex("00f067aa0ba902b7")}
BROKEN = LoggedException(
    type="java.io.IOException",
    message="broken pipe",
    stacktrace="java.io.IOException: broken pipe\n\tat A.b(A.java:1)\n",
)
NANOS, MILLIS, MICROS = 1_714_558_272_345_678_901, 1_714_558_272_345_000_000, 1_714_558_272_345_678_000
READ = 1_714_558_273_000_000_000


def whole(attributes: dict[str, Any], **fields: Any) -> LogRecord:
    """Return a record with attributes of JSON values."""
    made = LogRecord(**fields)
    for name, value in attributes.items():
        put(made, name, value)
    return made


FILEBEAT = [
    whole(
        {
            "log.offset": 30481,
            "log.file.path": "/var/log/orders/orders.log",
            "log.file.device_id": "64769",
            "log.file.inode": "1835027",
            "input.type": "filestream",
            "agent.ephemeral_id": "6f0d3c3c-5b6f-4e1c-8f5e-2d1f6a7b8c9d",
            "agent.id": "0d6f8a8e-9c4b-4a57-9a53-9c8f7b6a5d4e",
            "agent.name": "node-1",
            "agent.type": "filebeat",
            "agent.version": "8.13.2",
        },
        time_unix_nano=READ + 1_000_000,
        body="2024-05-01 10:11:12,345 INFO Order 4711 accepted",
        service="orders",
        host="node-1",
    ),
    whole(
        {
            "stream": "stdout",
            "input.type": "container",
            "log.file.path": "/var/log/containers/orders-5d.log",
            "log.offset": 1,
            "container.id": "6f1a",
            "container.runtime": "containerd",
            "container.image.name": "registry.example/orders:1.2.3",
            "kubernetes.namespace": "shop",
            "kubernetes.pod.name": "orders-5d",
            "kubernetes.pod.uid": "8f",
            "kubernetes.container.name": "orders-app",
            "kubernetes.labels.app_kubernetes_io/name": "orders",
            "agent.type": "filebeat",
            "agent.name": "node-1",
            "attempt": 3,
        },
        time_unix_nano=MILLIS,
        observed_time_unix_nano=READ + 2_000_000,
        severity=Severity.SEVERITY_ERROR,
        severity_text="ERROR",
        body="Order 4712 failed",
        service="orders",
        host="node-1",
        logger=LOGGER,
        thread="main",
        exception=BROKEN,
        **TRACED,
    ),
    whole(
        {
            "log.offset": 7,
            "log.file.path": "/var/log/orders.json",
            "input.type": "filestream",
            "agent.type": "filebeat",
            "elapsed": 17.5,
            "last": True,
        },
        time_unix_nano=NANOS,
        observed_time_unix_nano=READ + 3_000_000,
        severity=Severity.SEVERITY_DEBUG,
        severity_text="DEBUG",
        body="with fields",
        host="node-1",
        logger=LOGGER,
        thread="main",
    ),
]
KUBERNETES = {
    "kubernetes.pod_name": "orders-5d",
    "kubernetes.namespace_name": "shop",
    "kubernetes.container_name": "orders-app",
}
FLUENT_BIT = [
    whole(
        {
            **KUBERNETES,
            "stream": "stdout",
            "time": "2024-05-01T10:11:12.345678901Z",
            "kubernetes.pod_id": "8f",
            "kubernetes.docker_id": "6f1a",
            "kubernetes.container_image": "registry.example/orders:1.2.3",
            "kubernetes.labels.pod-template-hash": "5d",
        },
        time_unix_nano=READ + 1_250_000,
        body="2024-05-01 10:11:12,345 INFO Order 4711 accepted",
        service="orders",
        host="node-1",
    ),
    whole(
        {**KUBERNETES, "stream": "stderr", "attempt": 3},
        time_unix_nano=NANOS,
        observed_time_unix_nano=READ + 2_000_000,
        severity=Severity.SEVERITY_ERROR,
        severity_text="ERROR",
        body="Order 4712 failed",
        service="orders",
        host="node-1",
        logger=LOGGER,
        thread="main",
        exception=BROKEN,
        **TRACED,
    ),
    whole(
        {"SYSLOG_FACILITY": "10", "_PID": "812", "_SYSTEMD_UNIT": "ssh.service", "_TRANSPORT": "syslog"},
        time_unix_nano=MICROS,
        severity=Severity.SEVERITY_WARN,
        body="Connection reset by 192.0.2.7 port 40822 [preauth]",
        service="sshd",
        host="node-1",
    ),
    whole(
        {"pid": "77", "pri": "34"},
        time_unix_nano=1_714_558_272_500_000_000,
        severity=Severity.SEVERITY_ERROR2,
        body="'su root' failed for lonvick on /dev/pts/8",
        service="su",
        host="node-1",
    ),
]


def decoded(module: Any, file: str) -> list[LogRecord]:
    """Decode the samples of a file, which stand apart."""
    messages = (SAMPLES / file).read_bytes().split(b"\n\n")
    return [LogRecord.FromString(record) for message in messages for record in module.decode(message)]


@pytest.mark.parametrize(
    ("module", "file", "expected"),
    [(filebeat, "filebeat.txt", FILEBEAT), (fluent_bit, "fluent-bit.txt", FLUENT_BIT)],
    ids=["filebeat", "fluent-bit"],
)
def test_samples_lose_nothing(module: Any, file: str, expected: list[LogRecord]) -> None:
    """A plain line, JSON in a line, and what the shipper parsed itself."""
    assert decoded(module, file) == expected


@pytest.mark.parametrize("module", [filebeat, fluent_bit])
@pytest.mark.parametrize("line", ["{not JSON", "{}", "[1]", '{"a":', "{" * 5000, "plain", " "])
def test_a_line_that_is_no_object_is_the_message(module: Any, line: str) -> None:
    """As it is, less the line end."""
    (raw,) = module.decode(json.dumps({"message": f"{line}\r\n"}).encode())
    assert LogRecord.FromString(raw) == LogRecord(body=line)


@pytest.mark.parametrize("module", [filebeat, fluent_bit])
def test_the_shipper_s_time_stands_in(module: Any) -> None:
    """Where the application tells none, or none that can be read."""
    event = {"@timestamp": "2024-05-01T10:11:13Z", "message": '{"message":"m","service":"orders","time":"noon"}'}
    (raw,) = module.decode(json.dumps(event).encode())
    found = LogRecord.FromString(raw)
    assert (found.body, found.service) == ("m", "orders")
    assert READ in (found.time_unix_nano, found.observed_time_unix_nano)
    assert found.attributes["time"].string_value == "noon"


def test_filebeat_s_json_may_be_anything() -> None:
    """What is no object is an attribute."""
    (raw,) = filebeat.decode(b'{"message":"m","json":[1]}')
    assert LogRecord.FromString(raw) == whole({"json": [1]}, body="m")


@pytest.mark.parametrize("pri", ["", "x", "²", -1, 192, 1.5, [3]])
def test_a_priority_that_is_none_says_nothing(pri: Any) -> None:
    """A syslog priority is 0 to 191."""
    (raw,) = fluent_bit.decode(json.dumps({"message": "m", "pri": pri}).encode())
    assert LogRecord.FromString(raw).severity == Severity.SEVERITY_UNSPECIFIED
