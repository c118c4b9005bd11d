"""Format `text`: a message is one record, whatever it says. No time, level or logger is guessed from it."""

from __future__ import annotations

from hub.errors import FormatError, FormatReason
from hub.ingest.formats.payload import checked_encoding, present
from hub.pb.record_pb2 import LogRecord


def decode(payload: bytes) -> list[bytes]:
    """Return one record with the text as its body, less the line end; what is not UTF-8 becomes U+FFFD."""
    body = checked_encoding(present(payload)).decode("utf-8", "replace").rstrip("\r\n")
    if not body.strip():
        msg = "the message has nothing but white space"
        raise FormatError(msg, reason=FormatReason.EMPTY)
    return [LogRecord(body=body).SerializeToString()]
