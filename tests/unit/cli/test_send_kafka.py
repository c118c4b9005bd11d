"""What lines become on their way to a topic."""

from __future__ import annotations

import json

import pytest

from hub.cli.send_kafka import Format, Wording
from hub.ingest.formats import ecs, own, text
from hub.pb.record_pb2 import LogRecord, Resource

LINES = ["plain", "WARN stock is low", '{"message": "paid", "level": "error", "order": 7}']


def wording(form: Format) -> Wording:
    """Return how a service called orders writes."""
    return Wording(form, Resource(service="orders", host="h"), "info")


@pytest.mark.parametrize("form", [Format.ECS, Format.PROTOBUF])
def test_each_line_is_a_record_with_its_level_and_service(form: Format) -> None:
    """Whatever the format, the hub reads the same from it."""
    decode = ecs.decode if form == Format.ECS else own.decode

    messages = list(wording(form).messages(LINES))
    records = [LogRecord.FromString(raw) for message, _ in messages for raw in decode(message)]

    assert sum(count for _, count in messages) == len(records) == 3
    assert len(messages) == (3 if form == Format.ECS else 1)
    assert [(one.body, one.severity, one.service) for one in records] == [
        ("plain", 9, "orders"),
        ("WARN stock is low", 13, "orders"),
        ("paid", 17, "orders"),
    ]
    assert records[2].attributes["order"].int_value == 7


def test_text_is_sent_as_it_stands() -> None:
    """A line of JSON too."""
    messages = [message for message, _ in wording(Format.TEXT).messages(LINES)]

    assert messages == [line.encode() for line in LINES]
    assert LogRecord.FromString(text.decode(messages[1])[0]).body == LINES[1]


@pytest.mark.parametrize("line", ['{"ecs.version":"1.2.0","message":"m","a":{"b":[1]}}', '{"ecs":{"version":"8"}}'])
def test_what_is_ecs_already_stays_as_it_is(line: str) -> None:
    """Nested fields are not flattened on the way."""
    assert list(wording(Format.ECS).messages([line])) == [(line.encode(), 1)]


@pytest.mark.parametrize("line", ['{"ecs.version": broken', "[1]", '{"a": 1}'])
def test_what_is_not_ecs_becomes_it(line: str) -> None:
    """Broken JSON is the message of a record."""
    ((message, _),) = wording(Format.ECS).messages([line])
    assert json.loads(message)["ecs.version"] == "1.2.0"
