"""hub.ingest.formats.text: a message is a record."""

from __future__ import annotations

import pytest

from hub.errors import FormatError, FormatReason
from hub.ingest.formats.text import decode
from hub.pb.record_pb2 import LogRecord


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (b"started in 3 s\n", "started in 3 s"),
        (b"  kept\r\n", "  kept"),
        (b"first\n\tat second\n", "first\n\tat second"),
        (b"\xef\xbb\xbfmarked", "marked"),
        ("grüße 𝄞".encode(), "grüße 𝄞"),
        (b"caf\xe9", "caf\ufffd"),
        (b'{"message": "not looked into"}', '{"message": "not looked into"}'),
    ],
)
def test_the_text_is_the_body(raw: bytes, body: str) -> None:
    """Less the line end; nothing else of the record is set."""
    assert [LogRecord.FromString(one) for one in decode(raw)] == [LogRecord(body=body)]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", FormatReason.EMPTY),
        (b" \r\n\t", FormatReason.EMPTY),
        (b"\xef\xbb\xbf", FormatReason.EMPTY),
        ("text".encode("utf-16"), FormatReason.ENCODING),
        ("text".encode("utf-32"), FormatReason.ENCODING),
        ("text".encode("utf-16-le"), FormatReason.ENCODING),
        (b"gzip\0or so", FormatReason.ENCODING),
    ],
)
def test_what_is_no_text_is_refused(raw: bytes, reason: FormatReason) -> None:
    """Nothing, and what is plainly in another encoding."""
    with pytest.raises(FormatError) as caught:
        decode(raw)
    assert caught.value.reason is reason
