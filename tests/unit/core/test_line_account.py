"""hub.core.line_account: clients are never held for long, whatever they send; who sends for nobody is, and is cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.line_account import LineAccount, LineLimits, Verdict
from tests.examples import examples

MIB = 2**20
LIMITS = LineLimits(stranger_bytes=32_768, client_bytes=2 * MIB, bytes_per_s=65_536, hold_seconds=10.0)
CALL = 18 * MIB


class Line:
    """An account on a clock of its own, and what the kernel has counted."""

    def __init__(self) -> None:
        self.now = 100.0
        self.account = LineAccount(LIMITS, self.now)
        self.received = self.sent = 0

    def comes(self, size: int, seconds: float = 0.0) -> Verdict:
        """Have bytes come after a time, and judge."""
        self.now += seconds
        self.received += size
        return self.account.judge(self.now, self.received, self.sent)

    def call(self) -> None:
        """Have a call begin, and a service wait for its messages."""
        self.account.began(200)
        self.account.asked(CALL)

    def message(self, size: int) -> None:
        """Have the service take a message."""
        self.account.took(size)
        self.account.answered(CALL)


@pytest.fixture
def line() -> Line:
    """A new connection."""
    return Line()


def test_a_stranger_may_send_a_little(line: Line) -> None:
    """A handshake, settings, headers."""
    assert line.comes(LIMITS.stranger_bytes) is Verdict.PASS
    assert line.account.suspect


def test_a_stranger_that_sends_more_is_held_and_then_cut(line: Line) -> None:
    """Not at once: a call may be on its way to its service."""
    assert line.comes(LIMITS.stranger_bytes + 1) is Verdict.PASS
    assert line.account.suspect
    assert line.comes(10_000, 0.003) is Verdict.HOLD
    assert line.comes(0, LIMITS.hold_seconds - 0.1) is Verdict.PASS
    assert line.comes(0, 0.2) is Verdict.CUT


def test_who_sends_much_more_is_held_at_once(line: Line) -> None:
    """Three times what it may: a flood of pings over a fast network is a megabyte in a few milliseconds."""
    assert line.comes(3 * LIMITS.stranger_bytes + 1) is Verdict.HOLD


def test_time_does_not_free_who_is_held(line: Line) -> None:
    """Else a flood would go on at the rate that is forgiven."""
    line.comes(90_000)
    assert line.comes(0, 0.003) is Verdict.HOLD
    for _ in range(9):
        assert line.comes(0, 1.0) is Verdict.PASS
    assert line.account.held


def test_a_steady_trickle_is_forgiven(line: Line) -> None:
    """Pings, settings and windows for ever."""
    for _ in range(1000):
        assert line.comes(LIMITS.bytes_per_s // 10, 0.1) is Verdict.PASS
    assert line.account.stray_bytes <= LIMITS.stranger_bytes


def test_a_call_that_is_heard_frees_a_stranger(line: Line) -> None:
    """Its first message is large, and the hub was slow to hear of it."""
    line.comes(90_000)
    assert line.comes(0, 0.003) is Verdict.HOLD
    line.call()
    assert line.comes(0) is Verdict.RELEASE
    assert not line.account.held


def test_a_call_may_have_a_message_under_way(line: Line) -> None:
    """As slowly as it likes, and without end."""
    line.call()
    for _ in range(9):
        assert line.comes(LIMITS.client_bytes // 10, 0.3) is Verdict.PASS
    line.message(LIMITS.client_bytes)
    assert line.comes(0) is Verdict.PASS
    assert line.account.stray_bytes == 0


def test_a_large_message_makes_room_for_the_next(line: Line) -> None:
    """Twice as large, and the window; beyond that it is held."""
    line.call()
    line.comes(LIMITS.client_bytes)
    line.message(LIMITS.client_bytes)
    assert line.comes(3 * LIMITS.client_bytes) is Verdict.PASS
    assert line.comes(LIMITS.stranger_bytes + LIMITS.client_bytes, 0.003) is Verdict.PASS
    assert line.comes(1000, 0.003) is Verdict.HOLD


def test_a_message_that_is_far_larger_than_any_before_is_late(line: Line) -> None:
    """It is let in by and by, and then all of that size are."""
    line.call()
    sent = size = CALL - MIB
    while sent:
        piece = min(sent, LIMITS.client_bytes)
        sent -= piece
        if line.comes(piece, 0.003) is Verdict.HOLD:
            while line.comes(0, 0.05) is not Verdict.RELEASE:
                assert line.now < 100 + size / LIMITS.client_bytes / 3
    line.message(size)
    assert line.comes(0) is Verdict.PASS
    assert line.comes(size, 1.0) is Verdict.PASS


def test_who_was_held_although_the_services_took_all_is_trusted_with_more(line: Line) -> None:
    """Ten exports at once: once it is late, and then no more."""
    for _ in range(10):
        line.call()
    assert line.comes(LIMITS.client_bytes + 400_000) is Verdict.PASS
    assert line.comes(0, 0.003) is Verdict.HOLD
    line.message(200_000)
    line.message(200_000)
    assert line.comes(0) is Verdict.RELEASE
    assert line.comes(LIMITS.client_bytes, 0.01) is Verdict.PASS
    assert line.comes(0, 0.01) is Verdict.PASS


def test_a_flood_of_a_client_comes_in_pieces_and_is_cut(line: Line) -> None:
    """Never more than one of them in a fifth of a second, and no more in all than calls may have under way."""
    line.call()
    line.message(100)
    passed, held = 0, False
    while (verdict := line.comes(0 if held else 100_000, 0.01)) is not Verdict.CUT:
        held = verdict is Verdict.HOLD or (held and verdict is not Verdict.RELEASE)
        passed += 0 if held else 100_000
        assert passed <= LIMITS.client_bytes * (1 + (line.now - 100) / 0.2) + 1_000_000
    assert passed < 2 * CALL + 4 * LIMITS.client_bytes


def test_a_client_keeps_what_one_call_may(line: Line) -> None:
    """A call that was given up, and half of whose message came."""
    line.call()
    line.message(100)
    line.account.ended(CALL, empty=False)
    assert line.comes(LIMITS.client_bytes // 2) is Verdict.PASS
    assert line.comes(LIMITS.client_bytes // 3, 0.01) is Verdict.PASS
    assert line.account.suspect


def test_who_is_sent_much_may_acknowledge_much(line: Line) -> None:
    """A sixteenth of it in windows and pings."""
    for _ in range(100):
        line.sent += MIB
        assert line.comes(MIB // 17, 0.001) is Verdict.PASS
    assert line.account.stray_bytes == 0


def test_calls_that_come_to_nothing_count(line: Line) -> None:
    """A few bytes each, and much work."""
    for _ in range(10):
        line.call()
        line.account.ended(CALL, empty=True)
        line.comes(100)
    assert line.comes(0, 0.003) is Verdict.HOLD


def test_headers_are_believed_up_to_a_bound(line: Line) -> None:
    """A byte of HPACK may be four thousand."""
    for _ in range(10):
        line.account.began(MIB)
    assert line.comes(90_000) is Verdict.PASS
    assert line.account.suspect


def test_who_offends_is_held_at_once(line: Line) -> None:
    """And no call frees it."""
    line.account.offended()
    assert line.comes(1) is Verdict.HOLD
    line.call()
    assert line.comes(0) is Verdict.PASS
    assert line.comes(0, LIMITS.hold_seconds) is Verdict.CUT


@given(st.lists(st.tuples(st.integers(0, LIMITS.client_bytes), st.floats(0, 1)), max_size=50), st.floats(0, 0.06))
@examples(200)
def test_a_producer_at_any_speed_is_never_held(messages: list[tuple[int, float]], overhead: float) -> None:
    """Messages come whole and are taken in turn, at any pace, with frames and records around them."""
    line = Line()
    line.call()
    for size, seconds in messages:
        came = int(size * (1 + overhead)) + 100
        for _ in range(4):
            assert line.comes(came // 4, seconds / 4) is Verdict.PASS
        line.message(size)
        assert line.comes(0) is Verdict.PASS
        assert line.account.stray_bytes <= LIMITS.stranger_bytes


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=100))
@examples(200)
def test_no_flood_gets_far(frames: list[int]) -> None:
    """However it is cut up: what a stranger sends beyond its allowance is never more than two looks' worth."""
    line = Line()
    passed = 0
    for size in frames:
        verdict = line.comes(size, 0.003)
        passed += size
        if verdict is Verdict.HOLD:
            return
    assert passed <= LIMITS.stranger_bytes + 0.003 * len(frames) * LIMITS.bytes_per_s + 2 * max(frames)
