"""Trees put together: flat, without doubles, and without what changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.core.filter.nodes import EVERYTHING, NOTHING, And, Not, Or

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.core.filter.nodes import Node


def all_of(nodes: Iterable[Node]) -> Node:
    """Return what passes where all do."""
    children = _flat(nodes, And)
    if NOTHING in children:
        return NOTHING
    return children[0] if len(children) == 1 else And(tuple(children))


def any_of(nodes: Iterable[Node]) -> Node:
    """Return what passes where at least one does."""
    children = _flat(nodes, Or)
    if EVERYTHING in children:
        return EVERYTHING
    return children[0] if len(children) == 1 else Or(tuple(children))


def negated(node: Node) -> Node:
    """Return what passes where the node does not."""
    if isinstance(node, Not):
        return node.child
    if node in (EVERYTHING, NOTHING):
        return NOTHING if node == EVERYTHING else EVERYTHING
    return Not(node)


def _flat(nodes: Iterable[Node], kind: type[And | Or]) -> list[Node]:
    """Take the children of those of the same kind instead of themselves, each once."""
    children: dict[Node, None] = {}
    for node in nodes:
        children.update(dict.fromkeys(node.children if isinstance(node, kind) else (node,)))
    return list(children)
