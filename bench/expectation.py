"""What subscriptions must get, worked out without the hub: by looking at the words of each record.

A filter here asks for a service and one thing of the body, a word or a regular expression, so Python's own string and
`re` are the judge; they know nothing of the hub's grammar, its plans or its matcher.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.data import SERVICE, vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.tally import Got
    from hub.pb.record_pb2 import Batch

# The n-th service's words begin so many places behind the one's before, so that services differ.
_STRIDE = 11


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter: records of a service (None: of any) whose body has a word, or with `pattern` a match of one."""

    service: str | None
    text: str
    pattern: bool = False

    @property
    def filter(self) -> str:
        """The filter as the hub reads it."""
        text = f"/{self.text}/" if self.pattern else self.text
        return text if self.service is None else f"service:{self.service} {text}"

    def judge(self) -> Callable[[str], bool]:
        """Return what says whether a body passes."""
        if self.pattern:
            found = re.compile(self.text).search
            return lambda body: found(body) is not None
        return lambda body: self.text in body.split()


def words(count: int, services: int) -> list[Wanted]:
    """Return different filters of a service and a word; 500 words for each service are one match a record."""
    known, places = vocabulary(), range(count)
    return [
        Wanted(SERVICE.format(place % services), known[place // services + _STRIDE * (place % services)])
        for place in places
    ]


def patterns(count: int) -> list[Wanted]:
    """Return different regular expressions for the words of any service: one of the digits may be another."""
    return [Wanted(None, f"{word[:3]}[0-9a-f]{word[4:]}", pattern=True) for word in vocabulary()[:count]]


# By template: the indexes of the records that each filter passes.
Expectation = list[dict[str, list[int]]]


def expectation(templates: Sequence[Batch], wanted: Sequence[Wanted]) -> Expectation:
    """Return what each filter, named by its place, passes of each template."""
    by_service: defaultdict[str | None, list[tuple[str, Callable[[str], bool]]]] = defaultdict(list)
    for place, one in enumerate(wanted):
        by_service[one.service].append((str(place), one.judge()))
    return [_passing(template, (*by_service[template.resource.service], *by_service[None])) for template in templates]


def _passing(template: Batch, judges: Sequence[tuple[str, Callable[[str], bool]]]) -> dict[str, list[int]]:
    bodies = list(enumerate(record.body for record in template.records))
    passing = {name: [index for index, body in bodies if passes(body)] for name, passes in judges}
    return {name: indexes for name, indexes in passing.items() if indexes}


def total(expected: Expectation, batches: int) -> int:
    """Return how many records must come to one watcher of each filter, of batches numbered from 1."""
    each = [sum(map(len, one.values())) for one in expected]
    return sum(each[seq % len(each)] for seq in range(1, batches + 1))


def wrong(got: Sequence[Got], expected: Expectation) -> int:
    """Return how many deliveries are not what a subscription must get of a batch."""
    by_seq: Mapping[int, dict[str, list[int]]] = dict(enumerate(expected))
    return sum(by_seq[seq % len(expected)].get(name) != indexes for _, name, seq, indexes in got)
