"""Just enough of the protobuf wire format to put ready-made parts together without parsing them again."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LENGTH_DELIMITED = 2
_ONE_BYTE = tuple(bytes([value]) for value in range(0x80))


def varint(value: int) -> bytes:
    """Encode an unsigned integer as a base-128 varint."""
    if value <= 0x7F:  # noqa: PLR2004  seven bits a byte
        return _ONE_BYTE[value]
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004  seven bits a byte
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


@lru_cache(maxsize=256)  # fields of the contract, a few tens
def tag(field: int, wire_type: int) -> bytes:
    """Encode the tag of a field."""
    return varint(field << 3 | wire_type)


class Heads:
    """What goes before so many bytes, or anything else by a number, made beforehand for each number below `limit`.

    ready   those, by their number: loops look here first, and only then ask for any number. One list touches a
            fraction of the memory that a dict does, and of what the batch before has touched, nothing is cached.
    """

    def __init__(self, make: Callable[[int], bytes], limit: int = 2048) -> None:
        self._make = make
        self.ready = [make(size) for size in range(limit)]

    def __getitem__(self, size: int) -> bytes:
        """Return it for any number."""
        return self.ready[size] if size < len(self.ready) else self._make(size)


@lru_cache(maxsize=16_384)  # sizes of records and messages, which come again and again
def delimited(field: int, size: int) -> bytes:
    """Encode the tag and length that go before a length-delimited field of `size` bytes."""
    return tag(field, LENGTH_DELIMITED) + varint(size)
