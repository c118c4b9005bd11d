"""What every format asks of a message first: that something is in it, and in an encoding that can be read."""

from __future__ import annotations

import codecs

from hub.errors import FormatError, FormatReason

# Far more than a message of a few MiB holds, but for one made to keep the hub busy.
MAX_RECORDS = 50_000
# What the records of a message may come to. What they share is written into each, so a short message can say a lot.
MAX_BYTES = 64 * 2**20
# What may stand in arrays and maps of a message: an empty value takes two bytes there, and a microsecond to be read.
MAX_VALUES = 500_000

_OTHER_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def present(payload: bytes) -> bytes:
    """Return the payload; FormatError where it is empty."""
    if not payload:
        msg = "the message is empty"
        raise FormatError(msg, reason=FormatReason.EMPTY)
    return payload


class Budget:
    """What the records of one message may come to."""

    def __init__(self) -> None:
        self._left = MAX_BYTES
        self._values = MAX_VALUES

    def spend(self, shared: int, records: int) -> None:
        """Take note of bytes that are written into each of some records; FormatError where it is too much."""
        self._left -= shared * records
        if self._left < 0:
            msg = f"what the records of the message share comes to more than {MAX_BYTES} bytes: send less at once"
            raise FormatError(msg, reason=FormatReason.LIMIT)

    def count(self, values: int) -> None:
        """Take note of values in an array or map; FormatError where they are too many."""
        self._values -= values
        if self._values < 0:
            msg = f"the message has more than {MAX_VALUES} values in arrays and maps: send less at once"
            raise FormatError(msg, reason=FormatReason.LIMIT)


def headed(head: bytes, records: list[bytes], budget: Budget) -> list[bytes]:
    """Return records with the same fields in front of each."""
    if not head:
        return records
    budget.spend(len(head), len(records))
    return [head + record for record in records]


def checked_encoding(payload: bytes) -> bytes:
    """Return the text without the mark of UTF-8; FormatError where it is plainly UTF-16 or UTF-32."""
    encoding = next((name for mark, name in _OTHER_MARKS if payload.startswith(mark)), "")
    if encoding or b"\0" in payload:
        msg = f"the message is {encoding or 'UTF-16, UTF-32 or binary: it has NUL bytes'}, not UTF-8"
        raise FormatError(msg, reason=FormatReason.ENCODING)
    return payload.removeprefix(codecs.BOM_UTF8)
