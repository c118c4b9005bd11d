"""Trees put together: flat, without doubles, and without what changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.core.filter.nodes import EVERYTHING, NOTHING, And, Not, Or

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

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
    children: dict[Hashable, Node] = {}
    for node in nodes:
        for child in node.children if isinstance(node, kind) else (node,):
            children.setdefault(_regardless_of_order(child), child)
    return list(children.values())


def _regardless_of_order(node: Node) -> Hashable:
    """Return what is equal for nodes that differ in the order of children only, as those of `a b` and `b a`."""
    if isinstance(node, And | Or):
        return type(node), frozenset(map(_regardless_of_order, node.children))
    return (Not, _regardless_of_order(node.child)) if isinstance(node, Not) else node
