"""hub.web.sessions: as many connections as there may be, and a goodbye to each."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.principal import Principal, Scope
from hub.errors import QuotaError, ShuttingDownError
from hub.web.sessions import Sessions
from tests.examples import examples
from tests.fakes import FakeSession, nothing_is_revoked, places

if TYPE_CHECKING:
    from hub.core.places import Places

TOTAL, EACH = 5, 3


def of(tenant: str) -> Principal:
    """Return a reader of a tenant."""
    return Principal(tenant, "desk", frozenset({Scope.READ}))


@pytest.fixture
def sessions() -> Sessions:
    """No connection yet."""
    return Sessions(places(TOTAL, EACH), nothing_is_revoked)


def test_a_tenant_has_so_many_connections(sessions: Sessions) -> None:
    """One more is refused with a delay; another tenant is let in, and one that leaves makes room."""
    for _ in range(EACH):
        sessions.admit(of("a"))
    with pytest.raises(QuotaError, match=r"web\.max_connections_per_tenant") as caught:
        sessions.admit(of("a"))
    assert caught.value.retry_after_seconds == 5.0
    sessions.admit(of("b"))
    sessions.release(of("a"))
    sessions.admit(of("a"))
    with pytest.raises(QuotaError):
        sessions.admit(of("a"))


def test_a_process_has_so_many_connections(sessions: Sessions) -> None:
    """Whosever they are; a tenant without any is refused as well."""
    for tenant in ("a", "a", "b", "b", "c"):
        sessions.admit(of(tenant))
    for tenant in ("a", "b", "c", "d"):
        with pytest.raises(QuotaError, match=r"web\.max_connections"):
            sessions.admit(of(tenant))
    sessions.release(of("b"))
    sessions.admit(of("d"))


@examples(40)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc")), max_size=40))
def test_who_was_refused_is_not_counted(steps: list[tuple[bool, str]]) -> None:
    """Let in and out in any order, it is always known who is there: exactly what there is room for comes in."""
    sessions, there = Sessions(places(TOTAL, EACH), nothing_is_revoked), Counter[str]()
    for enters, tenant in steps:
        if enters:
            room = there.total() < TOTAL and there[tenant] < EACH
            admitted = False
            with suppress(QuotaError):
                sessions.admit(of(tenant))
                admitted = True
            assert admitted == room
            there[tenant] += admitted
        elif there[tenant]:
            sessions.release(of(tenant))
            there[tenant] -= 1


@pytest.mark.parametrize("none", [places(0, EACH), places(TOTAL, 0), places(principal=0)])
def test_a_limit_of_nothing_lets_nobody_in(none: Places) -> None:
    """Either of them."""
    with pytest.raises(QuotaError):
        Sessions(none, nothing_is_revoked).admit(of("a"))


async def test_shutting_down_says_goodbye_to_each_once(sessions: Sessions) -> None:
    """To those that are there, not to those that have left."""
    there, gone = FakeSession(), FakeSession()
    for session in (there, gone):
        sessions.enter(session)
    sessions.leave(gone)
    assert not sessions.closing
    sessions.shut_down(3.0)
    assert sessions.closing
    assert (there.said, gone.said) == (["shut down over 3 s"], [])


async def test_a_session_may_leave_while_all_are_told(sessions: Sessions) -> None:
    """One that ends at once does not keep the others from being told."""

    class Hasty(FakeSession):
        def shut_down(self, spread_seconds: float) -> None:
            super().shut_down(spread_seconds)
            sessions.leave(self)

    made = [Hasty() for _ in range(5)]
    for session in made:
        sessions.enter(session)
    sessions.shut_down(3.0)
    assert [session.said for session in made] == [["shut down over 3 s"]] * 5


@pytest.mark.parametrize("spread_seconds", [0.0, 3.0])
async def test_who_comes_too_late_is_told_as_well(sessions: Sessions, spread_seconds: float) -> None:
    """A connection that was let in before, and got its session after; and nobody else is let in."""
    sessions.admit(of("a"))
    sessions.shut_down(spread_seconds)
    late = FakeSession()
    sessions.enter(late)
    assert late.said == [f"shut down over {spread_seconds:g} s"]
    with pytest.raises(ShuttingDownError):
        sessions.admit(of("b"))


async def test_leaving_twice_is_leaving(sessions: Sessions) -> None:
    """Nor need one have entered."""
    session = FakeSession()
    sessions.leave(session)
    sessions.enter(session)
    sessions.leave(session)
    sessions.leave(session)
    sessions.shut_down(1.0)
    assert not session.said
