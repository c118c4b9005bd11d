"""hub.core.tail_batch: a stored batch, whole or in part, with offsets that are right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.cursor import Cursor
from hub.core.filter import Filter
from hub.core.filter.batch_view import columns_of
from hub.core.stored import Parts, StoredBatch
from hub.core.tail_batch import TailBatch
from hub.pb.record_pb2 import Batch, LogRecord, Resource
from tests.examples import examples
from tests.fakes import filter_of

EPOCH, TENANT = 99, "acme"
STORED = Batch(
    seq=3,
    resource=Resource(service="orders", host="h1"),
    records=[LogRecord(body=body) for body in ("red", "blue", "red and blue", "green")],
    received_time_unix_nano=2**60,
    producer_id="p1",
)


def tail_batch(first_offset: int = 40) -> TailBatch:
    """Return STORED as it comes from the log."""
    data = STORED.SerializeToString()
    stored = StoredBatch(first_offset, len(STORED.records), STORED.received_time_unix_nano, data)
    return TailBatch(stored, EPOCH, TENANT)


@examples(25)
@given(st.integers(0, 2**64 - 5))
def test_the_whole_batch_has_its_offset(first_offset: int) -> None:
    """It is the stored one and nothing else, and its cursor stands behind its last record."""
    batch = tail_batch(first_offset)
    expected = Batch(first_offset=first_offset)
    expected.MergeFrom(STORED)
    assert Batch.FromString(b"".join(batch.whole)) == batch.message == expected
    assert Cursor.decode(batch.cursor, TENANT) == Cursor(EPOCH, first_offset + 4)


def test_a_batch_is_parsed_once_and_never_copied() -> None:
    """However many channels look at it, each gets the same objects, and the stored bytes themselves."""
    batch = tail_batch()
    assert batch.message is batch.message
    assert batch.cursor is batch.cursor
    assert batch.whole[0] is batch.stored.data


def test_a_batch_that_is_known_in_parts_is_not_parsed() -> None:
    """What it is made of when it came in is what a part of it is made of."""
    head = Batch(seq=3, producer_id="p1").SerializeToString()
    records = [record.SerializeToString() for record in STORED.records]
    stored = StoredBatch(40, 4, 1, b"\xff not protobuf", parts=Parts(head, records))
    expected = Batch(seq=3, producer_id="p1", first_offset=40, records=STORED.records[2:3], indexes=[2])
    assert Batch.FromString(TailBatch(stored, EPOCH, TENANT).part([2])) == expected


def test_a_batch_whose_columns_are_known_is_not_parsed_for_filters() -> None:
    """They are those of the checks when it came in."""
    parts = Parts(b"", [], columns_of(STORED.SerializeToString()))
    batch = TailBatch(StoredBatch(40, 4, 1, b"\xff not protobuf", parts=parts), EPOCH, TENANT)
    assert batch.view.pieces.texts == ["red", "blue", "red and blue", "green"]
    assert batch.view.strings("service") == {"orders": 0b1111}


def test_without_a_filter_nothing_is_parsed() -> None:
    """Who wants all records gets them by their number alone."""
    batch = TailBatch(StoredBatch(40, 4, 1, b"\xff not protobuf"), EPOCH, TENANT)
    assert list(batch.indexes(Filter(), 0)) == [0, 1, 2, 3]


@examples(25)
@given(st.sampled_from(["", "red", "-red", "service:orders blue", "service:pay"]), st.integers(0, 60))
def test_indexes_are_those_that_pass_from_an_offset_on(text: str, from_offset: int) -> None:
    """A subscriber that stands in the middle of a batch, or before or behind it, gets no record twice."""
    passing = filter_of(text).select(STORED)
    expected = [index for index in passing if 40 + index >= from_offset]
    assert list(tail_batch(40).indexes(filter_of(text), from_offset)) == expected


@examples(25)
@given(st.sets(st.integers(0, 3), min_size=1).map(sorted))
def test_a_part_says_which_records_it_has(indexes: list[int]) -> None:
    """So that each record's offset is known; all else is as in the whole batch."""
    batch = tail_batch()
    part = Batch.FromString(batch.part(indexes))
    expected = Batch()
    expected.CopyFrom(batch.message)
    del expected.records[:]
    expected.records.extend(batch.message.records[index] for index in indexes)
    expected.indexes.extend(indexes)
    assert part == expected
    assert len(batch.message.records) == 4


@pytest.mark.parametrize(
    "indexes",
    [[0, 2100], [126, 127, 128], [2046, 2047, 2048], [*range(5, 2000)]],
    ids=["far apart", "of one byte and two", "at the end of the table", "many"],
)
def test_a_part_of_a_large_batch_says_so_too(indexes: list[int]) -> None:
    """With places, and sizes of records and of all places, on both sides of where tables end."""
    bodies = ["x" * (2040 + index % 5) if index % 100 < 5 else "" for index in range(2101)]
    whole = Batch(records=[LogRecord(body=body) for body in bodies])
    batch = TailBatch(StoredBatch(0, 2101, 0, whole.SerializeToString()), EPOCH, TENANT)
    part = Batch.FromString(batch.part(indexes))
    assert part == Batch(records=[whole.records[index] for index in indexes], indexes=indexes)
    assert batch.pieces(indexes)[0] == len(batch.part(indexes))


def test_a_part_of_a_batch_without_a_resource_has_none() -> None:
    """An empty one would be something that the producer did not say."""
    data = Batch(records=[LogRecord(body="a"), LogRecord(body="b")]).SerializeToString()
    batch = TailBatch(StoredBatch(0, 2, 0, data), EPOCH, TENANT)
    part = Batch.FromString(batch.part(range(1, 2)))
    assert not part.HasField("resource")
    assert [record.body for record in part.records] == ["b"]
