"""Members of consumer groups, as a stranger would write them: plain gRPC and the contract's messages."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc

from hub.core.principal import Role
from hub.pb import consume_pb2
from hub.pb.consume_pb2 import ConsumerEvent, ConsumerMessage, Delivery, JoinGroup
from tests.peers import SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from google.protobuf.message import Message

    from hub.pki.authority import Issued
    from tests.peers import Site

assert hub.grpc_tls.TLS13_ONLY


def reader(site: Site, tenant: str) -> Issued:
    """Return a subscriber's certificate."""
    return site.deployment.client(tenant, Role.SUBSCRIBER, "auditor")


def admin(site: Site, tenant: str) -> Issued:
    """Return an admin's certificate."""
    return site.deployment.client(tenant, Role.ADMIN, "root")


@asynccontextmanager
async def member(
    site: Site, client: Issued, group: str = "audit", *, token: str = "", **join: Any
) -> AsyncIterator[MemberPeer]:
    """Call Consume and ask to join; what the hub answers is not read yet."""
    async with site.channel(client) as channel:
        consume = channel.stream_stream("/loghub.v1.Consume/Consume", response_deserializer=ConsumerEvent.FromString)
        peer = MemberPeer(consume(metadata=(("authorization", f"Bearer {token}"),) if token else ()))
        await peer.send(join=JoinGroup(group=group, **join))
        try:
            yield peer
        finally:
            peer.call.cancel()


async def ask(site: Site, client: Issued, method: str, *, token: str = "", **fields: Any) -> Any:
    """Call one of the unary methods; grpc.aio.AioRpcError where it is refused."""
    kinds: dict[str, type[Message]] = {
        kind: getattr(consume_pb2, f"{method}{kind}") for kind in ("Request", "Response")
    }
    async with site.channel(client) as channel:
        call = channel.unary_unary(f"/loghub.v1.Consume/{method}", response_deserializer=kinds["Response"].FromString)
        metadata = (("authorization", f"Bearer {token}"),) if token else ()
        return await call(kinds["Request"](**fields).SerializeToString(), timeout=SECONDS, metadata=metadata)


class MemberPeer:
    """A member's end of a call."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self._kept: list[ConsumerEvent] = []

    async def send(self, **kind: Any) -> None:
        """Send a message by its kind."""
        await self.call.write(ConsumerMessage(**kind).SerializeToString())

    async def until(self, kind: str, seconds: float = SECONDS) -> Any:
        """Return the body of the next event of this kind, keeping others for later; TimeoutError where none comes."""
        kept = next((one for one in self._kept if one.WhichOneof("kind") == kind), None)
        if kept is not None:
            self._kept.remove(kept)
            return getattr(kept, kind)
        async with asyncio.timeout(seconds):
            while (event := await self.next()) is not None:
                if event.WhichOneof("kind") == kind:
                    return getattr(event, kind)
                self._kept.append(event)
        code, details = await self.status()
        msg = f"{code}: {details}"
        raise AssertionError(msg)

    async def next(self) -> ConsumerEvent | None:
        """Return the next event; None where the call is over."""
        try:
            event = await self.call.read()
        except grpc.aio.AioRpcError:
            return None
        return None if event is grpc.aio.EOF else event

    async def joined(self) -> Self:
        """Wait until the membership stands."""
        await self.until("joined")
        return self

    async def delivery(self, seconds: float = SECONDS) -> Delivery:
        """Return the next delivery."""
        found = await self.until("delivery", seconds)
        assert isinstance(found, Delivery)
        return found

    async def ack(self, *deliveries: Delivery) -> Any:
        """Acknowledge, and return what the hub says of it."""
        await self.send(ack=consume_pb2.AckDeliveries(ids=[one.id for one in deliveries]))
        return await self.until("settled")

    async def nack(self, *deliveries: Delivery) -> Any:
        """Give back, and return what the hub says of it."""
        await self.send(nack=consume_pb2.NackDeliveries(ids=[one.id for one in deliveries]))
        return await self.until("settled")

    async def leave(self) -> tuple[grpc.StatusCode, str]:
        """Leave the group; return how the call ended."""
        await self.send(leave=consume_pb2.LeaveGroup())
        return await self.status()

    async def status(self) -> tuple[grpc.StatusCode, str]:
        """Return how the call ended."""
        async with asyncio.timeout(SECONDS):
            while await self.next() is not None:
                pass
            return await self.call.code(), await self.call.details() or ""


def bodies(delivery: Delivery) -> list[str]:
    """Return the bodies of a delivery's records."""
    return [record.body for batch in delivery.batches for record in batch.records]
