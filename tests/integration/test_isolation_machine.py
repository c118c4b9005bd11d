"""A hundred tenants, a million deliveries, forged names wherever a peer can write one: nobody gets another's record.

A hypothesis state machine drives one running hub: most of it at the hub's own engine and LMDB log, through the same
admission and sessions that the ports use, a smaller part through real WebSockets, streamed responses and gRPC calls.
Every record's body begins with a secret of its tenant, so a foreign one is seen wherever it comes out.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from hub.core.batch import Reader
from hub.core.principal import Principal, Role, Scope
from hub.core.records_message import MessageWire
from hub.ingest.admission import Source
from hub.live.session import TailSession
from hub.pb.ingest_pb2 import PushRequest
from hub.pb.record_pb2 import Batch, LogRecord, Resource, Value
from hub.pb.tail_pb2 import ERROR_CODE_BAD_CURSOR, ClientMessage, ServerMessage, Subscribe, Unsubscribe, Update
from tests.peers import JSON, PROTO

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from contextlib import AbstractAsyncContextManager

    from hub.app import Hub
    from hub.pki.authority import Issued
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]

TENANTS = [f"tenant-{number}" for number in range(100)]
DELIVERIES = 1_000_000
RECORDS = 500
SESSIONS_PER_TENANT = 4
WIRE_WAYS = 5
INFO, ERROR = 9, 17
WIRE = MessageWire()
REQUESTS = Reader(PushRequest)
FILTERS = ["", "level>=error", "-level>=error", "service:orders", "tenant:{other}", "attr.tenant_id:{other}"]
FILTERS += ["secret-{other}", '"{other}" OR level>=info', "NOT tenant:{own}", "/secret-.*/ OR service:{other}"]

tenants = st.integers(0, len(TENANTS) - 1)
filters = st.sampled_from(FILTERS)
seeds = st.integers(0, 2**32 - 1)
starts = st.sampled_from([{}, {"oldest": True}, {"last": 300}, {"oldest": True, "follow": False}])
forgeries = st.sampled_from(
    ["../{other}", "{other}", "spiffe://test.local/tenant/{other}/producer/x", "*", "{other},{own}"]
)


def secret(tenant: str) -> str:
    """Return what only the tenant's records say."""
    return f"secret-{tenant}:"


@cache
def bodies(tenant: str, count: int, forged: str) -> bytes:
    """Return a serialised request to store records of a tenant, with another's name in every field that has one."""
    named = {name: Value(string_value=forged) for name in ("tenant", "tenant_id", "tenant.id", "X-Scope-OrgID")}
    records = [
        LogRecord(
            body=f"{secret(tenant)} {number} {forged}",
            severity=ERROR if number % 4 == 0 else INFO,  # type: ignore[arg-type]
            time_unix_nano=1,
            attributes=named if number % 16 == 0 else None,
        )
        for number in range(count)
    ]
    resource = Resource(service="orders", host=forged, attributes=named)
    batch = Batch(resource=resource, records=records, producer_id=forged, first_offset=7)
    return PushRequest(batch=batch).SerializeToString()


@dataclass(eq=False)
class Reading:
    """A session of the engine, and the sink that it writes to; `hub.core.ports.Sink`."""

    world: World
    tenant: str
    always: str = ""
    full: bool = False
    session: TailSession = field(init=False)
    errors: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the session."""
        who = Principal(self.tenant, "machine", frozenset({Scope.READ}), filter=self.always)
        self.session = TailSession(self.world.hub._engine, who, self, WIRE, self._no_renewal)  # noqa: SLF001  as the ports
        self.session.open()

    @staticmethod
    async def _no_renewal(_token: str) -> Principal:
        raise AssertionError

    def offer(self, frame: bytes) -> bool:
        """Take a frame, unless it is full."""
        if not self.full:
            self.write(frame)
        return not self.full

    def write(self, frame: bytes) -> None:
        """Judge what the tenant gets."""
        message = ServerMessage.FromString(frame)
        kind = message.WhichOneof("kind")
        if kind == "records":
            records = [record for batch in message.records.batches for record in batch.records]
            if self.always:
                assert all(record.severity >= ERROR for record in records), "a token's filter was passed by"
            self.world.saw("engine", self.tenant, (record.body for record in records), len(records))
        if kind in {"records", "subscribed", "position", "gap"}:
            self.world.cursors[self.tenant].append(getattr(message, kind).cursor)
        if kind == "error":
            self.errors.append(message.error.code)

    async def drain(self) -> None:
        """Everything is read at once."""

    def abort(self) -> None:
        """Be cut."""


@dataclass
class World:
    """A running hub, who reads, what has been seen, and the loop that all of it runs in."""

    site: Site
    hub: Hub
    loop: asyncio.AbstractEventLoop
    done: Counter[str] = field(default_factory=Counter)
    delivered: Counter[str] = field(default_factory=Counter)
    foreign: list[tuple[str, str, str]] = field(default_factory=list)
    cursors: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(lambda: deque(maxlen=20)))
    reading: dict[str, deque[Reading]] = field(default_factory=lambda: defaultdict(deque))
    readers: set[str] = field(default_factory=set)

    def saw(self, way: str, tenant: str, texts: Iterable[str], count: int) -> None:
        """Take note of records that came to a tenant on some way."""
        own = secret(tenant)
        self.foreign += [(way, tenant, text) for text in texts if not text.startswith(own)]
        self.delivered[way] += count
        self.readers.add(tenant)

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Have the hub's loop do something, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    # --- the engine --------------------------------------------------------------------------------------------------

    async def append(self, tenant: str, forged: str, count: int = RECORDS) -> None:
        """Store a batch as the ports do once they know the tenant."""
        ingest = self.hub._ingest  # noqa: SLF001  as the ports
        entry, rejected = ingest.admission.entry(Source(tenant, ""), REQUESTS.read(bodies(tenant, count, forged)).offer)
        assert not rejected
        await ingest.log.append([entry])
        self.done["appends"] += 1

    async def read(self, tenant: str, always: str, name: str, **what: Any) -> Reading:
        """Open a session and subscribe; the tenant's oldest session makes room."""
        reading = Reading(self, tenant, always)
        mine = self.reading[tenant]
        mine.append(reading)
        if len(mine) > SESSIONS_PER_TENANT:
            await mine.popleft().session.close()
        await reading.session.receive(ClientMessage(subscribe=Subscribe(id=name, **what)))
        self.done["subscriptions"] += 1
        return reading

    async def close(self) -> None:
        """Let everything that is on its way arrive, and close all sessions."""
        await asyncio.sleep(0.1)
        for mine in self.reading.values():
            for reading in mine:
                await reading.session.close()
        self.reading.clear()

    # --- the wires ---------------------------------------------------------------------------------------------------

    async def wire(self, own: str, other: str, way: int) -> None:
        """Go in and out by one of the WIRE_WAYS; a larger number: only store."""
        await self.append(own, other, 100)
        cursor = await self.cursor(other)
        if way in {0, 1}:
            await self.websocket(own, other, (PROTO, JSON)[way], cursor)
            await self.unknown_field(own, other, ({"tenant": other}, {"tenantId": other})[way])
        elif way in {2, 3}:
            await self.lines(own, other, ("text/event-stream", "application/x-ndjson")[way - 2])
        elif way == WIRE_WAYS - 1:
            await self.grpc(own, other, cursor)

    async def everybody(self) -> None:
        """Have every tenant read all it has, and go over one of the wires, its neighbour's name in every place.

        What the machine does is drawn at random: this makes sure of each tenant and each way.
        """
        for number, own in enumerate(TENANTS):
            other = TENANTS[number - 1]
            await self.read(own, "", other, oldest=True)
            await self.wire(own, other, number % WIRE_WAYS)
        await self.close()

    async def cursor(self, tenant: str) -> str:
        """Return a cursor of a tenant, which has records behind it."""
        await self.append(tenant, "x", 10)
        known = self.cursors[tenant]
        return known[-1] if known else self.hub._engine.cursor(tenant, 0)  # noqa: SLF001  as a session would

    async def websocket(self, own: str, other: str, encoding: str, cursor: str) -> None:
        """Ask for everything over a WebSocket with the other's name in every place."""
        site, query = self.site, urlencode({"tenant": other, "tenant_id": other, "X-Scope-OrgID": other})
        headers = {"X-Scope-OrgID": other, "X-Tenant": other, "X-Forwarded-For": other, "tenant": other}
        async with site.subscriber(own, encoding, headers=headers, query=f"?{query}") as tail:
            await tail.until("welcome")
            names = [other, f"{other}/{own}", f"../{other}"]
            begins: list[dict[str, Any]] = [{"last": 200}, {"oldest": True}, {"last": 5}]
            for name, what in zip(names, begins, strict=True):
                request: dict[str, Any] = {"id": name, "follow": False} | what
                await tail.send(subscribe=request if tail.json else Subscribe(**request))
            await tail.send(subscribe={"id": "c", "cursor": cursor} if tail.json else Subscribe(id="c", cursor=cursor))
            await self._drain(f"websocket {encoding[-5:]}", own, tail, len(names))

    async def unknown_field(self, own: str, other: str, forged: dict[str, Any]) -> None:
        """JSON that names a tenant is no message: there is no such field."""
        async with self.site.subscriber(own, JSON) as tail:
            request = {"id": "s", "oldest": True}
            for message in ({"subscribe": {**request, **forged}}, {"subscribe": request, **forged}):
                await tail.socket.send(json.dumps(message))
            code, reason = await tail.closed()
        assert (code, other in reason) == (4500, False), (code, reason)
        self.done["unknown fields"] += 1

    async def _drain(self, way: str, own: str, tail: Any, ends: int) -> None:
        """Read until every subscription has ended, or was refused, and the stolen cursor too."""
        refused = 0
        async with asyncio.timeout(20):
            while ends or not refused:
                message = await tail.next()
                kind = next(iter(message)) if tail.json else message.WhichOneof("kind")
                body = message[kind] if tail.json else getattr(message, kind)
                if kind == "records":
                    texts = _texts(body) if tail.json else [r.body for b in body.batches for r in b.records]
                    self.saw(way, own, texts, len(texts))
                elif kind == "unsubscribed":
                    ends -= 1
                elif kind == "error":
                    stolen = (body["id"] if tail.json else body.id) == "c"
                    refused += stolen
                    ends -= not stolen
                    self.done["refused"] += 1
        self.done[way] += 1

    async def lines(self, own: str, other: str, accept: str) -> None:
        """GET /v1/tail with the other's name in headers and query."""
        for query in ({"last": 100}, {"last": 100, "tenant": other}, {"last": 100, "X-Scope-OrgID": other}):
            text = urlencode({**query, "follow": "false"})
            forged = {"X-Scope-OrgID": other, "X-Tenant": other, "Accept": accept}
            async with self.site.stream(own, text, **forged) as stream:
                if stream.status != 200:
                    self.done["refused"] += 1
                    continue
                while message := await stream.next():
                    if "records" in message:
                        texts = _texts(message["records"])
                        self.saw(accept, own, texts, len(texts))
        self.done[accept] += 1

    async def grpc(self, own: str, other: str, cursor: str) -> None:
        """Write and read over gRPC with the other's name in metadata and messages."""
        made = self.site.deployment
        forged = (("x-scope-orgid", other), ("x-tenant", other), ("tenant", other))
        await self._call(made.client(own), "/loghub.v1.Ingest/Push", bodies(own, 20, other), forged)
        async with self.site.caller(made.client(own, Role.SUBSCRIBER, other)) as call:
            await call.send(subscribe=Subscribe(id=other, last=100, follow=False))
            body = await call.until("records")
            texts = [record.body for one in body.batches for record in one.records]
            self.saw("grpc", own, texts, len(texts))
            await call.until("unsubscribed")
            await call.send(subscribe=Subscribe(id="c", cursor=cursor))
            assert (await call.until("error")).code == ERROR_CODE_BAD_CURSOR
        self.done["grpc"] += 1

    async def _call(self, client: Issued, path: str, raw: bytes, metadata: Any) -> None:
        async with self.site.channel(client) as channel:
            await channel.unary_unary(path)(raw, metadata=metadata, timeout=10)


def _texts(body: dict[str, Any]) -> list[str]:
    return [record.get("body", "") for one in body["batches"] for record in one["records"]]


class Machine(RuleBasedStateMachine):
    """What tenants do, each of them trying to be another."""

    world: World

    def _pair(self, own: int, seed: int) -> tuple[str, str]:
        others = [one for one in TENANTS if one != TENANTS[own]]
        return TENANTS[own], random.Random(seed).choice(others)  # noqa: S311  a choice that can be repeated

    @rule(own=tenants, seed=seeds, forged=forgeries)
    def append(self, own: int, seed: int, forged: str) -> None:
        """A tenant's producer stores records, and its neighbour too."""
        mine, other = self._pair(own, seed % 7)
        self.world.do(self.world.append(mine, forged.format(own=mine, other=other)))

    @rule(own=tenants, seed=seeds, wanted=filters, begin=starts, strict=st.booleans())
    def subscribe(self, own: int, seed: int, wanted: str, begin: dict[str, Any], strict: bool) -> None:  # noqa: FBT001
        """A subscriber asks with a filter that names the other, on a subscription that does too."""
        mine, other = self._pair(own, seed)
        text = wanted.format(own=mine, other=other)
        always = "level>=error" if strict else ""
        self.world.do(self.world.append(mine, other))
        self.world.do(self.world.read(mine, always, other, filter=text, **begin))

    @rule(own=tenants, seed=seeds)
    def steal_a_cursor(self, own: int, seed: int) -> None:
        """Another's cursor is refused."""
        mine, other = self._pair(own, seed)
        self.world.do(self._steal(mine, other))

    async def _steal(self, mine: str, other: str) -> None:
        stolen = await self.world.cursor(other)
        reading = await self.world.read(mine, "", "s", cursor=stolen)
        assert reading.errors == [ERROR_CODE_BAD_CURSOR]
        self.world.done["refused"] += 1

    @rule(own=tenants, seed=seeds, wanted=filters)
    def change(self, own: int, seed: int, wanted: str) -> None:
        """Filters are changed and subscriptions ended while records come."""
        mine, other = self._pair(own, seed)
        self.world.do(self._change(mine, other, wanted.format(own=mine, other=other)))

    async def _change(self, mine: str, other: str, text: str) -> None:
        reading = await self.world.read(mine, "", "x", oldest=True)
        await reading.session.receive(ClientMessage(update=Update(id="x", filter=text)))
        await self.world.append(other, mine, 50)
        await reading.session.receive(ClientMessage(unsubscribe=Unsubscribe(id=other)))
        self.world.done["changes"] += 1

    @rule(own=tenants, seed=seeds, way=st.integers(0, 11))
    def over_the_wire(self, own: int, seed: int, way: int) -> None:
        """The same through the ports, now and then."""
        mine, other = self._pair(own, seed)
        self.world.do(self.world.wire(mine, other, way))

    def teardown(self) -> None:
        """Let what is on its way arrive; one foreign record is the end."""
        self.world.do(self.world.close())
        assert not self.world.foreign, self.world.foreign[:3]


@pytest.mark.timeout(120)
async def test_nobody_gets_a_record_of_another_tenant(start: Start) -> None:
    """0 of a million, over every way in and out."""
    async with start() as (site, hub):
        world = World(site, hub, asyncio.get_running_loop())
        machine = type("Run", (Machine,), {"world": world})
        quiet = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
        examples = settings(
            max_examples=6, stateful_step_count=60, deadline=None, suppress_health_check=quiet, database=None
        )
        while world.delivered.total() < DELIVERIES:
            await asyncio.to_thread(run_state_machine_as_test, machine, settings=examples)
        await world.everybody()
        print(f"\n{world.delivered.total():,} deliveries to {len(world.readers)} tenants: {dict(world.delivered)}")  # noqa: T201
        print(f"{dict(world.done)}, foreign: {len(world.foreign)}")  # noqa: T201  the figures are the result
    assert not world.foreign
    assert world.delivered.total() >= DELIVERIES
    assert len(world.readers) == len(TENANTS)
    ways = {"engine", "websocket proto", "websocket .json", "text/event-stream", "application/x-ndjson", "grpc"}
    assert set(world.delivered) == ways
