"""hub.core.filter.nodes: trees are values."""

from __future__ import annotations

import dataclasses

import pytest

from hub.core.filter.nodes import EVERYTHING, NOTHING, TEXT, And, Edge, Match, Node, Not, Or, Regex, Severity
from hub.core.filter.pattern import finder

RED = Match(TEXT, "red", Edge.WORD, Edge.WORD, fold=True)


def test_equal_trees_are_one() -> None:
    """They compare and hash alike, so a leaf is shared by all filters that have it."""
    again = Match(TEXT, "red", Edge.WORD, Edge.WORD, fold=True)
    assert {And((RED, Not(Severity(1, 24)))): "found"}[And((again, Not(Severity(1, 24))))] == "found"


@pytest.mark.parametrize("change", [{"field": "body"}, {"value": "Red"}, {"left": Edge.FREE}, {"fold": False}])
def test_a_leaf_that_differs_is_another(change: dict[str, object]) -> None:
    """In any field."""
    assert dataclasses.replace(RED, **change) != RED  # type: ignore[arg-type]


def test_a_pattern_is_known_by_its_text() -> None:
    """What searches for it does not count."""
    assert Regex(TEXT, "a+", finder("a+")) == Regex(TEXT, "a+", lambda _text: False)
    assert Regex(TEXT, "a+", finder("a+")) != Regex(TEXT, "a*", finder("a+"))


def test_everything_and_nothing_are_not_the_same() -> None:
    """An empty And passes all, an empty Or none."""
    nodes: list[Node] = [And(()), Or(())]
    assert nodes == [EVERYTHING, NOTHING]
    assert nodes[0] != nodes[1]


def test_a_tree_cannot_be_changed() -> None:
    """It is kept in caches for ever."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        RED.value = "blue"  # type: ignore[misc]
