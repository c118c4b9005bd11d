"""How much a tenant and each of its principals may send: records and bytes a second. No I/O.

A bucket fills at its rate up to a burst, and may go into debt by what was taken last: how large a batch is shows only
once it has been read. Whoever is in debt waits; whoever would have to wait too long is refused, and told until when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.errors import QuotaError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.core.principal import Principal

# Principals whose debts are remembered; of more, those that have sent nothing for longest start anew.
MAX_PRINCIPALS = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """What may come a second; 0: no bound."""

    records_per_s: float = 0.0
    bytes_per_s: float = 0.0


@dataclass(slots=True)
class Bucket:
    """Fills by `rate` a second up to `burst`; time is in seconds of any clock that does not go back."""

    rate: float
    burst: float
    _level: float
    _at: float

    def wait(self, now: float) -> float:
        """Return how many seconds it takes until the bucket is out of debt."""
        self._level = min(self._level + (now - self._at) * self.rate, self.burst)
        self._at = now
        return max(-self._level / self.rate, 0.0)

    def spend(self, amount: float) -> None:
        """Take something out, whether it is there or not."""
        self._level -= amount


class Meter:
    """The buckets of one tenant or principal; `name` is of the settings that bound it."""

    __slots__ = ("_bytes", "_name", "_records")

    def __init__(self, name: str, rate: Rate, burst_seconds: float, now: float) -> None:
        """Begin with a full burst."""
        self._name = name
        self._records, self._bytes = (
            Bucket(one, one * burst_seconds, one * burst_seconds, now) if one else None
            for one in (rate.records_per_s, rate.bytes_per_s)
        )

    def wait(self, now: float) -> tuple[float, str]:
        """Return how many seconds to wait before more may come, and the setting that asks for it."""
        waits = [
            (bucket.wait(now), f"{self._name}{what}_per_s ({bucket.rate:g})")
            for what, bucket in (("records", self._records), ("bytes", self._bytes))
            if bucket is not None
        ]
        return max(waits, default=(0.0, ""))

    def spend(self, records: int, size: int) -> None:
        """Count what was taken."""
        if self._records is not None:
            self._records.spend(records)
        if self._bytes is not None:
            self._bytes.spend(size)


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Rates of every tenant but those that have their own, and of every principal.

    burst_seconds    of a rate may come at once
    delay_seconds    that a peer is made to wait before it is refused
    """

    tenant: Rate
    principal: Rate
    burst_seconds: float
    delay_seconds: float
    by_tenant: Mapping[str, Rate]


class Allowance:
    """What one principal may send: its own meter and its tenant's, which it shares."""

    __slots__ = ("_limits", "_meters")

    def __init__(self, meters: tuple[Meter, ...], limits: RateLimits) -> None:
        self._meters = meters
        self._limits = limits

    def wait(self, now: float) -> float:
        """Return for how many seconds to take nothing more, at most `delay_seconds`."""
        return min(self._longest(now)[0], self._limits.delay_seconds)

    def check(self, now: float, patience_seconds: float | None = None) -> None:
        """Raise QuotaError, with the time to come back, where the wait would be longer than that or delay_seconds."""
        wait, setting = self._longest(now)
        if wait > (self._limits.delay_seconds if patience_seconds is None else patience_seconds):
            msg = f"more is sent than {setting} allows: send again in {wait:.3g} s, and less"
            raise QuotaError(msg, retry_after_seconds=wait)

    def spend(self, records: int, size: int) -> None:
        """Count what was taken."""
        for meter in self._meters:
            meter.spend(records, size)

    def _longest(self, now: float) -> tuple[float, str]:
        return max((meter.wait(now) for meter in self._meters), default=(0.0, ""))


class RateQuotas:
    """The meters of all tenants and principals of this process."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        # As many as there are tenants with a certificate.
        self._tenants: dict[str, Meter] = {}
        # The one that was asked for last comes last.
        self._principals: dict[tuple[str, str], Meter] = {}

    def of(self, principal: Principal, now: float) -> Allowance:
        """Return what a principal may send."""
        limits, meters = self._limits, []
        rate = limits.by_tenant.get(principal.tenant, limits.tenant)
        if rate != Rate():
            meter = self._tenants.get(principal.tenant)
            if meter is None:
                meter = self._tenants[principal.tenant] = Meter("quotas.", rate, limits.burst_seconds, now)
            meters.append(meter)
        if limits.principal != Rate():
            meters.append(self._of_principal((principal.tenant, principal.subject), now))
        return Allowance(tuple(meters), limits)

    def _of_principal(self, key: tuple[str, str], now: float) -> Meter:
        meter = self._principals.pop(key, None)
        if meter is None:
            meter = Meter("quotas.principal_", self._limits.principal, self._limits.burst_seconds, now)
            if len(self._principals) >= MAX_PRINCIPALS:
                del self._principals[next(iter(self._principals))]
        self._principals[key] = meter
        return meter
