"""A loader: one WebSocket subscriber over TLS that counts what it gets.

python -m bench.subscriber   takes its Watch from standard input, prints {"delivered": records, "seen": {seq: seconds}}
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench.loader import hear, say
from hub.core.views import opaque
from hub.pb.tail_pb2 import ClientMessage, ServerMessage, Subscribe

# Records are counted, not read: the loader shares the machine with what is measured.
_MESSAGES = opaque(ServerMessage)


@dataclass(slots=True)
class Watch:
    """What to watch.

    A line on standard input says how many records are to come. It ends `linger_seconds` after the last of them, to see
    whether any comes twice, or once none came for `patience_seconds`: then the rest is lost.
    """

    port: int
    ca: str
    token: str
    filter: str = ""
    linger_seconds: float = 0.2
    patience_seconds: float = 10.0
    expected: int = 0
    delivered: int = 0
    out_of_order: int = 0
    seen: dict[int, float] = field(default_factory=dict)


async def run(watch: Watch) -> None:
    """Subscribe, say ready, and count until told to stop."""
    tls = ssl.create_default_context(cafile=watch.ca)
    headers = {"Authorization": f"Bearer {watch.token}"}
    url = f"wss://localhost:{watch.port}/v1/tail"
    async with connect(
        url,
        ssl=tls,
        additional_headers=headers,
        subprotocols=[Subprotocol("loghub.v1.proto")],
        max_size=None,
        compression=None,
    ) as socket:
        await socket.send(ClientMessage(subscribe=Subscribe(id="bench", filter=watch.filter)).SerializeToString())
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(_read(socket, watch))
            line = await asyncio.to_thread(sys.stdin.readline)
            watch.expected = int(line)
            await _last_came(watch)
            reader.cancel()


async def _read(socket: ClientConnection, watch: Watch) -> None:
    async for raw in socket:
        _count(watch, _MESSAGES.FromString(raw), time.monotonic())  # type: ignore[arg-type]  # binary frames


async def _last_came(watch: Watch) -> None:
    seen, since = -1, time.monotonic()
    while True:
        if watch.delivered != seen:
            seen, since = watch.delivered, time.monotonic()
        complete = watch.delivered >= watch.expected
        if time.monotonic() - since > (watch.linger_seconds if complete else watch.patience_seconds):
            return
        await asyncio.sleep(0.05)


def _count(watch: Watch, message: Any, now: float) -> None:  # noqa: ANN401  a class made at run time
    if message.HasField("subscribed"):
        say("ready")
    last = max(watch.seen, default=0) if len(watch.seen) < 2 else next(reversed(watch.seen))  # noqa: PLR2004
    for batch in message.records.batches:
        watch.delivered += len(batch.records)
        watch.out_of_order += batch.seq <= last
        watch.seen[batch.seq] = now
        last = batch.seq


def main() -> None:
    """Run as a process of its own."""
    watch = Watch(**hear())
    asyncio.run(run(watch))
    say({"delivered": watch.delivered, "out_of_order": watch.out_of_order, "seen": watch.seen})


if __name__ == "__main__":
    main()
