"""hub.core.wire: the parts are what protobuf itself would write."""

from __future__ import annotations

import pytest
from google.protobuf.wrappers_pb2 import BytesValue, UInt64Value
from hypothesis import given
from hypothesis import strategies as st

from hub.core.wire import delimited, tag, varint
from tests.examples import examples

EDGES = [value for bits in range(7, 64, 7) for value in (2**bits - 1, 2**bits)]


@pytest.mark.parametrize("value", [1, *EDGES, 2**64 - 1])
def test_a_varint_is_protobufs(value: int) -> None:
    """On both sides of every length."""
    assert tag(1, 0) + varint(value) == UInt64Value(value=value).SerializeToString()


def test_zero_is_one_byte() -> None:
    """Protobuf leaves a zero field out, a length of zero is written."""
    assert varint(0) == b"\0"
    assert BytesValue.FromString(delimited(1, 0)).value == b""


@examples(30)
@given(st.integers(1, 2**29 - 1), st.binary(max_size=300))
def test_a_delimited_field_is_found_under_its_number(field: int, payload: bytes) -> None:
    """A message with just this field parses, and keeps it byte for byte."""
    raw = delimited(field, len(payload)) + payload
    message = BytesValue.FromString(raw)
    assert message.value == (payload if field == 1 else b"")
    assert message.SerializeToString() == (b"" if raw == delimited(1, 0) else raw)
