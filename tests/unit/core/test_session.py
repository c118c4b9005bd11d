"""hub.core.session: the table of phases, what a subscription may send, and its account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.session import Event, Phase, Sampler, Standing
from hub.core.stored import Hole, HoleReason, StoredBatch


def batch(first: int, records: int) -> StoredBatch:
    """Return a batch without content."""
    return StoredBatch(first, records, 0, b"")


def test_a_subscription_begins_by_reading_the_log() -> None:
    """Wherever it begins; at the head it finds nothing to read."""
    assert Standing(7).phase is Phase.REPLAY


@pytest.mark.parametrize("event", [event for event in Event if event is not Event.FINISHED])
def test_nothing_leaves_the_end(event: Event) -> None:
    """What comes too late is a fault, not a new beginning."""
    standing = Standing(0)
    standing.apply(Event.FINISHED)
    with pytest.raises(KeyError):
        standing.apply(event)
    assert standing.phase is Phase.ENDED


@pytest.mark.parametrize(
    ("events", "phase"),
    [
        ([Event.CAUGHT_UP], Phase.LIVE),
        ([Event.CAUGHT_UP, Event.FELL_BEHIND], Phase.REPLAY),
        ([Event.CAUGHT_UP, Event.REFILTERED], Phase.REPLAY),
        ([Event.CAUGHT_UP, Event.CREDIT_SPENT], Phase.PAUSED),
        ([Event.CAUGHT_UP, Event.CREDIT_GIVEN], Phase.LIVE),
        ([Event.CREDIT_SPENT, Event.CREDIT_GIVEN], Phase.REPLAY),
        ([Event.CREDIT_SPENT, Event.REFILTERED], Phase.PAUSED),
        ([Event.CREDIT_SPENT, Event.FINISHED], Phase.ENDED),
        ([Event.FINISHED, Event.FINISHED], Phase.ENDED),
    ],
)
def test_the_phases_follow_the_table(events: list[Event], phase: Phase) -> None:
    """As the module's head says."""
    standing = Standing(0)
    for event in events:
        standing.apply(event)
    assert standing.phase is phase


@pytest.mark.parametrize(("credit", "indexes", "position", "left"), [(5, [0, 2], 14, 3), (2, [0, 2], 14, 0)])
def test_a_batch_is_passed_whole_while_the_credit_lasts(
    credit: int, indexes: list[int], position: int, left: int
) -> None:
    """Also where it is spent by the batch's last match: what follows that does not match."""
    standing = Standing(10, credit=credit)
    assert standing.take(batch(10, 4), indexes, 0.0).indexes == indexes
    assert (standing.position, standing.credit) == (position, left)


def test_the_position_stands_behind_the_last_record_that_credit_paid_for() -> None:
    """So that the rest comes when there is more."""
    standing = Standing(10, credit=1)
    assert standing.take(batch(10, 4), [1, 3], 0.0).indexes == [1]
    assert standing.position == 12
    assert standing.account().filtered == 1


def test_without_credit_nothing_is_passed() -> None:
    """Not even what does not match behind the next one that does."""
    standing = Standing(10, credit=1)
    standing.take(batch(10, 2), [0], 0.0)
    assert standing.take(batch(12, 4), [2], 0.0).indexes == []
    assert standing.position == 12


def test_a_second_fills_the_sampler() -> None:
    """A burst of one second's records, then as many as time allows."""
    sampler = Sampler(10)
    assert sampler.room(100.0) == 10
    sampler.spend(10)
    assert [sampler.room(at) for at in (100.0, 100.05, 100.25, 200.0)] == [0, 0, 2, 10]


def test_what_is_left_out_is_told_with_the_next_records() -> None:
    """Once, and only what lay before them."""
    standing = Standing(0, sampler=Sampler(2))
    first, second, third = (standing.take(batch(3 * n, 3), [0, 1, 2], at) for n, at in enumerate((0.0, 0.1, 1.1)))
    assert [(taken.indexes, taken.said, taken.left_out) for taken in (first, second, third)] == [
        ([0, 1], 0, 1),
        ([], 0, 3),
        ([0, 1], 4, 1),
    ]
    assert standing.account().sampled == 5


def test_a_hole_is_lost_from_the_position_on() -> None:
    """What was passed before is not lost again."""
    standing = Standing(5)
    assert standing.lose(Hole(2, 9, HoleReason.RETENTION)) == (5, 4)
    assert (standing.position, standing.account().lost) == (9, 4)


def test_a_bounded_read_is_finished_at_its_bound() -> None:
    """One without a bound never is."""
    bounded, endless = Standing(0, until=2), Standing(0)
    assert (bounded.finished, endless.finished) == (False, False)
    for standing in (bounded, endless):
        standing.take(batch(0, 2), [], 0.0)
    assert (bounded.finished, endless.finished) == (True, False)


STEPS = st.lists(st.tuples(st.sampled_from("bhcl"), st.integers(1, 6), st.integers(0, 63)), max_size=30)


@given(STEPS, st.none() | st.integers(1, 5), st.none() | st.integers(1, 3))
def test_every_record_is_in_exactly_one_column(
    steps: list[tuple[str, int, int]], credit: int | None, rate: int | None
) -> None:
    """Counted one by one by the test: delivered, filtered, sampled and lost are what happened to each."""
    standing = Standing(0, credit=credit, sampler=None if rate is None else Sampler(rate))
    fates: dict[int, str] = {}
    for now, (kind, records, mask) in enumerate(steps):
        at = standing.position
        if kind == "b" and standing.credit != 0:
            matching = [index for index in range(records) if mask >> index & 1]
            taken = standing.take(batch(at, records), matching, now / 4)
            for offset in range(at, standing.position):
                matches = offset - at in matching
                fates[offset] = "delivered" if offset - at in taken.indexes else "sampled" if matches else "filtered"
        elif kind == "h":
            standing.lose(Hole(at, at + records, HoleReason.CORRUPT))
            fates |= dict.fromkeys(range(at, at + records), "lost")
        elif kind == "c" and credit is not None:
            standing.give(records)
        elif kind == "l" and not standing.metered:
            delivered = mask % (records + 1)
            standing.pass_live(at + records, delivered)
            fates |= {at + n: "delivered" if n < delivered else "filtered" for n in range(records)}
    account, seen = standing.account(), list(fates.values())
    assert account.accepted == len(fates) == standing.position
    for column in ("delivered", "filtered", "sampled", "lost"):
        assert getattr(account, column) == seen.count(column), column
