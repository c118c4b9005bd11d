"""A loader: one WebSocket subscriber over TLS that counts what it gets.

python -m bench.subscriber <json>   prints {"delivered": records, "seen": {seq: monotonic seconds}}
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from dataclasses import dataclass, field

from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from hub.pb.tail_pb2 import ClientMessage, ServerMessage, Subscribe


@dataclass(slots=True)
class Watch:
    """What to watch; ends once `quiet_seconds` passed without a record after the word to stop."""

    port: int
    ca: str
    token: str
    filter: str = ""
    quiet_seconds: float = 1.0
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
        stop = asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
        while True:
            try:
                async with asyncio.timeout(watch.quiet_seconds):
                    raw = await socket.recv()
            except TimeoutError:
                if stop.done():
                    return
                continue
            _count(watch, ServerMessage.FromString(raw), time.monotonic())  # type: ignore[arg-type]  # binary frames


def _count(watch: Watch, message: ServerMessage, now: float) -> None:
    if message.HasField("subscribed"):
        print("ready", flush=True)
    last = max(watch.seen, default=0) if len(watch.seen) < 2 else next(reversed(watch.seen))  # noqa: PLR2004
    for batch in message.records.batches:
        watch.delivered += len(batch.records)
        watch.out_of_order += batch.seq <= last
        watch.seen[batch.seq] = now
        last = batch.seq


def main() -> None:
    """Run as a process of its own: the watch on the command line, the result on standard output."""
    watch = Watch(**json.loads(sys.argv[1]))
    asyncio.run(run(watch))
    print(json.dumps({"delivered": watch.delivered, "out_of_order": watch.out_of_order, "seen": watch.seen}))


if __name__ == "__main__":
    main()
