"""hub.core.filter.batch_view: the columns of a batch, by the fields or by the records."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.filter.batch_view import BatchView, columns_of, indexes_of
from hub.core.filter.evaluate import passes, values_of
from hub.core.filter.nodes import Exists
from hub.core.filter.records import number_of
from hub.pb.record_pb2 import Batch, Exception, LogRecord, Resource, Value  # noqa: A004  the contract's name
from tests.examples import examples
from tests.unit.core.filter.filters import BATCHES

if TYPE_CHECKING:
    from collections.abc import Mapping

FIELDS = ("service", "host", "logger", "thread", "trace", "span", "attr.x", "attr.odd name", "attr.a.b", "attr.none")
LOOKED_THROUGH = ("text", "body", "exception")


def view_of(batch: Batch) -> BatchView:
    """Return the view of a batch."""
    return BatchView(columns_of(batch.SerializeToString()), len(batch.records), lambda: batch)


def unparsed(batch: Batch) -> BatchView:
    """Return the view of a batch whose records must not be made."""

    def parse() -> Batch:
        raise AssertionError

    return BatchView(columns_of(batch.SerializeToString()), len(batch.records), parse)


def places(masks: Mapping[str, int]) -> dict[str, list[int]]:
    """Return the indexes of each value."""
    return {value: indexes_of(mask) for value, mask in masks.items() if mask}


@examples(60)
@given(BATCHES)
def test_columns_are_those_of_the_records(batch: Batch) -> None:
    """Whichever way they are made: values, with and without case, numbers, levels, and what is there."""
    view = view_of(batch)
    numbered = list(enumerate(batch.records))
    for field in FIELDS:
        texts = {index: values_of(field, record, batch.resource) for index, record in numbered}
        expected: dict[str, list[int]] = {}
        folded: dict[str, list[int]] = {}
        for index, [text] in ((index, one) for index, one in texts.items() if one):
            expected.setdefault(text, []).append(index)
            folded.setdefault(text.casefold(), []).append(index)
        assert places(view.strings(field)) == expected
        assert places(view.folded(field)) == folded
    for field in (*FIELDS, *LOOKED_THROUGH):
        there = passes(Exists(field))
        assert indexes_of(view.present(field)) == [i for i, record in numbered if there(record, batch.resource)]
    levels = {number: indexes_of(mask) for number, mask in view.severities.items()}
    assert levels == {
        number: [index for index, record in numbered if record.severity == number]
        for number in {record.severity for record in batch.records}
    }


@examples(30)
@given(BATCHES, st.sampled_from(["red", "", "e", "BLUE"]))
def test_looking_through_finds_what_the_records_have(batch: Batch, sought: str) -> None:
    """In each text on its own, of the field that is asked for."""
    view = view_of(batch)
    for field in LOOKED_THROUGH:
        expected = [
            index
            for index, record in enumerate(batch.records)
            if any(sought in text for text in values_of(field, record, batch.resource))
        ]
        assert indexes_of(view.looked_through(field, lambda text: sought in text)) == expected


def test_numbers_are_those_that_values_read_as() -> None:
    """Of any kind; records without one are in none."""
    values = [Value(int_value=5), Value(string_value="5.0"), Value(string_value="high"), None, Value(double_value=-1)]
    batch = Batch(records=[LogRecord(attributes={} if value is None else {"x": value}) for value in values])
    assert {number: indexes_of(mask) for number, mask in view_of(batch).numbers("attr.x").items()} == {
        5: [0, 1],
        -1: [4],
    }
    assert [number_of(value) for value in values] == [5, 5, None, None, -1]


RECORDS = [LogRecord(body=f"b{number}", severity=9, logger="l") for number in range(3)]  # type: ignore[arg-type]


def test_what_all_records_have_or_none_is_read_without_making_them() -> None:
    """That is where the time goes."""
    view = unparsed(Batch(resource=Resource(service="orders"), records=RECORDS))
    assert places(view.strings("service")) == {"orders": [0, 1, 2]}
    assert places(view.strings("trace")) == {"": [0, 1, 2]}
    assert {number: indexes_of(mask) for number, mask in view.severities.items()} == {9: [0, 1, 2]}
    assert view.pieces.texts == ["b0", "b1", "b2"]
    assert view.strings("attr.x") == {}
    assert view.present("exception") == 0


def test_an_attribute_of_the_resource_is_that_of_every_record() -> None:
    """Where records have none at all, and where some have their own."""
    resource = Resource(attributes={"zone": Value(string_value="eu")})
    assert places(unparsed(Batch(resource=resource, records=RECORDS)).strings("attr.zone")) == {"eu": [0, 1, 2]}
    own = LogRecord(attributes={"zone": Value(string_value="us")})
    mixed = view_of(Batch(resource=resource, records=[*RECORDS, own]))
    assert places(mixed.strings("attr.zone")) == {"eu": [0, 1, 2], "us": [3]}


def test_bodies_come_first_and_one_for_each_record() -> None:
    """Parts of exceptions behind them, with the record they belong to."""
    error = Exception(type="E", stacktrace="at x")
    view = view_of(Batch(records=[LogRecord(), LogRecord(body="b", exception=error), LogRecord(exception=Exception())]))
    assert (view.pieces.texts, view.pieces.owners) == (["", "b", "", "E", "at x"], [0, 1, 2, 1, 1])


def test_a_column_is_made_once() -> None:
    """However many filters ask for it."""
    view = view_of(Batch(records=RECORDS))
    for ask in (view.strings, view.folded):
        assert ask("logger") is ask("logger")
    assert view.numbers("attr.x") is view.numbers("attr.x")
    assert view.pieces is view.pieces


@pytest.mark.parametrize(
    "indexes", [[], [0], [499], [0, 499], list(range(500)), list(range(0, 500, 2)), list(range(0, 500, 40)), [7, 8, 9]]
)
def test_a_mask_and_its_indexes(indexes: list[int]) -> None:
    """In order, whether few bits are set or many."""
    assert indexes_of(sum(1 << index for index in indexes)) == indexes
