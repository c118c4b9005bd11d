"""How long a log keeps records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Retention:
    """Records go once they are older than `seconds`, or once their tenant holds more than `bytes_per_tenant`.

    A tenant always keeps its newest batch; `by_tenant` holds the bytes of those that have a bound of their own. A
    producer that is silent for `producer_seconds` is forgotten.
    """

    seconds: float
    bytes_per_tenant: int
    producer_seconds: float
    by_tenant: Mapping[str, int] = field(default_factory=dict)

    def bytes_of(self, tenant: str) -> int:
        """Return how many bytes a tenant may hold."""
        return self.by_tenant.get(tenant, self.bytes_per_tenant)
