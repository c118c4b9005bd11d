"""A consumer group: how far its log was handed out, and what its members have not acknowledged. No I/O, no clock.

    position   the offset from which on nothing was handed out or passed over
    held       pieces before it that are not done with, in the order of the log: with one member until their time is
               over, or with nobody, waiting to be handed out again
    cursor     the first offset that is not done with

What was acknowledged beyond the cursor need not be kept: it is what lies between the pieces.

Rules for whoever edits this: an offset leaves `held` by an acknowledgement of who holds it, by being given up, which is
counted, or by a reset, and by nothing else. Ids only grow, so one that comes late names nothing. Every change can be
made again on a later state of the group: whoever writes it may find that somebody else has written before.

Times are nanoseconds since the Unix epoch, by the clocks of the hubs; they decide when a piece comes again, never
whether.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

# Pieces that were given up are kept for people to look at: so many.
KEPT_DEAD = 16


@dataclass(frozen=True, slots=True)
class Held:
    """The offsets `first` up to, not including, `next`; `records` of them match. `id` 0: nobody has it.

    `attempt` counts how often it was handed out. `until`: who has it must be done by then; where nobody has it, it
    waits until then.
    """

    first: int
    next: int
    records: int
    attempt: int
    id: int = 0
    seat: int = 0
    until: int = 0


@dataclass(frozen=True, slots=True)
class Seat:
    """A member on a connection: both random numbers, `id` of the connection, `node` of its hub process."""

    id: int
    name: str
    subject: str
    node: int
    seen: int


@dataclass(frozen=True, slots=True)
class Dead:
    """A piece that was given up after so many attempts."""

    first: int
    next: int
    records: int
    attempts: int
    at: int


@dataclass(frozen=True, slots=True)
class Piece:
    """What was found in the log from `begin` on, up to `next`; `first`: the first offset in it that matters.

    `begin` is the group's position, or where a waiting piece begins.
    """

    begin: int
    first: int
    next: int
    records: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the ids of an ack or nack; `late` were the member's no more."""

    ids: tuple[int, ...]
    late: tuple[int, ...]


@dataclass(slots=True)
class Group:
    """A group's state. `died` is what was given up since it was read; it is not kept."""

    filter: str
    created: int
    position: int
    max_attempts: int = 0
    last_id: int = 0
    held: list[Held] = field(default_factory=list)
    seats: dict[int, Seat] = field(default_factory=dict)
    acked_records: int = 0
    redelivered: int = 0
    dead_records: int = 0
    dead: list[Dead] = field(default_factory=list)
    died: list[Dead] = field(default_factory=list, compare=False)

    def copy(self) -> Group:
        """Return another one of the same state."""
        lists = {"held": list(self.held), "seats": dict(self.seats), "dead": list(self.dead)}
        return replace(self, **lists, died=[])  # type: ignore[arg-type]

    @property
    def cursor(self) -> int:
        """The first offset that is not done with."""
        return self.held[0].first if self.held else self.position

    def in_flight(self, seat: int) -> int:
        """Return how many pieces a member has."""
        return sum(one.seat == seat for one in self.held if one.id)

    def waiting(self, now: int) -> Held | None:
        """Return the first piece that may be handed out again."""
        return next((one for one in self.held if not one.id and one.until <= now), None)

    def due(self, now: int) -> int | None:
        """Return when the next piece's time is over, or its wait; None: nothing changes by itself."""
        return min((one.until for one in self.held if one.until > now), default=None)

    # --- members -----------------------------------------------------------------------------------------------------

    def sit(self, seat: Seat) -> None:
        """Take a member in; an older connection of its name gives up its place, and what it has is handed out again."""
        for other in [one.id for one in self.seats.values() if one.name == seat.name]:
            self.rise(other, seat.seen, counted=True)
        self.seats[seat.id] = seat

    def rise(self, seat: int, now: int, *, counted: bool) -> None:
        """Let a member go, and take back what it has; `counted`: as attempts that failed."""
        self.seats.pop(seat, None)
        self._take_back([one.id for one in self.held if one.id and one.seat == seat], now, now, counted=counted)

    def see(self, seats: Collection[int], now: int) -> None:
        """Take note that members are there."""
        for seat in [self.seats[one] for one in seats if one in self.seats]:
            self.seats[seat.id] = replace(seat, seen=now)

    def miss(self, before: int, now: int) -> None:
        """Let go of members that were not seen since: their hub is gone."""
        for seat in [one.id for one in self.seats.values() if one.seen < before]:
            self.rise(seat, now, counted=True)

    # --- pieces ------------------------------------------------------------------------------------------------------

    def hand_out(self, piece: Piece, seat: int, now: int, until: int) -> Held | None:
        """Hand a piece to a member until a time; None where the group has gone on since it was found."""
        if piece.begin == self.position:
            self.position = piece.next
            return self._hold(len(self.held), Held(piece.first, piece.next, piece.records, 1), seat, until)
        for at, one in enumerate(self.held):
            if one.first == piece.begin and not one.id and one.until <= now and piece.next <= one.next:
                rest = replace(one, first=piece.next, records=max(one.records - piece.records, 0))
                self.held[at : at + 1] = [rest] if rest.first < rest.next else []
                part = Held(piece.first, piece.next, piece.records, one.attempt + 1)
                self.redelivered += part.attempt > 1
                return self._hold(at, part, seat, until)
        return None

    def _hold(self, at: int, piece: Held, seat: int, until: int) -> Held:
        self.last_id += 1
        held = replace(piece, id=self.last_id, seat=seat, until=until)
        self.held.insert(at, held)
        return held

    def drop(self, piece: Piece) -> None:
        """Pass over what was found, since nothing in it matters any more."""
        if piece.begin == self.position:
            self.position = piece.next
            return
        for at, one in enumerate(self.held):
            if one.first == piece.begin and not one.id:
                rest = replace(one, first=max(piece.next, one.first))
                self.held[at : at + 1] = [rest] if rest.first < rest.next else []
                return

    def ack(self, seat: int, ids: Iterable[int]) -> Answer:
        """Be done with what a member has."""
        asked = tuple(dict.fromkeys(ids))
        mine = self._of(seat, asked)
        self.acked_records += sum(one.records for one in self.held if one.id in mine)
        self.held = [one for one in self.held if one.id not in mine]
        return _answer(asked, mine)

    def nack(self, seat: int, ids: Iterable[int], now: int, until: int) -> Answer:
        """Take back what a member has; it waits until a time."""
        asked = tuple(dict.fromkeys(ids))
        mine = self._of(seat, asked)
        self._take_back(mine, now, until, counted=True)
        return _answer(asked, mine)

    def expire(self, now: int) -> None:
        """Take back what was held for too long."""
        self._take_back([one.id for one in self.held if one.id and one.until <= now], now, now, counted=True)

    def reset(self, offset: int) -> None:
        """Go on at an offset, with nothing held."""
        self.position = offset
        self.held = []

    def _of(self, seat: int, asked: Collection[int]) -> set[int]:
        return {one.id for one in self.held if one.id and one.seat == seat and one.id in asked}

    def _take_back(self, ids: Collection[int], now: int, until: int, *, counted: bool) -> None:
        kept: list[Held] = []
        for one in self.held:
            if not one.id or one.id not in ids:
                kept.append(one)
            elif counted and 0 < self.max_attempts <= one.attempt:
                self._give_up(one, now)
            else:
                attempt = one.attempt if counted else one.attempt - 1
                kept.append(replace(one, attempt=attempt, id=0, seat=0, until=until))
        self.held = kept

    def _give_up(self, one: Held, now: int) -> None:
        dead = Dead(one.first, one.next, one.records, one.attempt, now)
        self.dead_records += one.records
        self.dead = [*self.dead, dead][-KEPT_DEAD:]
        self.died.append(dead)


def _answer(asked: tuple[int, ...], mine: Collection[int]) -> Answer:
    return Answer(
        tuple(one for one in asked if one in mine),
        tuple(one for one in asked if one not in mine),
    )
