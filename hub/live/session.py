"""One subscriber's connection: its messages in, its subscriptions, its end. The same on every transport."""

from __future__ import annotations

import asyncio
import logging
import random
import re
from typing import TYPE_CHECKING

from hub.core.ending import Ending
from hub.core.filter import Filter, parse_filter
from hub.core.principal import Scope
from hub.core.session import Sampler
from hub.errors import (
    BadRequestError,
    ForbiddenError,
    LoghubError,
    QuotaError,
)
from hub.identity.expiry import Expiry
from hub.live import answers
from hub.live.answers import DuplicateSubscriptionError, UnknownSubscriptionError
from hub.live.place import place
from hub.live.subscription import Outlet
from hub.pb import ingest_pb2, tail_pb2
from hub.pb.tail_pb2 import ServerMessage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from hub.core.ports import Sink, Wire
    from hub.core.principal import Principal
    from hub.live.engine import LiveEngine
    from hub.live.subscription import Subscription
    from hub.pb.tail_pb2 import ClientMessage

_log = logging.getLogger(__name__)
# For a peer whose credentials have ended to read what waits for it: within a second all is over.
_THROW_OUT_SECONDS = 0.5
_PROTOCOL_CODE = 4500
_MAX_PING_BYTES = 64
_SUBSCRIPTION_ID = re.compile(r"[^\x00-\x1f\x7f]{1,64}")


class TailSession:
    """Serves one connection; `run` lasts as long as it does."""

    def __init__(
        self,
        engine: LiveEngine,
        principal: Principal,
        sink: Sink,
        wire: Wire,
        verify: Callable[[str], Awaitable[Principal]],
    ) -> None:
        """Take the connection's principal and transport, and what checks a fresh token."""
        principal.require(Scope.READ)
        self._engine = engine
        self._principal = principal
        self._limits = engine.limits
        self._always = parse_filter(principal.filter, engine.limits.filters)
        self._verify = verify
        self._subscriptions: dict[str, Subscription] = {}
        # What was asked for by each, without what the token always adds.
        self._asked: dict[str, Filter] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._outlet = Outlet(sink, wire, self._start, self._forget)
        self._expiry = Expiry(asyncio.get_running_loop().call_later, self._expire, self._warn)
        self._no_more = False
        self._messages = Sampler(engine.limits.max_messages_per_s)
        self.refused: LoghubError | None = None
        self._counts = engine.metrics.tenant(principal.home)
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    def open(self) -> None:
        """Say welcome, and begin to watch the clock."""
        self._counts.connections.inc()
        if self.ended.done():
            return
        self._outlet.send(answers.welcome(self._principal, self._limits))
        self._expiry.watch(self._principal.expires_at)

    async def close(self) -> None:
        """Let go of everything; nothing is written afterwards."""
        self._expiry.stop()
        for subscription in self._subscriptions.values():
            subscription.end()
            subscription.counts.subscriptions.dec()
            self._engine.places.give(self._principal)
        self._subscriptions.clear()
        self._counts.connections.dec()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def end(self, ending: Ending) -> None:
        """Say goodbye with the accounts of all subscriptions; whoever waits for `ended` closes the connection."""
        if self.ended.done():
            return
        self._expiry.stop()
        goodbye = tail_pb2.TailGoodbye(
            reason=ending.reason,
            message=ending.message,
            reconnect=ending.reconnect,
            ledgers=[subscription.ledger for subscription in self._subscriptions.values()],
        )
        if ending.retry_after_seconds:
            goodbye.retry_after.FromMilliseconds(int(ending.retry_after_seconds * 1000))
        for subscription in self._subscriptions.values():
            subscription.end()
        self._outlet.send(ServerMessage(goodbye=goodbye))
        self.ended.set_result(ending)

    def no_more(self) -> None:
        """Take note that no message will come: what stands goes on, and with the last subscription all ends."""
        self._no_more = True
        self._end_if_done()

    def _end_if_done(self) -> None:
        if self._no_more and not self._subscriptions:
            self.end(Ending(1000, ingest_pb2.GOODBYE_REASON_DONE, "all has been sent", reconnect=False))

    def recheck(self, check: Callable[[Principal], None]) -> None:
        """End where the check raises LoghubError for the principal."""
        try:
            check(self._principal)
        except LoghubError as error:
            self._throw_out(Ending(error.close_code, ingest_pb2.GOODBYE_REASON_REVOKED, error.message, reconnect=False))

    def _warn(self, expiring: tail_pb2.AuthExpiring) -> None:
        self._outlet.send(ServerMessage(auth_expiring=expiring))

    def _expire(self) -> None:
        self._throw_out(Ending.of_expiry())

    def _throw_out(self, ending: Ending) -> None:
        """End a session that must not go on: a peer that does not read the goodbye soon is cut."""
        self.end(ending)
        asyncio.get_running_loop().call_later(_THROW_OUT_SECONDS, self._outlet.sink.abort)

    def shut_down(self, spread_seconds: float) -> None:
        """End because the hub does; clients come back spread over some seconds."""
        delay = random.uniform(0.0, spread_seconds)  # noqa: S311  spreads load, guards nothing
        message = "the hub is shutting down: connect again soon"
        reason = ingest_pb2.GOODBYE_REASON_SHUTDOWN
        self.end(Ending(1001, reason, message, reconnect=True, retry_after_seconds=delay))

    async def receive(self, message: ClientMessage) -> None:
        """Act on a message; what is wrong with it is answered, and the connection stays, if only its kind is known."""
        if self.ended.done():
            return
        if not self._messages.room(asyncio.get_running_loop().time()):
            text = f"more than live.max_messages_per_s ({self._limits.max_messages_per_s}) messages came: send fewer"
            self.end(Ending(QuotaError.close_code, ingest_pb2.GOODBYE_REASON_QUOTA, text, reconnect=True))
            return
        self._messages.spend(1)
        name = ""
        self.refused = None
        try:
            kind = message.WhichOneof("kind")
            if kind is None:
                text = "the message has none of the kinds that this hub knows"
                self.end(Ending(_PROTOCOL_CODE, ingest_pb2.GOODBYE_REASON_PROTOCOL, text, reconnect=False))
                return
            body = getattr(message, kind)
            name = getattr(body, "id", "")
            await getattr(self, f"_{kind}")(body)
        except LoghubError as error:
            self.refused = error
            self._outlet.send(answers.refusal(error, name))

    # --- the kinds of messages ---------------------------------------------------------------------------------------

    async def _subscribe(self, request: tail_pb2.Subscribe) -> None:
        self._check_subscribe(request)
        tenant = self._principal.reading(request.tenant)
        asked = self._filter(request.filter)
        self._engine.places.take(self._principal)
        wanted = asked & self._always
        packed = self._outlet.wire.packed if tail_pb2.COMPRESSION_ZSTD in request.compressions else None
        outlet = self._outlet.in_wire(packed) if packed else self._outlet
        subscription = self._engine.subscription(tenant, request.id, wanted, outlet)
        self._subscriptions[request.id] = subscription
        self._asked[request.id] = asked
        subscription.counts.subscriptions.inc()
        try:
            await subscription.settle()  # before its place is fixed: what comes meanwhile need not be read again
            begin, renewed = await place(self._engine, request, wanted, tenant)
        except BaseException:
            subscription.end()
            self._forget(request.id)
            raise
        if self.ended.done() or self._subscriptions.get(request.id) is not subscription:
            return
        cursor = self._engine.cursor(tenant, begin.offset)
        self._outlet.send(answers.subscribed(subscription, cursor))
        if renewed:
            gap = tail_pb2.Gap(id=request.id, reason=tail_pb2.GAP_REASON_EPOCH, cursor=cursor)
            self._outlet.send(ServerMessage(gap=gap))
        subscription.begin(begin)

    def _check_subscribe(self, request: tail_pb2.Subscribe) -> None:
        if not _SUBSCRIPTION_ID.fullmatch(request.id):
            msg = "subscribe.id must have 1 to 64 characters, none of them a control character"
            raise BadRequestError(msg)
        if request.id in self._subscriptions:
            raise DuplicateSubscriptionError
        if len(self._subscriptions) >= self._limits.max_subscriptions:
            msg = f"the connection has live.max_subscriptions ({self._limits.max_subscriptions}): unsubscribe one"
            raise QuotaError(msg)
        if request.last > self._limits.max_last:
            msg = f"subscribe.last is {request.last}, the limit is {self._limits.max_last}"
            raise BadRequestError(msg)

    async def _update(self, request: tail_pb2.Update) -> None:
        subscription = self._named(request.id)
        self._asked[request.id] = self._filter(request.filter)
        self._refilter(subscription)

    def _refilter(self, subscription: Subscription) -> None:
        subscription.refilter(self._asked[subscription.id] & self._always)
        self._outlet.send(answers.subscribed(subscription, subscription.cursor))

    async def _unsubscribe(self, request: tail_pb2.Unsubscribe) -> None:
        subscription = self._named(request.id)
        cursor = subscription.cursor
        subscription.end()
        self._forget(request.id)
        ended = tail_pb2.Unsubscribed(id=request.id, ledger=subscription.ledger, cursor=cursor)
        self._outlet.send(ServerMessage(unsubscribed=ended))

    async def _auth(self, request: tail_pb2.Auth) -> None:
        fresh = await self._verify(request.token)
        old = self._principal
        if self.ended.done():
            return
        if (fresh.tenant, fresh.readable, fresh.subject) != (old.tenant, old.readable, old.subject):
            msg = "the fresh token is for other tenants or another subject: open a new connection with it"
            raise ForbiddenError(msg)
        always = parse_filter(fresh.filter, self._limits.filters)
        self._principal = fresh
        if Scope.READ not in fresh.scopes:
            message = f"the fresh token lacks the scope {Scope.READ}: nothing more may be read"
            reason = ingest_pb2.GOODBYE_REASON_FORBIDDEN
            self._throw_out(Ending(ForbiddenError.close_code, reason, message, reconnect=False))
            return
        self._expiry.watch(fresh.expires_at)
        if always.canonical != self._always.canonical:
            self._always = always
            for subscription in list(self._subscriptions.values()):
                self._refilter(subscription)

    async def _credit(self, request: tail_pb2.Credit) -> None:
        subscription = self._named(request.id)
        if not subscription.flow_controlled:
            msg = f"subscription {request.id!r} did not ask for flow control: subscribe with credit"
            raise BadRequestError(msg)
        if not request.records:
            msg = "credit.records must be at least 1"
            raise BadRequestError(msg)
        subscription.give(request.records)

    async def _ping(self, request: tail_pb2.Ping) -> None:
        if len(request.payload) > _MAX_PING_BYTES:
            msg = f"a ping's payload has at most {_MAX_PING_BYTES} bytes"
            raise BadRequestError(msg)
        self._outlet.send(ServerMessage(pong=tail_pb2.Pong(payload=request.payload)))

    def _filter(self, text: str) -> Filter:
        return parse_filter(text, self._limits.filters)

    def _named(self, name: str) -> Subscription:
        subscription = self._subscriptions.get(name)
        if subscription is None:
            msg = f"there is no subscription {name!r} on this connection"
            raise UnknownSubscriptionError(msg)
        return subscription

    def _forget(self, name: str) -> None:
        self._asked.pop(name, None)
        if subscription := self._subscriptions.pop(name, None):
            subscription.counts.subscriptions.dec()
            self._engine.places.give(self._principal)
        self._end_if_done()

    # --- tasks -------------------------------------------------------------------------------------------------------

    def _start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(self._guarded(work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # one that was cancelled before it began has not begun that
        return task

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        """Run a subscription's task; a peer that is gone or does not read ends the connection, not the hub."""
        try:
            await work
        except (ConnectionError, TimeoutError):
            self._outlet.sink.abort()
            text = "what the hub sent was not read in time: read faster, or ask for less"
            self.end(Ending(QuotaError.close_code, ingest_pb2.GOODBYE_REASON_QUOTA, text, reconnect=True))
        except LoghubError as error:
            self._fail(error.message)
        except Exception:  # noqa: BLE001  a fault of ours: said in the log and to the peer, who may try again
            _log.exception("subscription_failed", extra={"fields": {"tenant": self._principal.tenant}})
            self._fail("the hub failed to serve the subscription")

    def _fail(self, message: str) -> None:
        self.end(Ending.of_fault(message))
