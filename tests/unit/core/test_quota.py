"""Rates of tenants and principals: what comes is counted afterwards, and debts are waited off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core import quota
from hub.core.principal import Principal, Scope
from hub.core.quota import Rate, RateLimits, RateQuotas
from hub.errors import QuotaError


def limits(
    tenant: Rate | None = None,
    principal: Rate | None = None,
    delay: float = 1.0,
    own: dict[str, Rate] | None = None,
) -> RateLimits:
    """Return limits with a burst of two seconds."""
    return RateLimits(tenant or Rate(), principal or Rate(), 2.0, delay, own or {})


def who(tenant: str = "a", subject: str = "p") -> Principal:
    """Return a producer."""
    return Principal(tenant, subject, frozenset({Scope.WRITE}))


def test_without_a_rate_nobody_waits() -> None:
    """However much comes."""
    allowance = RateQuotas(limits()).of(who(), 0.0)
    allowance.spend(10**9, 10**12)
    assert allowance.wait(0.0) == 0.0
    allowance.check(0.0, 0.0)


@pytest.mark.parametrize(
    ("rate", "setting"),
    [(Rate(records_per_s=10), "quotas.records_per_s (10)"), (Rate(bytes_per_s=1000), "quotas.bytes_per_s (1000)")],
)
def test_a_burst_is_free_and_a_debt_is_waited_off(rate: Rate, setting: str) -> None:
    """20 records of 100 bytes are two seconds' worth; 10 more take a second to wait off, and the error says so."""
    allowance = RateQuotas(limits(rate, delay=0.25)).of(who(), 0.0)
    allowance.spend(20, 2000)
    allowance.check(0.0)
    allowance.spend(10, 1000)
    assert allowance.wait(0.0) == pytest.approx(0.25), "no longer than the delay"
    with pytest.raises(QuotaError, match="send again in 1 s") as refusal:
        allowance.check(0.0)
    assert setting in refusal.value.message
    assert refusal.value.retry_after_seconds == pytest.approx(1.0)
    allowance.check(0.76)
    assert allowance.wait(0.9) == pytest.approx(0.1)
    assert allowance.wait(1.0) == pytest.approx(0.0, abs=1e-9)


def test_those_who_do_not_wait_are_refused_at_once() -> None:
    """Push has no stream that could be left unread."""
    allowance = RateQuotas(limits(Rate(records_per_s=10))).of(who(), 0.0)
    allowance.spend(21, 0)
    allowance.check(0.0)
    with pytest.raises(QuotaError):
        allowance.check(0.0, 0.0)
    allowance.check(0.1, 0.0)


def test_a_tenants_principals_share_its_meter_and_have_their_own() -> None:
    """One that spends all leaves nothing to the others of its tenant, and all to other tenants."""
    quotas = RateQuotas(limits(Rate(records_per_s=10), Rate(records_per_s=4)))
    first, second, other = (quotas.of(one, 0.0) for one in (who(), who(subject="q"), who("b")))
    first.spend(8, 0)
    assert (first.wait(0.0), second.wait(0.0)) == (0.0, 0.0)
    first.spend(4, 0)
    assert (first.wait(0.0), second.wait(0.0)) == (1.0, 0.0)
    with pytest.raises(QuotaError, match=r"quotas\.principal_records_per_s \(4\)"):
        first.check(0.0, 0.5)
    first.spend(18, 0)
    assert (second.wait(0.0), other.wait(0.0)) == (1.0, 0.0)
    again = quotas.of(who(), 0.0)
    assert again.wait(0.0) == 1.0, "a new stream does not begin anew"


def test_a_tenant_may_have_a_rate_of_its_own() -> None:
    """More, less, or no bound at all."""
    own = {"rich": Rate(records_per_s=1000), "free": Rate()}
    quotas = RateQuotas(limits(Rate(records_per_s=10), own=own))
    waits = {}
    for tenant in ("a", "rich", "free"):
        allowance = quotas.of(who(tenant), 0.0)
        allowance.spend(2500, 0)
        waits[tenant] = allowance.wait(0.0)
    assert waits == {"a": 1.0, "rich": 0.5, "free": 0.0}


def test_as_many_principals_are_remembered_as_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that has been away for longest is forgotten."""
    monkeypatch.setattr(quota, "MAX_PRINCIPALS", 2)
    quotas = RateQuotas(limits(principal=Rate(records_per_s=1)))
    for name in ("p", "q", "p", "r"):
        quotas.of(who(subject=name), 0.0).spend(100, 0)
    waits = {name: quotas.of(who(subject=name), 0.0).wait(0.0) for name in ("p", "q")}
    assert waits == {"p": 1.0, "q": 0.0}


@given(
    rate=st.floats(1, 1e6),
    steps=st.lists(st.tuples(st.floats(0, 3), st.integers(0, 10_000)), max_size=40),
)
def test_who_waits_as_told_never_gets_more_than_the_rate(rate: float, steps: list[tuple[float, int]]) -> None:
    """Beyond the burst and one batch, over any time."""
    quotas = RateQuotas(limits(Rate(records_per_s=rate), delay=1e12))
    allowance, now, taken = quotas.of(who(), 0.0), 0.0, 0
    for pause, records in steps:
        now += pause
        now += allowance.wait(now)
        assert taken <= rate * (now + 2.0) * (1 + 1e-9) + 1e-6
        allowance.spend(records, 0)
        taken += records
