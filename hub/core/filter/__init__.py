"""Which records a subscriber wants: the basic filter language.

A filter is a list of terms that must all hold:

    service:orders      the service's name, exactly        level>=warn   at least this severity (also > <= < :)
    reset  "conn reset" the text occurs in the body, any case            -term  the term does not hold

Empty: every record. The canonical form sorts and spells the terms, so that filters that mean the same are equal.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.errors import BadFilterError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.pb.record_pb2 import LogRecord

LEVELS = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
_LEVEL_WIDTH = 4
_FIELDS = ("service", "level")
_TERM = re.compile(
    r"""(?P<minus>-?)
        (?:(?P<field>[A-Za-z][A-Za-z0-9_.]*)(?P<op>>=|<=|[:><=]))?
        (?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"]+))?""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_PLAIN = re.compile(r'[^\s":<>=\\-][^\s":<>=\\]*')
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


@dataclass(frozen=True, slots=True)
class Term:
    """One condition; `field` "" is the text of the body."""

    field: str
    op: str
    value: str
    negated: bool = False

    def canonical(self) -> str:
        """Return the one spelling of the term."""
        value = self.value if _PLAIN.fullmatch(self.value) else '"' + re.sub(r'(["\\])', r"\\\1", self.value) + '"'
        return f"{'-' * self.negated}{self.field}{self.op}{value}"


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter: all terms must hold."""

    terms: tuple[Term, ...] = ()

    @property
    def canonical(self) -> str:
        """The one spelling of the filter; "" for the one that every record passes."""
        return " ".join(sorted({term.canonical() for term in self.terms}))

    def __and__(self, other: Filter) -> Filter:
        """Return the filter that passes what both pass."""
        return Filter(self.terms + other.terms)

    def select(self, records: Sequence[LogRecord], service: str) -> list[int]:
        """Return the indexes of the records that pass; `service` is the batch's own, for records that name none."""
        indexes: Sequence[int] = range(len(records))
        for term in sorted(self.terms, key=lambda term: term.field == ""):  # text is the dearest, so it comes last
            test = _test(term, service)
            indexes = [index for index in indexes if test(records[index]) is not term.negated]
        return list(indexes)


def parse_filter(text: str, max_bytes: int) -> Filter:
    """Read a filter; BadFilterError names the column at fault."""
    raw = text.encode(errors="replace")
    if len(raw) > max_bytes:
        msg = f"the filter is longer than {max_bytes} bytes: shorten it"
        raise BadFilterError(msg, column=len(raw[:max_bytes].decode(errors="ignore")) + 1)
    terms = []
    at = _after_space(text, 0)
    while at < len(text):
        match = _TERM.match(text, at)
        end = match.end() if match else at
        if not match or (match["quoted"] is None and match["bare"] is None):
            raise _unreadable(text, at, end)
        if end < len(text) and not text[end].isspace():
            msg = f"column {end + 1}: a space is missing before {text[end]!r}"
            raise BadFilterError(msg, column=end + 1)
        terms.append(_term(match, at + 1))
        at = _after_space(text, end)
    return Filter(tuple(terms))


def _after_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


def _unreadable(text: str, at: int, end: int) -> BadFilterError:
    """Return the error for a term without a value; it begins at `at`, and what could be read of it ends at `end`."""
    if text[end : end + 1] == '"':
        return BadFilterError(f'column {end + 1}: the quote is never closed: add a "', column=end + 1)
    return BadFilterError(f"column {at + 1}: a value is missing after {text[at:end]!r}", column=at + 1)


def _term(match: re.Match[str], column: int) -> Term:
    quoted = match["quoted"]
    value = match["bare"] if quoted is None else _ESCAPE.sub(r"\1", quoted)
    field, op, negated = (match["field"] or "").lower(), match["op"] or "", bool(match["minus"])
    if op == "=":
        op = ":"
    if not field:
        return Term("", "", value.casefold(), negated)
    column += len(match["minus"])
    if field not in _FIELDS:
        msg = f"column {column}: there is no field {field!r}: use {' or '.join(_FIELDS)}, or put the text in quotes"
        raise BadFilterError(msg, column=column)
    if field == "service" and op != ":":
        msg = f"column {column}: service takes ':', not {op!r}"
        raise BadFilterError(msg, column=column)
    if field == "level":
        value = value.lower()
        if value not in LEVELS:
            column = match.start("bare" if quoted is None else "quoted") + 1
            msg = f"column {column}: {value!r} is no level: use one of {', '.join(LEVELS)}"
            raise BadFilterError(msg, column=column)
    return Term(field, op, value, negated)


def _test(term: Term, service: str) -> Callable[[LogRecord], bool]:
    if term.field == "service":
        return lambda record: (record.service or service) == term.value
    if term.field == "level":
        low = LEVELS[term.value]
        if term.op == ":":
            return lambda record: low <= record.severity < low + _LEVEL_WIDTH
        compare = _COMPARE[term.op]
        # A level is a range of four numbers: above warn begins after its last, up to warn ends with it.
        bound = low + _LEVEL_WIDTH - 1 if term.op in (">", "<=") else low
        return lambda record: compare(record.severity, bound)
    return lambda record: term.value in record.body.casefold()
