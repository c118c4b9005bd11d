"""A record as ECS JSON: what the hub's own format `ecs` makes of it is the record again."""

from __future__ import annotations

import json

from hub.client.ecs import ecs_line
from hub.ingest.formats import ecs
from hub.pb.record_pb2 import Exception as RecordException
from hub.pb.record_pb2 import LogRecord, Resource


def test_a_record_comes_back_whole() -> None:
    """Every field survives, with the time to the nanosecond and attributes with their types."""
    record = LogRecord(
        time_unix_nano=1_700_000_000_123_456_789,
        severity="SEVERITY_ERROR",
        severity_text="ERROR",
        body='pay "it"\nnow é',
        service="orders",
        host="h",
        logger="com.example.Orders",
        thread="main",
        trace_id=bytes(range(16)),
        span_id=bytes(range(8)),
        exception=RecordException(type="E", message="m", stacktrace="E: m\n\tat x"),
    )
    record.attributes["text"].string_value = "a"
    record.attributes["int"].int_value = -(2**53)
    record.attributes["double"].double_value = 0.5
    record.attributes["bool"].bool_value = True

    (read,) = ecs.decode(ecs_line(record, Resource(service="other", host="other")))

    assert LogRecord.FromString(read) == record


def test_what_a_record_does_not_say_is_the_resource_or_left_out() -> None:
    """Service and host are the resource's, a level is named by its number, and a message is always there."""
    line = json.loads(ecs_line(LogRecord(severity="SEVERITY_WARN"), Resource(service="orders", host="h")))

    assert line == {
        "log.level": "WARN",
        "message": "",
        "ecs.version": "1.2.0",
        "service.name": "orders",
        "host.name": "h",
    }


def test_values_that_json_has_none_of_are_text() -> None:
    """Bytes are base64, an infinity is its name, and a null stays one; no attribute takes the place of a field."""
    record = LogRecord(body="own")
    record.attributes["bytes"].bytes_value = b"\x00\xff"
    record.attributes["inf"].double_value = float("inf")
    record.attributes["null"].SetInParent()
    record.attributes["message"].string_value = "forged"

    line = json.loads(ecs_line(record, Resource()))

    assert (line["bytes"], line["inf"], line["null"], line["message"]) == ("AP8=", "inf", None, "own")
