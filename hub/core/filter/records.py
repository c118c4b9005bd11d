"""Fields of a record as the filter language sees them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from hub.core.filter import nodes

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.pb.record_pb2 import LogRecord, Value

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,64}(?:\.[0-9]{0,64})?|\.[0-9]{1,64})(?:[eE][+-]?[0-9]{1,4})?")
# Fields that are one text, and have no other place to come from.
PLAIN: dict[str, Callable[[LogRecord], str]] = {
    nodes.LOGGER: lambda record: record.logger,
    nodes.THREAD: lambda record: record.thread,
    nodes.TRACE: lambda record: record.trace_id.hex(),
    nodes.SPAN: lambda record: record.span_id.hex(),
}


def text_of(value: Value) -> str:
    """Return an attribute's value as text: a double in its shortest form, bytes in hexadecimal, "" where it is null."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "int_value":
        return str(value.int_value)
    if kind == "double_value":
        return number_text(value.double_value)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    return value.bytes_value.hex()


def number_of(value: Value | None) -> float | None:
    """Return an attribute's value as a number; None where it is none, or not a number at all (NaN)."""
    if value is None:
        return None
    kind = value.WhichOneof("kind")
    if kind == "int_value":
        return float(value.int_value)
    if kind == "double_value":
        return None if math.isnan(value.double_value) else value.double_value
    return read_number(value.string_value) if kind == "string_value" else None


def read_number(text: str) -> float | None:
    """Return the decimal number that a text is as a whole, or None."""
    return float(text) if _NUMBER.fullmatch(text) else None


def number_text(number: float) -> str:
    """Return a number in its shortest form."""
    return repr(number).removesuffix(".0")
