"""hub.ingest.kafka.place: a place and its number are the same thing, in the same order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.ingest.kafka.place import Place, PlaceError

places = st.builds(Place, st.integers(0, 15), st.integers(0, 2**44 - 1), st.integers(0, 2**16 - 1))


@given(places)
def test_a_number_leads_back_to_its_place(place: Place) -> None:
    """And is one that the log can hold."""
    assert Place.of(place.seq) == place
    assert 0 <= place.seq < 2**64


@given(places, places)
def test_numbers_are_in_the_order_of_places(one: Place, other: Place) -> None:
    """So that what comes later in a partition follows in the log."""
    assert (one < other) == (one.seq < other.seq)


def test_nothing_read_is_zero() -> None:
    """As the log says of a producer that it never heard of."""
    assert Place().seq == 0
    assert Place(0, 1).seq > Place(0, 0, 65_535).seq


def test_a_topic_made_anew_goes_on_behind_all_before() -> None:
    """Although its offsets begin again."""
    assert Place(2, 10**9).anew(0) == Place(3, 0)
    assert Place(2, 10**9).anew(0).seq > Place(2, 2**44 - 1, 2**16 - 1).seq


@pytest.mark.parametrize("place", [(16, 0, 0), (0, 2**44, 0), (0, 0, 2**16), (0, -1, 0)])
def test_a_place_without_a_number_is_refused(place: tuple[int, int, int]) -> None:
    """Rather than taken for another."""
    with pytest.raises(PlaceError, match="source_group"):
        Place(*place)
