"""The one spelling of a filter: what is equal is spelt the same, and reading it gives the same filter again."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from hub.core.filter.leaf import is_word
from hub.core.filter.levels import spelling
from hub.core.filter.nodes import (
    ATTRIBUTE,
    BODY,
    EXCEPTION,
    NOTHING,
    TEXT,
    And,
    Edge,
    Exists,
    Match,
    Not,
    Or,
    Regex,
    Severity,
)
from hub.core.filter.records import number_text

if TYPE_CHECKING:
    from hub.core.filter.nodes import Leaf, Node, Number

_LOOKED_THROUGH = (TEXT, BODY, EXCEPTION)
_PLAIN = re.compile(r"[\w][\w.@+-]*")
_PLAIN_ATTRIBUTE = re.compile(r"[\w.\/@-]+")
_OPERATORS = ("AND", "OR", "NOT")


def spell(node: Node) -> str:
    """Return the canonical form; "" for the filter that everything passes."""
    if node == NOTHING:
        return "-*"
    if isinstance(node, And):
        return " ".join(sorted({_inner(child) for child in node.children}))
    if isinstance(node, Or):
        return " OR ".join(sorted({_inner(child) for child in node.children}))
    if isinstance(node, Not):
        return "-" + (f"({spell(node.child)})" if isinstance(node.child, And | Or) else spell(node.child))
    return _leaf(node)


def _inner(node: Node) -> str:
    return f"({spell(node)})" if isinstance(node, And | Or) else spell(node)


def _leaf(leaf: Leaf) -> str:
    if isinstance(leaf, Severity):
        return spelling(leaf.low, leaf.high)
    if isinstance(leaf, Match):
        return _match(leaf)
    name = _field(leaf.field)
    if isinstance(leaf, Regex):
        pattern = "/" + re.sub(r"(?s)\\.|/", lambda found: "\\/" if found[0] == "/" else found[0], leaf.pattern) + "/"
        return pattern if leaf.field == TEXT else f"{name}:{pattern}"
    if isinstance(leaf, Exists):
        return f"{name}:*"
    return _number(name, leaf)


def _number(name: str, leaf: Number) -> str:
    low, high = number_text(leaf.low), number_text(leaf.high)
    if math.isinf(leaf.high):
        return f"{name}>{'=' * leaf.low_included}{low}"
    if math.isinf(leaf.low):
        return f"{name}<{'=' * leaf.high_included}{high}"
    return f"{name}:{low}..{high}"


def _match(leaf: Match) -> str:
    if not leaf.fold and (leaf.left, leaf.right) == (Edge.ANCHOR, Edge.ANCHOR):
        return f"{_field(leaf.field)}={_value(leaf.value)}"
    outer = Edge.WORD if leaf.field in _LOOKED_THROUGH else Edge.ANCHOR
    before, after = (
        "*" * (edge is Edge.FREE and (outer is Edge.ANCHOR or is_word(beside)))
        for edge, beside in ((leaf.left, leaf.value[:1]), (leaf.right, leaf.value[-1:]))
    )
    value = before + _value(leaf.value) + after
    return value if leaf.field == TEXT else f"{_field(leaf.field)}:{value}"


def _field(name: str) -> str:
    if not name.startswith(ATTRIBUTE):
        return name
    bare = name.removeprefix(ATTRIBUTE)
    return name if _PLAIN_ATTRIBUTE.fullmatch(bare) else f"{ATTRIBUTE}{_quoted(bare)}"


def _value(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text not in _OPERATORS and ".." not in text else _quoted(text)


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
