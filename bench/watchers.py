"""A loader: many WebSocket subscribers over TLS.

python -m bench.watchers     is told a `Watch`, says how many subscribers stand, is told {"expected": records,
                             "sent": {seq: monotonic seconds}}, says how many records came, and once it is told
                             to leave, all that came

It ends its count a moment after the last expected record, to see whether any comes twice, or once none came for a
while: then the rest is lost. To leave costs the hub something too, so whoever measures what records cost ends before.
"""

from __future__ import annotations

import asyncio
import gc
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import uvloop

from bench.data import templates
from bench.loader import hear, say
from bench.rig import raise_open_files
from bench.socket import Socket, connect, tls_context
from bench.tally import Tally, latencies
from hub.pb.tail_pb2 import COMPRESSION_ZSTD, ClientMessage, Subscribe

if TYPE_CHECKING:
    from collections.abc import Sequence

_POLL_SECONDS = 0.02
_LINGER_SECONDS = 0.2
_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Watch:
    """What to watch: `connections` peers, each with its share of the filters, or with the only one.

    `batch`, `services` and `short` say what the producer sends (`bench.data.templates`); with `detail` what came is
    told as [[peer, filter, seq, indexes], …]; with `packed` batches come compressed. Whoever is not connected after
    `connect_seconds` stays out; a silence of `patience_seconds`, or `drain_seconds` in all, is the end.
    """

    port: int
    ca: str
    token: str
    connections: int
    filters: Sequence[str]
    batch: int
    services: int = 0
    short: bool = False
    detail: bool = False
    packed: bool = False
    connect_seconds: float = 35.0
    patience_seconds: float = 5.0
    drain_seconds: float = 15.0


async def run(watch: Watch) -> None:
    """Connect, subscribe, and count until all has come, or nothing does any more."""
    tally = Tally(templates(watch.batch, watch.services, short=watch.short), detail=watch.detail)
    shares = _shares(watch.filters, watch.connections)
    sockets = await _connect_all(watch, tally, shares)
    gc.disable()  # all that comes is kept to the end: the collector would look at it again and again, and be in its way
    began = time.process_time()
    say({"connected": len(sockets), "subscribed": tally.subscribed, "refused": tally.refused[:1]})
    word = await asyncio.to_thread(hear)
    await _last_came(watch, tally, word["expected"])
    say({"delivered": tally.delivered})
    await asyncio.to_thread(hear)
    sent = {int(seq): at for seq, at in word["sent"].items()}
    figures = {"delivered": tally.delivered, "wrong": tally.wrong, "received": len(tally.receivers), "got": tally.got}
    figures["cpu_s"] = time.process_time() - began
    say({**figures, **latencies(tally.arrivals, sent)})


def _shares(filters: Sequence[str], connections: int) -> list[list[tuple[str, str]]]:
    """Return the names and filters of each connection's subscriptions."""
    if len(filters) == 1:
        return [[("0", filters[0])]] * connections
    named = [(str(place), text) for place, text in enumerate(filters)]
    return [named[first::connections] for first in range(connections)]


async def _connect_all(watch: Watch, tally: Tally, shares: list[list[tuple[str, str]]]) -> list[Socket]:
    """Return the connections that stood in time; wait for their subscriptions."""
    context, room = tls_context(watch.ca), asyncio.Semaphore(_AT_ONCE)
    sockets: list[Socket] = []

    async def join(peer: int) -> None:
        async with room:
            with suppress(OSError):  # refused: it is missing among those that are connected
                socket = await connect(watch.port, context, watch.token, partial(_take, tally, peer))
                sockets.append(socket)
                _subscribe(socket, shares[peer], packed=watch.packed)

    with suppress(TimeoutError):
        async with asyncio.timeout(watch.connect_seconds):
            async with asyncio.TaskGroup() as tasks:
                for peer in range(watch.connections):
                    tasks.create_task(join(peer))
            while tally.subscribed + len(tally.refused) < sum(map(len, shares)):  # noqa: ASYNC110  rare, and cheap
                await asyncio.sleep(_POLL_SECONDS)
    return sockets


def _take(tally: Tally, peer: int, payload: memoryview) -> None:
    tally.take(peer, payload, time.monotonic())


def _subscribe(socket: Socket, share: list[tuple[str, str]], *, packed: bool) -> None:
    compressions = [COMPRESSION_ZSTD] if packed else []
    for name, text in share:
        request = Subscribe(id=name, filter=text, compressions=compressions)
        socket.send(ClientMessage(subscribe=request).SerializeToString())


async def _last_came(watch: Watch, tally: Tally, expected: int) -> None:
    seen, began = -1, time.monotonic()
    since = began
    while (now := time.monotonic()) - began < watch.drain_seconds:
        if tally.delivered != seen:
            seen, since = tally.delivered, now
        if now - since > (_LINGER_SECONDS if seen >= expected else watch.patience_seconds):
            return
        await asyncio.sleep(_POLL_SECONDS)


def main() -> None:
    """Run as a process of its own."""
    raise_open_files()
    told: dict[str, Any] = hear()
    uvloop.run(run(Watch(**told)))


if __name__ == "__main__":
    main()
