"""hub.rpc.consume: members on calls, and who may ask what about groups."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc

from hub.consume.session import ConsumerSession
from hub.core.principal import Principal, Scope
from hub.errors import ShuttingDownError
from hub.log.memory import MemoryLog
from hub.observe.audit import Audit
from hub.observe.metrics import Metrics
from hub.pb import consume_pb2
from hub.pb.consume_pb2 import ConsumerEvent, ConsumerMessage
from hub.rpc.consume import ConsumeParts, ConsumeService
from hub.rpc.tail import CallParts
from tests.fakes import FOREVER, entry
from tests.unit.consume.world import Peer, engine
from tests.unit.rpc.call import FakeCall

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.consume.engine import Engine
    from hub.rpc.tail import Session

assert hub.grpc_tls.TLS13_ONLY

READER = Principal("acme", "desk", frozenset({Scope.READ}))
ADMIN = Principal("acme", "root", frozenset({Scope.READ, Scope.ADMIN}))


class Caller:
    """Judges and counts; `hub.rpc.tail.Credentials` and `Sessions`."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.open = 0
        self.closing = False
        self.sessions: list[Session] = []

    async def admit_call(self, _authorization: Sequence[str], _certificate: bytes | None) -> Principal:
        """Return the principal."""
        return self.principal

    async def renew(self, _token: str, certificate_der: bytes | None) -> Principal:
        """Return the principal."""
        assert certificate_der
        return self.principal

    def admit(self, _principal: Principal) -> None:
        """Count a connection."""
        if self.closing:
            raise ShuttingDownError
        self.open += 1

    def release(self, _principal: Principal) -> None:
        """Count it out."""
        self.open -= 1

    def enter(self, session: Session) -> None:
        """Know a session."""
        self.sessions.append(session)

    def leave(self, session: Session) -> None:
        """Forget it."""
        self.sessions.remove(session)


def service(groups: Engine, caller: Caller) -> ConsumeService:
    """Return the service."""
    metrics = Metrics()
    calls = CallParts(caller, caller, metrics, 2**20, 5.0, 2**10, Audit(None, metrics))

    def opened(principal: Principal, sink: Any, verify: Callable[[str], Any]) -> Session:
        return ConsumerSession(groups, principal, sink, verify)

    return ConsumeService(ConsumeParts(opened, groups, calls))


async def asked(served: ConsumeService, method: str, raw: bytes) -> tuple[bytes | None, Any]:
    """Call a unary method; return its answer, and the status where it was refused."""
    call = FakeCall()
    details = type("Details", (), {"method": f"/{served.name}/{method}", "invocation_metadata": ()})()
    handler = served.handlers().service(details)
    try:
        return await handler.unary_unary(raw, call), None
    except grpc.aio.AbortError:
        return None, call.status


async def test_a_member_on_a_call() -> None:
    """It joins, gets what there is, settles it and leaves with an OK."""
    log = MemoryLog(FOREVER)
    await log.append([entry("acme", "x")])
    async with engine(log) as groups:
        caller, call = Caller(READER), FakeCall()
        serving = asyncio.create_task(service(groups, caller)._calls.serve(None, call))  # noqa: SLF001
        call.say_raw(ConsumerMessage(join={"group": "audit", "oldest": True}).SerializeToString())
        async with asyncio.timeout(5):
            while len(call.heard) < 2:  # noqa: ASYNC110  a fake has no event
                await asyncio.sleep(0.001)
        joined, delivery = (ConsumerEvent.FromString(raw) for raw in call.heard)
        assert joined.joined.created
        assert (caller.open, len(caller.sessions)) == (1, 1)
        call.say_raw(ConsumerMessage(ack={"ids": [delivery.delivery.id]}).SerializeToString())
        call.say_raw(ConsumerMessage(leave={}).SerializeToString())
        async with asyncio.timeout(5):
            await serving
        kinds = [ConsumerEvent.FromString(raw).WhichOneof("kind") for raw in call.heard]
        assert kinds == ["joined", "delivery", "settled", "goodbye"]
        assert (caller.open, caller.sessions, call.status) == (0, [], None)
        assert (await groups.group(("acme", "audit"))).cursor == 1


@pytest.mark.parametrize(
    ("raw", "words"),
    [(b"\xff\xff", "not a ConsumerMessage"), (b"", "none of the kinds"), (bytes(2**10 + 1), "max_message_bytes")],
)
async def test_a_message_that_cannot_be_read_ends_the_call(raw: bytes, words: str) -> None:
    """As INVALID_ARGUMENT, with what is wrong."""
    async with engine() as groups:
        call = FakeCall()
        call.say_raw(raw)
        with pytest.raises(grpc.aio.AbortError):
            await service(groups, Caller(READER))._calls.serve(None, call)  # noqa: SLF001
        assert call.status.code is grpc.StatusCode.INVALID_ARGUMENT
        assert words in call.status.details


async def test_nobody_joins_while_the_hub_stops() -> None:
    """UNAVAILABLE, before anything is opened."""
    async with engine() as groups:
        caller, call = Caller(READER), FakeCall()
        caller.closing = True
        with pytest.raises(grpc.aio.AbortError):
            await service(groups, caller)._calls.serve(None, call)  # noqa: SLF001
        assert call.status.code is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("method", "scope"),
    [
        ("ListGroups", Scope.READ),
        ("DescribeGroup", Scope.READ),
        ("ResetGroup", Scope.ADMIN),
        ("DeleteGroup", Scope.ADMIN),
    ],
)
async def test_each_method_asks_for_its_scope(method: str, scope: Scope) -> None:
    """Without it the call is refused, whatever it asks for; with it the message is read."""
    async with engine() as groups:
        await Peer(groups).join()
        raw = getattr(consume_pb2, f"{method}Request")()
        if method != "ListGroups":
            raw.group = "audit"
        lacking = Principal("acme", "x", frozenset(Scope) - {scope})
        _, status = await asked(service(groups, Caller(lacking)), method, raw.SerializeToString())
        assert status.code is grpc.StatusCode.PERMISSION_DENIED
        answer, status = await asked(service(groups, Caller(ADMIN)), method, raw.SerializeToString())
        assert (answer is not None, status) == (True, None)
        _, status = await asked(service(groups, Caller(ADMIN)), method, b"\xff")
        assert status.code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_group_is_described_with_all_it_holds() -> None:
    """Members, pending deliveries and lag; of the list only their numbers."""
    log = MemoryLog(FOREVER)
    async with engine(log) as groups:
        peer = await Peer(groups).join(member="m1", filter="x", max_in_flight=1, max_records=1, max_attempts=1)
        await log.append([entry("acme", "x", "no", "x", "x")])
        [first] = await peer.heard(1)
        await peer.nack(first)
        await peer.heard(2)
        served = service(groups, Caller(READER))
        request = consume_pb2.DescribeGroupRequest(group="audit")
        answer, _ = await asked(served, "DescribeGroup", request.SerializeToString())
        group = consume_pb2.DescribeGroupResponse.FromString(answer or b"").group
        assert (group.name, group.filter, group.cursor_offset, group.next_offset, group.lag) == ("audit", "x", 2, 3, 2)
        assert [(one.name, one.subject, one.in_flight) for one in group.members] == [("m1", "auditor", 1)]
        assert [(one.member, one.attempt, one.from_offset, one.to_offset) for one in group.pending] == [("m1", 1, 2, 3)]
        assert [(one.from_offset, one.to_offset, one.records, one.attempts) for one in group.dead] == [(0, 1, 1, 1)]
        answer, _ = await asked(served, "ListGroups", b"")
        [listed] = consume_pb2.ListGroupsResponse.FromString(answer or b"").groups
        assert (listed.member_count, listed.pending_count, len(listed.members), len(listed.pending)) == (1, 1, 0, 0)


async def test_what_is_of_another_tenant_cannot_be_asked_for() -> None:
    """By name it is not there, by tenant it is refused."""
    async with engine() as groups:
        await Peer(groups).join()
        stranger = Principal("beta", "root", frozenset(Scope))
        for method in ("DescribeGroup", "ResetGroup", "DeleteGroup"):
            request = getattr(consume_pb2, f"{method}Request")(group="audit")
            _, status = await asked(service(groups, Caller(stranger)), method, request.SerializeToString())
            assert status.code is grpc.StatusCode.NOT_FOUND
        request = consume_pb2.ListGroupsRequest(tenant="acme")
        _, status = await asked(service(groups, Caller(stranger)), "ListGroups", request.SerializeToString())
        assert status.code is grpc.StatusCode.PERMISSION_DENIED
        assert (await groups.group(("acme", "audit"))).position == 0
