"""hub.core.outbox: every batch reaches the hub once and in order, whatever is refused or cut off on the way."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.outbox import Outbox, Window
from hub.pb.record_pb2 import Batch, LogRecord
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable

WIDE = Window(batches=100, size=10**6)


def batch(name: str, records: int = 1) -> Batch:
    """Return a batch that is known again by its first record."""
    return Batch(records=[LogRecord(body=name)] * records)


def outbox_of(*names: str) -> Outbox:
    """Return an outbox with a batch of each name."""
    outbox = Outbox()
    for name in names:
        outbox.add(batch(name))
    return outbox


def sent(outbox: Outbox, window: Window = WIDE) -> list[tuple[int, str]]:
    """Return number and name of each batch that may be sent now."""
    batches = iter(lambda: outbox.next(window), None)
    return [(one.seq, one.records[0].body) for one in batches if one]


def test_batches_are_numbered_from_one_without_holes() -> None:
    """In the order they were added, each sent once."""
    outbox = outbox_of("a", "b")
    assert sent(outbox) == [(1, "a"), (2, "b")]
    outbox.add(batch("c"))
    assert sent(outbox) == [(3, "c")]
    assert sent(outbox) == []


def test_an_acknowledgement_drops_all_up_to_it() -> None:
    """And says how many records those were; an older one changes nothing."""
    outbox = Outbox()
    for records in (2, 3, 4):
        outbox.add(batch("x", records))
    sent(outbox)
    assert outbox.ack(2) == 5
    assert outbox.ack(1) == 0
    assert (len(outbox), outbox.records, outbox.first_seq) == (1, 4, 3)


def test_going_back_sends_again_from_there() -> None:
    """Under the same numbers; what came before it stays sent."""
    outbox = outbox_of("a", "b", "c")
    sent(outbox)
    outbox.back_to(2)
    assert sent(outbox) == [(2, "b"), (3, "c")]
    outbox.ack(2)
    outbox.back_to(1)
    assert sent(outbox) == [(3, "c")]
    outbox.back_to(9)
    assert sent(outbox) == []


def test_the_batches_behind_a_dropped_one_move_up() -> None:
    """The count has no hole where a batch was refused for good."""
    outbox = outbox_of("a", "b", "c")
    sent(outbox)
    assert outbox.drop(2) == 1
    assert sent(outbox) == [(2, "c")]


@pytest.mark.parametrize("seq", [0, 1, 4, 9])
def test_a_number_that_is_not_pending_drops_nothing(seq: int) -> None:
    """Neither before nor behind what is pending."""
    outbox = outbox_of("a", "b", "c")
    sent(outbox)
    outbox.ack(1)
    assert outbox.drop(seq) == 0
    assert len(outbox) == 2


@pytest.mark.parametrize(
    ("last_seq", "stored", "then"),
    [(0, 0, [(1, "a"), (2, "b")]), (1, 1, [(2, "b")]), (2, 2, []), (9, 2, [])],
)
def test_a_new_stream_begins_after_what_the_hub_has(last_seq: int, stored: int, then: list[tuple[int, str]]) -> None:
    """What it had stored is not sent again, all else is."""
    outbox = outbox_of("a", "b")
    sent(outbox)
    assert outbox.welcome(last_seq) == stored
    assert sent(outbox) == then
    outbox.add(batch("next"))
    assert sent(outbox) == [(max(last_seq, 2) + 1, "next")]


def test_a_hub_that_has_forgotten_does_not_turn_the_count_back() -> None:
    """Numbers that were acknowledged are never used again."""
    outbox = outbox_of("a", "b")
    sent(outbox)
    outbox.ack(1)
    assert outbox.welcome(0) == 0
    assert sent(outbox) == [(2, "b")]


def test_the_window_counts_batches_and_bytes() -> None:
    """Sending stops at either bound and goes on with each acknowledgement."""
    outbox = outbox_of("a", "b", "c")
    each = batch("a").ByteSize()
    assert outbox.size == 3 * each
    assert sent(outbox, Window(batches=2, size=10**6)) == [(1, "a"), (2, "b")]
    outbox.back_to(1)
    assert sent(outbox, Window(batches=9, size=2 * each)) == [(1, "a"), (2, "b")]
    outbox.ack(1)
    assert sent(outbox, Window(batches=9, size=2 * each)) == [(3, "c")]


def test_a_batch_larger_than_the_window_goes_alone() -> None:
    """Or it would wait for ever; but it waits for the others."""
    outbox = outbox_of("a", "b")
    tiny = Window(batches=9, size=1)
    assert sent(outbox, tiny) == [(1, "a")]
    assert sent(outbox, tiny) == []
    outbox.ack(1)
    assert sent(outbox, tiny) == [(2, "b")]


@dataclass
class Dialogue:
    """An outbox and a hub that takes nothing but the next batch; both directions keep their order."""

    window: Window
    outbox: Outbox = field(default_factory=Outbox)
    added: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    done_records: int = 0
    last_seq: int = 0
    waiting: bool = False
    wire: deque[tuple[int, str]] = field(default_factory=deque)
    answers: deque[tuple[str, int, str]] = field(default_factory=deque)

    def add(self) -> None:
        """Let the application log a batch; some are larger than others."""
        name = f"{len(self.added)}" * (1 + len(self.added) % 3)
        self.added.append(name)
        self.outbox.add(batch(name, len(name)))

    def send(self) -> None:
        """Send one batch, if the window lets it."""
        one = self.outbox.next(self.window)
        if one:
            self.wire.append((one.seq, one.records[0].body))

    def store(self) -> None:
        """Let the hub store the next batch."""
        self._arrive("ack")

    def nack(self) -> None:
        """Let the hub refuse the next batch for now."""
        self._arrive("nack")

    def reject(self) -> None:
        """Let the hub refuse the next batch for good."""
        self._arrive("reject")

    def _arrive(self, answer: str) -> None:
        """Answer the next batch in the count; what was sent behind a refused one is passed over."""
        while self.wire:
            seq, name = self.wire.popleft()
            if seq == self.last_seq + 1:
                break
            assert self.waiting, "a batch out of order that no refusal explains"
        else:
            return
        self.waiting = answer != "ack"
        self.answers.append((answer, seq, name))
        if answer == "ack":
            self.last_seq = seq
            self.stored.append(name)

    def hear(self) -> None:
        """Let the producer act on the oldest answer."""
        if not self.answers:
            return
        answer, seq, name = self.answers.popleft()
        if answer == "ack":
            self.done_records += self.outbox.ack(seq)
        elif answer == "nack":
            self.outbox.back_to(seq)
        else:
            assert self.outbox.drop(seq) == len(name)
            self.dropped.append(name)
            self.done_records += len(name)

    def cut(self) -> None:
        """Lose the connection with all that is under way, and connect again."""
        self.wire.clear()
        self.answers.clear()
        self.waiting = False
        self.done_records += self.outbox.welcome(self.last_seq)


Step: TypeAlias = "Callable[[Dialogue], None]"
STEPS = (Dialogue.add, Dialogue.send, Dialogue.store, Dialogue.nack, Dialogue.reject, Dialogue.hear, Dialogue.cut)
windows = st.builds(Window, batches=st.integers(1, 4), size=st.integers(1, 100))


@examples(80)
@given(windows, st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 4)), max_size=30))
def test_every_batch_is_stored_once_in_order_or_refused_for_good(window: Window, steps: list[tuple[Step, int]]) -> None:
    """Whatever the hub refuses and however often the stream is cut; and no record is uncounted on the way."""
    dialogue = Dialogue(window)
    for step, times in steps:
        for _ in range(times):
            step(dialogue)
        assert dialogue.done_records + dialogue.outbox.records == sum(map(len, dialogue.added))
    for _ in range(4 * len(dialogue.added) + 4):
        for step in (Dialogue.send, Dialogue.store, Dialogue.hear):
            step(dialogue)
    assert len(dialogue.outbox) == 0
    assert dialogue.stored == [name for name in dialogue.added if name not in dialogue.dropped]
