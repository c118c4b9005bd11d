"""Asks a hub about consumer groups, over gRPC."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc

from hub.client.reasons import reason_of
from hub.errors import BadRequestError, CertificateError, ForbiddenError, LoghubError, UnauthenticatedError
from hub.pb import consume_pb2
from hub.pb.consume_pb2 import ConsumerGroup, ResetGroupRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message

    from hub.client.producer import Target

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused

_SECONDS = 10.0
_SERVICE = "/loghub.v1.Consume/"
_MAX_MESSAGE_BYTES = 64 * 2**20
_OPTIONS = (
    ("grpc.http2.bdp_probe", 0),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # So that a connection to a hub that is gone is not shared with the next try.
    ("grpc.use_local_subchannel_pool", 1),
)
_ERRORS = {
    grpc.StatusCode.INVALID_ARGUMENT: BadRequestError,
    grpc.StatusCode.PERMISSION_DENIED: ForbiddenError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
}


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a hub's gRPC port is, and who calls: a client certificate, and perhaps a token."""

    target: Target
    token: str = ""

    def channel(self) -> grpc.aio.Channel:
        """Return a channel; CertificateError where a file cannot be read."""
        target = self.target
        try:
            files = [path.read_bytes() for path in (target.ca, target.key, target.cert)]
        except OSError as error:
            msg = f"the certificates cannot be used: {error}"
            raise CertificateError(msg) from error
        return grpc.aio.secure_channel(target.endpoint, grpc.ssl_channel_credentials(*files), _OPTIONS)

    def metadata(self) -> Sequence[tuple[str, str]]:
        """Return what goes along with a call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()


class GroupsApi:
    """Groups of a tenant; every method raises LoghubError with what the hub said."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def list(self, tenant: str = "") -> Sequence[ConsumerGroup]:
        """Return all groups."""
        request = consume_pb2.ListGroupsRequest(tenant=tenant)
        answer = await self._ask("ListGroups", request, consume_pb2.ListGroupsResponse)
        return list(answer.groups)

    async def show(self, group: str, tenant: str = "") -> ConsumerGroup:
        """Return one group."""
        request = consume_pb2.DescribeGroupRequest(group=group, tenant=tenant)
        answer = await self._ask("DescribeGroup", request, consume_pb2.DescribeGroupResponse)
        return ConsumerGroup.FromString(answer.group.SerializeToString())

    async def reset(self, request: ResetGroupRequest) -> ConsumerGroup:
        """Have a group go on elsewhere, as an admin of its tenant; return it."""
        answer = await self._ask("ResetGroup", request, consume_pb2.ResetGroupResponse)
        return ConsumerGroup.FromString(answer.group.SerializeToString())

    async def delete(self, group: str) -> None:
        """Forget a group, as an admin of its tenant."""
        await self._ask("DeleteGroup", consume_pb2.DeleteGroupRequest(group=group), consume_pb2.DeleteGroupResponse)

    async def _ask(self, method: str, request: Message, answer: type[Message]) -> Any:  # noqa: ANN401  of that kind
        async with self._caller.channel() as channel:
            call = channel.unary_unary(_SERVICE + method, response_deserializer=answer.FromString)
            try:
                return await call(
                    request.SerializeToString(),
                    timeout=_SECONDS,
                    metadata=self._caller.metadata(),
                    wait_for_ready=False,
                )
            except grpc.aio.AioRpcError as error:
                raise _ERRORS.get(error.code(), LoghubError)(reason_of(error.details() or error.code().name)) from error
