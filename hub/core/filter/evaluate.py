"""The filter language on one record, told as plainly as can be: the definition that the matcher is tested against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.core.filter.leaf import test_of
from hub.core.filter.nodes import (
    ATTRIBUTE,
    BODY,
    EXCEPTION,
    HOST,
    SERVICE,
    TEXT,
    And,
    Exists,
    Not,
    Number,
    Or,
    Severity,
)
from hub.core.filter.records import PLAIN, number_of, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.core.filter.nodes import Leaf, Node
    from hub.pb.record_pb2 import LogRecord, Resource, Value

    Passes = Callable[[LogRecord, Resource], bool]


def passes(node: Node) -> Passes:
    """Return what says whether a record, with the resource of its batch, passes."""
    if isinstance(node, And):
        return _all(list(map(passes, node.children)))
    if isinstance(node, Or):
        return _any(list(map(passes, node.children)))
    if isinstance(node, Not):
        inner = passes(node.child)
        return lambda record, resource: not inner(record, resource)
    return _leaf(node)


def _all(inner: list[Passes]) -> Passes:
    return lambda record, resource: all(one(record, resource) for one in inner)


def _any(inner: list[Passes]) -> Passes:
    return lambda record, resource: any(one(record, resource) for one in inner)


def _leaf(leaf: Leaf) -> Passes:
    if isinstance(leaf, Severity):
        return lambda record, _resource: leaf.low <= record.severity <= leaf.high
    if isinstance(leaf, Number):
        return lambda record, resource: _within(leaf, number_of(_attribute(leaf.field, record, resource)))
    if isinstance(leaf, Exists):
        return lambda record, resource: _exists(leaf.field, record, resource)
    test = test_of(leaf)
    return lambda record, resource: any(map(test, values_of(leaf.field, record, resource)))


def _within(leaf: Number, number: float | None) -> bool:
    if number is None:
        return False
    above = leaf.low <= number if leaf.low_included else leaf.low < number
    below = number <= leaf.high if leaf.high_included else number < leaf.high
    return above and below


def _exists(name: str, record: LogRecord, resource: Resource) -> bool:
    if name.startswith(ATTRIBUTE):
        return _attribute(name, record, resource) is not None
    if name == EXCEPTION:
        return record.HasField("exception")
    return any(values_of(name, record, resource))


def _attribute(name: str, record: LogRecord, resource: Resource) -> Value | None:
    key = name.removeprefix(ATTRIBUTE)
    return record.attributes[key] if key in record.attributes else resource.attributes.get(key)


def values_of(name: str, record: LogRecord, resource: Resource) -> list[str]:
    """Return the texts of a field, each of which may pass on its own."""
    if name.startswith(ATTRIBUTE):
        value = _attribute(name, record, resource)
        return [] if value is None else [text_of(value)]
    if name == SERVICE:
        return [record.service or resource.service]
    if name == HOST:
        return [record.host or resource.host]
    if name in (TEXT, BODY, EXCEPTION):
        error = record.exception
        parts = [part for part in (error.type, error.message, error.stacktrace) if part]
        return {TEXT: [record.body, *parts], BODY: [record.body], EXCEPTION: parts}[name]
    return [PLAIN[name](record)]
