"""hub.observe.audit_repeats: a flood becomes a few lines and a number."""

from __future__ import annotations

from hub.observe.audit_repeats import WINDOW_SECONDS, Cause, Repeats

CAUSE = Cause("refused", "web", "192.0.2.7", "UnauthenticatedError")


def other(number: int) -> Cause:
    """Return another peer's."""
    return CAUSE._replace(host=f"192.0.2.{number}")


def test_a_few_of_a_cause_are_taken_and_the_rest_is_counted() -> None:
    """Until its minute is over."""
    repeats = Repeats(3, 100)
    assert [repeats.take(CAUSE, 1.0) for _ in range(10)] == [True] * 3 + [False] * 7
    assert list(repeats.ended(1.0 + WINDOW_SECONDS - 0.1)) == []
    assert list(repeats.ended(1.0 + WINDOW_SECONDS)) == [(CAUSE, 7)]
    assert repeats.take(CAUSE, 62.0)


def test_causes_do_not_share_their_minute() -> None:
    """One peer's flood does not hide another's refusal, nor one fault another."""
    repeats = Repeats(1, 100)
    assert repeats.take(CAUSE, 0.0)
    assert not repeats.take(CAUSE, 0.0)
    assert repeats.take(other(8), 0.0)
    assert repeats.take(CAUSE._replace(what="ForbiddenError"), 0.0)


def test_all_causes_share_a_budget_by_the_second() -> None:
    """So that many peers cannot fill the disk either; it comes back."""
    repeats = Repeats(10, 4)
    assert sum(repeats.take(other(n), 5.0) for n in range(100)) == 4
    assert sum(repeats.take(other(n), 5.5) for n in range(100, 200)) == 2
    assert sum(count for _, count in repeats.ended()) == 96 + 98


def test_more_causes_than_are_known_count_as_one() -> None:
    """Memory is bounded; nothing goes uncounted."""
    repeats = Repeats(1, 1000, max_causes=2)
    taken = sum(repeats.take(other(n), 0.0) for n in range(50))
    ended = dict(repeats.ended())
    assert taken == 3
    assert ended == {Cause("refused", "", "others", ""): 47}


def test_at_the_end_all_are_told() -> None:
    """Whether their minute is over or not."""
    repeats = Repeats(1, 100)
    for _ in range(3):
        repeats.take(CAUSE, 0.0)
    assert list(repeats.ended()) == [(CAUSE, 2)]
    assert list(repeats.ended()) == []
