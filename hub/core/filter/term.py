"""What one term means: a field, an operator and a value become a leaf."""

from __future__ import annotations

import difflib
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from hub.core.filter.leaf import is_word
from hub.core.filter.levels import LEVELS, MAX_SEVERITY, severities_of
from hub.core.filter.nodes import (
    ATTRIBUTE,
    BODY,
    EXCEPTION,
    HOST,
    LOGGER,
    SERVICE,
    SPAN,
    TEXT,
    THREAD,
    TRACE,
    Edge,
    Exists,
    Match,
    Number,
    Regex,
    Severity,
)
from hub.core.filter.pattern import finder
from hub.core.filter.records import read_number
from hub.errors import BadFilterError

if TYPE_CHECKING:
    from hub.core.filter.nodes import Leaf

LEVEL = "level"
_NAMES = (SERVICE, LEVEL, LOGGER, THREAD, HOST, TRACE, SPAN, BODY, EXCEPTION)
_LOOKED_THROUGH = (TEXT, BODY, EXCEPTION)
_ID_DIGITS = {TRACE: 32, SPAN: 16}
_NEAR = 0.75
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_RANGE = re.compile(r"(?P<low>.*?)\.\.(?P<high>.*)", re.DOTALL)
# How other languages write what is written otherwise here.
_FOREIGN = {
    "&&": "AND",
    "||": "OR",
    "!": "NOT or -",
    "==": "=",
    "!=": "field!=value",
    "=>": ">=",
    "=<": "<=",
    "=~": "field:/pattern/",
    "!~": "-field:/pattern/",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A piece of the filter's text, and the column where it begins, from 1."""

    text: str
    column: int

    def refuse(self, what: str) -> NoReturn:
        """Raise the error that names the column."""
        raise self.error(what)

    def error(self, what: str) -> BadFilterError:
        """Return the error that names the column."""
        return BadFilterError(f"column {self.column}: {what}", column=self.column)


def field_of(source: Source) -> tuple[str, str]:
    """Split a field and its operator, such as `level>=`; any name that is not known is an attribute's."""
    match = re.fullmatch(r"(?s)(.*?)(>=|<=|!=|[:=<>])", source.text)
    assert match  # noqa: S101  the grammar's token
    name, operator = match[1], match[2]
    if name.lower().startswith(ATTRIBUTE):
        name = name[len(ATTRIBUTE) :]
        name = _unescaped(name[1:-1]) if name.startswith('"') else name
        if not name:
            source.refuse("a name is missing after attr.: write attr.user_id:4711")
        return ATTRIBUTE + name, operator
    if name.lower() in _NAMES:
        return name.lower(), operator
    near = difflib.get_close_matches(name.lower(), _NAMES, 1, _NEAR)
    if near:
        source.refuse(f"did you mean {near[0]}? an attribute of that name is written attr.{name}")
    return ATTRIBUTE + name, operator


def text_leaf(value: Source) -> Leaf | None:
    """Return the leaf of a bare word, phrase or pattern; None for `*`, which everything passes."""
    if value.text == "*":
        return None
    if value.text in ("AND", "OR", "NOT"):
        value.refuse(f"a term is missing beside {value.text}; as a word, write it in quotes")
    hint = next((_FOREIGN[value.text[:size]] for size in (2, 1) if value.text[:size] in _FOREIGN), None)
    if hint:
        value.refuse(f"{value.text!r} means nothing here: write {hint}, or put text in quotes")
    if value.text[0] in ":=<>" or value.text == "-":
        value.refuse(f"{value.text!r} stands alone: write a field before it, or put text in quotes")
    return leaf(TEXT, ":", value)


def is_pattern(text: str) -> bool:
    """Whether a value is a regular expression between slashes."""
    return text.startswith("/") and not text.startswith("//") and re.fullmatch(r"(?s)/.+/i?", text) is not None


def leaf(name: str, operator: str, value: Source) -> Leaf:
    """Return the leaf of a field, an operator and a value; of `!=` the one that must not hold."""
    if is_pattern(value.text):
        return _regex(name, operator, value)
    if value.text[0] in "=<>" and operator not in (">=", "<="):
        value.refuse(f"there is no operator {operator + value.text[0]!r}: use one of : = != > >= < <=")
    operator = "=" if operator == "!=" else operator
    if name == LEVEL:
        return _severity(operator, value)
    if operator not in (":", "="):
        return _number(name, operator, value)
    if value.text == "*" and operator == ":":
        return Exists(name)
    return (
        _id(name, value)
        if name in _ID_DIGITS
        else _number_range(name, operator, value) or _match(name, operator, value)
    )


def _regex(name: str, operator: str, value: Source) -> Leaf:
    if operator != ":":
        negation = "-" if operator == "!=" else ""
        value.refuse(f"a pattern takes ':', not {operator!r}: write {negation}{name}:{value.text}")
    if name == LEVEL:
        value.refuse("level takes no pattern: write level>=warn")
    body, _, flags = value.text[1:].rpartition("/")
    pattern = ("(?i)" if flags else "") + body.replace("\\/", "/")
    try:
        return Regex(name, pattern, finder(pattern))
    except ValueError as error:
        value.refuse(f"the pattern is refused: {error}; patterns are RE2's")


def _severity(operator: str, value: Source) -> Leaf:
    text, quoted = _plain(value)
    if text == "*" and not quoted and operator == ":":
        return Severity(1, MAX_SEVERITY)
    found = _RANGE.fullmatch(text)
    if found and operator == ":":
        low = _level(found["low"], value)[0] if found["low"] else 0
        high = _level(found["high"], value)[1] if found["high"] else MAX_SEVERITY
        return _severities(low, high, value)
    first, last = _level(text, value)
    low, high = {
        ":": (first, last),
        "=": (first, last),
        ">=": (first, MAX_SEVERITY),
        ">": (last + 1, MAX_SEVERITY),
        "<=": (0, last),
        "<": (0, first - 1),
    }[operator]
    return _severities(low, high, value)


def _severities(low: int, high: int, value: Source) -> Leaf:
    if low > high:
        value.refuse(f"no level is in the range {value.text!r}: write the lower one first")
    return Severity(low, high)


def _level(text: str, value: Source) -> tuple[int, int]:
    found = severities_of(text)
    if found is None:
        value.refuse(f"{text!r} is no level: use one of {', '.join(LEVELS)}, or a number from 0 to 24")
    return found


def _number(name: str, operator: str, value: Source) -> Leaf:
    if not name.startswith(ATTRIBUTE):
        value.refuse(f"{name} takes ':' or '=', not {operator!r}")
    number = _finite(_plain(value)[0], value)
    if number is None:
        value.refuse(f"{value.text!r} is no number: {operator} compares numbers")
    if operator in (">", ">="):
        return Number(name, number, math.inf, low_included=operator == ">=")
    return Number(name, -math.inf, number, high_included=operator == "<=")


def _number_range(name: str, operator: str, value: Source) -> Leaf | None:
    found = _RANGE.fullmatch(value.text) if operator == ":" and name.startswith(ATTRIBUTE) else None
    if not found or not (found["low"] or found["high"]):
        return None
    low = _finite(found["low"], value) if found["low"] else -math.inf
    high = _finite(found["high"], value) if found["high"] else math.inf
    if low is None or high is None:
        return None
    if low > high:
        value.refuse(f"no number is in the range {value.text!r}: write the lower one first")
    return Number(name, low, high)


def _finite(text: str, value: Source) -> float | None:
    """Return a number, or None; infinite ones are bounds that are not there."""
    number = read_number(text)
    if number is not None and math.isinf(number):
        value.refuse(f"{text!r} is too large: numbers are compared as doubles")
    return number


def _id(name: str, value: Source) -> Leaf:
    text = _plain(value)[0].lower()
    digits, prefix = (text[:-1], True) if text.endswith("*") else (text, False)
    size = _ID_DIGITS[name]
    if not re.fullmatch("[0-9a-f]+", digits) or len(digits) > size or (len(digits) < size and not prefix):
        value.refuse(f"{value.text!r} is no {name} id: write {size} hexadecimal digits, or the first ones and *")
    return Match(name, digits, Edge.ANCHOR, Edge.FREE if len(digits) < size else Edge.ANCHOR, fold=False)


def _match(name: str, operator: str, value: Source) -> Leaf:
    if operator == "=":
        text = _plain(value)[0]
        caseless = text.isascii() and not any(map(str.isalpha, text)) and name not in _LOOKED_THROUGH
        return Match(name, text, Edge.ANCHOR, Edge.ANCHOR, fold=caseless)
    text, before, after = _starred(value)
    if not text:
        if name in _LOOKED_THROUGH or before or after:
            value.refuse("an empty text is everywhere: write what to look for")
        return Match(name, "", Edge.ANCHOR, Edge.ANCHOR, fold=True)
    outer = Edge.WORD if name in _LOOKED_THROUGH else Edge.ANCHOR
    left, right = (Edge.FREE if star else outer for star in (before, after))
    text = text.casefold()
    # Beside a character that belongs to no word there is no edge to look for.
    left = Edge.FREE if left is Edge.WORD and not is_word(text[0]) else left
    right = Edge.FREE if right is Edge.WORD and not is_word(text[-1]) else right
    return Match(name, text, left, right, fold=True)


def _starred(value: Source) -> tuple[str, bool, bool]:
    """Return a value without the stars at its ends, and whether they were there."""
    text = value.text
    before = text.startswith("*")
    text = text[before:]
    after = text.endswith("*") and not _is_escaped(text)
    text = text[: len(text) - after]
    if text.startswith('"') and text.endswith('"') and len(text) > 1:
        return _unescaped(text[1:-1]), before, after
    return _unescaped(text), before, after


def _is_escaped(text: str) -> bool:
    """Whether the last character has an odd number of backslashes before it."""
    body = text[:-1]
    return (len(body) - len(body.rstrip("\\"))) % 2 == 1


def _plain(value: Source) -> tuple[str, bool]:
    """Return a value in which stars mean themselves, and whether it stood in quotes."""
    text = value.text
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        return _unescaped(text[1:-1]), True
    return _unescaped(text), False


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)
