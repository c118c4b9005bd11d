"""hub.core.consumer_group: by examples, and against a model that knows what became of every record."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hub.core.consumer_group import KEPT_DEAD, Answer, Dead, Group, Held, Piece, Seat
from hub.core.group_state import read_group, write_group
from tests.examples import examples

ACK = 100


def seat(number: int, name: str = "", seen: int = 0) -> Seat:
    """Return a member's seat."""
    return Seat(number, name or f"m{number}", "subject", 1, seen)


def group(*, max_attempts: int = 0, position: int = 0, seats: int = 2) -> Group:
    """Return a group with some members."""
    made = Group("", 1, position, max_attempts)
    for number in range(1, seats + 1):
        made.sit(seat(number))
    return made


def handed(of: Group, begin: int, end: int, *, to: int = 1, now: int = 0) -> Held:
    """Hand out a piece in which everything matches."""
    held = of.hand_out(Piece(begin, begin, end, end - begin), to, now, now + ACK)
    assert held is not None
    return held


def test_the_cursor_is_where_the_first_piece_begins_that_is_not_done_with() -> None:
    """Whatever was acknowledged behind it; with nothing held it is the position."""
    one = group()
    first, second = handed(one, 0, 5), handed(one, 5, 9, to=2)
    assert one.ack(2, [second.id]) == Answer((second.id,), ())
    assert (one.cursor, one.position) == (0, 9)
    one.ack(1, [first.id])
    assert (one.cursor, one.acked_records) == (9, 9)


def test_what_does_not_match_before_a_piece_is_passed() -> None:
    """The piece begins where something matters, and ends where it was looked for."""
    one = group()
    held = one.hand_out(Piece(0, 7, 20, 2), 1, 0, ACK)
    assert held == Held(7, 20, 2, 1, 1, 1, ACK)
    assert (one.cursor, one.position) == (7, 20)


def test_only_who_holds_a_piece_can_settle_it() -> None:
    """Another member's, an unknown one and one twice."""
    one = group()
    held = handed(one, 0, 5)
    assert one.ack(2, [held.id]) == Answer((), (held.id,))
    assert one.nack(2, [held.id], 0, 0) == Answer((), (held.id,))
    assert one.ack(1, [held.id, held.id, 99]) == Answer((held.id,), (99,))
    assert one.acked_records == 5


def test_a_piece_whose_time_is_over_goes_to_another_under_a_new_id() -> None:
    """And its first holder is late."""
    one = group()
    first = handed(one, 0, 5)
    one.expire(ACK - 1)
    assert one.waiting(ACK) is None
    one.expire(ACK)
    assert one.waiting(ACK) == Held(0, 5, 5, 1, until=ACK)
    again = handed(one, 0, 5, to=2, now=ACK)
    assert (again.attempt, again.id > first.id, one.redelivered) == (2, True, 1)
    assert one.ack(1, [first.id]).late == (first.id,)
    assert one.ack(2, [again.id]).ids == (again.id,)


def test_a_waiting_piece_may_be_handed_out_in_parts() -> None:
    """What is left of it waits on, with its attempts."""
    one = group()
    one.nack(1, [handed(one, 0, 8).id], 0, 0)
    handed(one, 0, 3)
    assert [(held.first, held.next, held.attempt, bool(held.id)) for held in one.held] == [
        (0, 3, 2, True),
        (3, 8, 1, False),
    ]
    handed(one, 3, 8, to=2)
    assert one.cursor == 0


def test_a_nack_may_wait() -> None:
    """Nobody gets it before its time."""
    one = group()
    one.nack(1, [handed(one, 0, 5).id], 10, 50)
    assert one.waiting(49) is None
    assert one.due(49) == 50
    assert one.hand_out(Piece(0, 0, 5, 5), 2, 49, 99) is None
    assert one.waiting(50) is not None
    assert one.due(50) is None


def test_a_piece_that_was_found_before_the_group_went_on_is_not_handed_out() -> None:
    """By another process, or by a reset."""
    one = group()
    handed(one, 0, 5)
    assert one.hand_out(Piece(0, 0, 5, 5), 2, 0, ACK) is None
    one.reset(100)
    assert one.hand_out(Piece(5, 5, 9, 4), 2, 0, ACK) is None
    assert (one.cursor, one.position, one.held) == (100, 100, [])


def test_after_its_last_attempt_a_piece_is_given_up_and_counted() -> None:
    """By a nack, by time and by a member that is gone alike."""
    one = group(max_attempts=1)
    for begin, end in ((0, 2), (2, 4), (4, 6)):
        handed(one, begin, end)
    one.nack(1, [1], 5, 5)
    one.expire(0)
    one.rise(1, 7, counted=True)
    assert (one.held, one.cursor, one.dead_records) == ([], 6, 6)
    assert one.died == one.dead == [Dead(0, 2, 2, 1, 5), Dead(2, 4, 2, 1, 7), Dead(4, 6, 2, 1, 7)]
    assert one.copy().died == []


def test_the_last_of_what_was_given_up_is_kept() -> None:
    """The number counts all."""
    one = group(max_attempts=1)
    for number in range(KEPT_DEAD + 4):
        one.nack(1, [handed(one, number, number + 1).id], number, number)
    assert [dead.first for dead in one.dead] == list(range(4, KEPT_DEAD + 4))
    assert one.dead_records == KEPT_DEAD + 4


def test_who_leaves_well_gives_back_what_it_holds_as_it_was() -> None:
    """The attempt is not counted: it cannot be the records' fault."""
    one = group(max_attempts=1)
    handed(one, 0, 5)
    one.rise(1, 3, counted=False)
    assert one.held == [Held(0, 5, 5, 0, until=3)]
    assert handed(one, 0, 5, to=2, now=3).attempt == 1
    assert one.redelivered == 0


def test_a_member_that_comes_back_takes_its_own_place() -> None:
    """What it held is handed out again at once."""
    one = group()
    handed(one, 0, 5)
    one.sit(seat(9, "m1", seen=4))
    assert set(one.seats) == {2, 9}
    assert one.waiting(4) is not None


def test_members_of_a_hub_that_is_gone_are_missed() -> None:
    """Those that were seen stay, with what they hold."""
    one = group()
    handed(one, 0, 5)
    handed(one, 5, 9, to=2)
    one.see([2, 77], 60)
    one.miss(50, 60)
    assert list(one.seats) == [2]
    assert [bool(held.id) for held in one.held] == [False, True]


def test_what_has_nothing_in_it_any_more_is_passed_over() -> None:
    """At the position, and of a waiting piece as far as it was looked through."""
    one = group()
    one.drop(Piece(0, 4, 4, 0))
    assert one.position == 4
    one.nack(1, [handed(one, 4, 9).id], 0, 0)
    one.drop(Piece(4, 6, 6, 0))
    assert [(held.first, held.next) for held in one.held] == [(6, 9)]
    one.drop(Piece(6, 9, 9, 0))
    assert (one.held, one.cursor) == ([], 9)


def test_a_copy_is_of_its_own() -> None:
    """What is tried on it does not show."""
    one = group()
    held = handed(one, 0, 5)
    other = one.copy()
    other.ack(1, [held.id])
    other.rise(2, 0, counted=True)
    assert (one.held, list(one.seats), one.acked_records) == ([held], [1, 2], 0)


class Sharing(RuleBasedStateMachine):
    """Members come, die, hold, settle and let time pass, in any order; the model knows who may have which record."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1
        self.group = Group("", 1, 0, max_attempts=3)
        self.state = write_group(self.group)
        self.seats = 0
        self.acked: set[int] = set()
        self.held: dict[int, tuple[int, range, int]] = {}

    def stored(self) -> None:
        """Write the state and read it again, as every process does."""
        self.group = read_group(write_group(self.group))

    def forget(self) -> None:
        """Drop from the model what is not held any more by the clock."""
        self.held = {one: item for one, item in self.held.items() if item[2] > self.now}

    @rule(name=st.sampled_from("abc"))
    def join(self, name: str) -> None:
        """Sit, perhaps under a name that sits already."""
        self.seats += 1
        gone = {one.id for one in self.group.seats.values() if one.name == name}
        self.held = {one: item for one, item in self.held.items() if item[0] not in gone}
        self.group.sit(seat(self.seats, name, self.now))
        self.stored()

    @rule(data=st.data(), counted=st.booleans())
    def leave(self, data: st.DataObject, counted: bool) -> None:  # noqa: FBT001  drawn
        """Rise, well or not."""
        if self.group.seats:
            number = data.draw(st.sampled_from(sorted(self.group.seats)))
            self.group.rise(number, self.now, counted=counted)
            self.held = {one: item for one, item in self.held.items() if item[0] != number}
            self.stored()

    @rule(data=st.data(), size=st.integers(1, 6))
    def hand_out(self, data: st.DataObject, size: int) -> None:
        """Give a member what waits, or what comes next."""
        self.group.expire(self.now)
        self.forget()
        if not self.group.seats:
            return
        number = data.draw(st.sampled_from(sorted(self.group.seats)))
        waiting = self.group.waiting(self.now)
        begin = waiting.first if waiting else self.group.position
        end = min(begin + size, waiting.next) if waiting else begin + size
        held = self.group.hand_out(Piece(begin, begin, end, end - begin), number, self.now, self.now + ACK)
        assert held is not None
        records = range(held.first, held.next)
        assert self.acked.isdisjoint(records), "what was acknowledged came again"
        for _, others, _ in self.held.values():
            assert set(others).isdisjoint(records), "two members have a record"
        assert held.id not in self.held
        self.held[held.id] = number, records, held.until
        self.stored()

    @rule(data=st.data(), good=st.booleans())
    def settle(self, data: st.DataObject, good: bool) -> None:  # noqa: FBT001  drawn
        """Acknowledge or give back, in time or late."""
        number = data.draw(st.integers(0, self.seats + 1))
        ids = data.draw(st.lists(st.integers(1, max(self.group.last_id, 1)), max_size=4))
        self.group.expire(self.now)
        self.forget()
        answer = self.group.ack(number, ids) if good else self.group.nack(number, ids, self.now, self.now)
        mine = {one for one in ids if one in self.held and self.held[one][0] == number}
        assert set(answer.ids) == mine
        assert set(answer.late) == set(ids) - mine
        for one in mine:
            if good:
                self.acked.update(self.held[one][1])
            del self.held[one]
        self.stored()

    @rule(some=st.integers(1, ACK * 2))
    def wait(self, some: int) -> None:
        """Let time pass."""
        self.now += some
        self.group.expire(self.now)
        self.forget()
        self.stored()

    @invariant()
    def every_record_is_somewhere(self) -> None:
        """Acknowledged, given up, held by one, waiting, or not handed out; pieces do not overlap."""
        pieces = [range(one.first, one.next) for one in self.group.held]
        assert all(before.stop <= after.start for before, after in pairwise(pieces))
        open_records = {record for piece in pieces for record in piece}
        done = set(range(self.group.position)) - open_records
        assert self.acked <= done
        assert len(done - self.acked) == self.group.dead_records, "a record was passed over in silence"
        assert self.group.acked_records == len(self.acked)
        assert min(open_records, default=self.group.position) == self.group.cursor
        assert {one.id for one in self.group.held if one.id} >= set(self.held)


Sharing.TestCase.settings = settings(examples(40), stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow])
TestSharing = Sharing.TestCase
