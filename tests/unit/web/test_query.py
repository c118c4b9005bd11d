"""hub.web.query: parameters of an address become a Subscribe message, or an error that names them."""

from __future__ import annotations

import time

import pytest

from hub.errors import BadRequestError
from hub.pb.tail_pb2 import Subscribe
from hub.web.query import subscribe_of


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, Subscribe(id="s")),
        ({"filter": "a b"}, Subscribe(id="s", filter="a b")),
        ({"cursor": "xyz", "follow": "false"}, Subscribe(id="s", cursor="xyz", follow=False)),
        ({"last": "10", "follow": "TRUE"}, Subscribe(id="s", last=10, follow=True)),
        ({"oldest": "1", "max_records_per_s": "5"}, Subscribe(id="s", oldest=True, max_records_per_s=5)),
        ({"last": "4294967295"}, Subscribe(id="s", last=2**32 - 1)),
    ],
)
def test_parameters_are_fields(query: dict[str, str], expected: Subscribe) -> None:
    """Of the same names."""
    assert subscribe_of(query.items(), "s") == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-01T00:00:10Z", 10), ("1970-01-01T01:00:10+01:00", 10), ("2026-01-31T12:00:00.5+00:00", 1769860800.5)],
)
def test_a_moment_has_a_zone(text: str, seconds: float) -> None:
    """As RFC 3339 writes it."""
    assert subscribe_of({"since": text}.items(), "s").since.ToNanoseconds() == int(seconds * 10**9)


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00 02:00", "2026-01-31T12:00:00 0200"])
def test_a_plus_that_became_a_space_is_one(text: str) -> None:
    """Nobody encodes it by hand."""
    assert subscribe_of([("since", text)], "s").since.seconds == 1769853600


@pytest.mark.parametrize("key", ["last", "filter", "cursor", "follow"])
def test_a_parameter_stands_once(key: str) -> None:
    """Which of two is meant, nobody knows."""
    with pytest.raises(BadRequestError, match=f"{key} is given more than once"):
        subscribe_of([(key, "1"), (key, "1")], "s")


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("2h", 7200), ("1d", 86_400)])
def test_so_long_ago(text: str, seconds: int) -> None:
    """From now."""
    before = time.time_ns()
    since = subscribe_of({"since": text}.items(), "s").since.ToNanoseconds()
    assert before - seconds * 10**9 <= since <= time.time_ns() - seconds * 10**9


@pytest.mark.parametrize("origin", [{}, {"oldest": "true"}, {"last": "5"}, {"cursor": "old"}, {"since": "garbage"}])
def test_the_last_event_wins(origin: dict[str, str]) -> None:
    """Over wherever the address says to begin; the rest of it holds."""
    request = subscribe_of({**origin, "filter": "a"}.items(), "s", "new")
    assert (request.cursor, request.filter) == ("new", "a")


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ({"Filter": "a"}, "there is no parameter 'Filter': use tenant, filter, cursor"),
        ({"last": "-1"}, "last=-1: write a number from 0"),
        ({"last": "4294967296"}, "write a number"),
        ({"last": "١"}, "write a number"),  # noqa: RUF001  a digit of another script
        ({"max_records_per_s": ""}, "write a number"),
        ({"follow": "yes"}, "follow=yes: write true or false"),
        ({"since": "10"}, "such as 10m"),
        ({"since": "2026-01-01"}, "with its zone"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "with its zone"),
        ({"since": "9999-12-31T23:59:59-14:00"}, "with its zone"),
        ({"cursor": "a", "last": "1"}, "cursor and last exclude each other"),
    ],
)
def test_what_cannot_be_read_is_named(query: dict[str, str], part: str) -> None:
    """With what to write."""
    with pytest.raises(BadRequestError) as caught:
        subscribe_of(query.items(), "s")
    assert part in caught.value.message
