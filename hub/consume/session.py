"""One member's connection: it joins a group, gets deliveries, settles them, and leaves."""

from __future__ import annotations

import asyncio
import random
import secrets
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from hub import __version__
from hub.consume.engine import check_name
from hub.consume.errors import GroupDiffersError, GroupGoneError, ReplacedError
from hub.consume.member import Member
from hub.consume.runner import ANY_FILTER
from hub.core.consumer_group import Answer, Group, Seat
from hub.core.cursor import Cursor
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
from hub.pb import consume_pb2, ingest_pb2, tail_pb2
from hub.pb.consume_pb2 import ConsumerEvent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.consume.engine import Engine
    from hub.consume.runner import GroupRunner
    from hub.core.ports import Sink
    from hub.core.principal import Principal
    from hub.pb.consume_pb2 import ConsumerMessage, JoinGroup

# For a peer whose credentials have ended to read what waits for it: within a second all is over.
_THROW_OUT_SECONDS = 0.5
_PROTOCOL_CODE = 4500
_MAX_IDS = 1000
_SECOND = 10**9
_RETRY_SECONDS = 1.0
_INTERNAL = ingest_pb2.GOODBYE_REASON_INTERNAL
# The first that fits.
_REASONS: tuple[tuple[type[LoghubError], ingest_pb2.GoodbyeReason], ...] = (
    (GroupGoneError, ingest_pb2.GOODBYE_REASON_DONE),
    (ReplacedError, ingest_pb2.GOODBYE_REASON_SUPERSEDED),
    (BadRequestError, ingest_pb2.GOODBYE_REASON_PROTOCOL),
    (QuotaError, ingest_pb2.GOODBYE_REASON_QUOTA),
    (ForbiddenError, ingest_pb2.GOODBYE_REASON_FORBIDDEN),
)


class ConsumerSession:
    """Serves one member; implements `hub.rpc.tail.Session` and `hub.consume.member.Outlet`."""

    def __init__(
        self,
        engine: Engine,
        principal: Principal,
        sink: Sink,
        verify: Callable[[str], Awaitable[Principal]],
    ) -> None:
        """Take the connection's principal and transport, and what checks a fresh token."""
        principal.require(Scope.READ)
        self._engine = engine
        self._limits = engine.limits
        self._principal = principal
        self._always = parse_filter(principal.filter, engine.limits.filters)
        self._sink = sink
        self._verify = verify
        self._counts = engine.metrics.tenant(principal.home)
        self._messages = Sampler(engine.limits.max_messages_per_s)
        self._waiting: asyncio.TimerHandle | None = None
        self._expiry = Expiry(asyncio.get_running_loop().call_later, self._expire, self._warn)
        self._tenant = ""
        self._member: Member | None = None
        self._runner: GroupRunner | None = None
        self._created = False
        self._asked: Filter | None = None
        self._group_filter = Filter()
        # Whether what it holds goes back as it was: the end is none of the member's own doing.
        self._excused = False
        self.refused: LoghubError | None = None
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    # --- the connection ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Wait for the member to join, and begin to watch the clock."""
        self._counts.connections.inc()
        loop = asyncio.get_running_loop()
        self._waiting = loop.call_later(self._limits.join_seconds, self._too_late)
        self._expiry.watch(self._principal.expires_at)

    def _too_late(self) -> None:
        if self._runner is None:
            text = f"no join came within consume.join_seconds ({self._limits.join_seconds:g} s)"
            self.end(Ending(_PROTOCOL_CODE, ingest_pb2.GOODBYE_REASON_PROTOCOL, text, reconnect=True))

    async def close(self) -> None:
        """Leave the group, and let go of everything; nothing is written afterwards."""
        self._expiry.stop()
        if self._waiting:
            self._waiting.cancel()
        self._counts.connections.dec()
        await self._leave_group(counted=not self._excused)

    async def _leave_group(self, *, counted: bool) -> None:
        runner, member, self._runner = self._runner, self._member, None
        if runner is None or member is None:
            return
        self._counts.members.dec()
        seat = member.seat.id

        def rise(group: Group, now: int) -> None:
            group.rise(seat, now, counted=counted)

        # Asked before it is removed: a runner with nothing to do and nobody to serve ends.
        risen = runner.ask(rise)
        runner.remove(seat)
        with suppress(LoghubError):  # the group is gone, or the hub
            await asyncio.shield(risen)  # cut short, it rises all the same

    def end(self, ending: Ending) -> None:
        """Say goodbye; whoever waits for `ended` closes the connection."""
        if self.ended.done():
            return
        self._expiry.stop()
        goodbye = consume_pb2.ConsumerGoodbye(reason=ending.reason, message=ending.message, reconnect=ending.reconnect)
        if ending.retry_after_seconds:
            goodbye.retry_after.FromMilliseconds(int(ending.retry_after_seconds * 1000))
        self._send(ConsumerEvent(goodbye=goodbye))
        self.ended.set_result(ending)

    def _fail(self, error: LoghubError) -> None:
        reason = next((reason for kind, reason in _REASONS if isinstance(error, kind)), _INTERNAL)
        wait = error.retry_after_seconds or 0.0
        self.end(Ending(error.close_code, reason, error.message, error.retry, wait, error))

    def no_more(self) -> None:
        """Take note that no message will come: what it holds can never be settled."""
        self._excused = True
        self.end(Ending(1000, ingest_pb2.GOODBYE_REASON_DONE, "the member has left", reconnect=False))

    def recheck(self, check: Callable[[Principal], None]) -> None:
        """End where the check raises LoghubError for the principal."""
        try:
            check(self._principal)
        except LoghubError as error:
            self._throw_out(Ending(error.close_code, ingest_pb2.GOODBYE_REASON_REVOKED, error.message, reconnect=False))

    def _warn(self, expiring: tail_pb2.AuthExpiring) -> None:
        self._send(ConsumerEvent(auth_expiring=expiring))

    def _expire(self) -> None:
        self._throw_out(Ending.of_expiry())

    def _throw_out(self, ending: Ending) -> None:
        """End a session that must not go on: a peer that does not read the goodbye soon is cut."""
        self._excused = True
        self.end(ending)
        asyncio.get_running_loop().call_later(_THROW_OUT_SECONDS, self._sink.abort)

    def shut_down(self, spread_seconds: float) -> None:
        """End because the hub does; members come back spread over some seconds."""
        self._excused = True
        delay = random.uniform(0.0, spread_seconds)  # noqa: S311  spreads load, guards nothing
        reason, text = ingest_pb2.GOODBYE_REASON_SHUTDOWN, "the hub is shutting down: connect again soon"
        self.end(Ending(1001, reason, text, reconnect=True, retry_after_seconds=delay))

    def _send(self, event: ConsumerEvent) -> None:
        self._sink.write(event.SerializeToString())

    # --- as the runner sees it ---------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """Whether too much waits for the peer already; one that has ended gets nothing, until it has left."""
        return self._sink.full or self.ended.done()

    def sat(self, runner: GroupRunner, group: Group) -> None:
        """Take note that the member sits, and who serves it; whatever comes now, it must leave."""
        self._runner = runner
        member = self._member
        assert member is not None  # noqa: S101  it asked to
        self._counts.members.inc()
        self._group_filter = parse_filter(group.filter, ANY_FILTER)
        joined = consume_pb2.JoinedGroup(
            server=f"loghub/{__version__}",
            member=member.seat.name,
            filter=group.filter,
            cursor=self._cursor(group),
            created=self._created,
            max_in_flight=member.max_in_flight,
            max_records=member.max_records,
            max_attempts=group.max_attempts,
        )
        joined.ack_timeout.FromNanoseconds(member.ack_ns)
        self._send(ConsumerEvent(joined=joined))

    def deliver(self, frame: bytes) -> None:
        """Send a delivery; once the session has ended, what it holds is on its way back."""
        if not self.ended.done():
            self._sink.write(frame)

    def dismiss(self, error: LoghubError) -> None:
        """End the membership, for the group's sake."""
        self._excused = True
        self._fail(error)

    def _cursor(self, group: Group) -> str:
        return Cursor(self._engine.log.epoch, group.cursor).encode(self._tenant)

    # --- messages ----------------------------------------------------------------------------------------------------

    async def receive(self, message: ConsumerMessage) -> None:
        """Act on a message; one that breaks a rule ends the membership."""
        if self.ended.done():
            return
        if not self._messages.room(asyncio.get_running_loop().time()):
            most = self._limits.max_messages_per_s
            text = f"more than consume.max_messages_per_s ({most}) messages came: settle several deliveries with one"
            self.end(Ending(QuotaError.close_code, ingest_pb2.GOODBYE_REASON_QUOTA, text, reconnect=True))
            return
        self._messages.spend(1)
        self.refused = None
        kind = message.WhichOneof("kind")
        try:
            if kind is None:
                msg = "the message has none of the kinds that this hub knows"
                raise BadRequestError(msg)
            if (self._runner is None) != (kind == "join") and kind != "auth":
                msg = "the first message must be join, and only the first"
                raise BadRequestError(msg)
            await getattr(self, f"_{kind}")(getattr(message, kind))
        except LoghubError as error:
            self.refused = error
            if kind != "auth":
                self._fail(error)

    async def _join(self, join: JoinGroup) -> None:
        self._tenant = self._principal.reading(join.tenant)
        self._asked = parse_filter(join.filter, self._limits.filters) if join.HasField("filter") else None
        self._member = self._seat(join)
        key = (self._tenant, join.group)
        wanted = (self._asked or Filter()) & self._always
        self._created = await self._engine.made(key, join, wanted, self._principal)
        await self._engine.sit(key, self._member, self._sit)

    def _seat(self, join: JoinGroup) -> Member:
        limits = self._limits
        name = join.member or secrets.token_hex(8)
        check_name(name, "member")
        ack_ns = join.ack_timeout.ToNanoseconds() if join.HasField("ack_timeout") else int(limits.ack_seconds * _SECOND)
        if ack_ns <= 0:
            msg = "join.ack_timeout must be more than 0"
            raise BadRequestError(msg)
        return Member(
            seat=Seat(secrets.randbits(64), name, self._principal.subject, self._engine.node, 0),
            outlet=self,
            max_in_flight=_at_most(join.max_in_flight, limits.max_in_flight),
            max_records=_at_most(join.max_records, limits.max_delivery_records),
            ack_ns=min(ack_ns, int(limits.max_ack_seconds * _SECOND)),
        )

    def _sit(self, group: Group, now: int) -> None:
        """Sit down at a group; GroupDiffersError where it is of something else, QuotaError where it is full."""
        member = self._member
        assert member is not None  # noqa: S101  made by the join
        stands = parse_filter(group.filter, ANY_FILTER)
        wanted = (stands if self._asked is None else self._asked) & self._always
        if wanted.canonical != group.filter:
            msg = f"the group has the filter {group.filter!r}, not {wanted.canonical!r}: a group's filter is fixed"
            raise GroupDiffersError(msg)
        others = [one for one in group.seats.values() if one.name != member.seat.name]
        if len(others) >= self._limits.max_members_per_group:
            most = self._limits.max_members_per_group
            msg = f"the group has as many members as consume.max_members_per_group allows ({most})"
            raise QuotaError(msg, retry_after_seconds=_RETRY_SECONDS)
        group.sit(replace(member.seat, seen=now))

    async def _ack(self, ack: consume_pb2.AckDeliveries) -> None:
        seat, ids = self._holding(tuple(ack.ids))
        await self._settle(lambda group, _: group.ack(seat, ids))

    async def _nack(self, nack: consume_pb2.NackDeliveries) -> None:
        seat, ids = self._holding(tuple(nack.ids))
        delay = min(max(nack.delay.ToNanoseconds(), 0), int(self._limits.max_ack_seconds * _SECOND))
        await self._settle(lambda group, now: group.nack(seat, ids, now, now + delay))

    def _holding(self, ids: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        if not 1 <= len(ids) <= _MAX_IDS:
            msg = f"ids: 1 to {_MAX_IDS} deliveries must be named"
            raise BadRequestError(msg)
        assert self._member is not None  # noqa: S101  it has joined
        return self._member.seat.id, ids

    async def _settle(self, change: Callable[[Group, int], Answer]) -> None:
        assert self._runner is not None  # noqa: S101  it has joined
        cursor = ""

        def changed(group: Group, now: int) -> Answer:
            nonlocal cursor
            answer = change(group, now)
            cursor = self._cursor(group)
            return answer

        answer = await self._runner.ask(changed)
        assert isinstance(answer, Answer)  # noqa: S101  as the change returns
        self._send(ConsumerEvent(settled=consume_pb2.Settled(ids=answer.ids, late=answer.late, cursor=cursor)))

    async def _leave(self, _leave: consume_pb2.LeaveGroup) -> None:
        await self._leave_group(counted=False)
        self.end(Ending(1000, ingest_pb2.GOODBYE_REASON_DONE, "the member has left", reconnect=False))

    async def _auth(self, request: tail_pb2.Auth) -> None:
        fresh = await self._verify(request.token)
        old = self._principal
        if self.ended.done():
            return
        if (fresh.tenant, fresh.readable, fresh.subject) != (old.tenant, old.readable, old.subject):
            msg = "the fresh token is for other tenants or another subject: open a new connection with it"
            raise ForbiddenError(msg)
        self._principal = fresh
        self._always = parse_filter(fresh.filter, self._limits.filters)
        reason = ingest_pb2.GOODBYE_REASON_FORBIDDEN
        if Scope.READ not in fresh.scopes:
            message = f"the fresh token lacks the scope {Scope.READ}: nothing more may be read"
            self._throw_out(Ending(ForbiddenError.close_code, reason, message, reconnect=False))
        elif self._runner and (self._group_filter & self._always).canonical != self._group_filter.canonical:
            message = "the fresh token has a filter that does not let through all that the group is of"
            self._throw_out(Ending(ForbiddenError.close_code, reason, message, reconnect=False))
        else:
            self._expiry.watch(fresh.expires_at)


def _at_most(asked: int, most: int) -> int:
    return min(asked, most) if asked else most
