"""Repair strings that are not UTF-8, on the wire, before a message is parsed.

One bad byte in one string fails a whole protobuf message, so a producer that cuts a message in the middle of a
character would lose a batch. The rest of the batch is worth more: the wire is walked by the message's descriptor, and
each string field is decoded with U+FFFD in place of what cannot be read. Slow (a few µs a field), and only used after
the fast parser has refused the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.descriptor import FieldDescriptor

from hub.core.wire import varint
from hub.errors import BadRequestError

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_MAX_DEPTH = 32
_MAX_VARINT_BYTES = 10
# What is walked of a message at most: ten thousand records of thirty fields, a second's work at worst. Without a bound,
# sixteen MiB of garbage, which compress to sixteen KiB, would hold the process for forty seconds.
_MAX_FIELDS = 300_000


def repair(raw: bytes, descriptor: Descriptor) -> tuple[bytes, int]:
    """Return the same message with every string made UTF-8, and how many strings had to be changed.

    Raises BadRequestError where `raw` is not protobuf at all.
    """
    walk = _Walk()
    return _message(memoryview(raw), descriptor, walk, 0), walk.repairs


@dataclass(slots=True)
class _Walk:
    """What has been done so far."""

    repairs: int = 0
    fields: int = 0

    def step(self, tag: int) -> None:
        """Take note of a field; BadRequestError where it cannot be one, or is one too many."""
        self.fields += 1
        if not tag >> 3:
            msg = "the message has a field of number 0, so it is not protobuf"
            raise BadRequestError(msg)
        if self.fields > _MAX_FIELDS:
            msg = (
                f"the message cannot be read, and has more than {_MAX_FIELDS} fields to be repaired: send less at once"
            )
            raise BadRequestError(msg)


def _message(raw: memoryview, descriptor: Descriptor | None, walk: _Walk, depth: int) -> bytes:
    fields = descriptor.fields_by_number if descriptor else {}
    if depth > _MAX_DEPTH:
        msg = f"the message nests deeper than {_MAX_DEPTH}"
        raise BadRequestError(msg)
    out = bytearray()
    at = 0
    while at < len(raw):
        start = at
        tag, at = _read_varint(raw, at)
        walk.step(tag)
        wire = tag & 7
        if wire != _LENGTH:
            at = _skip(raw, at, wire)
            out += raw[start:at]
            continue
        length, at = _read_varint(raw, at)
        if at + length > len(raw):
            raise _cut_short()
        field = fields.get(tag >> 3)
        value = _value(raw[at : at + length], field, walk, depth)
        at += length
        out += varint(tag) + varint(len(value)) + value
    return bytes(out)


def _value(raw: memoryview, field: FieldDescriptor | None, walk: _Walk, depth: int) -> bytes | memoryview:
    if field is None:
        return raw
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        return _message(raw, field.message_type, walk, depth + 1)
    if field.type == FieldDescriptor.TYPE_STRING:
        fixed = str(raw, "utf-8", "replace").encode()
        walk.repairs += fixed != raw
        return fixed
    return raw


def _skip(raw: memoryview, at: int, wire: int) -> int:
    if wire == _VARINT:
        return _read_varint(raw, at)[1]
    if wire not in (_FIXED32, _FIXED64):
        msg = f"the message has a field of wire type {wire}, which is not one"
        raise BadRequestError(msg)
    end = at + (8 if wire == _FIXED64 else 4)
    if end > len(raw):
        raise _cut_short()
    return end


def _read_varint(raw: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(raw[at : at + _MAX_VARINT_BYTES]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004  the continuation bit
            return value, at + index + 1
    raise _cut_short()


def _cut_short() -> BadRequestError:
    return BadRequestError("the message is cut short or is not protobuf")
