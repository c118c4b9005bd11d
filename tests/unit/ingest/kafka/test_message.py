"""hub.ingest.kafka.message: a dead letter says what was wrong with what."""

from __future__ import annotations

from hub.ingest.kafka.message import DeadLetter
from tests.unit.ingest.kafka.pretend import Said


def said(letter: DeadLetter, max_bytes: int = 100) -> dict[str, str]:
    """Return what the letter's headers say."""
    return {name: value.decode() for name, value in letter.headers("logs", 3, max_bytes)}


def test_a_letter_says_where_it_is_from_and_why() -> None:
    """Beside the message's own headers, of which one may have no value."""
    letter = DeadLetter(Said(7, b"{", timestamp=9, headers=[("x", b"y"), ("z", None)]), "syntax", "not JSON")  # type: ignore[list-item]
    assert letter.value(100) == b"{"
    assert said(letter) == {
        "x": "y",
        "z": "",
        "loghub-reason": "syntax",
        "loghub-error": "not JSON",
        "loghub-topic": "logs",
        "loghub-partition": "3",
        "loghub-offset": "7",
        "loghub-timestamp": "9",
    }


def test_a_long_value_is_cut_and_says_so() -> None:
    """A tombstone stays one."""
    letter = DeadLetter(Said(7, b"x" * 101), "size", "too large")
    assert letter.value(100) == b"x" * 100
    assert said(letter)["loghub-cut-from-bytes"] == "101"
    assert "loghub-cut-from-bytes" not in said(letter, 101)
    assert DeadLetter(Said(7, None), "empty", "").value(100) is None


def test_refused_records_are_named() -> None:
    """By their indexes in the message."""
    assert said(DeadLetter(Said(7, b"x"), "record", "", (1, 4)))["loghub-records"] == "1,4"


def test_headers_and_text_are_bounded() -> None:
    """Whatever a producer put there."""
    letter = DeadLetter(Said(7, b"x", headers=[("x", b"y" * 2**15)]), "syntax", "e" * 5000)
    assert "x" not in said(letter)
    assert len(said(letter)["loghub-error"]) == 1000
