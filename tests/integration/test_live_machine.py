"""The live engine over the real log against a plain model: no record is lost, doubled, foreign or out of order.

Hypothesis writes the stories: who appends, subscribes, changes a filter, reads slowly, vanishes and comes back, what
retention removes, when the hub restarts, and between any two of these how far commits, reads and tasks have come.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from hub.log.retention import Retention
from tests.integration.live.model import FILTERS, Stream
from tests.integration.live.peer import WIRES
from tests.integration.live.world import SECOND, TENANTS, Line, World

if TYPE_CHECKING:
    from tests.integration.live.peer import Peer

_PEERS = 5
_STEPS_BETWEEN_STARTS = 12
_KEPT_SECONDS = 30.0

tenants = st.sampled_from(TENANTS)
filters = st.sampled_from(["", "", "red", "-red", *FILTERS])
services = st.sampled_from(["", "orders", "stock"])
words = st.sampled_from(["red", "blue", "red blue", "blue red", "grey"])
lines = st.builds(Line, words, st.sampled_from([0, 5, 9, 13, 17]), services)
batches = st.lists(lines, min_size=1, max_size=5)
# How far everything goes on after a step: to its end, or some turns of the loop.
paces = st.one_of(st.none(), st.integers(0, 6))
numbers = st.integers(0, 1000)
wires = st.sampled_from(range(len(WIRES)))
# A filter that the principal brings along.
always = st.sampled_from(["", "", "level>=warn"])
origins = st.tuples(st.sampled_from(["now", "now", "oldest", "last", "since", "cursor", "cursor"]), numbers)
options = st.fixed_dictionaries(
    {
        "follow": st.sampled_from([True, True, True, False]),
        "rate": st.sampled_from([0, 0, 0, 2]),
        "given": st.sampled_from([None, None, None, 1, 4]),
    }
)


class LiveMachine(RuleBasedStateMachine):
    """A hub whose every subscriber is compared with the model."""

    told: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self._scratch = tempfile.TemporaryDirectory(prefix="loghub-machine-")
        self._world: World | None = None
        # Records that another process stored, and of which this one may not know yet.
        self._unheard = False
        self._since_start = 0

    @property
    def world(self) -> World:
        """The hub."""
        assert self._world is not None
        return self._world

    @initialize(kept_bytes=st.sampled_from([700, 2000, 10**9]))
    def open(self, kept_bytes: int) -> None:
        """Start the hub; somebody of each tenant connects."""
        path = Path(self._scratch.name) / "log.mdb"
        self._world = World(path, Retention(_KEPT_SECONDS, kept_bytes, 10**9))
        for tenant in TENANTS:
            peer = self._world.connect(tenant, wire=0, always="")
            self._subscribe(peer, "", ("now", 0), {}, None)

    def _go_on(self, pace: int | None) -> None:
        """Let time pass after a step, and check what everybody has been told."""
        world = self.world
        if pace is None:
            world.calm()
            if not self._unheard:
                world.check_complete()
        else:
            world.steps.turn(pace)
            world.hear()
        world.check_running()
        self._since_start += 1
        self.told["steps"] += 1

    # --- records come and go -----------------------------------------------------------------------------------------

    @rule(parts=st.lists(st.tuples(tenants, batches, services), min_size=1, max_size=3), pace=paces)
    def append(self, parts: list[tuple[str, list[Line], str]], pace: int | None) -> None:
        """Store batches; they are published once their commit is done."""
        for tenant, batch, service in parts:
            self.world.append([self.world.entry(tenant, batch, service)])
        self._go_on(pace)

    @rule(tenant=tenants, batch=st.lists(lines, min_size=2, max_size=10), pace=paces)
    def burst(self, tenant: str, batch: list[Line], pace: int | None) -> None:
        """Store records one by one: who is slow falls behind, and where little is kept, what they did not read goes."""
        for line in batch:
            self.world.append([self.world.entry(tenant, [line])])
            self.world.steps.settle()
            self.world.hear()
        self._go_on(pace)

    @rule(parts=st.lists(st.tuples(tenants, batches), min_size=1, max_size=3), ring=st.booleans(), pace=paces)
    def append_elsewhere(self, parts: list[tuple[str, list[Line]]], *, ring: bool, pace: int | None) -> None:
        """Another process stores batches; its bell may not be heard."""
        world = self.world
        world.append_elsewhere([world.entry(tenant, batch) for tenant, batch in parts], ring=ring)
        self._unheard |= not ring
        self._go_on(pace)

    @rule(seconds=st.integers(0, 40), pace=paces)
    def retain(self, seconds: int, pace: int | None) -> None:
        """Time passes, and what is too old goes."""
        self.world.clock += seconds * SECOND
        self.world.retain()
        self._go_on(pace)

    @rule(seconds=st.sampled_from([0.1, 0.5, 2.0]), pace=paces)
    def wait(self, seconds: float, pace: int | None) -> None:
        """Time passes, and those that are sampled may have more."""
        self.world.steps.loop.now += seconds
        self._go_on(pace)

    @rule(pace=paces)
    def sweep(self, pace: int | None) -> None:
        """A second has passed: positions are told, and the log is looked at."""
        self.world.sweep()
        self._go_on(pace)

    @rule(job=st.sampled_from(["writer", "readers", "others"]), pace=st.integers(0, 6))
    def work(self, job: str, pace: int) -> None:
        """One commit, read or compilation is done, and no other."""
        getattr(self.world.steps, job).step()
        self._go_on(pace)

    @rule()
    def rest(self) -> None:
        """Everything comes to rest."""
        self._hear_of_all()
        self._go_on(None)

    def _hear_of_all(self) -> None:
        """Look at the log: twice, since a second in which something was published passes without."""
        self.world.steps.settle()
        for _ in range(2):
            self.world.sweep()
            self.world.steps.settle()
        self._unheard = False

    # --- subscribers -------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.has(len(self.peers) < _PEERS))
    @rule(
        tenant=tenants, wire=st.integers(0, 1), always=always, wanted=filters, origin=origins, more=options, pace=paces
    )
    def connect(self, tenant: str, wire: int, always: str, wanted: str, **how: Any) -> None:
        """Somebody connects and subscribes."""
        self._subscribe(self.world.connect(tenant, wire=wire, always=always), wanted, **how)

    @precondition(lambda self: self.has(any(peer.free for peer in self.peers)))
    @rule(who=numbers, wanted=filters, origin=origins, more=options, pace=paces)
    def subscribe(self, who: int, wanted: str, **how: Any) -> None:
        """Somebody subscribes once more on a connection."""
        peers = [peer for peer in self.peers if peer.free]
        self._subscribe(peers[who % len(peers)], wanted, **how)

    def _subscribe(
        self, peer: Peer, wanted: str, origin: tuple[str, int], more: dict[str, Any], pace: int | None
    ) -> None:
        """Subscribe; a cursor is any that anybody ever heard, and only its own tenant may use it."""
        world, tenant = self.world, peer.place.tenant
        kind, number = origin
        value: int | str = number % 8 + 1
        if kind == "since":
            value = world.clock - number % 40 * SECOND
        elif kind == "cursor":
            whose, value = world.cursors[-1 - number % len(world.cursors)] if world.cursors else (tenant, "")
            kind = "now" if not value else "cursor" if whose == tenant else "foreign"
        stream = Stream(peer.place, world.asked(kind, value, tenant), peer.always, wanted, **more)
        assert peer.free
        peer.subscribe(peer.free, stream)
        self.told[f"from {kind}"] += 1
        self._go_on(pace)

    @precondition(lambda self: self.has(self.standing()))
    @rule(which=numbers, wanted=filters, pace=paces)
    def update(self, which: int, wanted: str, pace: int | None) -> None:
        """Somebody changes a filter."""
        peer, name = self._choose(which)
        peer.streams[name].updates.append(wanted)
        peer.ask(update={"id": name, "filter": wanted})
        self._go_on(pace)

    @precondition(lambda self: self.has(self.standing(metered=True)))
    @rule(which=numbers, records=st.integers(1, 5), pace=paces)
    def give(self, which: int, records: int, pace: int | None) -> None:
        """Somebody gives credit."""
        peer, name = self._choose(which, metered=True)
        stream = peer.streams[name]
        stream.given = (stream.given or 0) + records
        peer.ask(credit={"id": name, "records": records})
        self._go_on(pace)

    @precondition(lambda self: self.has(self.standing()))
    @rule(which=numbers, pace=paces)
    def unsubscribe(self, which: int, pace: int | None) -> None:
        """Somebody has enough."""
        peer, name = self._choose(which)
        peer.streams[name].leaving = True
        peer.ask(unsubscribe={"id": name})
        self._go_on(pace)

    @precondition(lambda self: self.has(any(not peer.slow for peer in self.peers)))
    @rule(who=numbers)
    def slow(self, who: int) -> None:
        """Somebody stops reading."""
        quick = [peer for peer in self.peers if not peer.slow]
        quick[who % len(quick)].slow = True

    @precondition(lambda self: self.has(any(peer.slow for peer in self.peers)))
    @rule(who=numbers, messages=st.one_of(st.none(), st.integers(1, 5)), pace=paces)
    def read(self, who: int, messages: int | None, pace: int | None) -> None:
        """Somebody who is slow reads some messages, or all from now on."""
        self.world.look()
        slow = [peer for peer in self.peers if peer.slow]
        peer = slow[who % len(slow)]
        if messages is None:
            peer.hasten()
        else:
            peer.read(messages)
        self._go_on(pace)

    @precondition(lambda self: self.has(self.peers))
    @rule(who=numbers, back=st.sampled_from([True, True, False]), pace=paces)
    def cut(self, who: int, *, back: bool, pace: int | None) -> None:
        """Somebody vanishes, and may come back; what they did not read they never heard."""
        peer = self.peers[who % len(self.peers)]
        self.world.cut(peer)
        if back:
            self.world.come_back(peer)
        self._go_on(pace)

    # --- the hub -----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.has(self._since_start > _STEPS_BETWEEN_STARTS))
    @rule(anew=st.sampled_from([False, False, True]), pace=paces)
    def restart(self, *, anew: bool, pace: int | None) -> None:
        """The hub stops and starts; its file may be lost meanwhile."""
        self.world.restart(anew=anew)
        self._unheard, self._since_start = False, 0
        self.told["restarts"] += 1
        self._go_on(pace)

    def teardown(self) -> None:
        """Everybody reads, everything comes to rest: all is there, and the accounts agree with the hub's counters."""
        if self._world is None:
            return
        try:
            for peer in self.world.peers:
                peer.hasten()
            self._hear_of_all()
            self._go_on(None)
            self.world.check_log()
            self.world.close()
        finally:
            self.world.abandon()
            self._scratch.cleanup()
        self.told.update(self.world.seen)
        self.told["stories"] += 1

    # --- choices -----------------------------------------------------------------------------------------------------

    @property
    def peers(self) -> list[Peer]:
        """Whoever is connected."""
        return self._world.peers if self._world else []

    def has(self, what: object) -> bool:
        """Whether the hub runs, and has something."""
        return self._world is not None and bool(what)

    def standing(self, *, metered: bool = False) -> list[tuple[Peer, str]]:
        """Subscriptions that stand, or those of them that give credit."""
        named = ((peer, name) for peer in self.peers for name in peer.standing)
        return [(peer, name) for peer, name in named if not metered or peer.streams[name].given is not None]

    def _choose(self, which: int, *, metered: bool = False) -> tuple[Peer, str]:
        standing = self.standing(metered=metered)
        return standing[which % len(standing)]


@pytest.mark.timeout(600)  # half a minute, but Hypothesis takes up to five to make a failing story short
async def test_no_story_ends_with_a_record_lost_doubled_foreign_or_out_of_order() -> None:
    """In a thread, since the machine has a loop of its own; with -s it says what happened in the stories."""
    LiveMachine.told.clear()
    stories = settings(
        max_examples=120,
        stateful_step_count=60,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, LiveMachine, settings=stories)
    print(dict(LiveMachine.told))  # noqa: T201  as said
    for what in ("stored", "delivered", "filtered", "sampled", "lost", "replays", "restarts", "from foreign"):
        assert LiveMachine.told[what] > 0, f"no story had anything {what}"
