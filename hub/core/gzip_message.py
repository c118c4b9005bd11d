"""Messages that come compressed with gzip: which they are, and what they inflate to, within bounds."""

from __future__ import annotations

import zlib

from hub.errors import BadRequestError, TooLargeError

# As protobuf it would be field 3 of a wire type that does not exist, so no message begins with it (RFC 1952).
_MAGIC = b"\x1f\x8b"
_GZIP = 31


def is_gzip(raw: bytes) -> bool:
    """Return whether a message is compressed."""
    return raw[:2] == _MAGIC


def inflate(raw: bytes, max_bytes: int) -> bytes:
    """Return what a message inflates to; TooLargeError where that is more, BadRequestError where it is no gzip.

    The size that its last four bytes claim is looked at first, so that what is too large is not inflated at all, and
    never more than is claimed.
    """
    claimed = int.from_bytes(raw[-4:], "little")
    if claimed > max_bytes:
        msg = f"the message inflates to {claimed} bytes, the limit is {max_bytes}: send less at once"
        raise TooLargeError(msg)
    stream = zlib.decompressobj(_GZIP)
    try:
        inflated = stream.decompress(raw, claimed + 1)
    except zlib.error as error:
        msg = f"the message is no gzip: {error}"
        raise BadRequestError(msg) from error
    if not stream.eof or stream.unused_data:
        msg = "the message is not one whole gzip"
        raise BadRequestError(msg)
    return inflated
