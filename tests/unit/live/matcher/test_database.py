"""hub.live.matcher.database: a pass over many texts finds at least what RE2 finds in each."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

import pytest

from hub.core.filter.pattern import finder
from hub.live.matcher.database import BORDER, compile_literals, compile_patterns, fits, spelt_out

# All of ASCII and Latin, and what is a letter, a space or another case of one elsewhere.
CHARACTERS = [chr(code) for code in (*range(1, 10), *range(11, 0x180))]
CHARACTERS += ["\u017f", "\u212a", "\u1e9e", "\u0130", "\u0131", "\u03c3", "\u03c2", "\u2028", "\u3000", "\U0001f600"]
ENDS = list(accumulate(len((character + BORDER).encode()) for character in CHARACTERS))
DATA = "".join(character + BORDER for character in CHARACTERS).encode()
CLASSES = (
    *(r"\w", r"\W", r"\d", r"\D", r"\s", r"\S", r"[\w-]", r"[^\w]", r"[\s]", r"[^\s]", r"[\S]", r"[^\S]", r"[^\sa]"),
    *(f"[[:{name}:]]" for name in ("alpha", "lower", "upper", "alnum", "word", "print", "graph", "punct", "space")),
    *(r"[^[:alpha:]]", r"[]\s]", r"[^]\S]", r"[\]\S]", r"\[\s|a", "[a-z]", "[^a-z]", "[à-þ]", "ß", ".", r"\v", "[ks]"),
    *("^", "$", "^x*", r"\b", r"\x{212a}", r"[\d\n]", r"[^\W]", r"\B", r"\pL", r"[[:^alpha:]]"),
)


@pytest.mark.parametrize("flags", ["", "(?i)"])
def test_a_pattern_finds_all_that_it_finds_in_each_text(flags: str) -> None:
    """Whatever class it names, in any case; the others are looked for in each text by itself."""
    patterns = {number: flags + one for number, one in enumerate(CLASSES) if fits(flags + one)}
    assert len(patterns) > 35
    found: dict[int, set[int]] = {number: set() for number in patterns}
    for number, end in zip(*compile_patterns(patterns).scan(DATA, 10**6), strict=True):
        found[number].add(bisect_right(ENDS, end))
    for number, pattern in patterns.items():
        search = finder(pattern)
        missed = {index for index, character in enumerate(CHARACTERS) if search(character)} - found[number]
        assert not missed, (pattern, [CHARACTERS[index] for index in missed])


@pytest.mark.parametrize(
    ("pattern", "fit"),
    [
        *(
            (text, True)
            for text in ("a", "^a$", r"\ba\b", "(?i)a", "(?:a|b)", "(?P<n>a)", "[[:alpha:]]", r"\W", r"a\.b")
        ),
        *((text, False) for text in (r"\Aa", r"a\z", "(?s)a.b", "(?m)^a", "(?-i)a", r"\Qa\E", r"\C")),
        *((text, False) for text in (r"\pL", r"\P{Lu}", r"a\B", r"[^\W]", "[[:^alpha:]]")),
    ],
)
def test_patterns_that_mean_the_same_in_many_texts_are_fit(pattern: str, *, fit: bool) -> None:
    """The others are looked for in each text by itself."""
    assert fits(pattern) is fit


@pytest.mark.parametrize(
    ("pattern", "spelt"),
    [
        *((r"a\w+", "a[A-Za-z0-9_]+"), (r"[\w.]", "[A-Za-z0-9_.]"), (r"[]\w]", "[]A-Za-z0-9_]"), (r"\\w", r"\\w")),
        *((r"\[\w]", r"\[[A-Za-z0-9_]]"), ("[[:alpha:]_]", "[A-Za-z_]"), (r"[\]\w]", r"[\]A-Za-z0-9_]")),
        *((r"[^]]\w", "[^]][A-Za-z0-9_]"), ("a|b", "a|b"), (r"\x{212a}\d", r"\x{212a}\d")),
    ],
)
def test_names_of_classes_are_spelt_out(pattern: str, spelt: str) -> None:
    """Inside brackets and outside; what is escaped is left alone."""
    assert spelt_out(pattern) == spelt


def test_hits_have_a_number_and_an_end_and_are_bounded() -> None:
    """In bytes, one for each place."""
    database = compile_literals({3: "aa", 7: "ß"})
    assert sorted(zip(*database.scan("aaaß".encode(), 10), strict=True)) == [(3, 2), (3, 3), (7, 5)]
    assert len(database.scan(b"a" * 100, 5).ends) == 5


@pytest.mark.parametrize("pattern", ["(", "x*", r"\1"])
def test_what_hyperscan_does_not_take_is_an_error(pattern: str) -> None:
    """Whoever compiles does without."""
    with pytest.raises(ValueError, match=r"."):
        compile_patterns({1: pattern})
