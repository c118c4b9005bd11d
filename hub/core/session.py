"""Where a subscription stands: its phase, its place in the log, its account, and what it may still send. No I/O.

    REPLAY   reads the log from its position, as fast as the peer takes it
    LIVE     stands at the head; its channel writes
    PAUSED   has no credit left; keeps its position and reads nothing
    ENDED    nothing more is written

Rules for whoever edits the table: a phase is left only by an event that it names, all else is a fault of the hub;
nothing leaves ENDED; whatever makes a subscription lag behind its head leads to REPLAY, so that only what the log
itself has lost can be missing. Offsets of a tenant have no holes, so what has been passed is a difference of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core.stored import Hole, StoredBatch


class Phase(Enum):
    """Where a subscription gets its records from."""

    REPLAY = auto()
    LIVE = auto()
    PAUSED = auto()
    ENDED = auto()


class Event(Enum):
    """What moves a subscription from one phase to another."""

    CAUGHT_UP = auto()
    """Its position is the head, and it has joined a channel."""
    FELL_BEHIND = auto()
    """The peer does not keep up, or there is a hole that it must be told of."""
    CREDIT_SPENT = auto()
    CREDIT_GIVEN = auto()
    REFILTERED = auto()
    FINISHED = auto()
    """Unsubscribed, the end of a bounded read, or the peer is gone."""


_NEXT: dict[tuple[Phase, Event], Phase] = {
    (Phase.REPLAY, Event.CAUGHT_UP): Phase.LIVE,
    (Phase.REPLAY, Event.CREDIT_SPENT): Phase.PAUSED,
    (Phase.REPLAY, Event.CREDIT_GIVEN): Phase.REPLAY,
    (Phase.REPLAY, Event.REFILTERED): Phase.REPLAY,
    (Phase.REPLAY, Event.FINISHED): Phase.ENDED,
    (Phase.LIVE, Event.FELL_BEHIND): Phase.REPLAY,
    (Phase.LIVE, Event.CREDIT_SPENT): Phase.PAUSED,
    (Phase.LIVE, Event.CREDIT_GIVEN): Phase.LIVE,
    (Phase.LIVE, Event.REFILTERED): Phase.REPLAY,
    (Phase.LIVE, Event.FINISHED): Phase.ENDED,
    (Phase.PAUSED, Event.CREDIT_GIVEN): Phase.REPLAY,
    (Phase.PAUSED, Event.REFILTERED): Phase.PAUSED,
    (Phase.PAUSED, Event.FINISHED): Phase.ENDED,
    (Phase.ENDED, Event.FINISHED): Phase.ENDED,
}


@dataclass(slots=True)
class Sampler:
    """At most `records_per_s` records, with a second's worth at once."""

    records_per_s: int
    _tokens: float = -1.0
    _at: float = 0.0

    def room(self, now: float) -> int:
        """Return how many records may be sent at a time, in seconds of any clock that does not go back."""
        grown = self._tokens + (now - self._at) * self.records_per_s
        self._tokens = float(self.records_per_s) if self._tokens < 0 else min(grown, float(self.records_per_s))
        self._at = now
        return int(self._tokens)

    def spend(self, records: int) -> None:
        """Take note of what was sent."""
        self._tokens -= records


@dataclass(frozen=True, slots=True)
class Taken:
    """What is to be sent of a batch: indexes of its records.

    said       records that were left out before them, to be told with them
    left_out   records that matched, and are left out of this batch
    """

    indexes: Sequence[int]
    said: int
    left_out: int


@dataclass(frozen=True, slots=True)
class Account:
    """Records by what became of them: accepted = delivered + filtered + sampled + lost."""

    accepted: int
    delivered: int
    filtered: int
    sampled: int
    lost: int


class Standing:
    """The state of one subscription; begins in REPLAY at an offset, with `until` as its bound, None: goes live."""

    __slots__ = (
        *("_begun", "_delivered", "_lost", "_sampled", "_sampler", "_unsaid", "_until"),
        *("credit", "phase", "position"),
    )

    def __init__(
        self, offset: int, until: int | None = None, *, credit: int | None = None, sampler: Sampler | None = None
    ) -> None:
        self.phase = Phase.REPLAY
        self.position = offset
        self.credit = credit
        self._begun = offset
        self._until = until
        self._sampler = sampler
        self._delivered = 0
        self._sampled = 0
        # Left out since records were sent last; the next ones say so.
        self._unsaid = 0
        self._lost = 0

    @property
    def metered(self) -> bool:
        """Whether it may get less than the others of its channel: then it has to be asked about each batch."""
        return self.credit is not None or self._sampler is not None

    @property
    def bounded(self) -> bool:
        """Whether it ends at the end of what was stored when it began."""
        return self._until is not None

    @property
    def finished(self) -> bool:
        """Whether a bounded read has come to its bound."""
        return self._until is not None and self.position >= self._until

    def apply(self, event: Event) -> Phase:
        """Go to the next phase; KeyError where the table has none."""
        self.phase = _NEXT[self.phase, event]
        return self.phase

    def take(self, batch: StoredBatch, matching: Sequence[int], now: float) -> Taken:
        """Pass a batch, or as much of it as there is credit for; `matching` are indexes not before the position."""
        chosen = matching if self._sampler is None else matching[: self._sampler.room(now)]
        left_out = len(matching) - len(chosen)
        if self.credit is not None and len(chosen) > self.credit:
            chosen, left_out = chosen[: self.credit], 0
            self.position = batch.first_offset + chosen[-1] + 1 if chosen else self.position
        else:
            self.position = batch.next_offset
        said = self._unsaid if chosen else 0
        self._unsaid += left_out - said
        self._sampled += left_out
        self._spend(len(chosen))
        return Taken(chosen, said, left_out)

    def _spend(self, records: int) -> None:
        self._delivered += records
        if self._sampler is not None:
            self._sampler.spend(records)
        if self.credit is not None:
            self.credit -= records

    def lose(self, hole: Hole) -> tuple[int, int]:
        """Pass a hole; return where what is lost begins, and how many records that is."""
        first = max(hole.first_offset, self.position)
        count = hole.next_offset - first
        self._lost += count
        self.position = hole.next_offset
        return first, count

    def pass_live(self, position: int, delivered: int) -> None:
        """Take over what a channel sent up to a position."""
        self.position = position
        self._delivered += delivered

    def give(self, records: int) -> None:
        """Add credit."""
        self.credit = (self.credit or 0) + records

    def account(self, position: int | None = None, delivered: int = 0) -> Account:
        """Return the account up to the position, or a later one up to which a channel has delivered so many more."""
        accepted = (self.position if position is None else position) - self._begun
        sent = self._delivered + delivered
        filtered = accepted - sent - self._sampled - self._lost
        return Account(accepted, sent, filtered, self._sampled, self._lost)
