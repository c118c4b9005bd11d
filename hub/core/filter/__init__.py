"""Which records a subscriber wants: the filter language (docs/reference/filter-language.md)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from hub.core.filter.cost import cost_of
from hub.core.filter.evaluate import passes
from hub.core.filter.nodes import EVERYTHING
from hub.core.filter.parse import parse
from hub.core.filter.simplify import all_of
from hub.core.filter.spell import spell
from hub.errors import BadFilterError, FilterTooCostlyError

if TYPE_CHECKING:
    from hub.core.filter.evaluate import Passes
    from hub.core.filter.nodes import Node
    from hub.pb.record_pb2 import Batch


@dataclass(frozen=True, slots=True)
class FilterLimits:
    """How long a filter may be, in bytes of UTF-8, and how costly, in the units of `hub.core.filter.cost`."""

    max_bytes: int
    max_cost: int


@dataclass(frozen=True)
class Filter:
    """A filter that has been read; without a tree: every record."""

    root: Node = EVERYTHING

    @cached_property
    def canonical(self) -> str:
        """The one spelling of the filter; "" for the one that every record passes."""
        return spell(self.root)

    @property
    def everything(self) -> bool:
        """Whether every record passes."""
        return self.root == EVERYTHING

    @cached_property
    def cost(self) -> int:
        """What it costs to judge a batch."""
        return cost_of(self.root)

    @cached_property
    def passes(self) -> Passes:
        """Say whether a record, with the resource of its batch, passes."""
        return passes(self.root)

    def __and__(self, other: Filter) -> Filter:
        """Return the filter that passes what both pass."""
        if other.everything:  # as mostly: then nothing is made anew for each of thousands
            return self
        return Filter(all_of((self.root, other.root)))

    def select(self, batch: Batch) -> list[int]:
        """Return the indexes of the records that pass."""
        test, resource = self.passes, batch.resource
        return [index for index, record in enumerate(batch.records) if test(record, resource)]


def parse_filter(text: str, limits: FilterLimits) -> Filter:
    """Read a filter; BadFilterError names the column at fault, FilterTooCostlyError the cost."""
    raw = text.encode(errors="replace")
    if len(raw) > limits.max_bytes:
        msg = f"the filter is longer than {limits.max_bytes} bytes: shorten it"
        raise BadFilterError(msg, column=len(raw[: limits.max_bytes].decode(errors="ignore")) + 1)
    wanted = _read(text)
    if wanted.cost > limits.max_cost:
        msg = f"the filter costs {wanted.cost}, the limit is {limits.max_cost}: use fewer terms and patterns"
        raise FilterTooCostlyError(msg)
    return wanted


@lru_cache(maxsize=1024)  # many subscribers ask for the same
def _read(text: str) -> Filter:
    return Filter(parse(text))
