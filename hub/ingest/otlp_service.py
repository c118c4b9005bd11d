"""The gRPC service of OpenTelemetry for logs, `opentelemetry.proto.collector.logs.v1.LogsService`.

Its one call is unary, but served as a stream of one message, which is the same on the wire: so the message of whoever
may not write, or is over its rate, is never taken from the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2

from hub.errors import BadRequestError, LoghubError, TooLargeError
from hub.ingest.callers import PLANE
from hub.ingest.otlp import RETRY_SECONDS, Kind
from hub.observe.audit import Event
from hub.rpc.peer import peer_address

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

    from hub.core.principal import Principal
    from hub.ingest.callers import Callers
    from hub.ingest.otlp import OtlpReceiver
    from hub.observe.audit import Audit

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused


class OtlpService:
    """Handlers of the service."""

    name = logs_service_pb2.DESCRIPTOR.services_by_name["LogsService"].full_name

    def __init__(self, receiver: OtlpReceiver, callers: Callers, audit: Audit) -> None:
        self._receiver = receiver
        self._callers = callers
        self._audit = audit

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the handlers, to be added to a server; requests and responses are bytes."""
        return grpc.method_handlers_generic_handler(
            self.name, {"Export": grpc.stream_stream_rpc_method_handler(self.export)}
        )

    async def export(self, _requests: object, context: ServicerContext[bytes, bytes]) -> None:
        """Serve `Export`."""
        try:
            principal = self._callers.authenticate(context)
            self._audit.record(Event.REQUEST, principal, plane=PLANE, peer=peer_address(context))
            await context.write(await self._export(principal, context))
        except LoghubError as error:
            await self._callers.refuse(context, error, retry_seconds=RETRY_SECONDS)

    async def _export(self, principal: Principal, context: ServicerContext[bytes, bytes]) -> bytes:
        receiver = self._receiver
        with receiver.holding(principal) as take:
            raw = await context.read()
            if raw is grpc.aio.EOF:
                msg = "the call has no message"
                raise BadRequestError(msg)
            if len(raw) > receiver.max_bytes:
                msg = f"the request has {len(raw)} bytes, the limit is {receiver.max_bytes}: send less at once"
                raise TooLargeError(msg)
            take(len(raw))
            return await receiver.export(principal, raw, Kind.PROTOBUF)
