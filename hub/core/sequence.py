"""The hub's side of a producer's count: which batch comes next, and what to do with one that is not it.

A producer numbers its batches 1, 2, 3 … without holes and sends several before the first is acknowledged. When one
cannot be stored for now, none after it may be, or its resend would look like a duplicate: so the hub goes back to it
(a nack), passes over what was sent behind it, and waits until it comes again.

    expected   the batch that must come next
    after      the last stored or submitted before it; the log checks it again inside its transaction
    waiting    True from a nack until `expected` comes
    run        how often the hub has gone back to a batch that was not stored; a batch is submitted in a run
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Verdict(Enum):
    """What to do with a batch that came."""

    STORE = auto()
    DUPLICATE = auto()
    """Stored before: acknowledge it again."""
    PASS_OVER = auto()
    """Sent before the producer saw the nack: it will come again."""
    GO_BACK = auto()
    """Out of order: say which one must come."""


@dataclass(slots=True)
class Sequencer:
    """The count of one stream, begun with what the log has stored and what the producer's hello announces."""

    expected: int
    after: int
    waiting: bool = False
    run: int = 0

    @classmethod
    def begin(cls, last_seq: int, next_seq: int) -> Sequencer:
        """Go on after the last stored batch, or where the producer is further: the log may have forgotten it."""
        return cls(expected=max(last_seq + 1, next_seq), after=last_seq)

    def take(self, seq: int) -> Verdict:
        """Judge a batch by its number; after STORE, `submitted` must follow."""
        if seq == self.expected:
            self.waiting = False
            return Verdict.STORE
        if seq < self.expected and not self.waiting:
            return Verdict.DUPLICATE
        if self.waiting:
            return Verdict.PASS_OVER
        self.waiting = True
        return Verdict.GO_BACK

    def submitted(self) -> None:
        """Count the expected batch as on its way into the log."""
        self.after = self.expected
        self.expected += 1

    def hold(self) -> None:
        """Wait for the expected batch in another form: as it came it cannot be stored."""
        self.waiting = True

    def refused(self, seq: int, after: int, run: int) -> bool:
        """Go back to a batch that was not stored; False where the stream had gone back further already.

        `after` is what the log has stored before it, `run` the one it was submitted in. A refusal of an earlier run may
        be settled when the batch's next copy is on its way already: going back to it again would be to wait for a
        batch that the producer sees acknowledged and never sends again.
        """
        if run != self.run:
            return False
        self.expected = seq
        self.after = after
        self.waiting = True
        self.run += 1
        return True
