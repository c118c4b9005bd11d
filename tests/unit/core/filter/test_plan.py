"""hub.core.filter.plan: filters as arithmetic on masks, and the leaves by which they are found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from hub.core.filter.batch_view import BatchView, columns_of, indexes_of
from hub.core.filter.parse import parse
from hub.core.filter.plan import (
    Known,
    Plan,
    SharedLeaf,
    anchors_of,
    compute_of,
    is_equality,
    is_scannable,
    make_plan,
)
from hub.core.filter.spell import spell
from hub.pb.record_pb2 import Batch, LogRecord, Resource
from tests.examples import examples
from tests.fakes import filter_of
from tests.unit.core.filter.filters import BATCHES, FILTERS

if TYPE_CHECKING:
    from hub.core.filter.nodes import Leaf


class Leaves:
    """One shared leaf for each leaf, and how often each was computed."""

    def __init__(self) -> None:
        self.shared: dict[Leaf, SharedLeaf] = {}
        self.computed: list[str] = []

    def __call__(self, leaf: Leaf) -> SharedLeaf:
        """Return the shared leaf."""
        if leaf not in self.shared:
            compute = compute_of(leaf)

            def counted(view: BatchView) -> int:
                self.computed.append(spell(leaf))
                return compute(view)

            self.shared[leaf] = SharedLeaf(leaf, counted)
        return self.shared[leaf]

    def plan(self, text: str) -> Plan:
        """Return the plan of a filter."""
        return make_plan(parse(text), self)

    def of(self, text: str) -> SharedLeaf:
        """Return the leaf of a term."""
        return self.shared[parse(text)]  # type: ignore[index]


def known(batch: Batch) -> Known:
    """Return a batch of which nothing is known yet."""
    return Known(BatchView(columns_of(batch.SerializeToString()), len(batch.records), lambda: batch))


BATCH = Batch(
    resource=Resource(service="orders"),
    records=[LogRecord(body="red"), LogRecord(body="red blue"), LogRecord(body="blue", service="stock")],
)


@examples(60)
@given(FILTERS, BATCHES)
def test_a_plan_passes_what_the_definition_passes(text: str, batch: Batch) -> None:
    """And where it passes a record an anchor holds, and the gate; an exact plan needs no more than these two."""
    plan, state = Leaves().plan(text), known(batch)
    mask = plan.judge(state)
    assert indexes_of(mask) == filter_of(text).select(batch)
    if plan.anchors is None:
        return
    found = 0
    for anchor in plan.anchors:
        found |= anchor.compute(state.view)
    if plan.gate:
        found &= plan.gate.compute(state.view)
    assert mask & ~found == 0
    assert not plan.exact or mask == found


@pytest.mark.parametrize(
    ("text", "anchors", "gate", "exact"),
    [
        ("red", ["red"], None, True),
        ("service:orders red", ["red"], "service:orders", True),
        ("service:orders host:h", ["host:h"], "service:orders", True),
        ("trace:" + "ab" * 16 + " red", ["trace=" + "ab" * 16], None, False),
        ("/re+d/ service:orders", ["service:orders"], None, False),
        ("red level>=warn", ["red"], None, False),
        ("red OR blue", ["red", "blue"], None, False),
        ("red OR level>=warn", None, None, False),
        ("(red OR blue) service:orders", ["red", "blue"], "service:orders", False),
        ("-red", None, None, False),
        ("-red service:orders", ["service:orders"], None, False),
        ("level>=warn", None, None, False),
        ("x>5 x:*", None, None, False),
        ("", None, None, False),
        ("-*", None, None, False),
        ("service:ord*", None, None, False),
        ("x:7 service:orders", ["attr.x:7"], "service:orders", True),
    ],
)
def test_the_narrowest_leaf_is_the_anchor(
    text: str, anchors: list[str] | None, gate: str | None, *, exact: bool
) -> None:
    """A leaf that an index finds; of an OR one from each side, and a second of an AND as its gate."""
    plan = Leaves().plan(text)
    chosen = None if plan.anchors is None else [spell(leaf.leaf) for leaf in plan.anchors]
    assert (chosen, plan.gate and spell(plan.gate.leaf), plan.exact) == (anchors, gate, exact)
    assert (anchors_of(parse(text)) is None) == (anchors is None)


def test_what_an_index_found_is_not_computed() -> None:
    """It is known by the indexes of records, of which a mask is made where it is asked for."""
    leaves, state = Leaves(), known(BATCH)
    one = leaves.plan("red -service:orders")
    state.found[leaves.of("red")] = [0, 2]
    state.masks[leaves.of("service:orders")] = 0b010
    assert indexes_of(one.judge(state)) == [0, 2]
    assert leaves.computed == []


def test_a_leaf_is_computed_once_for_all_plans() -> None:
    """And not at all where it is known beforehand."""
    leaves, state = Leaves(), known(BATCH)
    one, other = leaves.plan("red service:orders"), leaves.plan("red -blue")
    state.masks[leaves.of("service:orders")] = 0b011
    assert indexes_of(one.judge(state)) == [0, 1]
    assert indexes_of(other.judge(state)) == [0]
    assert leaves.computed == ["red", "blue"]


def test_what_an_index_does_not_name_is_nowhere() -> None:
    """It would have."""
    leaves, state = Leaves(), known(BATCH)
    plan = leaves.plan("red")
    leaves.of("red").indexed = True
    assert plan.judge(state) == 0
    assert leaves.computed == []


def test_cheap_leaves_spare_the_others() -> None:
    """Once nothing is left, nothing more is computed; texts are looked through last."""
    leaves = Leaves()
    assert leaves.plan("red (blue OR green) service:none level>=trace").judge(known(BATCH)) == 0
    assert set(leaves.computed) <= {"service:none", "level>=trace"}


@pytest.mark.parametrize(
    ("text", "equality", "scannable"),
    [
        *(("service:a", True, False), ("service=A", True, False), ("trace:" + "ab" * 16, True, False)),
        *(("service:a*", False, False), ("service:/a/", False, False), ("level>=warn", False, False)),
        *(("a", False, True), ("body:a", False, True), ("exception:/a/", False, True), ("body=a", False, True)),
        *(("x>5", False, False), ("body:*", False, False)),
    ],
)
def test_which_leaves_an_index_finds(text: str, *, equality: bool, scannable: bool) -> None:
    """Whole values by a table, texts by a pass."""
    leaf: Leaf = parse(text)  # type: ignore[assignment]
    assert (is_equality(leaf), is_scannable(leaf)) == (equality, scannable)
