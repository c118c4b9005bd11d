"""`loghub bench filters`: thousands of different live filters, each of which passes few records.

Every filter asks for a service and a word; with 10,000 of them over 20 services a record passes one on the average.
What each subscription must get is worked out word by word from the records, and judged again by the definition of the
language.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bench.data import filters, worded
from bench.loader import Loader
from bench.rig import TENANT, Phase, rig
from hub.core.filter import FilterLimits, parse_filter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.pb.record_pb2 import Batch

SERVICES = 20
_CONNECTIONS = 100
_AMPLE = FilterLimits(4096, 1000)


def run(phase: Phase, wanted: Sequence[str], connections: int = _CONNECTIONS) -> dict[str, Any]:
    """Offer records to subscriptions, one a filter, spread over connections."""
    connections = min(connections, max(len(wanted), 1)) if len(wanted) != 1 else connections
    each = -(-len(wanted) // max(connections, 1))
    settings = {"live": {"max_subscriptions": each + 1}}
    with rig(settings) as hub, Loader("producer", hub.load(phase, services=SERVICES)) as producer:
        peers = connections if wanted else 0
        with Loader("watchers", hub.watch(peers, wanted or [""], detail=True)) as watchers:
            stand = watchers.wait_ready()
            producer.wait_ready()
            with hub.measured() as cost:
                sent = producer.finish("go")
            expected = expectation(wanted, phase.batch, sent["acked"] // phase.batch)
            factor = peers if len(wanted) == 1 else 1
            total = factor * sum(sum(map(len, one.values())) * times for one, times in expected.values())
            seen = watchers.finish({"expected": total, "sent": sent["sent"]})
    return {
        "filters": len(wanted),
        "connected": stand["connected"],
        "records_per_s": round(sent["acked"] / cost.took),
        "cpu_us_per_record": round(cost.cpu / max(sent["acked"], 1) * 1e6, 3),
        "delivered": seen["delivered"],
        "expected": total,
        "lost": total - seen["delivered"],
        "wrong": wrong(seen["got"], expected, factor),
        "p50_ms": seen["p50_ms"],
        "p99_ms": seen["p99_ms"],
        "steal_percent": cost.steal_percent,
    }


# For each template of a batch: the indexes that each filter passes, and how often the template was sent.
Expectation = dict[int, tuple[dict[int, list[int]], int]]


def expectation(wanted: Sequence[str], batch: int, sent: int) -> Expectation:
    """Return what must come."""
    templates = worded(batch, SERVICES)
    times = Counter(seq % len(templates) for seq in range(1, sent + 1))
    tests = [parse_filter(text, _AMPLE).passes for text in wanted]
    candidates = _by_word(wanted)
    return {place: (_passing(template, tests, candidates), times[place]) for place, template in enumerate(templates)}


def _by_word(wanted: Sequence[str]) -> dict[tuple[str, str], list[int]] | None:
    """Return the filters by service and word, so that not all are judged for each record; None: they are not such."""
    found: dict[tuple[str, str], list[int]] = {}
    for place, text in enumerate(wanted):
        service, _, word = text.partition(" ")
        if not service.startswith("service:") or word.startswith("/"):
            return None
        found.setdefault((service.removeprefix("service:"), word), []).append(place)
    return found


def _passing(
    template: Batch, tests: list[Any], candidates: dict[tuple[str, str], list[int]] | None
) -> dict[int, list[int]]:
    passing: dict[int, list[int]] = {}
    for index, record in enumerate(template.records):
        if candidates is None:
            places = list(range(len(tests)))
        else:
            words = dict.fromkeys(record.body.split())
            places = [place for word in words for place in candidates.get((template.resource.service, word), ())]
        for place in places:
            if tests[place](record, template.resource):
                passing.setdefault(place, []).append(index)
    return passing


def wrong(got: list[tuple[int, int, list[int]]], expected: Expectation, factor: int) -> int:
    """Return how many deliveries were not those expected: other records, or the same ones another number of times."""
    seen: Counter[tuple[int, int]] = Counter()
    faults = 0
    for place, seq, indexes in got:
        template = seq % len(expected)
        seen[place, seq] += 1
        faults += expected[template][0].get(place) != indexes
    return faults + sum(times != factor for times in seen.values())


def figures(phase: Phase, distinct: int) -> dict[str, Any]:
    """Return the figures for many filters, and beside them those for fewer, for patterns, and for equal filters."""
    words = filters(distinct, SERVICES)
    patterns = [f"/{text.partition(' ')[2]}/" for text in filters(100, SERVICES)]
    short = Phase(phase.rate, max(phase.seconds / 3, 1.0), phase.batch)
    beside = {
        "0": run(short, []),
        "100": run(short, words[:100]),
        "1000": run(short, words[:1000]),
        "100_patterns": run(short, patterns),
        "100_equal": run(short, words[:1], connections=100),
    }
    return {"bench": "filters", "tenant": TENANT, **run(phase, words), "beside": beside}
