"""hub.core.utf8: strings that are not UTF-8 are repaired wherever they stand, and nothing else is changed."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, cast

import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError
from google.protobuf.struct_pb2 import ListValue, Struct
from hypothesis import given
from hypothesis import strategies as st

from hub.core.utf8 import repair
from hub.core.wire import delimited, varint
from hub.errors import BadRequestError
from hub.pb.record_pb2 import Batch, LogRecord, Resource, Value
from hub.pb.record_pb2 import Exception as LogException
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

STRINGS = 16
WIDTH = 6
quick = examples(40)
# What UTF-8 goes wrong with: lone, missing and surplus continuations, overlong forms, surrogates, beyond U+10FFFF.
PIECES = [b"a", b"\x80", b"\xbf", b"\xc0\xaf", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xf0\x9f\x92", b"\xf5", b"\xff"]
broken = st.lists(st.sampled_from([*PIECES, "é".encode(), "€".encode()]), max_size=8).map(b"".join)
fixed_width = (st.binary(min_size=WIDTH, max_size=WIDTH) | broken.map(lambda raw: raw[:WIDTH].ljust(WIDTH, b"."))) | (
    st.just(b"ascii.")
)


def batch_of(texts: Sequence[str]) -> Batch:
    """Return a batch with one text in each place that takes one."""
    left = deque(texts)
    take = left.popleft
    batch = Batch(seq=7, producer_id=take(), first_offset=1, indexes=[1, 300], resource=Resource(service=take()))
    batch.resource.host = take()
    batch.resource.attributes[take()].string_value = take()
    record = LogRecord(time_unix_nano=2**60, trace_id=b"\xff" * 16, severity_text=take(), body=take())
    record.service, record.logger, record.thread, record.host = take(), take(), take(), take()
    record.attributes[take()].string_value = take()
    record.exception.CopyFrom(LogException(type=take(), message=take(), stacktrace=take()))
    batch.records.extend([LogRecord(body="whole"), record])
    assert not left
    return batch


def wire_of(texts: Sequence[bytes]) -> bytes:
    """Return the same batch on the wire, with any bytes for texts."""
    places = [f"<{index:04}>" for index in range(STRINGS)]
    wire = batch_of(places).SerializeToString()
    for place, text in zip(places, texts, strict=True):
        wire = wire.replace(place.encode(), text)
    return wire


def is_utf8(text: bytes) -> bool:
    """Return whether the bytes are UTF-8."""
    return text.decode("utf-8", "replace").encode() == text


def repaired(raw: bytes, kind: type[Message]) -> tuple[bytes, int]:
    """Repair a message of this kind."""
    return repair(raw, cast("Descriptor", kind.DESCRIPTOR))


def string_fields(kind: Descriptor) -> int:
    """Count the string fields of a message and of those in it, each as often as it can stand there."""
    own = sum(field.type == FieldDescriptor.TYPE_STRING for field in kind.fields)
    return own + sum(string_fields(field.message_type) for field in kind.fields if field.message_type)


def test_the_batch_of_these_tests_has_a_text_in_every_place() -> None:
    """A string field that is added to the contract must be added here."""
    assert string_fields(cast("Descriptor", Batch.DESCRIPTOR)) == STRINGS


@quick
@given(st.lists(fixed_width, min_size=STRINGS, max_size=STRINGS))
def test_broken_strings_are_repaired_in_every_place(texts: list[bytes]) -> None:
    """Each becomes what decoding with replacement makes of it, the rest stays, and the repairs are counted."""
    fixed, repairs = repaired(wire_of(texts), Batch)
    assert Batch.FromString(fixed) == batch_of([text.decode("utf-8", "replace") for text in texts])
    assert repairs == sum(not is_utf8(text) for text in texts)


@pytest.mark.parametrize("place", range(STRINGS))
def test_one_broken_string_is_repaired(place: int) -> None:
    """Without the repair it would fail the batch."""
    texts = [b"ascii."] * STRINGS
    texts[place] = b"caf\xe9 s"
    with pytest.raises(DecodeError):
        Batch.FromString(wire_of(texts))
    fixed, repairs = repaired(wire_of(texts), Batch)
    assert Batch.FromString(fixed) == batch_of(
        ["ascii."] * place + ["caf\ufffd s"] + ["ascii."] * (STRINGS - place - 1)
    )
    assert repairs == 1


@quick
@given(broken | st.binary(max_size=300))
def test_a_string_of_any_length_is_repaired(text: bytes) -> None:
    """It may grow threefold, past the length that one byte can say."""
    fixed, repairs = repaired(delimited(1, len(text)) + text, Value)
    assert Value.FromString(fixed).string_value == text.decode("utf-8", "replace")
    assert repairs == (not is_utf8(text))


def test_what_is_not_broken_is_not_changed() -> None:
    """Neither the bytes fields nor those that this hub does not know."""
    unknown = (
        delimited(99, 3) + b"\xff\xfe\xfd" + varint(98 << 3) + varint(2**64 - 1) + varint(97 << 3 | 5) + b"\xff" * 4
    )
    raw = batch_of(["é"] * STRINGS).SerializeToString() + unknown
    assert repaired(raw, Batch) == (raw, 0)


def test_every_prefix_ends_in_a_message_or_in_our_error() -> None:
    """A message that was cut short is never more than refused."""
    raw = wire_of([b"caf\xe9 s"] * STRINGS)
    whole = 0
    for size in range(len(raw)):
        try:
            fixed, _ = repaired(raw[:size], Batch)
        except BadRequestError:
            continue
        whole += 1
        Batch.FromString(fixed)
    assert 0 < whole < 10, "only where a field ends is a prefix a message"


@quick
@given(st.binary(max_size=40))
def test_noise_ends_in_a_message_or_in_our_error(raw: bytes) -> None:
    """No other error comes out, and what comes out has only good strings, so it does not change any more."""
    try:
        fixed, _ = repaired(raw, Batch)
    except BadRequestError:
        return
    assert repaired(fixed, Batch) == (fixed, 0)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"\x0a", "cut short"),
        (b"\x0a\x05abc", "cut short"),
        (b"\x08", "cut short"),
        (b"\x08" + b"\x80" * 10 + b"\x01", "cut short"),
        (b"\x09" + b"1234567", "cut short"),
        (b"\x0d" + b"123", "cut short"),
        (b"\0", "number 0"),
        (b"\x02\x01a", "number 0"),
        (b"\x0b", "wire type 3"),
        (b"\x0e", "wire type 6"),
        (b"\x0f", "wire type 7"),
    ],
)
def test_what_is_not_protobuf_is_refused(raw: bytes, words: str) -> None:
    """The error says what is wrong with it."""
    with pytest.raises(BadRequestError, match=words):
        repaired(raw, Value)


def test_what_is_walked_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few KiB that inflate to millions of fields must not hold the process."""
    monkeypatch.setattr("hub.core.utf8._MAX_FIELDS", 10)
    field = b"\x58\x01"
    assert repaired(field * 10, Batch) == (field * 10, 0)
    with pytest.raises(BadRequestError, match="more than 10 fields"):
        repaired(field * 11, Batch)
    record = delimited(2, 10) + field * 5
    with pytest.raises(BadRequestError, match="more than 10 fields"):
        repaired(record * 2, Batch)


def nested(depth: int) -> bytes:
    """Return a list in a list …, `depth` messages deep."""
    raw = b""
    for level in range(depth):
        field = 1 if level % 2 else 6
        raw = delimited(field, len(raw)) + raw
    return raw


def test_the_depth_is_limited() -> None:
    """A message that nests for ever ends in our error, long before Python's stack does."""
    assert repaired(nested(32), ListValue)[1] == 0
    with pytest.raises(BadRequestError, match="deeper than 32"):
        repaired(nested(34), ListValue)
    assert repaired(nested(5000), Struct)[1] == 0
