"""hub.identity.expiry: a connection is warned once, ended once, and neither after it has ended or been renewed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from hub.identity.expiry import Expiry

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.pb.tail_pb2 import AuthExpiring

START = 1_000_000.0


@dataclass
class Call:
    """A call that is to come."""

    at: float
    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        """Never make it."""
        self.cancelled = True


@dataclass
class Connection:
    """A clock, the calls that are to come, and what was said when."""

    now: float = START
    calls: list[Call] = field(default_factory=list)
    said: list[tuple[float, str]] = field(default_factory=list)
    looks: int = 0

    def later(self, seconds: float, callback: Callable[[], None]) -> Call:
        """Take a call; `hub.identity.expiry.Later`."""
        assert seconds >= 0.001, "a clock that stands still would be looked at without end"
        self.looks += 1
        self.calls.append(Call(self.now + seconds, callback))
        return self.calls[-1]

    def clock(self) -> float:
        """Return the time."""
        return self.now

    def warned(self, expiring: AuthExpiring) -> None:
        """Keep the moment that was told."""
        self.said.append((self.now - START, f"expires {expiring.expires.seconds - START:g}"))

    def expired(self) -> None:
        """Keep it."""
        self.said.append((self.now - START, "expired"))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while due := [call for call in self.calls if call.at <= end and not call.cancelled]:
            call = min(due, key=lambda one: one.at)
            self.calls.remove(call)
            self.now = max(self.now, call.at)
            call.callback()
        self.now = end

    @property
    def waiting(self) -> int:
        """How many calls are to come."""
        return sum(not call.cancelled for call in self.calls)


@pytest.fixture
def connection() -> Connection:
    """One whose credentials are still to be watched."""
    return Connection()


@pytest.fixture
def expiry(connection: Connection) -> Expiry:
    """What watches them."""
    return Expiry(connection.later, connection.expired, connection.warned, connection.clock)


@pytest.mark.parametrize(
    ("lasts", "warned"),
    [(0.5, 0), (1e-6, 0), (59, 0), (60, 0), (60.000001, 0), (60.5, 0.5), (90, 30), (121, 61), (3600, 3540)],
)
def test_a_warning_comes_a_minute_before_the_end(
    connection: Connection, expiry: Expiry, lasts: float, warned: float
) -> None:
    """At once, where less than that is left; both come once, and then nothing more."""
    expiry.watch(START + lasts)
    connection.run(10_000)
    assert [what for _, what in connection.said] == [f"expires {int(lasts)}", "expired"]
    assert [when for when, _ in connection.said] == pytest.approx([warned, lasts], abs=0.01)
    assert connection.waiting == 0


@pytest.mark.parametrize("lasts", [0, -1, -1e6])
def test_what_has_expired_ends_at_once(connection: Connection, expiry: Expiry, lasts: float) -> None:
    """Without a warning, which nobody could act on."""
    expiry.watch(START + lasts)
    assert connection.said == [(0, "expired")]
    assert connection.waiting == 0


def test_a_clock_that_is_set_is_noticed_within_a_minute(connection: Connection, expiry: Expiry) -> None:
    """It is looked at once a minute, and no more often."""
    expiry.watch(START + 10**6)
    connection.run(3600)
    assert connection.said == []
    assert connection.looks == pytest.approx(60, abs=1)
    connection.now += 10**6
    connection.run(0)
    assert [what for _, what in connection.said] == ["expired"]


def test_what_does_not_expire_is_not_watched(connection: Connection, expiry: Expiry) -> None:
    """Nor what was there before it."""
    expiry.watch(None)
    assert connection.waiting == 0
    expiry.watch(START + 90)
    expiry.watch(None)
    connection.run(10_000)
    assert connection.said == []


def test_fresh_credentials_are_watched_instead_of_those_before(connection: Connection, expiry: Expiry) -> None:
    """And warned of anew."""
    expiry.watch(START + 30)
    connection.run(20)
    expiry.watch(START + 200)
    assert connection.waiting == 1
    connection.run(10_000)
    assert [what for _, what in connection.said] == ["expires 30", "expires 200", "expired"]


def test_who_has_ended_hears_nothing_more(connection: Connection, expiry: Expiry) -> None:
    """Neither warning nor end, however often it is said to stop."""
    expiry.watch(START + 90)
    expiry.stop()
    expiry.stop()
    assert connection.waiting == 0
    connection.run(10_000)
    assert connection.said == []


def test_who_ends_over_the_warning_is_not_ended_again(connection: Connection) -> None:
    """A peer that takes nothing more may be cut by the warning itself."""
    mine: Expiry = Expiry(connection.later, connection.expired, lambda _: mine.stop(), connection.clock)
    mine.watch(START + 30)
    connection.run(10_000)
    assert connection.said == []


def test_where_there_is_nobody_to_warn_only_the_end_comes(connection: Connection) -> None:
    """As for a producer, whose certificate is renewed by a new connection only; the clock may be set here too."""
    expiry = Expiry(connection.later, connection.expired, clock=connection.clock)
    expiry.watch(START + 150.5)
    connection.run(10_000)
    assert connection.said == [(150.5, "expired")]
    assert connection.looks == 3
