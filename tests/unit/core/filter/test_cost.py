"""hub.core.filter.cost: what a filter costs is the sum of what its terms cost."""

from __future__ import annotations

import pytest

from hub.core.filter.cost import cost_of
from hub.core.filter.parse import parse


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        *(("", 0), ("*", 0), ("-*", 0)),
        *(("service:a", 1), ("service=a", 1), ("level>=warn", 1), ("trace:*", 1), ("exception:*", 1)),
        *(("a", 2), ('"a b c"', 2), ("body:a", 2), ("body=a", 2), ("x>1", 2), ("x:1..2", 2)),
        *(("a*", 4), ("*a", 4), ("*a*", 4), ("service:a*", 4), ("trace:4b*", 4)),
        *(("/ab/", 10), ("service:/ab/", 10), ("/" + "a" * 80 + "/", 20)),
        *(("a* -b", 6), ("/ab/ OR level:warn", 11), ("-(a OR -b)", 4), ("service:(a OR b)", 2), ("a a", 2)),
    ],
)
def test_the_cost_is_the_sum_of_the_terms(text: str, cost: int) -> None:
    """In the units of the language's page; a term that stands twice is looked at once."""
    assert cost_of(parse(text)) == cost


@pytest.mark.parametrize(
    ("short", "long"), [("/a{800}/", "/" + "a" * 800 + "/"), ("/(?:ab){9}/", "/" + "ab" * 9 + "/")]
)
def test_a_pattern_costs_what_its_program_does(short: str, long: str) -> None:
    """However few characters it is written with: what repeats costs as if it were written out."""
    assert cost_of(parse(short)) == cost_of(parse(long))
