"""How many of something may be open at once: in all, of a tenant, and of one principal. No I/O."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from hub.errors import QuotaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.core.principal import Principal

_RETRY_SECONDS = 5.0
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Bound:
    """A number and the setting that it comes from; None: no bound."""

    most: int | None
    setting: str = ""


@dataclass(frozen=True, slots=True)
class PlaceLimits:
    """Most at once, of all, of a tenant, and of a principal; `by_tenant`: of tenants that have a bound of their own."""

    total: Bound
    tenant: Bound
    principal: Bound
    by_tenant: Mapping[str, int]


class Places:
    """Counts what is open; every `take` that did not raise is followed by a `give`."""

    def __init__(self, what: str, limits: PlaceLimits) -> None:
        """Take what is counted, in the plural, for people."""
        self._what = what
        self._limits = limits
        self._total = 0
        self._tenants: Counter[str] = Counter()
        self._principals: Counter[tuple[str, str]] = Counter()

    def of(self, tenant: str) -> int:
        """Return how many a tenant has."""
        return self._tenants[tenant]

    def take(self, principal: Principal) -> None:
        """Count one more; QuotaError, with the setting and when to try again, where there is no place."""
        limits, tenant = self._limits, principal.home
        key = (tenant, principal.subject)
        own = Bound(limits.by_tenant.get(tenant, limits.tenant.most), limits.tenant.setting)
        _check(self._what, "hub", self._total, limits.total)
        _check(self._what, "tenant", self._tenants[tenant], own)
        _check(self._what, "principal", self._principals[key], limits.principal)
        self._total += 1
        self._tenants[tenant] += 1
        self._principals[key] += 1

    def give(self, principal: Principal) -> None:
        """Count one out."""
        self._total -= 1
        _less(self._tenants, principal.home)
        _less(self._principals, (principal.home, principal.subject))


def _check(what: str, whose: str, has: int, bound: Bound) -> None:
    if bound.most is not None and has >= bound.most:
        msg = f"the {whose} has as many {what} as {bound.setting} allows ({bound.most}): close one, or try again later"
        raise QuotaError(msg, retry_after_seconds=_RETRY_SECONDS)


def _less(counts: Counter[_Key], key: _Key) -> None:
    counts[key] -= 1
    if not counts[key]:
        del counts[key]
