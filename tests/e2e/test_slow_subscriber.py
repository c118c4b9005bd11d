"""One subscriber that does not read beside many that do: they do not notice, and it misses nothing."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from bench.loader import Loader
from bench.rig import Phase, rig
from hub.pb.tail_pb2 import ClientMessage, ServerMessage, Subscribe

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from websockets.asyncio.client import ClientConnection

    from bench.rig import Rig

HEALTHY = 25
LOAD = Phase(rate=20_000, seconds=3.0, batch=100)
# What the machine's own noise may add; a hub that let the slow one hold the others up would add seconds.
NOISE_MS = 100.0
KEPT_KIB = 64 * 1024


@dataclass
class Outcome:
    """What a run came to."""

    p99_ms: float
    healthy_lost: int
    grown_kib: int
    sent: int
    slow: list[int]
    gaps: int


async def test_a_slow_subscriber_is_its_own_affair_only() -> None:
    """The others' p99 is less than twice what it is without it, but for noise; it gets everything later, in order."""
    alone = await _run(slow=False)
    beside = await _run(slow=True)
    assert (alone.healthy_lost, beside.healthy_lost) == (0, 0)
    assert beside.p99_ms < 2 * alone.p99_ms + NOISE_MS
    assert beside.grown_kib < KEPT_KIB
    assert beside.slow == list(range(beside.sent))
    assert beside.gaps == 0


async def _run(*, slow: bool) -> Outcome:
    with rig() as hub:
        watch = hub.watch(HEALTHY, [""], batch=LOAD.batch)
        with Loader("watchers", watch) as watchers, Loader("producer", hub.load(LOAD)) as producer:
            await asyncio.to_thread(watchers.wait_ready)
            await asyncio.to_thread(producer.wait_ready)
            async with _connected(hub) as peer:
                before = hub.rss_kib()
                if slow:
                    await peer.send(ClientMessage(subscribe=Subscribe(id="slow")).SerializeToString())
                    await _subscribed(peer)
                sent = await asyncio.to_thread(producer.finish, "go")
                grown = hub.rss_kib() - before
                expected = sent["acked"] * HEALTHY
                seen = await asyncio.to_thread(watchers.finish, {"expected": expected, "sent": sent["sent"]})
                offsets, gaps = await _read(peer, sent["acked"]) if slow else ([], 0)
    return Outcome(seen["p99_ms"], expected - seen["delivered"], grown, sent["acked"], offsets, gaps)


def _connected(hub: Rig) -> Any:
    """Connect with a small window, so that little is on its way to a peer that does not read."""
    window = socket.socket()
    window.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    window.connect(("127.0.0.1", hub.listening.web_port))
    return connect(
        f"wss://localhost:{hub.listening.web_port}/v1/tail",
        sock=window,
        ssl=ssl.create_default_context(cafile=hub.deployment.ca),
        additional_headers={"Authorization": f"Bearer {hub.token}"},
        subprotocols=[Subprotocol("loghub.v1.proto")],
        compression=None,
        max_size=None,
        max_queue=1,
    )


async def _messages(peer: ClientConnection) -> AsyncIterator[ServerMessage]:
    async with asyncio.timeout(60):
        async for raw in peer:
            yield ServerMessage.FromString(raw if isinstance(raw, bytes) else raw.encode())


async def _subscribed(peer: ClientConnection) -> None:
    async for message in _messages(peer):
        if message.HasField("subscribed"):
            return


async def _read(peer: ClientConnection, count: int) -> tuple[list[int], int]:
    """Read so many records; return their offsets, and how many gaps there were."""
    offsets: list[int] = []
    gaps = 0
    async for message in _messages(peer):
        gaps += message.HasField("gap")
        for batch in message.records.batches:
            offsets += range(batch.first_offset, batch.first_offset + len(batch.records))
        if len(offsets) >= count:
            break
    return offsets, gaps
