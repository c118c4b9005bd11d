"""hub.client.consumer: what a member says and when, against a hub whose every word the test says."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, Self

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc
import pytest

from hub.client.consumer import Consumer
from hub.errors import BadRequestError, ForbiddenError, LoghubError, UnauthenticatedError
from hub.pb.consume_pb2 import ConsumerEvent, ConsumerMessage, Delivery, JoinGroup
from tests.fakes import settle

if TYPE_CHECKING:
    from collections.abc import Callable

assert hub.grpc_tls.TLS13_ONLY


class FakeCall:
    """A call as the member holds it."""

    def __init__(self) -> None:
        self.sent: list[ConsumerMessage] = []
        self.cancelled = False
        self.broken = False
        self._status = grpc.StatusCode.OK
        self._inbox: asyncio.Queue[ConsumerEvent | None] = asyncio.Queue()

    async def write(self, message: bytes) -> None:
        """Take a message, unless the call is over."""
        if self.broken:
            raise asyncio.InvalidStateError
        self.sent.append(ConsumerMessage.FromString(message))

    async def read(self) -> Any:
        """Return the hub's next event."""
        event = await self._inbox.get()
        return grpc.aio.EOF if event is None else event

    async def code(self) -> grpc.StatusCode:
        """Return the status the hub ended the call with."""
        return self._status

    async def details(self) -> str:
        """Return the words that go with it."""
        return "because"

    def cancel(self) -> None:
        """Be ended by the member."""
        self.cancelled = True

    def say(self, **kind: Any) -> None:
        """Say something as the hub."""
        self._inbox.put_nowait(ConsumerEvent(**kind))

    def end(self, status: grpc.StatusCode = grpc.StatusCode.OK) -> None:
        """End the call."""
        self._status = status
        self._inbox.put_nowait(None)


class FakeHub:
    """Takes calls, one after the other; `hub.client.consumer.Caller`."""

    def __init__(self) -> None:
        self.calls: list[FakeCall] = []
        self.metadatas: list[Any] = []

    def channel(self) -> Any:
        """Return itself."""
        return self

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return a token."""
        return (("authorization", "Bearer t"),)

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, *_error: object) -> None:
        """End."""

    def stream_stream(self, method: str, **_options: Any) -> Callable[..., FakeCall]:
        """Return what makes a call."""
        assert method == "/loghub.v1.Consume/Consume"

        def call(metadata: Any) -> FakeCall:
            self.metadatas.append(metadata)
            self.calls.append(FakeCall())
            return self.calls[-1]

        return call


class Working:
    """A member that keeps what it gets, without acknowledging it."""

    def __init__(self, **join: Any) -> None:
        self.hub = FakeHub()
        self.said: list[str] = []
        self.got: list[Delivery] = []
        self.consumer = Consumer(self.hub, JoinGroup(group="audit", **join), self.said.append)
        self.task = asyncio.create_task(self._work())

    async def _work(self) -> None:
        async for delivery in self.consumer.deliveries():
            self.got.append(delivery)

    async def call(self, number: int = 0) -> FakeCall:
        """Return a call once it is made."""
        async with asyncio.timeout(5):
            while len(self.hub.calls) <= number:  # noqa: ASYNC110  a fake has no event
                await asyncio.sleep(0.001)
        await settle()
        return self.hub.calls[number]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Come back at once."""
    monkeypatch.setattr(random, "uniform", lambda low, _high: low)


async def leave(member: Working, call: FakeCall) -> None:
    """Have the member leave, and the hub agree."""
    await member.consumer.leave()
    call.end()
    await member.task


async def test_it_joins_with_its_token_and_yields_what_comes() -> None:
    """Under a name of its own; acknowledgements and answers are counted."""
    member = Working(filter="x")
    call = await member.call()
    assert member.hub.metadatas == [(("authorization", "Bearer t"),)]
    [join] = [message.join for message in call.sent]
    assert (join.group, join.filter, len(join.member)) == ("audit", "x", 16)
    assert not await member.consumer.ack(1), "it has not joined"
    call.say(joined={"cursor": "c1"})
    call.say(delivery={"id": 7})
    await settle()
    assert [one.id for one in member.got] == [7]
    assert await member.consumer.ack(7)
    assert await member.consumer.nack(8, delay_seconds=1.5)
    call.say(settled={"ids": [7], "late": [8], "cursor": "c2"})
    await settle()
    assert list(call.sent[1].ack.ids) == [7]
    assert call.sent[2].nack.delay.ToMilliseconds() == 1500
    assert (member.consumer.settled, member.consumer.late, member.consumer.cursor) == (1, 1, "c2")
    await leave(member, call)
    assert call.sent[-1].HasField("leave")


async def test_it_comes_back_under_its_name() -> None:
    """After a break, and after a goodbye no sooner than the hub asked for."""
    member = Working()
    first = await member.call()
    first.say(joined={})
    first.end(grpc.StatusCode.UNAVAILABLE)
    second = await member.call(1)
    assert second.sent[0].join.member == first.sent[0].join.member
    assert first.cancelled
    second.say(goodbye={"retry_after": {"nanos": 50_000_000}})
    second.end(grpc.StatusCode.UNAVAILABLE)
    third = await member.call(2)
    assert "0.1 s" in member.said[1]
    third.say(joined={})
    await settle()
    third.broken = True
    assert not await member.consumer.ack(1), "the hub has not heard of it"
    await leave(member, third)


async def test_once_it_leaves_nothing_more_is_yielded() -> None:
    """What is on its way goes to others."""
    member = Working()
    call = await member.call()
    call.say(joined={})
    await settle()
    await member.consumer.leave()
    call.say(delivery={"id": 1})
    call.end()
    await member.task
    assert member.got == []


async def test_it_leaves_while_the_hub_is_away() -> None:
    """Without waiting for it."""
    member = Working()
    call = await member.call()
    call.say(goodbye={"retry_after": {"seconds": 3600}})
    call.end(grpc.StatusCode.UNAVAILABLE)
    await settle()
    await member.consumer.leave()
    async with asyncio.timeout(5):
        await member.task


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, ForbiddenError),
        (grpc.StatusCode.UNAUTHENTICATED, UnauthenticatedError),
        (grpc.StatusCode.INVALID_ARGUMENT, BadRequestError),
        (grpc.StatusCode.FAILED_PRECONDITION, LoghubError),
        (grpc.StatusCode.NOT_FOUND, LoghubError),
    ],
)
async def test_what_the_hub_refuses_for_good_ends_it(status: grpc.StatusCode, kind: type[LoghubError]) -> None:
    """With the hub's words."""
    member = Working()
    (await member.call()).end(status)
    with pytest.raises(kind, match="because"):
        await member.task
