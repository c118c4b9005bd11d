"""What a filter means, as a tree; two filters that mean the same may still be two trees, their canonical form decides.

Every leaf looks at one field of a record:

    text        what bare words look at: the body, and the exception's type, message and stack trace
    body exception service logger thread host trace span
    attr.<name> an attribute of the record, or of the batch's resource where the record has none of that name

Leaves say what must hold without a clock, a table or a limit, so a tree can be compared, hashed and kept for ever.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT, BODY, EXCEPTION = "text", "body", "exception"
SERVICE, LOGGER, THREAD, HOST, TRACE, SPAN = "service", "logger", "thread", "host", "trace", "span"
ATTRIBUTE = "attr."


class Edge(Enum):
    """What must be where a sought text begins or ends."""

    ANCHOR = "anchor"
    """The field's own beginning or end."""
    WORD = "word"
    """No letter, digit or underscore beside a text that has one there itself."""
    FREE = "free"
    """Anything."""


@dataclass(frozen=True, slots=True)
class Match:
    """The field has a value in which `value` occurs, between two edges.

    With `fold` case is ignored; `value` is then case-folded already.
    """

    field: str
    value: str
    left: Edge
    right: Edge
    fold: bool


@dataclass(frozen=True, slots=True)
class Regex:
    """The RE2 pattern is found somewhere in the field; `found` searches a text for it."""

    field: str
    pattern: str
    found: Callable[[str], bool] = dataclasses.field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Severity:
    """The severity is a number from `low` to `high`, both included; 0 to 24, 0: the producer did not say."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Number:
    """The attribute is a number, or text that reads as one, from `low` to `high`; infinite: not bounded there."""

    field: str
    low: float
    high: float
    low_included: bool = True
    high_included: bool = True


@dataclass(frozen=True, slots=True)
class Exists:
    """The field has a value: not empty, or for an attribute there at all."""

    field: str


@dataclass(frozen=True, slots=True)
class And:
    """All hold; of none: everything passes."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one holds; of none: nothing passes."""

    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Does not hold."""

    child: Node


Leaf = Match | Regex | Severity | Number | Exists
Node = Leaf | And | Or | Not
EVERYTHING = And(())
NOTHING = Or(())
