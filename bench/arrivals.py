"""A loader: one subscriber over TLS of records that are numbered in `order_id` and say when they were made.

python -m bench.arrivals     is told an `Arrivals`, says when it is subscribed, is told when latency begins to count,
                             and in the end how many records to expect, and says what came

Every record is counted by the batch that it is in. Of each batch the first and the last are read: they must continue
the count, so that nothing can be missing, doubled or out of order, and the first says how long the batch took.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from dataclasses import dataclass, field
from typing import Any

import uvloop

from bench.loader import hear, say
from bench.packed import batches_of
from bench.socket import connect, tls_context
from hub.core.views import opaque
from hub.pb.record_pb2 import Batch, LogRecord
from hub.pb.tail_pb2 import COMPRESSION_ZSTD, ClientMessage, ServerMessage, Subscribe

_MESSAGES: Any = opaque(ServerMessage)
_BATCHES: Any = opaque(Batch)
_POLL_SECONDS = 0.02
_LINGER_SECONDS = 0.2
_PATIENCE_SECONDS = 5.0
_SUBSCRIBE_SECONDS = 10.0


@dataclass(slots=True)
class Arrivals:
    """What to watch, and what came."""

    port: int
    ca: str
    token: str
    subscribed: bool = False
    delivered: int = 0
    wrong: int = 0
    after: float = 0.0
    late_ms: array[float] = field(default_factory=lambda: array("d"))

    def take(self, payload: memoryview) -> None:
        """Count a message."""
        now = time.time()
        message = _MESSAGES.FromString(bytes(payload))
        kind = message.WhichOneof("kind")
        self.subscribed |= kind == "subscribed"
        if kind == "records":
            for batch in batches_of(message.records, _BATCHES):
                self._take(batch.records, now)

    def _take(self, records: Any, now: float) -> None:  # noqa: ANN401  a class made at run time
        first, last = LogRecord.FromString(records[0]), LogRecord.FromString(records[-1])
        numbers = first.attributes["order_id"].int_value, last.attributes["order_id"].int_value
        if numbers != (self.delivered, self.delivered + len(records) - 1):
            self.wrong += 1
        self.delivered += len(records)
        if self.after and first.time_unix_nano / 1e9 >= self.after:
            self.late_ms.append(now * 1000 - first.time_unix_nano / 1e6)


async def run(watch: Arrivals) -> None:
    """Subscribe, and count until all has come, or nothing does any more."""
    socket = await connect(watch.port, tls_context(watch.ca), watch.token, watch.take)
    socket.send(ClientMessage(subscribe=Subscribe(id="0", compressions=[COMPRESSION_ZSTD])).SerializeToString())
    async with asyncio.timeout(_SUBSCRIBE_SECONDS):
        while not watch.subscribed:  # noqa: ASYNC110  once, and cheap
            await asyncio.sleep(_POLL_SECONDS)
    say("ready")
    await asyncio.to_thread(hear)
    watch.after = time.time()
    say("measuring")
    expected = await asyncio.to_thread(hear)
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < (_LINGER_SECONDS if watch.delivered >= expected else _PATIENCE_SECONDS):
        if watch.delivered != seen:
            seen, since = watch.delivered, time.monotonic()
        await asyncio.sleep(_POLL_SECONDS)
    late = sorted(watch.late_ms)
    places = {"p50_ms": len(late) // 2, "p99_ms": int(len(late) * 0.99)} if late else {}
    say({"delivered": watch.delivered, "wrong": watch.wrong, **{k: round(late[at], 2) for k, at in places.items()}})


def main() -> None:
    """Run as a process of its own."""
    uvloop.run(run(Arrivals(**hear())))


if __name__ == "__main__":
    main()
