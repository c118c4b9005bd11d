"""hub.rpc.tail: a session on a call, and a way out that never holds more than it may."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc

from hub.core.ending import Ending
from hub.core.principal import Principal, Scope
from hub.errors import (
    ForbiddenError,
    LoghubError,
    QuotaError,
    RevokedError,
    ShuttingDownError,
    TokenExpiredError,
    UnauthenticatedError,
)
from hub.observe.audit import Audit
from hub.observe.metrics import Metrics
from hub.pb import ingest_pb2
from hub.pb.ingest_pb2 import GOODBYE_REASON_DONE, GOODBYE_REASON_PROTOCOL, GOODBYE_REASON_QUOTA
from hub.pb.tail_pb2 import Ping, ServerMessage
from hub.rpc.tail import CallWriter, TailParts, TailService
from tests.fakes import FakeSession, nothing_is_revoked, settle
from tests.unit.rpc.call import DER, FakeCall

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from hub.core.ports import Sink, Wire
    from hub.pb.tail_pb2 import ClientMessage
    from hub.rpc.tail import Session

assert hub.grpc_tls.TLS13_ONLY

LIMIT = 100
SHORT, LONG = 0.02, 60.0
READER = Principal("acme", "desk", frozenset({Scope.READ}))
PONG = ServerMessage(pong={"payload": b"x"}).SerializeToString()


# --- the writer ------------------------------------------------------------------------------------------------------


def running(writer: CallWriter) -> asyncio.Task[None]:
    """Have a writer send."""
    return asyncio.create_task(writer.run())


async def stopped(task: asyncio.Task[None]) -> None:
    """Cancel a task, and wait for it."""
    task.cancel()
    await asyncio.wait((task,))


async def test_messages_are_sent_in_order() -> None:
    """One after the other, as they were written."""
    call = FakeCall()
    writer = CallWriter(call, LIMIT, LONG)
    task = running(writer)
    for number in range(10):
        writer.write(bytes([number]))
    await writer.flush()
    assert call.heard == [bytes([number]) for number in range(10)]
    await stopped(task)


async def test_a_writer_is_full_over_its_bytes_and_has_room_once_they_are_sent() -> None:
    """What is on its way counts: the peer has not read it."""
    call = FakeCall()
    call.listening.clear()
    writer = CallWriter(call, LIMIT, LONG)
    task = running(writer)
    writer.write(bytes(LIMIT))
    await settle()
    assert not writer.full
    await writer.drain()
    writer.write(b"x")
    assert writer.full
    draining = asyncio.create_task(writer.drain())
    await settle()
    assert not draining.done()
    call.listening.set()
    await draining
    assert not writer.full
    await stopped(task)


@pytest.mark.parametrize("wait", [CallWriter.drain, CallWriter.flush])
async def test_a_peer_that_does_not_read_is_waited_for_so_long(
    wait: Callable[[CallWriter], Coroutine[None, None, None]],
) -> None:
    """Then it is said to be too slow."""
    call = FakeCall()
    call.listening.clear()
    writer = CallWriter(call, LIMIT, SHORT)
    task = running(writer)
    writer.write(bytes(LIMIT + 1))
    with pytest.raises(TimeoutError):
        await wait(writer)
    await stopped(task)


@pytest.mark.parametrize("error", [grpc.aio.UsageError(), grpc.RpcError(), asyncio.InvalidStateError()])
async def test_a_call_that_is_gone_ends_the_writer(error: Exception) -> None:
    """Whoever waits for room is told, whoever waits for the end is let go, and what is written is dropped."""
    call = FakeCall()
    writer = CallWriter(call, LIMIT, LONG)
    writer.write(bytes(LIMIT + 1))
    waiting = [asyncio.create_task(writer.drain()), asyncio.create_task(writer.flush())]
    await settle()
    call.breaks = error
    await running(writer)
    await asyncio.wait(waiting)
    assert [type(task.exception()) for task in waiting] == [ConnectionError, type(None)]
    writer.write(b"x")
    with pytest.raises(ConnectionError):
        await writer.drain()
    assert call.heard == []


async def test_after_an_abort_nothing_more_is_sent() -> None:
    """Not what waits, and not what comes; nobody waits any more."""
    call = FakeCall()
    call.listening.clear()
    writer = CallWriter(call, LIMIT, LONG)
    task = running(writer)
    writer.write(b"on its way")
    await settle()
    writer.write(bytes(LIMIT))
    flushing = asyncio.create_task(writer.flush())
    await settle()
    writer.abort()
    await flushing
    writer.write(b"late")
    call.listening.set()
    await settle()
    assert call.heard == [b"on its way"]
    with pytest.raises(ConnectionError):
        await writer.drain()
    await stopped(task)


# --- the service -----------------------------------------------------------------------------------------------------


class Desk:
    """What a service is made of: whoever asks is `who`, or refused, and gets `session`."""

    def __init__(
        self, who: Principal | LoghubError = READER, full: LoghubError | None = None, timeout_seconds: float = SHORT
    ) -> None:
        self.who = who
        self.full = full
        self.asked: list[tuple[Sequence[str], bytes | None]] = []
        self.events: list[str] = []
        self.session = FakeSession()
        self.sink: Sink | None = None
        self.renew_token: Callable[[str], Awaitable[Principal]]
        self.metrics = Metrics()
        parts = TailParts(self, self, self, self.metrics, LIMIT, timeout_seconds, LIMIT, Audit(None, self.metrics))
        self.service = TailService(parts)

    def __call__(
        self, principal: Principal, sink: Sink, wire: Wire, verify: Callable[[str], Awaitable[Principal]]
    ) -> FakeSession:
        """Make the session."""
        assert (principal, wire.name) == (self.who, "message")
        self.renew_token = verify
        self.sink = sink
        return self.session

    async def admit_call(self, authorization: Sequence[str], certificate_der: bytes | None) -> Principal:
        """Keep what was shown; return who it is."""
        self.asked.append((authorization, certificate_der))
        if isinstance(self.who, LoghubError):
            raise self.who
        return self.who

    async def renew(self, token: str, certificate_der: bytes | None) -> Principal:
        """Return the same bearer."""
        return await self.admit_call([token], certificate_der)

    def admit(self, principal: Principal) -> None:
        """Let in, or not."""
        if self.full:
            raise self.full
        self.events.append(f"admit {principal.home}")

    def release(self, principal: Principal) -> None:
        """Keep that a place is free."""
        self.events.append(f"release {principal.home}")

    def enter(self, session: Session) -> None:
        """Keep that a session is known."""
        session.recheck(nothing_is_revoked)
        self.events.append("enter")

    def leave(self, session: Session) -> None:
        """Keep that it is forgotten."""
        assert session is self.session
        self.events.append("leave")

    def serve(self, call: FakeCall) -> asyncio.Task[None]:
        """Serve a call."""
        return asyncio.create_task(self.service.tail(None, call))

    async def refused(self, call: FakeCall) -> grpc.StatusCode:
        """Serve a call that ends with an error; return its code."""
        async with asyncio.timeout(LONG):
            with pytest.raises(grpc.aio.AbortError):
                await self.serve(call)
        return call.status.code

    def auth_refused(self, reason: str) -> float:
        """Return how many were counted as refused."""
        labels = {"plane": "tail", "reason": reason}
        return self.metrics.registry.get_sample_value("loghub_auth_refused_total", labels) or 0.0


LET_IN_AND_OUT = ["admit acme", "enter", "leave", "release acme"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UnauthenticatedError(), grpc.StatusCode.UNAUTHENTICATED),
        (TokenExpiredError(), grpc.StatusCode.UNAUTHENTICATED),
        (RevokedError(), grpc.StatusCode.UNAUTHENTICATED),
        (ForbiddenError(), grpc.StatusCode.PERMISSION_DENIED),
    ],
    ids=lambda value: getattr(value, "name", type(value).__name__),
)
async def test_who_is_not_known_or_not_allowed_is_refused_and_counted(error: LoghubError, code: object) -> None:
    """Before a place is taken."""
    desk = Desk(error)
    assert await desk.refused(FakeCall()) is code
    assert desk.auth_refused(type(error).__name__) == 1
    assert desk.events == []


async def test_who_may_not_read_is_refused() -> None:
    """A producer's certificate alone does."""
    desk = Desk(Principal("acme", "orders", frozenset({Scope.WRITE})))
    assert await desk.refused(FakeCall()) is grpc.StatusCode.PERMISSION_DENIED
    assert desk.auth_refused("ForbiddenError") == 1


@pytest.mark.parametrize(
    ("error", "code", "seconds"),
    [
        (QuotaError(retry_after_seconds=5.0), grpc.StatusCode.RESOURCE_EXHAUSTED, 5.0),
        (ShuttingDownError(), grpc.StatusCode.UNAVAILABLE, 0.0),
    ],
    ids=["full", "closing"],
)
async def test_where_there_is_no_place_it_is_said_when_to_come_back(
    error: LoghubError, code: object, seconds: float
) -> None:
    """No place was taken, so none is given back; that is no matter of who is asking."""
    desk, call = Desk(full=error), FakeCall()
    assert await desk.refused(call) is code
    assert call.retry_seconds == seconds
    assert desk.events == []
    assert desk.auth_refused(type(error).__name__) == 0


async def test_who_asks_is_judged_by_certificate_and_authorization() -> None:
    """Every header of that name, and no other."""
    desk, call = Desk(), FakeCall(("authorization", "Bearer a"), ("x-tenant", "b"), ("authorization", "Bearer c"))
    task = desk.serve(call)
    await settle()
    assert desk.asked == [(["Bearer a", "Bearer c"], DER)]
    await stopped(task)


async def test_a_fresh_token_is_judged_with_the_calls_certificate() -> None:
    """It may be bound to one."""
    desk = Desk()
    task = desk.serve(FakeCall())
    await settle()
    assert await desk.renew_token("fresh") is READER
    assert desk.asked[-1] == (["fresh"], DER)
    await stopped(task)


async def test_messages_go_to_the_session_and_what_it_writes_to_the_call() -> None:
    """Each as it comes."""
    desk, call = Desk(), FakeCall()
    task = desk.serve(call)
    call.say(ping=Ping(payload=b"x"))
    call.say(unsubscribe={"id": "s"})
    await settle()
    assert [message.WhichOneof("kind") for message in desk.session.messages] == ["ping", "unsubscribe"]
    assert desk.sink is not None
    desk.sink.write(PONG)
    await settle()
    assert call.heard == [PONG]
    assert desk.session.said == ["open"]
    await stopped(task)


async def test_a_call_that_is_cancelled_lets_go_of_everything() -> None:
    """As when the client vanishes."""
    desk = Desk()
    task = desk.serve(FakeCall())
    await settle()
    await stopped(task)
    assert desk.session.said == ["open", "close"]
    assert desk.events == LET_IN_AND_OUT


async def test_a_call_that_breaks_lets_go_of_everything() -> None:
    """It is seen by what cannot be written."""
    desk, call = Desk(), FakeCall()
    task = desk.serve(call)
    await settle()
    call.breaks = grpc.aio.UsageError()
    assert desk.sink is not None
    desk.sink.write(PONG)
    await asyncio.wait((task,))
    assert isinstance(task.exception(), ConnectionError)
    assert desk.session.said == ["open", "close"]
    assert desk.events == LET_IN_AND_OUT


async def test_a_half_closed_call_goes_on_and_ends_well() -> None:
    """The session is told; what it writes until its end is sent, and the status is OK."""
    desk, call = Desk(), FakeCall()
    task = desk.serve(call)
    call.half_close()
    await settle()
    assert desk.session.said == ["open", "no more"]
    assert not task.done()
    assert desk.sink is not None
    desk.sink.write(PONG)
    desk.session.end(Ending(1000, GOODBYE_REASON_DONE, "all has been sent", reconnect=False))
    await task
    assert (call.heard, call.status) == ([PONG], None)
    assert desk.session.said == ["open", "no more", "end", "close"]
    assert desk.events == LET_IN_AND_OUT


@pytest.mark.parametrize(
    ("close_code", "code", "seconds"),
    [
        (1001, grpc.StatusCode.UNAVAILABLE, 2.5),
        (1011, grpc.StatusCode.INTERNAL, None),
        (4401, grpc.StatusCode.UNAUTHENTICATED, None),
        (4403, grpc.StatusCode.PERMISSION_DENIED, None),
        (4408, grpc.StatusCode.UNAUTHENTICATED, None),
        (4429, grpc.StatusCode.RESOURCE_EXHAUSTED, 2.5),
        (4500, grpc.StatusCode.INVALID_ARGUMENT, None),
    ],
)
async def test_how_a_session_ends_is_said_in_the_status(close_code: int, code: object, seconds: float | None) -> None:
    """With when to come back, where that can help, as in the goodbye; behind all that was written."""
    desk, call = Desk(), FakeCall()
    desk.session.end(Ending(close_code, GOODBYE_REASON_DONE, "the end", reconnect=True, retry_after_seconds=2.5))
    assert await desk.refused(call) is code
    assert (call.status.details, call.retry_seconds) == ("the end", seconds)
    assert desk.events == LET_IN_AND_OUT


async def test_the_status_comes_behind_all_that_was_written() -> None:
    """A client that reads late reads everything."""
    desk, call = Desk(timeout_seconds=LONG), FakeCall()
    task = asyncio.create_task(desk.refused(call))
    call.listening.clear()
    await settle()
    assert desk.sink is not None
    desk.sink.write(PONG)
    desk.sink.write(PONG)
    desk.session.end(Ending(1001, GOODBYE_REASON_DONE, "the end", reconnect=True))
    await settle()
    assert call.status is None
    call.listening.set()
    assert await task is grpc.StatusCode.UNAVAILABLE
    assert call.heard == [PONG, PONG]


async def test_a_client_that_does_not_read_the_goodbye_is_not_waited_for() -> None:
    """Longer than the timeout."""
    desk, call = Desk(), FakeCall()
    task = asyncio.create_task(desk.refused(call))
    call.listening.clear()
    await settle()
    assert desk.sink is not None
    desk.sink.write(PONG)
    desk.session.end(Ending(1001, GOODBYE_REASON_DONE, "the end", reconnect=True))
    assert await task is grpc.StatusCode.UNAVAILABLE
    assert call.heard == []


@pytest.mark.parametrize(
    ("raw", "text"),
    [(b"\xff", "not a ClientMessage"), (bytes(LIMIT + 1), "live.max_message_bytes")],
    ids=["bad", "long"],
)
async def test_what_is_no_message_ends_the_session(raw: bytes, text: str) -> None:
    """It is said what was wrong, and the session does not see it."""
    desk, call = Desk(), FakeCall()
    call.say_raw(raw)
    assert await desk.refused(call) is grpc.StatusCode.INVALID_ARGUMENT
    assert text in call.status.details
    ending = desk.session.ended.result()
    assert (ending.close_code, ending.reason, ending.reconnect) == (4500, GOODBYE_REASON_PROTOCOL, False)
    assert desk.session.messages == []


async def test_a_client_that_asks_and_does_not_read_the_answers_is_cut() -> None:
    """Nothing more is read of it, and nothing more written."""
    desk, call = Desk(), FakeCall()
    call.listening.clear()
    task = asyncio.create_task(desk.refused(call))
    await settle()
    assert desk.sink is not None
    desk.sink.write(bytes(LIMIT + 1))
    for _ in range(2):
        call.say(ping=Ping())
    assert await task is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert len(desk.session.messages) == 1
    assert desk.session.ended.result().reason == GOODBYE_REASON_QUOTA
    assert call.heard == []


async def test_a_fault_of_the_hub_is_said_without_its_details(caplog: pytest.LogCaptureFixture) -> None:
    """They stand in the hub's log; the client may try again."""
    desk, call = Desk(), FakeCall()

    async def receive(_message: ClientMessage) -> None:
        secret = "a secret of the hub"
        raise ValueError(secret)

    desk.session.receive = receive  # type: ignore[method-assign, assignment]
    call.say(ping=Ping())
    with caplog.at_level(logging.ERROR):
        assert await desk.refused(call) is grpc.StatusCode.INTERNAL
    assert "secret" not in call.status.details
    assert desk.session.ended.result().reason == ingest_pb2.GOODBYE_REASON_INTERNAL
    assert [record.message for record in caplog.records] == ["session_failed"]
    assert desk.events == LET_IN_AND_OUT
