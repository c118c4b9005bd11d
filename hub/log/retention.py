"""How long a log keeps records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Retention:
    """Records go once they are older than `seconds`, or once their tenant holds more than `bytes_per_tenant`.

    A tenant always keeps its newest batch. A producer that is silent for `producer_seconds` is forgotten.
    """

    seconds: float
    bytes_per_tenant: int
    producer_seconds: float
