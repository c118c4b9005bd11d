"""A live engine over the embedded log on disk, its subscribers, and the model that all of them must agree with."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.core.filter import FilterLimits
from hub.core.stored import StoredBatch
from hub.live.engine import LiveEngine, LiveLimits
from hub.log.lmdb import LmdbLog, LmdbOptions
from hub.log.lmdb_frame import Compression, Packer
from hub.log.lmdb_store import StoreLimits
from hub.log.model import Appended, Entry
from hub.observe.metrics import Metrics
from hub.pb.record_pb2 import Batch, LogRecord, Resource
from tests.fakes import NO_BOUND
from tests.integration.live.model import Asked, Known, Place, Stream
from tests.integration.live.peer import Peer
from tests.integration.live.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hub.log.lmdb_frame import Packed
    from hub.log.model import Outcome
    from hub.log.retention import Retention
    from hub.pb.tail_pb2 import Ledger

TENANTS = ("acme", "bolt")
SECOND = 10**9
_COMPRESSION = Compression(1, 1, 2**40)
_OPTIONS = LmdbOptions(StoreLimits(2**26, 0), _COMPRESSION, 0, 2**20, 2**20)
_LIMITS = LiveLimits(
    max_subscriptions=10,
    max_message_bytes=65_536,
    max_messages_per_s=10**9,
    filters=FilterLimits(4096, 1000),
    max_last=1000,
    queue_bytes=0,
    replay_bytes=200,
    write_timeout_seconds=1.0,
    heartbeat_seconds=25.0,
    position_seconds=10**9,
    places=NO_BOUND,
    sweep_seconds=10**9,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A record to be sent: the service is its own, or where it is empty that of its batch."""

    words: str
    severity: int
    service: str


class World:
    """The hub's process, as far as the live tail goes."""

    def __init__(self, path: Path, retention: Retention) -> None:
        self.steps = Steps()
        self.peers: list[Peer] = []
        self.places: dict[str, Place] = {}
        # (tenant, cursor) of every cursor that anybody heard.
        self.cursors: list[tuple[str, str]] = []
        self.clock = 1000 * SECOND
        # What happened, to be shown.
        self.seen: Counter[str] = Counter()
        self._path = path
        self._retention = retention
        self._sent: dict[bytes, list[Known]] = {}
        self._number = 0
        # The end of what this process was certainly told of, by tenant, and the accounts of what has ended.
        self.told = dict.fromkeys(TENANTS, 0)
        self._ledgers: dict[str, list[Ledger]] = {tenant: [] for tenant in TENANTS}
        self._open()

    # --- the process -------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self.steps.finish(self._begin())
        for tenant in TENANTS:
            place = self.places.get(tenant)
            if place is None or place.epoch != self.log.epoch:
                self.places[tenant] = Place(tenant, self.log.epoch)
        self.told = {tenant: place.next for tenant, place in self.places.items()}
        self._ledgers = {tenant: [] for tenant in TENANTS}

    async def _begin(self) -> None:
        self.log = LmdbLog(self._path, _OPTIONS, self._retention)
        self.log._writer.shutdown()  # noqa: SLF001  steps take the place of its threads
        self.log._writer = self.steps.writer  # type: ignore[assignment]  # noqa: SLF001  as above
        self.log._readers = self.steps.readers  # noqa: SLF001  as above
        self._store = self.log._store  # noqa: SLF001  what another process sees
        self._append, self._store.append = self._store.append, self._append_and_see  # type: ignore[method-assign, assignment]
        self.metrics = Metrics()
        self.engine = LiveEngine(self.log, _LIMITS, self.metrics)
        self._running = [asyncio.create_task(self.log.run()), asyncio.create_task(self.engine.run())]

    def close(self) -> None:
        """Stop as SIGTERM would: each subscriber reads its goodbye, and what was taken is stored."""
        for peer in self.peers:
            peer.hasten()
            peer.shut_down()
        self.steps.settle()
        for peer in self.peers:
            peer.read()
            assert peer.goodbye
            assert peer.over
            self._gone(peer, [])
        self.peers.clear()
        self.log.finish()
        self.steps.settle()
        self.check_metrics()
        self.steps.finish(self._end())

    async def _end(self) -> None:
        log, engine = self._running
        engine.cancel()
        with suppress(asyncio.CancelledError):
            await engine
        await log
        await self.log.close()

    def abandon(self) -> None:
        """Let go of everything, also where a story has failed in the middle."""
        for peer in self.peers:
            peer.cut()
        self.steps.turn(12)
        self.steps.close()
        self._store.close()

    def restart(self, *, anew: bool) -> None:
        """Stop and start, and have everybody come back; `anew`: the file is lost meanwhile."""
        peers = list(self.peers)
        self.close()
        if anew:
            self._path.unlink()
        self._open()
        for peer in peers:
            self.come_back(peer)

    def check_running(self) -> None:
        """Fail with what the engine or the log died of."""
        for task in self._running:
            if task.done():
                task.result()
                raise AssertionError(task)

    # --- records -----------------------------------------------------------------------------------------------------

    def entry(self, tenant: str, lines: Sequence[Line], service: str = "orders") -> Entry:
        """Return a batch with numbered records."""
        self.clock += SECOND
        known, records = [], []
        for line in lines:
            self._number += 1
            body = f"{tenant} {self._number} {line.words}"
            known.append(Known(body, line.service or service, line.severity, self.clock))
            records.append(LogRecord(body=body, severity=line.severity, service=line.service))  # type: ignore[arg-type]
        data = Batch(resource=Resource(service=service), records=records).SerializeToString()
        self._sent[data] = known
        return Entry(tenant, data, len(lines), self.clock)

    def append(self, entries: Sequence[Entry]) -> None:
        """Have this process store batches soon."""
        self.steps.loop.run_until_complete(self._submit(entries))

    async def _submit(self, entries: Sequence[Entry]) -> None:
        done = self.log.submit(entries)
        tenants = {entry.tenant for entry in entries}
        done.add_done_callback(lambda done: self._acknowledged(tenants, done.result()))

    def _acknowledged(self, tenants: set[str], outcomes: Sequence[Outcome]) -> None:
        for tenant in tenants:
            last = max(one.first_offset for one in outcomes if isinstance(one, Appended))
            self.told[tenant] = max(self.told[tenant], min(last + 1, self.places[tenant].next))

    def append_elsewhere(self, entries: Sequence[Entry], *, ring: bool) -> None:
        """Store batches as another process does, whose bell may not be heard."""
        pack = Packer(_COMPRESSION).pack
        self._store.append(
            [(entry, pack(entry.data, entry.records, entry.received_unix_nano, busy_bytes=0)) for entry in entries]
        )
        for entry in entries if ring else ():
            self.log._rung(entry.tenant)  # noqa: SLF001  what the bell calls

    def _append_and_see(self, frames: Sequence[tuple[Entry, Packed]]) -> list[Outcome]:
        """Store, and take note of what has which offset from this moment on."""
        outcomes = self._append(frames)
        for (entry, _), outcome in zip(frames, outcomes, strict=True):
            place = self.places[entry.tenant]
            assert outcome == Appended(place.next)
            known = self._sent.pop(entry.data)
            place.records += known
            self.seen["stored"] += len(known)
        self.look()
        return outcomes

    def retain(self) -> None:
        """Have retention by age look at the log soon."""
        self.steps.loop.run_until_complete(self._retain())

    async def _retain(self) -> None:
        task = asyncio.ensure_future(self.log.retain(self.clock))
        task.add_done_callback(lambda task: task.result())

    def look(self) -> None:
        """See what retention has left."""
        for tenant, place in self.places.items():
            bounds = self._store.bounds(tenant)
            assert bounds.next == place.next
            assert bounds.oldest >= place.oldest
            place.oldest = bounds.oldest

    # --- subscribers -------------------------------------------------------------------------------------------------

    def connect(self, tenant: str, *, wire: int, always: str) -> Peer:
        """Have a subscriber connect."""
        return self.steps.loop.run_until_complete(self._connect(tenant, wire, always))

    async def _connect(self, tenant: str, wire: int, always: str) -> Peer:
        peer = Peer(self.engine, self.places[tenant], wire=wire, always=always)
        await peer.serve()
        self.peers.append(peer)
        return peer

    def asked(self, kind: str, value: int | str, tenant: str) -> Asked:
        """Return what a subscription asks for now."""
        place = self.places[tenant]
        return Asked(kind, value, place.oldest, place.next, self.told[tenant])

    def come_back(self, old: Peer) -> None:
        """Have a client that lost its connection connect again, and go on where it left off."""
        tenant = old.place.tenant
        peer = self.connect(tenant, wire=old.wire, always=old.always)
        for name, stream in old.streams.items():
            if stream.cursor and not stream.leaving and (stream.follow or not stream.ended):
                asked = self.asked("cursor", stream.cursor, tenant)
                given = 3 if stream.given is not None else None
                wanted = (stream.updates or [stream.wanted])[-1]
                again = Stream(peer.place, asked, peer.always, wanted, stream.follow, stream.rate, given)
                peer.subscribe(name, again)

    def cut(self, peer: Peer) -> None:
        """Have a subscriber vanish with whatever it did not read."""
        self.peers.remove(peer)
        self._gone(peer, [*peer.cut(), *peer.unread_ledgers()])

    def _gone(self, peer: Peer, ledgers: Sequence[Ledger]) -> None:
        self._ledgers[peer.place.tenant] += [*peer.ledgers, *ledgers]

    def hear(self) -> None:
        """Have those read who are not slow."""
        self.look()
        for peer in self.peers:
            if not peer.slow:
                peer.read()
            self.cursors += [(peer.place.tenant, cursor) for cursor in peer.cursors]
            peer.cursors.clear()

    def sweep(self) -> None:
        """Do what the engine does once a second."""
        self.engine._sweep(tell_positions=True)  # noqa: SLF001  the clock is the test's

    def calm(self) -> None:
        """Let everything come to rest; whoever reads all must have got all that this process knows of."""
        self.steps.settle()
        self.hear()
        self.steps.settle()
        self.hear()

    def check_complete(self) -> None:
        """Everybody who reads has everything."""
        for peer in self.peers:
            if not peer.slow:
                for stream in peer.streams.values():
                    stream.check_complete(peer.place.next)

    def check_metrics(self) -> None:
        """The hub's counters are the sums of the accounts of those who have ended: called when all have."""
        for tenant, ledgers in self._ledgers.items():
            self.seen["replays"] += self._counter("replays", tenant)
            for name in ("delivered", "filtered", "sampled", "lost"):
                counted = self._counter(f"{name}_records", tenant)
                assert counted == sum(getattr(ledger, name) for ledger in ledgers), name
                self.seen[name] += counted

    def _counter(self, name: str, tenant: str) -> int:
        return int(self.metrics.registry.get_sample_value(f"loghub_{name}_total", {"tenant": tenant}) or 0)

    def check_log(self) -> None:
        """The log holds what was stored, from its oldest record on."""
        for tenant, place in self.places.items():
            items = self._store.read(tenant, place.oldest, 2**30)
            batches = [item for item in items if isinstance(item, StoredBatch)]
            assert len(batches) == len(items)
            bodies = [record.body for one in batches for record in Batch.FromString(one.data).records]
            assert bodies == [record.body for record in place.records[place.oldest :]]
