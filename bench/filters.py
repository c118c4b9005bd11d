"""`loghub bench filters`: thousands of different live filters, each of which passes few records.

Every filter asks for a service and a word; with 10,000 of them over 20 services a record passes one on the average.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.data import templates
from bench.expectation import expectation, patterns, total, words, wrong
from bench.loader import Loader
from bench.rig import Phase, rig

if TYPE_CHECKING:
    from bench.expectation import Wanted
    from bench.rig import Rig

SERVICES = 20
# Patterns are of any service, so each is judged on every record; fewer different records keep that short.
_PATTERN_SERVICES = 2
_CONNECTIONS = 100
_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Variant:
    """What is watched: each filter by one of the connections, or by all of them where there is but one filter."""

    name: str
    wanted: list[Wanted]
    services: int = SERVICES

    @property
    def connections(self) -> int:
        """How many connections watch."""
        return _CONNECTIONS if len(self.wanted) == 1 else min(_CONNECTIONS, len(self.wanted))

    @property
    def copies(self) -> int:
        """How many watch each filter."""
        return self.connections if len(self.wanted) == 1 else 1


def run(phase: Phase, distinct: int, *, beside: bool = True) -> dict[str, Any]:
    """Measure many filters, and with `beside` also fewer, regular expressions, and one filter of many watchers."""
    most = max(distinct, 1000)
    with rig({"live": {"max_subscriptions": -(-most // _CONNECTIONS)}}) as hub:
        figures = _measure(hub, phase, Variant("distinct", words(distinct, SERVICES)))
        short = Phase(phase.rate, phase.seconds * _SHARE, phase.batch)
        others = {variant.name: _measure(hub, short, variant) for variant in (_others() if beside else ())}
    return {"bench": "filters", **figures, "beside": others}


def _others() -> list[Variant]:
    return [
        Variant("filters_0", []),
        Variant("filters_100", words(100, SERVICES)),
        Variant("filters_1000", words(1000, SERVICES)),
        Variant("patterns_100", patterns(100), _PATTERN_SERVICES),
        Variant("patterns_1000", patterns(1000), _PATTERN_SERVICES),
        Variant("equal_100", words(1, 1), 1),
    ]


def _measure(hub: Rig, phase: Phase, variant: Variant) -> dict[str, Any]:
    texts, services = [one.filter for one in variant.wanted], variant.services
    watch = hub.watch(variant.connections, texts, batch=phase.batch, services=services, detail=True)
    load = hub.load(phase, services=services, producer=f"bench-{variant.name}")
    with Loader("producer", load) as producer, Loader("watchers", watch) as watchers:
        # While the loaders make the same records for themselves.
        expected = expectation(templates(phase.batch, variant.services), variant.wanted)
        stand = watchers.wait_ready()
        producer.wait_ready()
        with hub.measured() as cost:
            sent = producer.finish("go")
            batches = sent["acked"] // phase.batch
            matches = total(expected, batches) * variant.copies
            watchers.finish({"expected": matches, "sent": sent["sent"]})
        seen = watchers.finish("leave")
    return {
        "filters": len(variant.wanted),
        "subscribed": stand["subscribed"],
        "offered_per_s": phase.rate,
        "records_per_s": round(sent["acked"] / sent["took"]),
        "cpu_us_per_record": round(cost.cpu / max(sent["acked"], 1) * 1e6, 3),
        "matches_per_record": round(matches / max(sent["acked"], 1), 3),
        "delivered": seen["delivered"],
        "expected": matches,
        "lost": matches - seen["delivered"],
        "wrong": seen["wrong"] + wrong(seen["got"], expected),
        "p50_ms": seen["p50_ms"],
        "p99_ms": seen["p99_ms"],
        "steal_percent": cost.steal_percent,
    }
