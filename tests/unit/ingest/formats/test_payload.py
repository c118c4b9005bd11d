"""hub.ingest.formats.payload: what records share is bounded, and other encodings are told by name."""

from __future__ import annotations

import json

import pytest

from hub.errors import FormatError, FormatReason
from hub.ingest.formats.otlp_json import decode as decode_json
from hub.ingest.formats.own import decode
from hub.ingest.formats.payload import MAX_BYTES, Budget, checked_encoding, headed, present
from hub.pb.record_pb2 import Batch, LogRecord, Resource


def test_what_records_share_is_counted_over_all_of_a_message() -> None:
    """Of several groups, each may be small enough."""
    budget = Budget()
    budget.spend(MAX_BYTES // 2, 1)
    budget.spend(MAX_BYTES // 4, 2)
    with pytest.raises(FormatError) as caught:
        budget.spend(1, 1)
    assert caught.value.reason is FormatReason.LIMIT


def test_a_head_stands_before_each_record() -> None:
    """Without one, the list is as it was."""
    records = [b"one", b""]
    assert headed(b"head", records, Budget()) == [b"headone", b"head"]
    assert headed(b"", records, Budget()) is records


def test_a_short_message_cannot_become_gigabytes() -> None:
    """A large resource and many small records, of our own format and of OTLP, with many groups too."""
    batch = Batch(resource=Resource(service="s" * 2**20), records=[LogRecord()] * 10_000)
    scope = {"scope": {"name": "s" * 2**20}, "logRecords": [{}, {}]}
    groups = json.dumps({"resourceLogs": [{"scopeLogs": [scope] * 5}] * 7})
    for read, raw in ((decode, batch.SerializeToString()), (decode_json, groups.encode())):
        with pytest.raises(FormatError) as caught:
            read(raw)
        assert caught.value.reason is FormatReason.LIMIT


def test_encodings() -> None:
    """The mark of UTF-8 goes; bytes that may be Latin-1 are for the format to judge."""
    assert checked_encoding(b"\xef\xbb\xbftext \xe9") == b"text \xe9"
    for name in ("utf-16", "utf-32", "utf-16-le", "utf-32-be"):
        with pytest.raises(FormatError, match="UTF-") as caught:
            checked_encoding("text".encode(name))
        assert caught.value.reason is FormatReason.ENCODING
    with pytest.raises(FormatError):
        present(b"")
