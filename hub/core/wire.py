"""Just enough of the protobuf wire format to put ready-made parts together without parsing them again."""

from __future__ import annotations

LENGTH_DELIMITED = 2


def varint(value: int) -> bytes:
    """Encode an unsigned integer as a base-128 varint."""
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004  seven bits a byte
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(field: int, wire_type: int) -> bytes:
    """Encode the tag of a field."""
    return varint(field << 3 | wire_type)


def delimited(field: int, size: int) -> bytes:
    """Encode the tag and length that go before a length-delimited field of `size` bytes."""
    return tag(field, LENGTH_DELIMITED) + varint(size)
