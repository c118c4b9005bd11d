"""A loader: one TLS WebSocket subscriber that reads the time of every record that comes.

python -m bench.kafka_watch  is told a `Watch`, says when it has subscribed; of each word, what is to come, it says what
                             came: how many records, how many of them out of order, and how late they were.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import uvloop

from bench.kafka_load import STEP_NANOS
from bench.loader import hear, say
from bench.packed import batches_of
from bench.socket import connect, tls_context
from hub.core.views import fields
from hub.pb.record_pb2 import Batch
from hub.pb.tail_pb2 import COMPRESSION_ZSTD, ClientMessage, ServerMessage, Subscribe

_MESSAGES: Any = fields(ServerMessage)
_BATCHES: Any = fields(Batch)
_POLL_SECONDS = 0.01
_LINGER_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Watch:
    """Where the hub is, and how long what is expected may not come."""

    port: int
    ca: str
    token: str
    patience_seconds: float = 8.0


@dataclass(slots=True)
class Seen:
    """What came since the last word."""

    subscribed: bool = False
    records: int = 0
    disordered: int = 0
    last_at: float = 0.0
    next_time: int = 0
    late: list[float] = field(default_factory=list)

    def take(self, payload: memoryview) -> None:
        """Count a message."""
        message = _MESSAGES.FromString(bytes(payload))
        kind = message.WhichOneof("kind")
        self.subscribed |= kind == "subscribed"
        if kind != "records":
            return
        now, self.last_at = time.time_ns(), time.monotonic()
        for batch in batches_of(message.records, _BATCHES):
            times = batch.records.time_unix_nano
            self.records += len(times)
            self.late.append((now - times[0]) / 1e6)
            numbered = times[-1] - times[0] == (len(times) - 1) * STEP_NANOS
            self.disordered += not numbered or (self.next_time and times[0] != self.next_time)
            self.next_time = times[-1] + STEP_NANOS


async def run(watch: Watch) -> None:
    """Subscribe, and tell what came, word after word."""
    seen = Seen()
    socket = await connect(watch.port, tls_context(watch.ca), watch.token, seen.take)
    socket.send(ClientMessage(subscribe=Subscribe(id="0", compressions=[COMPRESSION_ZSTD])).SerializeToString())
    async with asyncio.timeout(watch.patience_seconds):
        while not seen.subscribed:  # noqa: ASYNC110  rare, and cheap
            await asyncio.sleep(_POLL_SECONDS)
    say("ready")
    while word := await asyncio.to_thread(hear):
        seen.records, seen.disordered, seen.next_time, seen.last_at = 0, 0, 0, time.monotonic()
        seen.late.clear()
        say("watching")
        await _come(watch, seen, word["expected"])
        late = sorted(seen.late) or [0.0]
        say(
            {
                "records": seen.records,
                "disordered": seen.disordered,
                "last_at": seen.last_at,
                "p50_ms": round(late[len(late) // 2], 2),
                "p99_ms": round(late[int(len(late) * 0.99)], 2),
            }
        )


async def _come(watch: Watch, seen: Seen, expected: int) -> None:
    while time.monotonic() - seen.last_at < watch.patience_seconds:
        if seen.records >= expected and time.monotonic() - seen.last_at > _LINGER_SECONDS:
            return
        await asyncio.sleep(_POLL_SECONDS)


def main() -> None:
    """Run as a process of its own."""
    uvloop.run(run(Watch(**hear())))


if __name__ == "__main__":
    main()
