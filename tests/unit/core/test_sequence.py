"""hub.core.sequence: whatever is refused on the way, every batch is stored once, in order, and the stream goes on."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.core.sequence import Sequencer, Verdict
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable

BATCHES = 6


@pytest.mark.parametrize(
    ("last_seq", "next_seq", "expected", "after"),
    [(0, 0, 1, 0), (0, 1, 1, 0), (7, 1, 8, 7), (7, 8, 8, 7), (0, 8, 8, 0)],
)
def test_the_count_begins_after_what_is_stored_or_announced(
    last_seq: int, next_seq: int, expected: int, after: int
) -> None:
    """The later of the two counts; `after` stays what the log has, since the log checks it."""
    assert Sequencer.begin(last_seq, next_seq) == Sequencer(expected, after)


def test_batches_in_order_are_stored() -> None:
    """Each is the expected one, after the one before it."""
    sequence = Sequencer.begin(0, 1)
    for seq in (1, 2, 3):
        assert sequence.take(seq) is Verdict.STORE
        assert sequence.after == seq - 1
        sequence.submitted()


def test_what_came_before_is_a_duplicate() -> None:
    """It is stored or on its way, so it is acknowledged again."""
    assert [Sequencer.begin(5, 1).take(seq) for seq in (0, 1, 5)] == [Verdict.DUPLICATE] * 3


def test_a_hole_is_said_once() -> None:
    """The first batch behind the hole is answered, the others were sent before the answer came."""
    sequence = Sequencer.begin(0, 1)
    verdicts = [sequence.take(seq) for seq in (3, 4, 1)]
    assert verdicts == [Verdict.GO_BACK, Verdict.PASS_OVER, Verdict.STORE]


def test_nothing_is_stored_or_acknowledged_while_a_batch_is_awaited() -> None:
    """After a batch that cannot be stored as it is, only its own number goes on."""
    sequence = Sequencer.begin(1, 2)
    assert sequence.take(2) is Verdict.STORE
    sequence.hold()
    assert [sequence.take(seq) for seq in (3, 1, 2)] == [Verdict.PASS_OVER, Verdict.PASS_OVER, Verdict.STORE]


def test_a_refusal_goes_back_and_those_behind_it_do_not() -> None:
    """Of the batches that one failure refuses, only the first is answered."""
    sequence = Sequencer(expected=5, after=4)
    assert sequence.refused(2, 1, run=0)
    assert not sequence.refused(3, 1, run=0)
    assert sequence == Sequencer(expected=2, after=1, waiting=True, run=1)


def test_a_late_refusal_does_not_go_back_again() -> None:
    """A copy of batch 3 is refused after its next one was submitted: what becomes of that one decides."""
    sequence = Sequencer(expected=4, after=3)
    sequence.refused(2, 1, run=0)
    for seq in (2, 3):
        assert sequence.take(seq) is Verdict.STORE
        sequence.submitted()
    assert not sequence.refused(3, 1, run=0)
    assert sequence.take(4) is Verdict.STORE
    assert sequence.refused(3, 2, run=1)


@dataclass
class Entry:
    """A batch that is open at the hub, and whether it is stored; `after`: what the log had when it was refused."""

    seq: int
    after: int
    run: int = 0
    stored: bool | None = None


@dataclass
class Exchange:
    """A producer, a hub and a log with a queue between each two, as in `hub.ingest.stream`."""

    log: list[int] = field(default_factory=list)
    first: int = 1
    next: int = 1
    sent: deque[int] = field(default_factory=deque)
    open: deque[Entry] = field(default_factory=deque)
    answers: deque[tuple[str, int]] = field(default_factory=deque)
    sequence: Sequencer = field(default_factory=lambda: Sequencer.begin(0, 1))

    def send(self) -> None:
        """Let the producer send its next batch, while it has one."""
        if self.next <= BATCHES:
            self.sent.append(self.next)
            self.next += 1

    def take(self) -> None:
        """Let the hub judge the oldest batch on the wire."""
        if not self.sent:
            return
        seq = self.sent.popleft()
        after, run = self.sequence.after, self.sequence.run
        verdict = self.sequence.take(seq)
        assert verdict in {Verdict.STORE, Verdict.PASS_OVER}, "a producer without faults sends nothing else"
        if verdict is Verdict.STORE:
            self.open.append(Entry(seq, after, run))
            self.sequence.submitted()

    def commit(self) -> None:
        """Let the log store its oldest entry, where it follows the last one."""
        entry = self._oldest()
        if entry:
            last = len(self.log)
            entry.stored = last >= entry.seq or last == entry.after
            entry.after = last
            if last < entry.seq and entry.stored:
                self.log.append(entry.seq)

    def fail(self) -> None:
        """Let the log refuse its oldest entry."""
        entry = self._oldest()
        if entry:
            entry.stored = False

    def _oldest(self) -> Entry | None:
        return next((entry for entry in self.open if entry.stored is None), None)

    def settle(self) -> None:
        """Let the hub answer for its oldest entry."""
        if not self.open or self.open[0].stored is None:
            return
        entry = self.open.popleft()
        if entry.stored:
            self.answers.append(("ack", entry.seq))
        elif self.sequence.refused(entry.seq, entry.after, entry.run):
            self.answers.append(("nack", self.sequence.expected))

    def hear(self) -> None:
        """Let the producer act on the oldest answer."""
        if not self.answers:
            return
        kind, seq = self.answers.popleft()
        if kind == "ack":
            self.first = max(self.first, seq + 1)
            self.next = max(self.next, self.first)
        else:
            self.next = max(self.first, min(self.next, seq))


Step: TypeAlias = "Callable[[Exchange], None]"
send, take, commit, fail, settle, hear = STEPS = (
    Exchange.send,
    Exchange.take,
    Exchange.commit,
    Exchange.fail,
    Exchange.settle,
    Exchange.hear,
)
# Batch 2's first copy is refused only after its second was taken; the producer hears of that one's success too late.
LATE_REFUSAL = [(send, 2), (take, 2), (fail, 1), (settle, 1), (hear, 1), (send, 2), (take, 2), (commit, 3), (settle, 3)]


@examples(80)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 4)), max_size=30))
@example([*LATE_REFUSAL, (hear, 3)])
def test_every_batch_is_stored_once_in_order_whatever_is_refused(steps: list[tuple[Step, int]]) -> None:
    """After any interleaving with failures, a log that works again gets all batches, and the producer hears of it."""
    exchange = Exchange()
    for step, times in steps:
        for _ in range(times):
            step(exchange)
        assert exchange.first - 1 <= len(exchange.log), "acknowledged, but not stored"
    for _ in range(10 * BATCHES):
        for step in (send, take, commit, settle, hear):
            step(exchange)
    assert exchange.log == list(range(1, BATCHES + 1))
    assert exchange.first == BATCHES + 1
