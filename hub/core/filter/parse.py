"""Text to tree: the grammar in `grammar.lark`, read by lark's LALR parser, which needs no stack of ours.

Values behind a field are read before it is known what they mean there, so they are put together as functions of the
field and its operator.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput, UnexpectedToken

from hub.core.filter.nodes import EVERYTHING
from hub.core.filter.simplify import all_of, any_of, negated
from hub.core.filter.term import Source, field_of, is_pattern, leaf, text_leaf
from hub.errors import BadFilterError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.core.filter.nodes import Node

    # What a part means behind a field and an operator; for a whole term both are "".
    Meaning = Callable[[str, str], Node]

_MAX_DEPTH = 32
_MAX_TERMS = 1000
# Each takes up to 2 ms to read, and all are read before the cost is known.
_MAX_PATTERNS = 100
# Characters with which no term can begin as they stand.
_WHAT_TO_DO = {
    '"': 'the quote is never closed: add a "',
    "\\": "a backslash needs a character behind it: write two for one",
}


# No text of a record holds a surrogate, and the index of texts has an end at NUL.
_UNSOUGHT = re.compile("[\0\ud800-\udfff]")


@dataclass(slots=True)
class _Part:
    """A part of a filter: one meaning, or several that are put together once all are known."""

    meanings: list[Meaning]
    join: Callable[[list[Node]], Node] | None = None
    depth: int = 1
    terms: int = 1
    patterns: int = 0

    def meaning(self, name: str, operator: str) -> Node:
        """Return what it means behind a field and an operator."""
        nodes = [meaning(name, operator) for meaning in self.meanings]
        return self.join(nodes) if self.join else nodes[0]


class _Builder(Transformer[Token, _Part]):
    """Puts parts together as the parser finds them, from the inside out."""

    def everything(self, _children: list[Token | _Part]) -> _Part:
        return _Part([lambda _name, _operator: EVERYTHING])

    def whole(self, children: list[Token | _Part]) -> _Part:
        return _parts(children)[0]

    def all_of(self, children: list[Token | _Part]) -> _Part:
        return _joined(children, all_of)

    def any_of(self, children: list[Token | _Part]) -> _Part:
        return _joined(children, any_of)

    def grouped(self, children: list[Token | _Part]) -> _Part:
        part = _parts(children)[0]
        return _nested(part, part.meaning)

    def negated(self, children: list[Token | _Part]) -> _Part:
        part = _parts(children)[0]
        return _nested(part, lambda name, operator: negated(part.meaning(name, operator)))

    def text(self, children: list[Token | _Part]) -> _Part:
        value = _source(children[0])
        node = text_leaf(value) or EVERYTHING
        return _Part([lambda _name, _operator: node], patterns=is_pattern(value.text))

    def leaf(self, children: list[Token | _Part]) -> _Part:
        value = _source(children[0])
        return _Part([lambda name, operator: leaf(name, operator, value)], patterns=is_pattern(value.text))

    def term(self, children: list[Token | _Part]) -> _Part:
        at = _source(children[0])
        name, operator = field_of(at)
        part = _parts(children)[0]
        if operator != ":" and part.terms > 1:
            at.refuse(f"values in parentheses take ':', not {operator!r}")
        node = part.meaning(name, operator)
        if operator == "!=":
            return _nested(part, lambda _name, _operator: negated(node))
        return _Part([lambda _name, _operator: node], None, part.depth, part.terms, part.patterns)


def _parts(children: list[Token | _Part]) -> list[_Part]:
    return [child for child in children if isinstance(child, _Part)]


def _source(child: Token | _Part) -> Source:
    assert isinstance(child, Token)  # noqa: S101  as the grammar says
    return Source(str(child), (child.start_pos or 0) + 1)


def _joined(children: list[Token | _Part], join: Callable[[list[Node]], Node]) -> _Part:
    """Add a part to those before it: the grammar brings them one by one."""
    first, second = _parts(children)
    if first.join is not join:
        first = _Part([first.meaning], join, _depth_in(first), first.terms, first.patterns)
    first.meanings.append(second.meaning)
    first.depth = max(first.depth, _depth_in(second))
    first.terms += second.terms
    first.patterns += second.patterns
    for count, limit, what in ((first.terms, _MAX_TERMS, "terms"), (first.patterns, _MAX_PATTERNS, "patterns")):
        if count > limit:
            msg = f"the filter has more than {limit} {what}: shorten it"
            raise BadFilterError(msg)
    return first


def _depth_in(part: _Part) -> int:
    """Return how deep a part is inside another: `a b OR c` counts as `(a b) OR c`, which is how it is spelt."""
    depth = part.depth + (part.join is not None)
    if depth > _MAX_DEPTH:
        raise _too_deep()
    return depth


def _nested(part: _Part, meaning: Meaning) -> _Part:
    if part.depth >= _MAX_DEPTH:
        raise _too_deep()
    return _Part([meaning], None, part.depth + 1, part.terms, part.patterns)


def _too_deep() -> BadFilterError:
    return BadFilterError(f"the filter is nested deeper than {_MAX_DEPTH}: flatten it")


_LARK = Lark.open("grammar.lark", rel_to=__file__, parser="lalr", lexer="contextual", transformer=_Builder())


def parse(text: str) -> Node:
    """Return the tree of a filter; BadFilterError names the column at fault."""
    if unsought := _UNSOUGHT.search(text):
        what = "a NUL character" if unsought[0] == "\0" else "half a character"
        Source(text, unsought.start() + 1).refuse(f"{what} cannot be looked for: take it out")
    try:
        part: _Part = _LARK.parse(text)  # type: ignore[assignment]  # what the transformer makes
    except UnexpectedInput as error:
        raise _explained(text, error) from None
    return part.meaning("", "")


def _explained(text: str, error: UnexpectedInput) -> BadFilterError:
    at = error.pos_in_stream if error.pos_in_stream is not None else len(text)
    token = error.token if isinstance(error, UnexpectedToken) else None
    if token is not None and token.type == "$END":
        return _cut_short(text)
    source = Source(str(token) if token is not None else text[at : at + 1], at + 1)
    if source.text == ")":
        return source.error(_of_parenthesis(text[:at].rstrip()))
    if source.text in ("AND", "OR"):
        return source.error(f"a term is missing before {source.text}; as a word, write it in quotes")
    if token is None and source.text in _WHAT_TO_DO:
        return source.error(_WHAT_TO_DO[source.text])
    return source.error(f"{source.text!r} is not understood here: put text in quotes")


def _of_parenthesis(before: str) -> str:
    if before.endswith("("):
        return "there is nothing in the parentheses: write a term, or take them out"
    if before.endswith((":", "=", "<", ">")):
        return f"a value is missing after {before.rsplit(maxsplit=1)[-1]!r}"
    return "this parenthesis was never opened: take it out, or put it in quotes"


def _cut_short(text: str) -> BadFilterError:
    """Return the error for a filter that ends before it is whole."""
    end = Source(text, len(text) + 1)
    stripped = text.rstrip()
    last = stripped.split()[-1] if stripped else ""
    if last in ("AND", "OR", "NOT"):
        return end.error(f"a term is missing after {last}; as a word, write it in quotes")
    if last.endswith((":", "=", "<", ">")):
        at = stripped.rindex(last)
        return Source(text, at + 1).error(f"a value is missing after {last!r}")
    opened = _unclosed(text)
    return Source(text, opened + 1).error("this parenthesis is never closed: add a )")


def _unclosed(text: str) -> int:
    """Return the place of the last parenthesis that is not closed; quotes and patterns are passed over."""
    open_at: list[int] = []
    for token in _LARK.lex(text, dont_ignore=True):
        if token.type == "LPAR":
            open_at.append(token.start_pos or 0)
        elif token.type == "RPAR" and open_at:
            open_at.pop()
    return open_at[-1] if open_at else 0
