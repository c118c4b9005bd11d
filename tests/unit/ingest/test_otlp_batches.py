"""hub.ingest.otlp_batches: batches that admission takes as they are, whatever the request looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.batch import BatchLimits, admit
from hub.ingest.formats.otlp import Group
from hub.ingest.otlp_batches import Batches, Refusal
from hub.pb.record_pb2 import Batch, LogRecord, Resource, Value
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMITS = BatchLimits(max_batch_bytes=1024, max_batch_records=5, max_record_bytes=400, max_attributes=2)


def records(*sizes: int) -> list[bytes]:
    """Return records with bodies of these sizes."""
    return [LogRecord(body="x" * size).SerializeToString() for size in sizes]


def batched(*groups: Group, limits: BatchLimits = LIMITS) -> tuple[list[tuple[int, Batch]], list[Refusal]]:
    """Return the batches, as admitted, each with the number of its first record; and what was refused."""
    batches = Batches(limits)
    pieces = [piece for group in groups for piece in batches.add(group)]
    pieces += batches.rest()
    found = []
    for piece in pieces:
        admitted = admit(piece.offer, limits, producer_id="", received_time_unix_nano=2**63)
        assert not admitted.rejected
        found.append((piece.first, Batch.FromString(admitted.data)))
    return found, batches.refusals


def sizes(found: Sequence[tuple[int, Batch]]) -> list[list[int]]:
    """Return the sizes of bodies, by batch."""
    return [[len(record.body) for record in batch.records] for _, batch in found]


def test_records_of_one_resource_are_one_batch() -> None:
    """In however many parts they come; another resource begins another."""
    one, two = Resource(service="a"), Resource(service="b")
    found, refusals = batched(Group(one, records(1, 2)), Group(one, records(3)), Group(two, records(4)))
    assert [(first, batch.resource.service) for first, batch in found] == [(0, "a"), (3, "b")]
    assert sizes(found) == [[1, 2, 3], [4]]
    assert not refusals


def test_a_batch_has_no_more_records_than_the_limit() -> None:
    """The next one goes on."""
    resource = Resource(service="a")
    found, _ = batched(*[Group(resource, records(1, 2, 3))] * 3)
    assert sizes(found) == [[1, 2, 3, 1, 2], [3, 1, 2, 3]]
    assert [first for first, _ in found] == [0, 5]


def test_a_batch_has_no_more_bytes_than_the_limit() -> None:
    """Its resource counts."""
    found, refusals = batched(Group(Resource(service="s" * 200), records(300, 300, 300)))
    assert sizes(found) == [[300, 300], [300]]
    assert not refusals


def test_a_record_that_no_batch_can_hold_is_refused_by_itself() -> None:
    """By its number in the request; the others stay in order."""
    found, refusals = batched(Group(Resource(), records(1, 500, 2, 3)))
    assert [(first, [len(one.body) for one in batch.records]) for first, batch in found] == [(0, [1]), (2, [2, 3])]
    assert [(one.first, one.count, one.field) for one in refusals] == [(1, 1, "record")]
    assert "the limit is 400" in refusals[0].reason


def test_a_resource_that_leaves_no_room_refuses_what_is_too_large_beside_it() -> None:
    """Not the small ones."""
    found, refusals = batched(Group(Resource(service="s" * 700), records(300, 10)))
    assert sizes(found) == [[10]]
    assert [one.first for one in refusals] == [0]


def test_a_resource_with_too_many_attributes_refuses_its_records() -> None:
    """As a batch with it would be."""
    bad = Resource(attributes={name: Value() for name in "abc"})
    found, refusals = batched(Group(bad, records(1, 1)), Group(Resource(), records(1)))
    assert [first for first, _ in found] == [2]
    assert refusals == [Refusal(0, 2, "resource", "its attributes are 3, the limit is 2")]


@examples(100)
@given(
    groups=st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 600), min_size=1, max_size=12)), max_size=5),
    limits=st.builds(BatchLimits, st.integers(1024, 2000), st.integers(1, 8), st.integers(256, 900), st.just(2)),
)
def test_every_record_is_in_a_batch_or_refused(groups: list[tuple[int, list[int]]], limits: BatchLimits) -> None:
    """Once, in order, by its number; no batch is over a limit."""
    resources = [Resource(service="s" * size) for size in (1, 300, 900)]
    found, refusals = batched(*(Group(resources[which], records(*bodies)) for which, bodies in groups), limits=limits)
    sent = [(len(resources[which].service), size) for which, bodies in groups for size in bodies]
    got = {
        first + at: (len(batch.resource.service), len(record.body))
        for first, batch in found
        for at, record in enumerate(batch.records)
    }
    refused = {one.first + at for one in refusals for at in range(one.count)}
    assert got == {at: one for at, one in enumerate(sent) if at not in refused}


@pytest.mark.parametrize("count", [1, 300])
def test_nothing_is_made_of_nothing(count: int) -> None:
    """No empty batch."""
    assert batched(limits=LIMITS) == ([], [])
    found, _ = batched(Group(Resource(), records(*[0] * count)), limits=BatchLimits(10_000, 1000, 400, 2))
    assert sizes(found) == [[0] * count]
