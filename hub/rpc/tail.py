"""The gRPC service `loghub.v1.Tail`: the same sessions as over WebSocket, on a call; and what holds any on one."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc
from google.protobuf.message import DecodeError

from hub.core.ending import Ending
from hub.core.packed_batch import PackedMessageWire
from hub.core.ports import Sink
from hub.core.principal import Scope
from hub.core.records_message import MessageWire
from hub.errors import (
    ERRORS_BY_CLOSE_CODE,
    BadRequestError,
    ForbiddenError,
    LoghubError,
    QuotaError,
    UnauthenticatedError,
)
from hub.pb import ingest_pb2, tail_pb2
from hub.pb.tail_pb2 import ClientMessage
from hub.rpc.peer import peer_address
from hub.rpc.status import abort

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from google.protobuf.message import Message
    from grpc.aio import ServicerContext

    from hub.core.ports import Wire
    from hub.core.principal import Principal
    from hub.observe.audit import Audit, Visit
    from hub.observe.metrics import Metrics

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused

_log = logging.getLogger(__name__)
_WIRE = MessageWire(PackedMessageWire())
_PROTOCOL_CODE = 4500


class Session(Protocol):
    """One subscriber's connection; `hub.live.session.TailSession`."""

    ended: asyncio.Future[Ending]
    refused: LoghubError | None

    def open(self) -> None:
        """Say welcome."""

    async def close(self) -> None:
        """Let go of everything."""

    async def receive(self, message: Any) -> None:  # noqa: ANN401  the messages of its own service
        """Act on a message."""

    def no_more(self) -> None:
        """Take note that no message will come; what stands goes on."""

    def end(self, ending: Ending) -> None:
        """Say goodbye."""

    def recheck(self, check: Callable[[Principal], None]) -> None:
        """End where the check raises LoghubError for the principal."""

    def shut_down(self, spread_seconds: float) -> None:
        """End because the hub does."""


class Sessions(Protocol):
    """The open sessions of the process, over whatever they run."""

    def admit(self, principal: Principal) -> None:
        """Count a connection; QuotaError or ShuttingDownError where it may not be."""

    def release(self, principal: Principal) -> None:
        """Count it out."""

    def enter(self, session: Session) -> None:
        """Know a session."""

    def leave(self, session: Session) -> None:
        """Forget it."""


class Credentials(Protocol):
    """Judges who is asking."""

    async def admit_call(self, authorization: Sequence[str], certificate_der: bytes | None) -> Principal:
        """Return who is asking, by Authorization headers and a verified certificate; raises as `hub.web.auth.Gate`."""

    async def renew(self, token: str, certificate_der: bytes | None) -> Principal:
        """Return whom a fresh token names."""


class OpenSession(Protocol):
    """Makes sessions."""

    def __call__(
        self, principal: Principal, sink: Sink, wire: Wire, verify: Callable[[str], Awaitable[Principal]]
    ) -> Session:
        """Return the session of a connection; raises ForbiddenError where the principal may not read."""


@dataclass(frozen=True, slots=True)
class CallParts:
    """What holds sessions on calls; `queue_bytes` may wait for a peer, who must read within the timeout."""

    credentials: Credentials
    sessions: Sessions
    metrics: Metrics
    queue_bytes: int
    write_timeout_seconds: float
    max_message_bytes: int
    audit: Audit


@dataclass(frozen=True, slots=True)
class TailParts:
    """What the service is made of; `queue_bytes` may wait for a subscriber, who must read within the timeout."""

    open_session: OpenSession
    credentials: Credentials
    sessions: Sessions
    metrics: Metrics
    queue_bytes: int
    write_timeout_seconds: float
    max_message_bytes: int
    audit: Audit

    @property
    def calls(self) -> CallParts:
        """What holds its sessions."""
        return CallParts(
            self.credentials,
            self.sessions,
            self.metrics,
            self.queue_bytes,
            self.write_timeout_seconds,
            self.max_message_bytes,
            self.audit,
        )


class CallWriter(Sink):
    """Writes messages to a call, one after the other; implements `hub.core.ports.Sink`."""

    def __init__(self, context: ServicerContext[bytes, bytes], queue_bytes: int, timeout_seconds: float) -> None:
        self._context = context
        self._limit = queue_bytes
        self._timeout = timeout_seconds
        # Holds queue_bytes and one message; a full one sends live subscribers back to the log.
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._work = asyncio.Event()
        self._moved = asyncio.Event()
        self._gone = False

    @property
    def full(self) -> bool:
        """Whether more than queue_bytes wait."""
        return self._bytes > self._limit

    def write(self, frame: bytes) -> None:
        """Queue a message; dropped once the call is gone."""
        if not self._gone:
            self._queue.append(frame)
            self._bytes += len(frame)
            self._work.set()

    async def drain(self) -> None:
        """Wait for room; ConnectionError once the call is gone, TimeoutError where the peer does not read."""
        await self._wait_while(lambda: self.full)
        if self._gone:
            raise ConnectionError

    async def flush(self) -> None:
        """Wait until all is sent, or the call is gone; TimeoutError where the peer does not read."""
        await self._wait_while(lambda: bool(self._bytes))

    async def _wait_while(self, waits: Callable[[], bool]) -> None:
        while waits() and not self._gone:
            self._moved.clear()
            async with asyncio.timeout(self._timeout):
                await self._moved.wait()

    def abort(self) -> None:
        """Write nothing more."""
        self._gone = True
        self._queue.clear()
        self._moved.set()

    async def run(self) -> None:
        """Send what is queued until cancelled or the call is gone."""
        try:
            while True:
                while not self._queue:
                    self._work.clear()
                    await self._work.wait()
                message = self._queue.popleft()
                await self._context.write(message)
                self._bytes -= len(message)
                self._moved.set()
        except (grpc.aio.BaseError, grpc.RpcError, RuntimeError, asyncio.InvalidStateError):  # the call is gone
            pass
        finally:
            self._gone = True
            self._moved.set()


class TailService:
    """Handlers of the service."""

    name = tail_pb2.DESCRIPTOR.services_by_name["Tail"].full_name

    def __init__(self, parts: TailParts) -> None:
        self._calls = SessionCalls(parts.calls, "tail", ClientMessage, self._open)
        self._parts = parts

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return the handlers, to be added to a server; messages are bytes."""
        return grpc.method_handlers_generic_handler(
            self.name, {"Tail": grpc.stream_stream_rpc_method_handler(self.tail)}
        )

    async def tail(self, requests: object, context: ServicerContext[bytes, bytes]) -> None:
        """Serve `Tail.Tail`."""
        await self._calls.serve(requests, context)

    def _open(self, principal: Principal, sink: Sink, verify: Callable[[str], Awaitable[Principal]]) -> Session:
        return self._parts.open_session(principal, sink, _WIRE, verify)


class SessionCalls:
    """Holds sessions on the calls of a method; messages are of one kind, and `opened` makes the session of a call."""

    def __init__(
        self,
        parts: CallParts,
        plane: str,
        kind: type[Message],
        opened: Callable[[Principal, Sink, Callable[[str], Awaitable[Principal]]], Session],
    ) -> None:
        self._parts = parts
        self._plane = plane
        self._kind = kind
        self._opened = opened

    async def serve(self, _requests: object, context: ServicerContext[bytes, bytes]) -> None:
        """Serve a call from its first message to its status."""
        try:
            principal, certificate = await self.authenticate(context)
            self._parts.sessions.admit(principal)
        except LoghubError as error:
            await self.refuse(context, error)
        try:
            ending = await self._hold(principal, certificate, context)
            if ending.error:
                raise ending.error
            kind = ERRORS_BY_CLOSE_CODE.get(ending.close_code)
            if kind:
                raise kind(ending.message, retry_after_seconds=ending.retry_after_seconds)
        except LoghubError as error:
            await self.refuse(context, error)
        finally:  # behind the status, which waits for a caller that does not read: its place is not free before
            self._parts.sessions.release(principal)

    async def refuse(self, context: ServicerContext[bytes, bytes], error: LoghubError) -> NoReturn:
        """End a call with an error."""
        if isinstance(error, UnauthenticatedError | ForbiddenError):
            self._parts.metrics.auth_refused.labels(self._plane, type(error).__name__).inc()
        self._parts.audit.refuse(error, plane=self._plane, peer=peer_address(context))
        await abort(context, error)

    async def authenticate(
        self, context: ServicerContext[bytes, bytes], scope: Scope = Scope.READ
    ) -> tuple[Principal, bytes | None]:
        """Return who calls, and the certificate; raises UnauthenticatedError, ForbiddenError without the scope."""
        certificates = context.auth_context().get("x509_pem_cert")
        certificate = ssl.PEM_cert_to_DER_cert(certificates[0].decode()) if certificates else None
        metadata = context.invocation_metadata() or ()
        authorization = [str(value) for name, value in metadata if name == "authorization"]
        principal = await self._parts.credentials.admit_call(authorization, certificate)
        principal.require(scope)
        return principal, certificate

    async def _hold(
        self, principal: Principal, certificate: bytes | None, context: ServicerContext[bytes, bytes]
    ) -> Ending:
        """Hold a session to its end; return how it ended."""
        parts = self._parts
        writer = CallWriter(context, parts.queue_bytes, parts.write_timeout_seconds)
        renew = partial(parts.credentials.renew, certificate_der=certificate)
        session = self._opened(principal, writer, renew)
        parts.sessions.enter(session)
        visit = parts.audit.enter(principal, plane=self._plane, peer=peer_address(context))
        reader = asyncio.create_task(self._read(session, writer, context, visit), name=f"{self._plane}-read")
        pump = asyncio.create_task(writer.run(), name=f"{self._plane}-write")
        try:
            session.open()
            await asyncio.wait((reader, pump, session.ended), return_when=asyncio.FIRST_COMPLETED)
            if reader.done() and not session.ended.done() and not pump.done():
                reader.result()  # a fault of ours is raised; else the peer has half-closed
                session.no_more()
                await asyncio.wait((pump, session.ended), return_when=asyncio.FIRST_COMPLETED)
            if not session.ended.done():
                raise ConnectionError
            with suppress(TimeoutError):
                await writer.flush()
            return await session.ended
        finally:
            parts.sessions.leave(session)
            visit.leave(session.ended.result().message if session.ended.done() else "the peer is gone")
            for task in (reader, pump):
                task.cancel()
            try:
                await asyncio.wait((reader, pump))
            finally:  # a call that ends just now is cancelled here: what the session holds would be held for ever
                await session.close()

    async def _read(
        self, session: Session, writer: CallWriter, context: ServicerContext[bytes, bytes], visit: Visit
    ) -> None:
        while (raw := await context.read()) is not grpc.aio.EOF:
            try:
                message = self._parse(raw)
            except BadRequestError as error:
                reason = ingest_pb2.GOODBYE_REASON_PROTOCOL
                session.end(Ending(_PROTOCOL_CODE, reason, error.message, reconnect=False))
                return
            try:
                await session.receive(message)
            except Exception:  # noqa: BLE001  a fault of ours: said in the log and to the peer, who may try again
                _log.exception("session_failed")
                session.end(Ending.of_fault("the hub failed to serve the call"))
                return
            if message.WhichOneof("kind") == "auth":
                visit.renewed(session.refused)
            try:
                await writer.drain()
            except (ConnectionError, TimeoutError):
                reason, text = ingest_pb2.GOODBYE_REASON_QUOTA, "answers are not read: read what the hub sends"
                writer.abort()
                session.end(Ending(QuotaError.close_code, reason, text, reconnect=True))
                return

    def _parse(self, raw: bytes) -> Any:  # noqa: ANN401  of the kind that the session takes
        if len(raw) > self._parts.max_message_bytes:
            msg = f"the message has {len(raw)} bytes, over live.max_message_bytes ({self._parts.max_message_bytes})"
            raise BadRequestError(msg)
        try:
            return self._kind.FromString(raw)
        except DecodeError as error:
            msg = f"the message is not a {self._kind.DESCRIPTOR.name}: {error}"
            raise BadRequestError(msg) from error
