"""The gRPC service `loghub.v1.Consume`: members of groups on calls, and groups as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc
from google.protobuf.message import DecodeError

from hub.core.cursor import Cursor
from hub.core.principal import Scope
from hub.errors import BadRequestError, LoghubError
from hub.observe.audit import Event
from hub.pb import consume_pb2
from hub.pb.consume_pb2 import ConsumerGroup, ConsumerMessage
from hub.rpc.peer import peer_address
from hub.rpc.tail import SessionCalls

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message
    from grpc.aio import ServicerContext

    from hub.core.consumer_group import Group
    from hub.core.ports import Sink
    from hub.core.principal import Principal
    from hub.log.model import Log
    from hub.rpc.tail import CallParts, Session

    Act = Callable[[Principal, Any], Awaitable[Message]]

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused

_PLANE = "consume"


class Groups(Protocol):
    """The groups; `hub.consume.engine.Engine`. A key is a tenant and a name."""

    @property
    def log(self) -> Log:
        """The log that they are of."""

    async def groups(self, tenant: str) -> list[tuple[str, Group]]:
        """Return a tenant's groups, by name."""

    async def group(self, key: tuple[str, str]) -> Group:
        """Return a group; LoghubError where there is none."""

    async def reset(self, key: tuple[str, str], request: consume_pb2.ResetGroupRequest) -> Group:
        """Have a group go on elsewhere; return it."""

    async def delete(self, key: tuple[str, str]) -> None:
        """Forget a group."""


class OpenMember(Protocol):
    """Makes sessions of members."""

    def __call__(self, principal: Principal, sink: Sink, verify: Callable[[str], Awaitable[Principal]]) -> Session:
        """Return the session of a connection; raises ForbiddenError where the principal may not read."""


@dataclass(frozen=True, slots=True)
class ConsumeParts:
    """What the service is made of."""

    open_member: OpenMember
    groups: Groups
    calls: CallParts


class ConsumeService:
    """Handlers of the service."""

    name = consume_pb2.DESCRIPTOR.services_by_name["Consume"].full_name

    def __init__(self, parts: ConsumeParts) -> None:
        self._groups = parts.groups
        self._audit = parts.calls.audit
        self._calls = SessionCalls(parts.calls, _PLANE, ConsumerMessage, parts.open_member)

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the handlers, to be added to a server; messages are bytes."""
        acts: dict[str, tuple[type[Message], Scope, Act]] = {
            "ListGroups": (consume_pb2.ListGroupsRequest, Scope.READ, self._list),
            "DescribeGroup": (consume_pb2.DescribeGroupRequest, Scope.READ, self._describe),
            "ResetGroup": (consume_pb2.ResetGroupRequest, Scope.ADMIN, self._reset),
            "DeleteGroup": (consume_pb2.DeleteGroupRequest, Scope.ADMIN, self._delete),
        }
        unary = {name: grpc.unary_unary_rpc_method_handler(self._unary(name, *act)) for name, act in acts.items()}
        stream = grpc.stream_stream_rpc_method_handler(self._calls.serve)
        return grpc.method_handlers_generic_handler(self.name, {"Consume": stream, **unary})

    def _unary(self, name: str, kind: type[Message], scope: Scope, act: Act) -> Callable[..., Awaitable[bytes]]:
        """Return what serves a call of one message: who may call it is asked first, and that it was called is kept."""

        async def serve(raw: bytes, context: ServicerContext[bytes, bytes]) -> bytes:
            try:
                principal, _ = await self._calls.authenticate(context, scope)
                request = _parsed(raw, kind)
                answer = await act(principal, request)
            except LoghubError as error:
                await self._calls.refuse(context, error)
            event = Event.ADMIN if scope is Scope.ADMIN else Event.REQUEST
            target = f"group:{group}" if (group := getattr(request, "group", "")) else ""
            self._audit.record(event, principal, plane=_PLANE, peer=peer_address(context), reason=name, target=target)
            return answer.SerializeToString()

        return serve

    async def _list(self, principal: Principal, request: consume_pb2.ListGroupsRequest) -> Message:
        tenant = principal.reading(request.tenant)
        end = (await self._groups.log.bounds(tenant)).next
        groups = [self._said(tenant, name, group, end) for name, group in await self._groups.groups(tenant)]
        return consume_pb2.ListGroupsResponse(groups=groups)

    async def _describe(self, principal: Principal, request: consume_pb2.DescribeGroupRequest) -> Message:
        tenant = principal.reading(request.tenant)
        group = await self._groups.group((tenant, request.group))
        return consume_pb2.DescribeGroupResponse(group=await self._detailed(tenant, request.group, group))

    async def _reset(self, principal: Principal, request: consume_pb2.ResetGroupRequest) -> Message:
        tenant = principal.tenant
        group = await self._groups.reset((tenant, request.group), request)
        return consume_pb2.ResetGroupResponse(group=await self._detailed(tenant, request.group, group))

    async def _delete(self, principal: Principal, request: consume_pb2.DeleteGroupRequest) -> Message:
        await self._groups.delete((principal.tenant, request.group))
        return consume_pb2.DeleteGroupResponse()

    def _said(self, tenant: str, name: str, group: Group, end: int) -> ConsumerGroup:
        said = ConsumerGroup(
            name=name,
            filter=group.filter,
            cursor=Cursor(self._groups.log.epoch, group.cursor).encode(tenant),
            cursor_offset=group.cursor,
            next_offset=group.position,
            lag=max(end - group.cursor, 0),
            max_attempts=group.max_attempts,
            acked_records=group.acked_records,
            redelivered=group.redelivered,
            dead_records=group.dead_records,
            member_count=len(group.seats),
            pending_count=len(group.held),
        )
        said.created.FromNanoseconds(group.created)
        return said

    async def _detailed(self, tenant: str, name: str, group: Group) -> ConsumerGroup:
        said = self._said(tenant, name, group, (await self._groups.log.bounds(tenant)).next)
        for seat in sorted(group.seats.values(), key=lambda seat: seat.name):
            member = said.members.add(name=seat.name, subject=seat.subject, in_flight=group.in_flight(seat.id))
            member.seen.FromNanoseconds(seat.seen)
        names = {seat.id: seat.name for seat in group.seats.values()}
        for held in group.held:
            pending = said.pending.add(
                id=held.id,
                member=names.get(held.seat, ""),
                attempt=held.attempt,
                from_offset=held.first,
                to_offset=held.next,
            )
            pending.until.FromNanoseconds(held.until)
        for dead in group.dead:
            given_up = said.dead.add(
                attempts=dead.attempts, from_offset=dead.first, to_offset=dead.next, records=dead.records
            )
            given_up.at.FromNanoseconds(dead.at)
        return said


def _parsed(raw: bytes, kind: type[Message]) -> Any:  # noqa: ANN401  of that kind
    try:
        return kind.FromString(raw)
    except DecodeError as error:
        msg = f"the message is not a {kind.DESCRIPTOR.name}: {error}"
        raise BadRequestError(msg) from error
