"""hub.core.filter: a filter as a whole, its limits, and what holds for all of them."""

from __future__ import annotations

import pytest
from hypothesis import given

from hub.core.filter import Filter, FilterLimits, parse_filter
from hub.errors import BadFilterError, FilterTooCostlyError
from hub.pb.record_pb2 import Batch, LogRecord, Resource
from tests.examples import examples
from tests.fakes import filter_of
from tests.unit.core.filter.filters import BATCHES, FILTERS


@examples(60)
@given(FILTERS, BATCHES)
def test_the_canonical_form_means_the_same_and_stays(text: str, batch: Batch) -> None:
    """It reads as a filter that passes the same records and is spelt the same."""
    first = filter_of(text)
    again = filter_of(first.canonical)
    assert again.canonical == first.canonical
    assert again.select(batch) == first.select(batch)


@examples(40)
@given(FILTERS, FILTERS, BATCHES)
def test_the_operators_are_those_of_logic(left: str, right: str, batch: Batch) -> None:
    """On any two filters and any records."""
    one, other = (set(filter_of(text).select(batch)) for text in (left, right))
    everyone = set(range(len(batch.records)))
    assert set(filter_of(f"({left}) ({right})").select(batch)) == one & other
    assert set((filter_of(left) & filter_of(right)).select(batch)) == one & other
    assert set(filter_of(f"({left}) OR ({right})").select(batch)) == one | other
    assert set(filter_of(f"-({left})").select(batch)) == everyone - one


def test_records_are_judged_with_the_resource_of_their_batch() -> None:
    """Their own fields come first."""
    batch = Batch(resource=Resource(service="orders"), records=[LogRecord(), LogRecord(service="stock"), LogRecord()])
    assert filter_of("service:orders").select(batch) == [0, 2]
    assert filter_of("").select(batch) == [0, 1, 2]
    assert filter_of("-*").select(batch) == []


def test_a_filter_that_is_too_costly_is_refused_with_both_figures() -> None:
    """So that one sees how far it is over."""
    assert parse_filter("a b", FilterLimits(1000, 4)).cost == 4
    with pytest.raises(FilterTooCostlyError, match="costs 4, the limit is 3"):
        parse_filter("a b", FilterLimits(1000, 3))


@pytest.mark.parametrize(("text", "column"), [("x" * 11, 11), ("ä" * 6, 6)])
def test_a_filter_that_is_too_long_is_refused(text: str, column: int) -> None:
    """Counted in bytes; the column is the first character that does not fit."""
    with pytest.raises(BadFilterError, match="longer than 10 bytes") as caught:
        parse_filter(text, FilterLimits(10, 1000))
    assert caught.value.column == column


def test_a_filter_that_was_read_is_read_once() -> None:
    """However many ask for it; the limits are each time those that are given."""
    assert parse_filter("once", FilterLimits(100, 2)) is parse_filter("once", FilterLimits(200, 3))
    with pytest.raises(FilterTooCostlyError):
        parse_filter("once", FilterLimits(100, 1))


def test_without_a_tree_everything_passes() -> None:
    """As for a token without a filter."""
    assert (Filter().canonical, Filter().everything, Filter().cost) == ("", True, 0)
    assert (filter_of("a") & Filter()).canonical == "a"
    assert not filter_of("-*").everything
