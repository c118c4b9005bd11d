"""One subscriber's connection: what it asks, what it gets, how it ends."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import warnings
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from hub.core.filter import FilterLimits
from hub.core.packed_batch import unpacked
from hub.core.principal import Principal, Scope
from hub.errors import BadFilterError, ForbiddenError, RevokedError, UnauthenticatedError
from hub.live.engine import LiveEngine, LiveLimits
from hub.live.session import TailSession
from hub.observe.metrics import Metrics
from hub.pb import ingest_pb2, tail_pb2
from hub.pb.ingest_pb2 import (
    GOODBYE_REASON_EXPIRED,
    GOODBYE_REASON_FORBIDDEN,
    GOODBYE_REASON_INTERNAL,
    GOODBYE_REASON_REVOKED,
    GOODBYE_REASON_SHUTDOWN,
)
from hub.pb.tail_pb2 import ClientMessage, Subscribe, Unsubscribe, Update
from hub.web.wire import PackedProtoWire, ProtoWire
from tests.fakes import NO_BOUND, FakeSink, GatedLog, entry, settle

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LIMITS = LiveLimits(
    max_subscriptions=3,
    max_message_bytes=65_536,
    max_messages_per_s=1000,
    filters=FilterLimits(64, 20),
    max_last=100,
    queue_bytes=1000,
    replay_bytes=1000,
    write_timeout_seconds=1.0,
    heartbeat_seconds=25.0,
    position_seconds=3600.0,
    places=NO_BOUND,
)


def bearer(**changes: Any) -> Principal:
    """Return the principal of a reader of tenant "a"."""
    given = {"tenant": "a", "subject": "me", "scopes": frozenset({Scope.READ}), "expires_at": time.time() + 3600}
    return Principal(**{**given, **changes})


@dataclass
class Line:
    """A session and its peer."""

    log: GatedLog
    metrics: Metrics
    engine: LiveEngine
    sink: FakeSink = field(default_factory=FakeSink)
    fresh: dict[str, Principal] = field(default_factory=dict)
    session: TailSession = field(init=False)

    def begin(self, wire: ProtoWire | None = None, **principal: Any) -> TailSession:
        """Open the session."""
        self.session = TailSession(self.engine, bearer(**principal), self.sink, wire or ProtoWire(), self.verify)
        self.session.open()
        return self.session

    async def verify(self, token: str) -> Principal:
        """Know the tokens of `fresh`."""
        if token not in self.fresh:
            raise UnauthenticatedError
        return self.fresh[token]

    async def say(self, **kind: Any) -> Any:
        """Send a message; return the hub's last one."""
        await self.session.receive(ClientMessage(**kind))
        await settle()
        return self.sink.messages[-1]

    def gauges(self, name: str) -> dict[str, float]:
        """Return a metric by tenant."""
        samples = (sample for family in self.metrics.registry.collect() for sample in family.samples)
        return {one.labels["tenant"]: one.value for one in samples if one.name == f"loghub_{name}"}

    def gauge(self, name: str) -> float:
        """Return a gauge of tenant "a"."""
        return self.metrics.registry.get_sample_value(f"loghub_{name}", {"tenant": "a"}) or 0.0


@pytest_asyncio.fixture
async def line() -> AsyncIterator[Line]:
    """An engine that runs, and a connection that has not begun."""
    log, metrics = GatedLog(), Metrics()
    made = Line(log, metrics, LiveEngine(log, LIMITS, metrics))
    running = asyncio.create_task(made.engine.run())
    await settle()
    yield made
    await made.session.close()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    assert not any(made.gauges("connections").values())
    assert not any(made.gauges("subscriptions").values())


async def test_the_welcome_tells_tenant_and_limits(line: Line) -> None:
    """A client need not guess."""
    line.begin()
    [welcome] = [message.welcome for message in line.sink.messages]
    assert welcome.tenant == "a"
    assert welcome.limits.max_subscriptions == 3
    assert welcome.heartbeat.seconds == 25
    assert welcome.auth_expires.seconds > time.time()


@pytest.mark.parametrize(
    ("seconds", "nanos", "bodies"),
    [
        (10**18, 0, []),
        (2**63 - 1, 2**31 - 1, []),
        (-(2**63), -(2**31), ["early", "late"]),
        (-1, 0, ["early", "late"]),
        (1, 1, ["late"]),
    ],
)
async def test_any_time_is_one_to_begin_at(line: Line, seconds: int, nanos: int, bodies: list[str]) -> None:
    """Before all records all come, after all none: also a time that no calendar has."""
    for body, at in (("early", 10**9), ("late", 2 * 10**9)):
        await line.log.append([replace(entry("a", body), received_unix_nano=at)])
    line.begin()
    await line.say(subscribe=Subscribe(id="s", since=Timestamp(seconds=seconds, nanos=nanos)))
    assert line.sink.bodies("s") == bodies


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (Subscribe(id=""), tail_pb2.ERROR_CODE_BAD_REQUEST),
        (Subscribe(id="x" * 65), tail_pb2.ERROR_CODE_BAD_REQUEST),
        (Subscribe(id="a\nb"), tail_pb2.ERROR_CODE_BAD_REQUEST),
        (Subscribe(id="s", filter="level>=loud"), tail_pb2.ERROR_CODE_BAD_FILTER),
        (Subscribe(id="s", filter="x" * 65), tail_pb2.ERROR_CODE_BAD_FILTER),
        (Subscribe(id="s", filter="/a/ /b/ c"), tail_pb2.ERROR_CODE_FILTER_TOO_COSTLY),
        (Subscribe(id="s", cursor="garbage"), tail_pb2.ERROR_CODE_BAD_CURSOR),
        (Subscribe(id="s", last=101), tail_pb2.ERROR_CODE_BAD_REQUEST),
    ],
)
async def test_a_bad_subscribe_is_answered_and_leaves_nothing(line: Line, request_: Subscribe, code: int) -> None:
    """The name is free for the next try."""
    line.begin()
    error = (await line.say(subscribe=request_)).error
    assert (error.code, error.id) == (code, request_.id)
    assert error.message
    assert line.gauge("subscriptions") == 0
    assert (await line.say(subscribe=Subscribe(id="s"))).HasField("subscribed")


async def test_batches_come_compressed_to_who_asks_for_it(line: Line) -> None:
    """And `subscribed` says so, again after a change of filter; others on the same connection get them plain."""
    line.begin(ProtoWire(PackedProtoWire()))
    body = "the same words again and again " * 50
    for name, compressions in (("p", []), ("z", [0, 7, tail_pb2.COMPRESSION_ZSTD])):
        request = Subscribe(id=name, compressions=compressions)  # type: ignore[arg-type]  # the enum's numbers
        said = await line.say(subscribe=request)
        assert said.subscribed.compression == (tail_pb2.COMPRESSION_ZSTD if name == "z" else 0)
    assert (await line.say(update=Update(id="z", filter="same"))).subscribed.compression == tail_pb2.COMPRESSION_ZSTD
    await line.log.append([entry("a", body)])
    await settle()
    records = {message.records.id: message.records for message in line.sink.messages if message.HasField("records")}
    assert [one.body for one in records["p"].batches[0].records] == [body]
    assert not records["z"].batches
    assert unpacked(records["z"].packed) == list(records["p"].batches)


async def test_a_name_can_be_taken_once(line: Line) -> None:
    """The second is refused, the first goes on."""
    line.begin()
    await line.say(subscribe=Subscribe(id="s"))
    assert (await line.say(subscribe=Subscribe(id="s"))).error.code == tail_pb2.ERROR_CODE_DUPLICATE_SUBSCRIPTION
    await line.log.append([entry("a", "1")])
    assert line.sink.bodies() == ["1"]


@pytest.mark.parametrize("kind", ["update", "unsubscribe"])
async def test_an_unknown_name_is_said(line: Line, kind: str) -> None:
    """With its own code."""
    line.begin()
    assert (await line.say(**{kind: {"id": "none"}})).error.code == tail_pb2.ERROR_CODE_UNKNOWN_SUBSCRIPTION


async def test_a_message_of_no_known_kind_ends_the_session(line: Line) -> None:
    """The peer speaks another protocol, and would wait for an answer in vain."""
    line.begin()
    goodbye = (await line.say()).goodbye
    assert (goodbye.reason, goodbye.reconnect) == (ingest_pb2.GOODBYE_REASON_PROTOCOL, False)


async def test_unsubscribing_ends_with_the_account(line: Line) -> None:
    """And with the cursor to go on from."""
    line.begin()
    await line.say(subscribe=Subscribe(id="s", filter="x"))
    await line.log.append([entry("a", "x", "y")])
    ended = (await line.say(unsubscribe={"id": "s"})).unsubscribed
    assert (ended.ledger.accepted, ended.ledger.delivered, ended.ledger.filtered) == (2, 1, 1)
    assert await line.engine.offset_of("a", ended.cursor) == 2


async def test_a_log_made_anew_is_said_as_a_gap_of_its_own(line: Line) -> None:
    """A cursor of the old log begins at the oldest of the new one."""
    line.begin()
    await line.log.append([entry("a", "1")])
    old = line.engine.cursor("a", 1)
    line.log.epoch = 2
    await line.say(subscribe=Subscribe(id="s", cursor=old))
    [gap] = [message.gap for message in line.sink.of("gap")]
    assert gap.reason == tail_pb2.GAP_REASON_EPOCH
    assert line.sink.bodies() == ["1"]


async def test_a_cursor_beyond_the_end_is_refused(line: Line) -> None:
    """It cannot have come from this log."""
    line.begin()
    ahead = line.engine.cursor("a", 7)
    assert (await line.say(subscribe=Subscribe(id="s", cursor=ahead))).error.code == tail_pb2.ERROR_CODE_BAD_CURSOR


async def test_who_sends_too_fast_is_disconnected(line: Line) -> None:
    """With a goodbye that says so and code 4429; nothing more is acted on."""
    session = line.begin()
    for number in range(3 * LIMITS.max_messages_per_s):  # a second's worth is let through, and what time adds to it
        assert not session.ended.done() or number >= LIMITS.max_messages_per_s
        await session.receive(ClientMessage(ping=tail_pb2.Ping()))
    goodbye = line.sink.messages[-1].goodbye
    assert (goodbye.reason, goodbye.reconnect) == (ingest_pb2.GOODBYE_REASON_QUOTA, True)
    assert "live.max_messages_per_s (1000)" in goodbye.message
    assert session.ended.result().close_code == 4429


async def test_no_more_comes_than_there_is_credit_for(line: Line) -> None:
    """It may end in the middle of a batch; more credit goes on with the very next record, from the log and live."""
    line.begin()
    await line.log.append([entry("a", "1", "2", "3")])
    await line.say(subscribe=Subscribe(id="s", oldest=True, credit=2))
    assert line.sink.bodies() == ["1", "2"]
    await line.log.append([entry("a", "4", "5")])
    await settle()
    assert line.sink.bodies() == ["1", "2"]
    await line.say(credit=tail_pb2.Credit(id="s", records=2))
    assert line.sink.bodies() == ["1", "2", "3", "4"]
    await line.say(credit=tail_pb2.Credit(id="s", records=3))
    await line.log.append([entry("a", "6")])
    await line.log.append([entry("a", "7", "8")])
    await settle()
    assert line.sink.bodies() == ["1", "2", "3", "4", "5", "6", "7"]
    ended = (await line.say(unsubscribe=tail_pb2.Unsubscribe(id="s"))).unsubscribed
    assert (ended.ledger.accepted, ended.ledger.delivered, ended.ledger.filtered) == (7, 7, 0)


async def test_the_cursor_of_a_part_resumes_behind_it(line: Line) -> None:
    """Who is cut off when the credit ends in a batch misses nothing and gets nothing twice."""
    line.begin()
    await line.log.append([entry("a", "1", "2", "3")])
    await line.say(subscribe=Subscribe(id="s", oldest=True, credit=2))
    cursor = line.sink.of("records")[-1].records.cursor
    await line.say(subscribe=Subscribe(id="again", cursor=cursor))
    assert line.sink.bodies("again") == ["3"]


@pytest.mark.parametrize("credit", [tail_pb2.Credit(id="s", records=1), tail_pb2.Credit(id="flow")])
async def test_credit_that_means_nothing_is_refused(line: Line, credit: tail_pb2.Credit) -> None:
    """For a subscription without flow control, or of no records."""
    line.begin()
    await line.say(subscribe=Subscribe(id="s"))
    await line.say(subscribe=Subscribe(id="flow", credit=1))
    error = (await line.say(credit=credit)).error
    assert (error.code, error.id) == (tail_pb2.ERROR_CODE_BAD_REQUEST, credit.id)


async def test_what_is_over_the_rate_is_left_out_and_counted(line: Line) -> None:
    """From the log and live; the next records say how many were left out before them, the account has them all."""
    line.begin()
    await line.log.append([entry("a", "1", "2", "3")])
    await line.say(subscribe=Subscribe(id="s", oldest=True, max_records_per_s=2))
    await line.log.append([entry("a", "4")])
    await settle()
    assert line.sink.bodies() == ["1", "2"]
    ended = (await line.say(unsubscribe=tail_pb2.Unsubscribe(id="s"))).unsubscribed.ledger
    assert (ended.accepted, ended.delivered, ended.sampled, ended.filtered, ended.lost) == (4, 2, 2, 0, 0)


async def test_metered_and_plain_watchers_share_a_channel(line: Line) -> None:
    """Each gets its own share of the same records."""
    line.begin()
    await line.say(subscribe=Subscribe(id="plain"))
    await line.say(subscribe=Subscribe(id="few", max_records_per_s=1))
    await line.say(subscribe=Subscribe(id="paid", credit=2))
    await line.log.append([entry("a", "1", "2", "3")])
    await settle()
    assert [line.sink.bodies(name) for name in ("plain", "few", "paid")] == [["1", "2", "3"], ["1"], ["1", "2"]]


async def test_a_ping_comes_back(line: Line) -> None:
    """With its payload, unless that is too large."""
    line.begin()
    assert (await line.say(ping={"payload": b"42"})).pong.payload == b"42"
    assert (await line.say(ping={"payload": b"x" * 65})).error.code == tail_pb2.ERROR_CODE_BAD_REQUEST


async def test_a_session_ends_when_its_token_does(line: Line) -> None:
    """4408, told before in time."""
    session = line.begin(expires_at=time.time() + 0.2)
    assert line.sink.of("auth_expiring")
    ending = await asyncio.wait_for(session.ended, 5)
    assert ending.close_code == 4408
    assert line.sink.of("goodbye")[0].goodbye.reason == GOODBYE_REASON_EXPIRED


async def test_a_fresh_token_keeps_the_session(line: Line) -> None:
    """The old one's end is no end any more."""
    session = line.begin(expires_at=time.time() + 0.2)
    line.fresh["good"] = bearer()
    await line.say(auth={"token": "good"})
    await asyncio.sleep(0.3)
    assert not session.ended.done()


@pytest.mark.parametrize(
    ("fresh", "code"),
    [
        (None, tail_pb2.ERROR_CODE_BAD_TOKEN),
        ({"tenant": "b"}, tail_pb2.ERROR_CODE_FORBIDDEN),
        ({"tenants": frozenset({"a", "b"})}, tail_pb2.ERROR_CODE_FORBIDDEN),
        ({"subject": "you"}, tail_pb2.ERROR_CODE_FORBIDDEN),
        ({"filter": "a("}, tail_pb2.ERROR_CODE_BAD_FILTER),
    ],
)
async def test_a_fresh_token_must_be_of_the_same_bearer(line: Line, fresh: dict[str, Any] | None, code: int) -> None:
    """Nobody changes tenants on an open connection."""
    line.begin()
    if fresh is not None:
        line.fresh["token"] = bearer(**fresh)
    assert (await line.say(auth={"token": "token"})).error.code == code


async def test_a_fresh_token_with_another_filter_narrows_what_is_open(line: Line) -> None:
    """Every subscription is told, and keeps what it asked for itself; a wider token widens it again."""
    line.begin(filter="")
    line.fresh |= {"narrow": bearer(filter="service:orders"), "wide": bearer()}
    for name, wanted in (("s", ""), ("t", "level>=warn")):
        await line.say(subscribe=Subscribe(id=name, filter=wanted))
    await line.say(auth={"token": "narrow"})
    told = {one.subscribed.id: one.subscribed.filter for one in line.sink.of("subscribed")[2:]}
    assert told == {"s": "service:orders", "t": "level>=warn service:orders"}
    await line.log.append([entry("a", "1", service="orders"), entry("a", "2", service="billing")])
    await settle()
    assert line.sink.bodies("s") == ["1"]
    await line.say(update={"id": "s", "filter": "level>=info"})
    assert line.sink.of("subscribed")[-1].subscribed.filter == "level>=info service:orders"
    await line.say(auth={"token": "wide"})
    assert {one.subscribed.filter for one in line.sink.of("subscribed")[-2:]} == {"level>=info", "level>=warn"}
    await line.say(subscribe=Subscribe(id="late"))
    assert line.sink.of("subscribed")[-1].subscribed.filter == ""


async def test_a_fresh_token_without_the_scope_ends_the_session(line: Line) -> None:
    """What may not be read any more is not read on."""
    session = line.begin()
    line.fresh["poor"] = bearer(scopes=frozenset({Scope.WRITE}))
    await line.say(auth={"token": "poor"})
    ending = await asyncio.wait_for(session.ended, 1)
    assert (ending.close_code, ending.reason) == (4403, GOODBYE_REASON_FORBIDDEN)


@pytest.mark.parametrize("told", [False, True])
async def test_a_session_that_may_not_stay_is_cut(line: Line, monkeypatch: pytest.MonkeyPatch, *, told: bool) -> None:
    """It is told; a peer that does not read that soon is cut."""
    monkeypatch.setattr("hub.live.session._THROW_OUT_SECONDS", 0.02)
    session = line.begin()

    def check(principal: Principal) -> None:
        assert principal.subject == "me"
        if told:
            raise RevokedError

    session.recheck(check)
    assert session.ended.done() is told
    assert not line.sink.gone, "it has time to read why"
    await asyncio.sleep(0.03)
    assert line.sink.gone is told
    reasons = [one.goodbye.reason for one in line.sink.of("goodbye")]
    assert reasons == ([GOODBYE_REASON_REVOKED] if told else [])


async def test_shutting_down_says_when_to_come_back(line: Line) -> None:
    """Spread over the time given, with the accounts, and once only."""
    session = line.begin()
    await line.say(subscribe=Subscribe(id="s"))
    await line.log.append([entry("a", "1")])
    session.shut_down(5.0)
    session.shut_down(5.0)
    [goodbye] = [message.goodbye for message in line.sink.of("goodbye")]
    assert (goodbye.reason, goodbye.reconnect) == (GOODBYE_REASON_SHUTDOWN, True)
    assert 0 <= goodbye.retry_after.ToMilliseconds() <= 5000
    assert goodbye.ledgers[0].delivered == 1
    assert (await session.ended).close_code == 1001
    await line.log.append([entry("a", "2")])
    assert line.sink.bodies() == ["1"]


async def test_a_peer_that_does_not_read_in_time_is_cut(line: Line) -> None:
    """Its connection goes, nothing else."""
    line.begin()
    line.sink.never_reads = True
    await line.say(subscribe=Subscribe(id="s"))
    assert line.sink.gone


async def test_a_fault_of_the_hub_ends_the_session_not_the_process(
    line: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """1011, and the log names the fault."""
    session = line.begin()

    async def broken(*_: object) -> list[object]:
        message = "a fault"
        raise RuntimeError(message)

    monkeypatch.setattr(line.log, "read", broken)
    await line.log.append([entry("a", "1")])
    with caplog.at_level(logging.ERROR):
        await line.say(subscribe=Subscribe(id="s", oldest=True))
    assert (await session.ended).close_code == 1011
    assert line.sink.of("goodbye")[0].goodbye.reason == GOODBYE_REASON_INTERNAL
    assert "subscription_failed" in caplog.text


async def test_the_tokens_filter_is_anded_with_every_other(line: Line) -> None:
    """Also after an update."""
    line.begin(filter="level>=error")
    await line.say(subscribe=Subscribe(id="s", filter="x"))
    await line.log.append([entry("a", "x quiet")])
    await line.log.append([entry("a", "x loud", severity=17)])
    await line.say(update={"id": "s", "filter": ""})
    await line.log.append([entry("a", "y quiet")])
    assert line.sink.bodies() == ["x loud"]


async def test_who_may_not_read_gets_no_session(line: Line) -> None:
    """Nor does one whose token's filter cannot be read."""
    line.begin()
    with pytest.raises(ForbiddenError):
        TailSession(line.engine, bearer(scopes=frozenset({Scope.WRITE})), line.sink, ProtoWire(), line.verify)
    with pytest.raises(BadFilterError):
        TailSession(line.engine, bearer(filter="level>=loud"), line.sink, ProtoWire(), line.verify)


async def test_closing_before_a_subscription_has_read_anything_leaves_nothing_unawaited(line: Line) -> None:
    """What would have read on is let go of too: Python warns of a coroutine that nobody ever ran."""
    session = line.begin()
    await line.log.append([entry("a", "x")])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        await session.receive(ClientMessage(subscribe=Subscribe(id="s", oldest=True)))
        await session.close()
        await settle()
        gc.collect()
    session.open()  # so that the fixture's close has something to close
    assert not seen, seen[0].message


async def test_closing_while_a_subscribe_looks_for_its_place(line: Line) -> None:
    """A subscription that is not yet begun does not begin afterwards."""
    session = line.begin()
    await line.log.append([entry("a", "x")])
    line.log.gate.clear()
    asking = asyncio.create_task(session.receive(ClientMessage(subscribe=Subscribe(id="s", last=1, filter="x"))))
    await line.log.reading.wait()
    await session.close()
    session.open()  # so that the fixture's close has something to close
    line.log.gate.set()
    await asking
    await settle()
    assert line.sink.bodies() == []


async def test_a_session_that_ends_while_a_subscribe_looks_for_its_place(line: Line) -> None:
    """The goodbye is the last message, and nothing begins behind it."""
    session = line.begin()
    await line.log.append([entry("a", "x")])
    line.log.gate.clear()
    asking = asyncio.create_task(session.receive(ClientMessage(subscribe=Subscribe(id="s", last=1, filter="x"))))
    await line.log.reading.wait()
    session.shut_down(0.0)
    line.log.gate.set()
    await asking
    await settle()
    assert [message.WhichOneof("kind") for message in line.sink.messages] == ["welcome", "goodbye"]


async def test_a_filter_that_changes_twice_at_once_leaves_nothing_behind(line: Line) -> None:
    """The reading for the first one is cancelled before it has begun; a warning would be an error here."""
    line.begin()
    await line.say(subscribe=Subscribe(id="s"))
    await line.log.append([entry("a", "x")])
    for text in ("y", "x"):
        await line.session.receive(ClientMessage(update=tail_pb2.Update(id="s", filter=text)))
    await settle()
    await line.log.append([entry("a", "x", "y")])
    await settle()
    assert line.sink.bodies() == ["x", "x"]
    gc.collect()


# --- several tenants -------------------------------------------------------------------------------------------------


async def test_a_subscription_names_its_tenant(line: Line) -> None:
    """Records, cursor and counters are that tenant's; without a name they are those of the token's own."""
    line.begin(tenants=frozenset({"a", "b"}))
    [welcome] = [message.welcome for message in line.sink.messages]
    assert (welcome.tenant, list(welcome.tenants)) == ("a", ["a", "b"])
    await line.say(subscribe=Subscribe(id="own"))
    await line.say(subscribe=Subscribe(id="other", tenant="b"))
    assert line.gauges("subscriptions") == {"a": 1, "b": 1}
    await line.log.append([entry("a", "1"), entry("b", "2", "3")])
    await settle()
    assert (line.sink.bodies("own"), line.sink.bodies("other")) == (["1"], ["2", "3"])
    assert line.gauges("delivered_records_total") == {"a": 1, "b": 2}
    cursor = line.sink.of("records")[-1].records.cursor
    refused = await line.say(subscribe=Subscribe(id="again", tenant="a", cursor=cursor))
    assert refused.error.code == tail_pb2.ERROR_CODE_BAD_CURSOR
    await line.say(subscribe=Subscribe(id="again", tenant="b", cursor=cursor))
    await line.say(update=Update(id="other", filter="4"))
    await line.log.append([entry("b", "4"), entry("b", "5")])
    await settle()
    assert (line.sink.bodies("other"), line.sink.bodies("again")) == (["2", "3", "4"], ["4", "5"])
    await line.say(unsubscribe=Unsubscribe(id="other"))
    assert line.gauges("subscriptions") == {"a": 1, "b": 1}


@pytest.mark.parametrize("begin", [{}, {"oldest": True}, {"last": 5}, {"oldest": True, "follow": False}])
@pytest.mark.parametrize("tenant", ["c", "A", "*", "../b", "a,b", "a\0"])
async def test_another_tenant_is_refused(line: Line, tenant: str, begin: dict[str, Any]) -> None:
    """Nothing of it is read, nor that it is there; the error says what may be read."""
    await line.log.append([entry("c", "secret")])
    line.begin(tenants=frozenset({"a", "b"}))
    error = (await line.say(subscribe=Subscribe(id="s", tenant=tenant, **begin))).error
    assert (error.code, error.id) == (tail_pb2.ERROR_CODE_FORBIDDEN, "s")
    assert "a, b" in error.message
    assert not line.sink.bodies("s")
    assert line.gauges("subscriptions").get("c") is None


async def test_a_token_of_one_tenant_names_it_or_none(line: Line) -> None:
    """A name that it may not read is refused, as for any token."""
    line.begin()
    assert (await line.say(subscribe=Subscribe(id="a", tenant="a"))).HasField("subscribed")
    assert (await line.say(subscribe=Subscribe(id="b", tenant="b"))).error.code == tail_pb2.ERROR_CODE_FORBIDDEN


async def test_without_a_tenant_of_its_own_a_subscription_must_name_one(line: Line) -> None:
    """The error names them; the connection is counted for the first."""
    line.begin(tenant="", tenants=frozenset({"b", "a"}))
    [welcome] = [message.welcome for message in line.sink.messages]
    assert (welcome.tenant, list(welcome.tenants)) == ("", ["a", "b"])
    error = (await line.say(subscribe=Subscribe(id="s"))).error
    assert error.code == tail_pb2.ERROR_CODE_BAD_REQUEST
    assert "one of a, b" in error.message
    assert (await line.say(subscribe=Subscribe(id="s", tenant="b"))).HasField("subscribed")
    assert line.gauges("connections") == {"a": 1, "b": 0}
