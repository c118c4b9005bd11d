"""Messages drawn by reflection, so that a field that is added to the contract is drawn too."""

from __future__ import annotations

import math
import random
import struct
from functools import cache
from typing import TYPE_CHECKING, Any

from google.protobuf.descriptor import FieldDescriptor

from tests.compat.contract import is_map

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

_MOST_ITEMS = 3
_MOST_DEPTH = 8
_INTEGERS = (0, 1, -1, 127, 128, 2**31 - 1, -(2**31), 2**32, 2**53 + 1, 2**63 - 1, -(2**63))
_DOUBLES = (0.0, -0.0, 1.0, -1.5, math.nan, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, 0.1, 1e21, 2.0**60)
_TEXTS = (
    *("", "\0", "\x1f\x7f\x80", "\u2028\u2029", '"\\/', "</script>", "\ufeff", "\uffff", "\U0001f600", "\U0010ffff"),
    *("e\u0301", "null", "x" * 127, "ß" * 64),
)
# A varint, a fixed64, a group, text and a fixed32, under numbers that no message has.
_UNKNOWN = (
    bytes.fromhex("c03effffffffffffffffff01"),
    bytes.fromhex("c93e0102030405060708"),
    bytes.fromhex("d33e0801d43e"),
    bytes.fromhex("da3e03616263"),
    bytes.fromhex("e53e01020304"),
)
_INTEGER_BITS = {
    FieldDescriptor.TYPE_INT32: (32, True),
    FieldDescriptor.TYPE_SINT32: (32, True),
    FieldDescriptor.TYPE_SFIXED32: (32, True),
    FieldDescriptor.TYPE_ENUM: (32, True),
    FieldDescriptor.TYPE_INT64: (64, True),
    FieldDescriptor.TYPE_SINT64: (64, True),
    FieldDescriptor.TYPE_SFIXED64: (64, True),
    FieldDescriptor.TYPE_UINT32: (32, False),
    FieldDescriptor.TYPE_FIXED32: (32, False),
    FieldDescriptor.TYPE_UINT64: (64, False),
    FieldDescriptor.TYPE_FIXED64: (64, False),
}
# Only these have a form in JSON: the years 1 to 9999, and ten thousand years either way.
_SECONDS = (-62_135_596_800, 253_402_300_799)
_LONGEST_SECONDS = 315_576_000_000
_NANO_UNITS = (1, 1_000, 1_000_000, 999_999_999)


class RandomMessages:
    """Draws messages of kinds; the same ones for the same seed. With `unknown`, some have fields that nobody knows."""

    def __init__(self, seed: int, kinds: Sequence[type[Message]], *, unknown: bool = True) -> None:
        self._rng = random.Random(seed)  # noqa: S311  tests draw the same again
        self._kinds = kinds
        self._unknown = unknown
        self._scalars: dict[int, Callable[[], Any]] = {
            FieldDescriptor.TYPE_STRING: self._text,
            FieldDescriptor.TYPE_BYTES: lambda: self._rng.randbytes(self._rng.randrange(6)),
            FieldDescriptor.TYPE_BOOL: lambda: self._rng.random() < 1 / 2,
            FieldDescriptor.TYPE_DOUBLE: self._double,
        }

    def draw(self) -> Message:
        """Return the next message."""
        message = self._rng.choice(self._kinds)()
        self._fill(message, 0)
        return message

    def _fill(self, message: Any, depth: int) -> None:
        """Set each field or not, and of each oneof at most one."""
        rng = self._rng
        descriptor = message.DESCRIPTOR
        if descriptor.full_name == "google.protobuf.Timestamp":
            message.seconds, message.nanos = rng.randint(*_SECONDS), self._nanos()
            return
        if descriptor.full_name == "google.protobuf.Duration":
            sign = rng.choice((1, -1))
            message.seconds, message.nanos = sign * rng.randrange(_LONGEST_SECONDS), sign * self._nanos()
            return
        plain, choices = _fields(descriptor)
        for field in plain:
            if rng.random() < 1 / 2:
                self._set(message, field, depth)
        for choice in choices:
            if chosen := rng.choice(choice):
                self._set(message, chosen, depth)
        if self._unknown and rng.random() < 1 / 16:
            message.MergeFromString(rng.choice(_UNKNOWN))

    def _set(self, message: Any, field: FieldDescriptor, depth: int) -> None:
        if field.message_type:
            if depth < _MOST_DEPTH:
                self._set_messages(message, field, depth + 1)
        elif field.is_repeated:
            getattr(message, field.name).extend(self._scalar(field) for _ in range(self._rng.randrange(_MOST_ITEMS)))
        else:
            setattr(message, field.name, self._scalar(field))

    def _set_messages(self, message: Any, field: FieldDescriptor, depth: int) -> None:
        held = getattr(message, field.name)
        if not field.is_repeated:
            held.SetInParent()
            self._fill(held, depth)
            return
        for _ in range(self._rng.randrange(_MOST_ITEMS + 1)):
            if is_map(field):
                self._set_entry(held, field.message_type, depth)
            else:
                self._fill(held.add(), depth)

    def _set_entry(self, held: Any, entry: Any, depth: int) -> None:
        key = self._scalar(entry.fields_by_name["key"])
        value = entry.fields_by_name["value"]
        if not value.message_type:
            held[key] = self._scalar(value)
        elif key not in held:  # filled once: unknown fields keep their order
            self._fill(held[key], depth)

    def _scalar(self, field: FieldDescriptor) -> Any:
        draw = self._scalars.get(field.type)
        if draw:
            return draw()
        if field.enum_type and self._rng.random() < 3 / 4:
            return self._rng.choice(field.enum_type.values).number
        bits, signed = _INTEGER_BITS[field.type]
        return self._integer(bits, signed=signed)

    def _integer(self, bits: int, *, signed: bool) -> int:
        rng = self._rng
        number = rng.choice(_INTEGERS) if rng.random() < 1 / 2 else rng.getrandbits(64) >> rng.randrange(64)
        number &= (1 << bits) - 1
        return number - (1 << bits) if signed and number >> (bits - 1) else number

    def _double(self) -> float:
        if self._rng.random() < 1 / 2:
            return self._rng.choice(_DOUBLES)
        (number,) = struct.unpack("<d", self._rng.randbytes(8))
        return math.nan if math.isnan(number) else float(number)  # JSON has one NaN

    def _text(self) -> str:
        rng = self._rng
        if rng.random() < 1 / 2:
            return rng.choice(_TEXTS)
        points = (rng.randrange(0x110000) >> rng.randrange(15) for _ in range(rng.randrange(6)))
        return "".join("x" if 0xD800 <= point <= 0xDFFF else chr(point) for point in points)

    def _nanos(self) -> int:
        """JSON writes none, three, six or nine digits."""
        unit = self._rng.choice(_NANO_UNITS)
        return self._rng.randrange(999_999_999 // unit + 1) * unit


@cache
def _fields(descriptor: Descriptor) -> tuple[list[FieldDescriptor], list[list[FieldDescriptor | None]]]:
    """Return the fields of no oneof, and for each oneof what may be chosen: none of it among them."""
    plain = [field for field in descriptor.fields if not field.containing_oneof]
    return plain, [[None, *oneof.fields] for oneof in descriptor.oneofs]
