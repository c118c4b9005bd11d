"""How many of something may be open at once."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.places import Bound, PlaceLimits, Places
from hub.core.principal import Principal, Scope
from hub.errors import QuotaError


def who(tenant: str = "a", subject: str = "p") -> Principal:
    """Return a principal."""
    return Principal(tenant, subject, frozenset({Scope.READ}))


def made(total: int | None, tenant: int | None, principal: int | None, **own: int) -> Places:
    """Return places with these bounds."""
    bounds = Bound(total, "x.total"), Bound(tenant, "x.tenant"), Bound(principal, "x.principal")
    return Places("streams", PlaceLimits(*bounds, own))


@pytest.mark.parametrize(
    ("places", "setting", "others"),
    [
        (made(2, None, None), r"the hub has as many streams as x\.total allows \(2\)", []),
        (made(None, 2, None), r"the tenant has as many streams as x\.tenant allows \(2\)", [who("b")]),
        (made(None, None, 2), r"the principal has as many streams as x\.principal", [who(subject="q"), who("b")]),
    ],
)
def test_each_bound_holds_by_itself(places: Places, setting: str, others: list[Principal]) -> None:
    """The one who is refused learns which it was and when to come back; others are not concerned."""
    places.take(who())
    places.take(who())
    with pytest.raises(QuotaError, match=setting) as refusal:
        places.take(who())
    assert refusal.value.retry_after_seconds
    for other in others:
        places.take(other)
        places.give(other)
    places.give(who())
    places.take(who())
    assert places.of("a") == 2


def test_a_tenant_may_have_a_bound_of_its_own() -> None:
    """More than the others, or less."""
    places = made(None, 2, None, rich=3, poor=1)
    for tenant, most in (("rich", 3), ("poor", 1), ("a", 2)):
        for _ in range(most):
            places.take(who(tenant))
        with pytest.raises(QuotaError, match=rf"\({most}\)"):
            places.take(who(tenant))


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("ab"), st.sampled_from("pq")), max_size=60))
def test_counts_are_what_is_open(steps: list[tuple[bool, str, str]]) -> None:
    """Whatever comes and goes: a refusal counts nothing, and no bound is ever passed."""
    places, there = made(4, 3, 2), Counter[tuple[str, str]]()
    for comes, *key in steps:
        tenant, subject = key
        mine = (tenant, subject)
        if not comes and there[mine]:
            places.give(who(*mine))
            there[mine] -= 1
        elif comes:
            tenants = sum(count for (name, _), count in there.items() if name == tenant)
            room = there.total() < 4 and tenants < 3 and there[mine] < 2
            try:
                places.take(who(*mine))
            except QuotaError:
                assert not room
            else:
                assert room
                there[mine] += 1
        assert places.of("a") == there["a", "p"] + there["a", "q"]


def test_a_principal_of_several_tenants_takes_the_places_of_its_first() -> None:
    """Where it has none of its own; else a token without one would have places without end."""
    several = Principal("", "p", frozenset({Scope.READ}), tenants=frozenset({"b", "a"}))
    places = made(None, 1, None)
    places.take(several)
    assert (places.of("a"), places.of("b"), places.of("")) == (1, 0, 0)
    with pytest.raises(QuotaError):
        places.take(who("a", "q"))
    places.give(several)
    places.take(who("a", "q"))
