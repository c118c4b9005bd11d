"""A member of a consumer group over gRPC: joins, comes back after a break, and settles what it was given."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Protocol

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc

from hub.client.backoff import Backoff
from hub.client.reasons import reason_of
from hub.errors import BadRequestError, ForbiddenError, LoghubError, UnauthenticatedError
from hub.pb.consume_pb2 import (
    AckDeliveries,
    ConsumerEvent,
    ConsumerMessage,
    JoinGroup,
    LeaveGroup,
    NackDeliveries,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence

    from hub.pb.consume_pb2 import Delivery, JoinedGroup

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused

_METHOD = "/loghub.v1.Consume/Consume"
# A call that has ended.
_BROKEN = (grpc.aio.AioRpcError, grpc.aio.UsageError, asyncio.InvalidStateError)
# After these, to come again would not help.
_FATAL = {
    grpc.StatusCode.PERMISSION_DENIED: ForbiddenError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.INVALID_ARGUMENT: BadRequestError,
    grpc.StatusCode.FAILED_PRECONDITION: LoghubError,
    grpc.StatusCode.NOT_FOUND: LoghubError,
    grpc.StatusCode.UNIMPLEMENTED: LoghubError,
}


class Caller(Protocol):
    """Who calls which hub; `hub.client.groups.Caller`."""

    def channel(self) -> grpc.aio.Channel:
        """Return a channel to the hub."""

    def metadata(self) -> Sequence[tuple[str, str]]:
        """Return what goes along with a call."""


class Consumer:
    """A membership, kept over connections under one name, so that what it held comes again at once.

        async for delivery in consumer.deliveries():
            …
            await consumer.ack(delivery.id)

    A delivery comes at least once: again where it was not acknowledged before the connection broke or its time was
    over. Of these `late` counts those that were acknowledged too late.
    """

    def __init__(self, caller: Caller, join: JoinGroup, on_state: Callable[[str], None] = lambda _text: None) -> None:
        self.joined: JoinedGroup | None = None
        self.cursor = ""
        self.settled = 0
        self.late = 0
        self._caller = caller
        self._join = JoinGroup()
        self._join.CopyFrom(join)
        self._join.member = join.member or secrets.token_hex(8)
        self._on_state = on_state
        self._call: Any = None
        self._leaving = asyncio.Event()

    @property
    def leaving(self) -> bool:
        """Whether it was asked to leave."""
        return self._leaving.is_set()

    async def deliveries(self) -> AsyncIterator[Delivery]:
        """Yield deliveries until the member has left; LoghubError where the hub will not have it."""
        backoff = Backoff(0.2, 30.0)
        while not self.leaving:
            wait = 0.0
            async with self._caller.channel() as channel:
                call = channel.stream_stream(_METHOD, response_deserializer=ConsumerEvent.FromString)(
                    metadata=self._caller.metadata()
                )
                try:
                    async with aclosing(self._events(call)) as events:
                        async for event in events:
                            if event.HasField("joined"):
                                backoff.reset()
                            if event.HasField("delivery") and not self.leaving:
                                yield event.delivery
                            wait = event.goodbye.retry_after.ToTimedelta().total_seconds()
                finally:
                    self._call = None
                    call.cancel()
                reason = await _check_status(call)
            if not self.leaving:
                pause = backoff.next(wait)
                self._on_state(f"the hub cannot be reached ({reason}); joining again in {pause:.1f} s")
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._leaving.wait()

    async def _events(self, call: Any) -> AsyncGenerator[ConsumerEvent, None]:  # noqa: ANN401  grpc has no types
        """Join, and yield what the hub says until the call is over; its status says why."""
        with suppress(*_BROKEN):
            await call.write(ConsumerMessage(join=self._join).SerializeToString())
            while (event := await call.read()) is not grpc.aio.EOF:
                if event.HasField("joined"):
                    self.joined, self.cursor, self._call = event.joined, event.joined.cursor, call
                elif event.HasField("settled"):
                    self.cursor = event.settled.cursor
                    self.settled += len(event.settled.ids)
                    self.late += len(event.settled.late)
                yield event

    async def ack(self, *ids: int) -> bool:
        """Be done with deliveries; return whether it was said to the hub: where not, they come again."""
        return await self._say(ConsumerMessage(ack=AckDeliveries(ids=ids)))

    async def nack(self, *ids: int, delay_seconds: float = 0.0) -> bool:
        """Have deliveries come again, for this member or another."""
        nack = NackDeliveries(ids=ids)
        nack.delay.FromMilliseconds(int(delay_seconds * 1000))
        return await self._say(ConsumerMessage(nack=nack))

    async def leave(self) -> None:
        """Leave the group: what was not acknowledged goes to others, and `deliveries` ends."""
        self._leaving.set()
        await self._say(ConsumerMessage(leave=LeaveGroup()))

    async def _say(self, message: ConsumerMessage) -> bool:
        if self._call is None:
            return False
        try:
            await self._call.write(message.SerializeToString())
        except _BROKEN:
            return False
        return True


async def _check_status(call: Any) -> str:  # noqa: ANN401  grpc has no types
    """Return why a call ended; raise LoghubError where the hub will not have the member."""
    code, details = await call.code(), await call.details() or ""
    if code in _FATAL:
        raise _FATAL[code](details)
    return reason_of(details or str(code.name))
