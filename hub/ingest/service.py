"""The gRPC service `loghub.v1.Ingest`: who is calling, and how errors are said on this wire.

Messages are taken as bytes and read by `hub.core.batch.Reader`, since one string that is not UTF-8 would otherwise end
a stream inside gRPC.
"""

from __future__ import annotations

import asyncio
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc

from hub.core.batch import Reader
from hub.core.sequence import Sequencer
from hub.errors import LoghubError, OutOfSequenceError
from hub.identity.expiry import Expiry
from hub.ingest.admission import Source, check_producer_id
from hub.ingest.callers import PLANE, Callers
from hub.ingest.stream import Farewell, Ingest, ProducerStream, record_errors
from hub.log.model import OutOfSequence
from hub.observe.audit import Event
from hub.pb import ingest_pb2
from hub.pb.ingest_pb2 import PushRequest, PushResponse
from hub.rpc.peer import peer_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from grpc.aio import ServicerContext

    from hub.core.places import Places
    from hub.core.principal import Principal
    from hub.observe.audit import Audit

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused

_REQUESTS = Reader(PushRequest)
_EXPIRED = Farewell(ingest_pb2.GOODBYE_REASON_EXPIRED, "the client certificate has expired: renew it", reconnect=False)


class IngestService:
    """Handlers of the service.

    trust_domain    whose SPIFFE ids are taken
    check           raises RevokedError for a principal whose certificate is revoked
    places          how many streams there may be
    """

    name = ingest_pb2.DESCRIPTOR.services_by_name["Ingest"].full_name

    def __init__(
        self,
        ingest: Ingest,
        trust_domain: str,
        check: Callable[[Principal], None],
        places: Places,
        audit: Audit,
    ) -> None:
        self._ingest = ingest
        self._callers = Callers(trust_domain, check, audit, ingest.metrics)
        self._places = places
        self._audit = audit

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the handlers, to be added to a server; requests and responses are bytes."""
        return grpc.method_handlers_generic_handler(
            self.name,
            {
                "Stream": grpc.stream_stream_rpc_method_handler(self.stream),
                "Push": grpc.unary_unary_rpc_method_handler(self.push),
            },
        )

    async def stream(self, _requests: object, context: ServicerContext[bytes, bytes]) -> None:
        """Serve `Ingest.Stream`."""
        try:
            principal = self._callers.authenticate(context)
            self._places.take(principal)
            try:
                await self._serve(principal, context)
            finally:
                self._places.give(principal)
        except LoghubError as error:
            await self._callers.refuse(context, error)

    async def _serve(self, principal: Principal, context: ServicerContext[bytes, bytes]) -> None:
        stream = ProducerStream(self._ingest, principal, _ContextPeer(context))
        expiry = Expiry(asyncio.get_running_loop().call_later, partial(stream.end, _EXPIRED))
        expiry.watch(principal.expires_at)
        visit = self._audit.enter(principal, plane=PLANE, peer=peer_address(context))
        try:
            await stream.run()
        finally:
            expiry.stop()
            visit.leave(stream.farewell)

    async def push(self, raw: bytes, context: ServicerContext[bytes, bytes]) -> bytes:
        """Serve `Ingest.Push`."""
        try:
            principal = self._callers.authenticate(context)
            self._audit.record(Event.REQUEST, principal, plane=PLANE, peer=peer_address(context))
            return (await self._push(principal, raw)).SerializeToString()
        except LoghubError as error:
            await self._callers.refuse(context, error)

    async def _push(self, principal: Principal, raw: bytes) -> PushResponse:
        allowance = self._ingest.quotas.of(principal, monotonic())
        allowance.check(monotonic(), 0.0)
        incoming = _REQUESTS.read(raw)
        request = incoming.message
        ingest, tenant = self._ingest, principal.tenant
        ingest.admission.repaired(tenant, incoming.repaired)
        seq = request.batch.seq
        last = 0
        if request.producer_id:
            check_producer_id(request.producer_id)
            last = await ingest.log.last_seq(tenant, request.producer_id)
            if seq > Sequencer.begin(last, 1).expected and last:
                msg = f"batch {seq} came, {last + 1} must come next"
                raise OutOfSequenceError(msg, expected_seq=last + 1)
        source = Source(tenant, request.producer_id)
        entry, rejected = ingest.admission.entry(source, incoming.offer, after_seq=last)
        allowance.spend(entry.records, len(raw))
        outcome = (await ingest.log.append([entry]))[0]
        if isinstance(outcome, OutOfSequence):
            msg = f"batch {seq} came, {outcome.last_seq + 1} must come next"
            raise OutOfSequenceError(msg, expected_seq=outcome.last_seq + 1)
        counts = ingest.metrics.tenant(tenant)
        if outcome.duplicate:
            counts.duplicates.inc()
        else:
            counts.records.inc(entry.records)
            counts.batches.inc()
            counts.bytes.inc(len(raw))
        accepted = 0 if outcome.duplicate else entry.records
        last_seq = max(last, seq) if request.producer_id else 0
        return PushResponse(accepted=accepted, rejected=record_errors(seq, rejected), last_seq=last_seq)


class _ContextPeer:
    """A gRPC call as the peer of a `ProducerStream`."""

    def __init__(self, context: ServicerContext[bytes, bytes]) -> None:
        self._context = context

    async def read(self) -> bytes | None:
        """Return the next message, or None when the producer has half-closed or is gone."""
        message = await self._context.read()
        return None if message is grpc.aio.EOF else message

    async def write(self, message: bytes) -> None:
        """Send a message."""
        await self._context.write(message)
