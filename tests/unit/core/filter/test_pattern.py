"""hub.core.filter.pattern: RE2's regular expressions, bounded in size."""

from __future__ import annotations

import re

import pytest

from hub.core.filter.pattern import finder, size_of


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        *(("b+", "abb", True), ("^b", "ab", False), ("B", "b", False), ("(?i)B", "b", True)),
        *(("x*", "", True), ("", "", True), ("^$", "", True), (".", "", False), (".", "\n", False), (".", "ß", True)),
        *((r"\bs", "\u017fs", True), ("(?i)k", "\u212a", True), (r"a\x{1f600}", "a\U0001f600", True)),
    ],
)
def test_a_pattern_is_found_anywhere(pattern: str, text: str, *, found: bool) -> None:
    """Unless it is anchored; case matters unless it says otherwise."""
    assert finder(pattern)(text) is found


@pytest.mark.parametrize(
    ("pattern", "reason"), [("a(", "missing )"), (r"\1", "invalid escape"), ("a**", "bad repetition"), ("(?=a)", "(?")]
)
def test_what_re2_does_not_take_is_refused_with_its_reason(pattern: str, reason: str) -> None:
    """As text, whatever RE2's binding makes of it."""
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        finder(pattern)
    assert not str(caught.value).startswith("b'")


@pytest.mark.parametrize("pattern", ["(a{1000}){1000}", "((a{9}){99}){99}", r"\pL{50}", ".{1000}", r"(\pL|\pN){300}"])
@pytest.mark.timeout(5)
def test_a_pattern_with_a_large_program_is_refused(pattern: str) -> None:
    """A few characters do not buy megabytes and milliseconds."""
    with pytest.raises(ValueError, match=r"too large|repetition"):
        finder(pattern)


@pytest.mark.parametrize("pattern", ["a{1000}", ".{100}", r"\pL+", r"(\d{1,3}\.){3}\d{1,3}", r"(?i)time(d)? ?out"])
def test_what_people_write_is_taken(pattern: str) -> None:
    """Counted repetitions and classes of scripts too."""
    assert not finder(pattern)("")


def test_the_size_grows_with_what_is_repeated() -> None:
    """It is RE2's number of instructions, so about one for each byte that is sought."""
    assert 100 <= size_of("a{100}") <= 110
    assert 1000 <= size_of("a{1000}") <= 1010
    assert size_of("a") < 10
