"""Where a subscriber stands in its tenant's log, as one opaque string.

A log numbers the records of a tenant from 0 without holes, so a position is one number: the offset of the next record
to read. The epoch names the log itself; a log that was made anew has another. The check value covers the tenant's name,
so that a cursor of one tenant does not pass for another's. It is no secret: the tenant comes from the principal alone.

Layout, big endian, then base64url without padding: version u8 · epoch u64 · offset u64 · crc32 u32.
"""

from __future__ import annotations

import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from binascii import crc32
from dataclasses import dataclass

from hub.errors import BadCursorError

_BODY = struct.Struct(">BQQ")
_CHECK = struct.Struct(">I")
_VERSION = 1
_LENGTH = len(urlsafe_b64encode(bytes(_BODY.size + _CHECK.size)))
MAX_OFFSET = 2**64 - 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """The next record to read is number `offset` of the log that was made as `epoch`; both unsigned 64-bit."""

    epoch: int
    offset: int

    def encode(self, tenant: str) -> str:
        """Return the string that clients keep; 28 characters of [A-Za-z0-9_-]."""
        body = _BODY.pack(_VERSION, self.epoch, self.offset)
        return urlsafe_b64encode(body + _CHECK.pack(_check(body, tenant))).decode()

    @classmethod
    def decode(cls, text: str, tenant: str) -> Cursor:
        """Read a client's string; BadCursorError where it is garbage or another tenant's."""
        if len(text) != _LENGTH or not text.isascii():
            raise BadCursorError
        try:
            raw = urlsafe_b64decode(text)
        except Base64Error as error:
            raise BadCursorError from error
        body, check = raw[: _BODY.size], raw[_BODY.size :]
        if len(check) != _CHECK.size or _CHECK.unpack(check)[0] != _check(body, tenant):
            raise BadCursorError
        version, epoch, offset = _BODY.unpack(body)
        cursor = cls(epoch, offset)
        if version != _VERSION or cursor.encode(tenant) != text:  # b64decode passes over foreign characters
            raise BadCursorError
        return cursor


def _check(body: bytes, tenant: str) -> int:
    return crc32(tenant.encode(), crc32(body))
