"""hub.ingest.formats.json_objects: what is JSON and what is not, and what an operator is told of it."""

from __future__ import annotations

import json
import math

import pytest

from hub.errors import FormatError, FormatReason
from hub.ingest.formats import payload
from hub.ingest.formats.json_objects import objects


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'{"a":1}', [{"a": 1}]),
        (b' \n{"a":1}\r\n', [{"a": 1}]),
        (b'\xef\xbb\xbf{"a":1}', [{"a": 1}]),
        (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
        (b'{"a":1}\n\n{"a":2}\n', [{"a": 1}, {"a": 2}]),
        (b'{"a":"\\ud834\\udd1e"}', [{"a": "\U0001d11e"}]),
        (b'{"a":"\\ud834!"}', [{"a": "\ufffd!"}]),
        (b'{"a":"\\udd1e\\ud834\\ud834\\udd1e"}', [{"a": "\ufffd\ufffd\U0001d11e"}]),
        (b'{"a":"\\\\ud834","b":"\\ud834"}', [{"a": "\\ud834", "b": "\ufffd"}]),
        (b'{"a":"\\ud834"}\n{"a":2}', [{"a": "\ufffd"}, {"a": 2}]),
        (b'{"a":-Infinity,"b":1}', [{"a": -math.inf, "b": 1}]),
        (b'{"a":Infinity,"b":99999999999999999999}', [{"a": math.inf, "b": 1e20}]),
    ],
)
def test_what_is_read(raw: bytes, expected: list[dict[str, object]]) -> None:
    """An object, an array, lines; marks, halves of pairs and numbers beside the standard do no harm."""
    assert objects(raw) == expected


def test_not_a_number_is_one() -> None:
    """It is a double that a record can hold."""
    ((found,),) = (one.values() for one in objects(b'{"a":NaN}'))
    assert math.isnan(found)


@pytest.mark.parametrize(
    ("raw", "reason", "text"),
    [
        (b"", FormatReason.EMPTY, "empty"),
        (b" \n ", FormatReason.EMPTY, "white space"),
        (b"{}", FormatReason.EMPTY, "empty object"),
        (b"[]", FormatReason.EMPTY, "empty array"),
        (b"[{}]", FormatReason.EMPTY, "item 0 of the message is an empty object"),
        (b"null", FormatReason.SHAPE, "null"),
        (b'"text"', FormatReason.SHAPE, "a string"),
        (b"12", FormatReason.SHAPE, "a number"),
        (b"true", FormatReason.SHAPE, "a boolean"),
        (b'[{"a":1},[2]]', FormatReason.SHAPE, "item 1 of the message is an array"),
        (b'{"a":1}\n2', FormatReason.SHAPE, "item 1 of the message is a number"),
        (b'{"a":1', FormatReason.SYNTAX, "not JSON"),
        (b"plain text", FormatReason.SYNTAX, "not JSON"),
        (b"plain\ntext", FormatReason.SYNTAX, "not JSON"),
        (b'{"a":1}\n{"b"', FormatReason.SYNTAX, "line 2"),
        (b'{"a":NaN', FormatReason.SYNTAX, "not JSON"),
        (b'{"a":NaN,"b":' + b"[" * 100_000, FormatReason.SYNTAX, "nests too deep"),
        ('{"a":"grün"}'.encode("latin-1"), FormatReason.ENCODING, "byte 8 is 0xfc"),
        ('{"a":1}'.encode("utf-16"), FormatReason.ENCODING, "UTF-16"),
        ('{"a":1}'.encode("utf-16-be"), FormatReason.ENCODING, "NUL"),
        ('{"a":1}'.encode("utf-32"), FormatReason.ENCODING, "UTF-32"),
    ],
)
def test_what_is_refused(raw: bytes, reason: FormatReason, text: str) -> None:
    """The reason is of a few, the message says where."""
    with pytest.raises(FormatError, match=text) as caught:
        objects(raw)
    assert caught.value.reason is reason


def test_too_many_are_refused() -> None:
    """In an array and in lines."""
    most = [{"a": 1}] * payload.MAX_RECORDS
    assert len(objects(json.dumps(most).encode())) == len(most)
    lines = b'{"a":1}\n' * (payload.MAX_RECORDS + 1)
    for raw in (json.dumps([*most, {}]).encode(), lines):
        with pytest.raises(FormatError) as caught:
            objects(raw)
        assert caught.value.reason is FormatReason.LIMIT
