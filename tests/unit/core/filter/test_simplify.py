"""hub.core.filter.simplify: trees are flat, without doubles, and without what changes nothing."""

from __future__ import annotations

import pytest

from hub.core.filter.nodes import EVERYTHING, NOTHING, And, Exists, Node, Not, Or
from hub.core.filter.simplify import all_of, any_of, negated

A, B, C = Exists("a"), Exists("b"), Exists("c")


@pytest.mark.parametrize(
    ("nodes", "made"),
    [
        ((), EVERYTHING),
        ((A,), A),
        ((A, B), And((A, B))),
        ((A, B, A), And((A, B))),
        ((And((A, B)), C, And((B, A))), And((A, B, C))),
        ((A, EVERYTHING), A),
        ((EVERYTHING, EVERYTHING), EVERYTHING),
        ((A, NOTHING, B), NOTHING),
        ((A, Or((B, C))), And((A, Or((B, C))))),
    ],
)
def test_all_of(nodes: tuple[Node, ...], made: Node) -> None:
    """Ands are taken apart; everything changes nothing, and with nothing among them nothing passes."""
    assert all_of(nodes) == made


@pytest.mark.parametrize(
    ("nodes", "made"),
    [
        ((), NOTHING),
        ((A,), A),
        ((A, B, A), Or((A, B))),
        ((Or((A, B)), C, Or((B, A))), Or((A, B, C))),
        ((A, NOTHING), A),
        ((A, EVERYTHING, B), EVERYTHING),
        ((A, And((B, C))), Or((A, And((B, C))))),
        ((And((A, B)), And((B, A))), And((A, B))),
        ((Not(And((A, Or((B, C))))), Not(And((Or((C, B)), A)))), Not(And((A, Or((B, C)))))),
    ],
)
def test_any_of(nodes: tuple[Node, ...], made: Node) -> None:
    """The other way round."""
    assert any_of(nodes) == made


@pytest.mark.parametrize(("node", "made"), [(A, Not(A)), (Not(A), A), (EVERYTHING, NOTHING), (NOTHING, EVERYTHING)])
def test_negated(node: Node, made: Node) -> None:
    """Twice is not at all."""
    assert negated(node) == made
    assert negated(negated(node)) == node
