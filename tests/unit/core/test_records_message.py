"""hub.core.records_message: a records message put together from ready parts is the one that protobuf would make."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.core.packed_batch import PackedMessageWire
from hub.core.records_message import MessageWire
from hub.core.stored import StoredBatch
from hub.core.tail_batch import TailBatch
from hub.pb.record_pb2 import Batch, LogRecord, Resource
from hub.pb.tail_pb2 import Position, Records, ServerMessage
from hub.web.stream import WIRES
from hub.web.wire import JsonWire, PackedProtoWire, ProtoWire

WIRE = MessageWire()
# Sizes around which lengths grow by a byte, and tables end.
SIZES = [0, 1, 126, 127, 128, 2000, 2046, 2047, 2048, 2049, 16_383, 16_384, 70_000]


def batch(*sizes: int, first: int = 0) -> TailBatch:
    """Return a batch with a record of each size."""
    records = [LogRecord(body="x" * size) for size in sizes]
    data = Batch(resource=Resource(service="orders"), records=records).SerializeToString()
    return TailBatch(StoredBatch(first, len(records), 1, data), 7, "a")


@cache
def one_among_many(index: int, size: int) -> TailBatch:
    """Return a batch of 2101 records, of which one has a size; made once for all wires."""
    sizes = [0] * 2101
    sizes[index] = size
    return batch(*sizes)


@given(sizes=st.lists(st.sampled_from(SIZES), min_size=1, max_size=4), name=st.text(max_size=64), data=st.data())
@example(sizes=[2030, 5], name="s", data=None)
def test_a_part_of_a_batch_says_what_it_is(sizes: list[int], name: str, data: st.DataObject | None) -> None:
    """Records as stored, their places, the cursor behind the batch and the name."""
    whole = batch(*sizes, first=3)
    indexes = [0] if data is None else sorted(data.draw(st.sets(st.integers(0, len(sizes) - 1), min_size=1)))
    sent = WIRE.records(name, "the cursor", WIRE.body(whole, indexes), 5)
    part = Batch(resource=Resource(service="orders"), first_offset=3)
    part.records.extend(whole.message.records[index] for index in indexes)
    if len(indexes) < len(sizes):
        part.indexes.extend(indexes)
    expected = Records(id=name, cursor="the cursor", batches=[part], sampled_out=5)
    assert ServerMessage.FromString(sent) == ServerMessage(records=expected)


ALL = [WIRE, ProtoWire(), JsonWire(), *WIRES.values(), PackedMessageWire(), PackedProtoWire()]


@pytest.mark.parametrize("wire", ALL, ids=lambda wire: wire.name)
@pytest.mark.parametrize("index", [0, 1, 127, 128, 2047, 2048, 2100])
def test_one_record_goes_the_short_way_to_the_same_message(wire: ProtoWire, index: int) -> None:
    """On every wire, whatever its size and place."""
    for size in SIZES:
        whole = one_among_many(index, size)
        expected = wire.records("näme", whole.cursor, wire.body(whole, [index]))
        assert wire.part(whole, [index], wire.label("näme")) == expected


@pytest.mark.parametrize("wire", ALL, ids=lambda wire: wire.name)
@pytest.mark.parametrize("indexes", [[0, 1], [126, 127], [127, 128], [1, 2047, 2048], [*range(5, 2000)]], ids=str)
def test_a_few_records_go_the_short_way_to_the_same_message(wire: ProtoWire, indexes: list[int]) -> None:
    """On every wire, small and large."""
    for size in (0, 100, 3000):
        whole = one_among_many(indexes[0], size)
        expected = wire.records("s", whole.cursor, wire.body(whole, indexes))
        assert wire.part(whole, indexes, wire.label("s")) == expected


@pytest.mark.parametrize("wire", ALL, ids=lambda wire: wire.name)
def test_a_position_goes_the_short_way_to_the_same_message(wire: ProtoWire) -> None:
    """On every wire, whatever the length of its name."""
    for name in ("s", "näme", "n" * 128, "n" * 20_000):
        expected = wire.message(ServerMessage(position=Position(id=name, cursor="the cursor")))
        assert wire.position(wire.label(name), "the cursor") == expected
