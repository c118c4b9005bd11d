"""What a filter costs, in units of about 0.1 µs a batch: so that none holds up the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.core.filter.nodes import BODY, EXCEPTION, TEXT, And, Edge, Exists, Match, Not, Or, Regex, Severity
from hub.core.filter.pattern import size_of

if TYPE_CHECKING:
    from hub.core.filter.nodes import Leaf, Node

_LOOKED_THROUGH = (TEXT, BODY, EXCEPTION)
_FIELD, _NUMBER, _WORD, _PART, _PATTERN = 1, 2, 2, 4, 10
_PATTERN_INSTRUCTIONS = 8


def cost_of(node: Node) -> int:
    """Return the cost: 1 a field, 2 a number or word, 4 a part of a word, 10 and more a pattern; sums of them."""
    if isinstance(node, And | Or):
        return sum(map(cost_of, node.children))
    return cost_of(node.child) if isinstance(node, Not) else _leaf(node)


def _leaf(leaf: Leaf) -> int:
    if isinstance(leaf, Regex):
        return _PATTERN + size_of(leaf.pattern) // _PATTERN_INSTRUCTIONS
    if isinstance(leaf, Match):
        if Edge.FREE in (leaf.left, leaf.right):
            return _PART
        return _WORD if leaf.field in _LOOKED_THROUGH else _FIELD
    return _FIELD if isinstance(leaf, Severity | Exists) else _NUMBER
