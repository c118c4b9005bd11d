"""A loader: many WebSocket subscribers over TLS.

python -m bench.watchers     takes its Watch from standard input, says {"connected": n} once all stand, waits for
                             {"expected": records, "sent": {seq: at}}, then prints what came

Each connection subscribes to filters[i::connections], by their place in the list. Records are counted by batch, not
read: `first_offset`, `indexes` and the number of opaque records.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import uvloop

from bench.loader import hear, say
from bench.rig import raise_open_files
from bench.socket import Socket, connect_many, cpu_seconds
from hub.core.views import opaque
from hub.pb.tail_pb2 import ClientMessage, ServerMessage, Subscribe

if TYPE_CHECKING:
    from collections.abc import Sequence

_MESSAGES = opaque(ServerMessage)
_SAME = 64
_PATIENCE_SECONDS = 10.0
_LINGER_SECONDS = 0.2


@dataclass(slots=True)
class Watch:
    """What to watch: `connections` peers, each with its share of the filters, or with the only one.

    `detail`: tell which records each subscription got, as [[subscription, seq, indexes], …]; an empty list of indexes
    is the whole batch. A frame that was seen before is recognised by its length and beginning, which hold the cursor,
    and is not read again.
    """

    port: int
    ca: str
    token: str
    connections: int
    filters: Sequence[str]
    detail: bool = False
    subscribed: int = 0
    delivered: int = 0
    refused: list[str] = field(default_factory=list)
    known: dict[tuple[int, bytes], tuple[int, int]] = field(default_factory=dict)
    seqs: array[int] = field(default_factory=lambda: array("q"))
    times: array[float] = field(default_factory=lambda: array("d"))
    got: list[tuple[int, int, list[int]]] = field(default_factory=list)
    receivers: set[int] = field(default_factory=set)
    last: float = 0.0

    def take(self, socket: Socket, payload: memoryview) -> None:
        """Count a message."""
        key = (len(payload), bytes(payload[:_SAME]))
        found = self.known.get(key)
        if found is None:
            found = self._read(payload)
            if found[1] and not self.detail:
                self.known[key] = found
        seq, records = found
        if records:
            self.delivered += records
            self.last = time.monotonic()
            self.seqs.append(seq)
            self.times.append(self.last)
            self.receivers.add(id(socket))

    def _read(self, payload: memoryview) -> tuple[int, int]:
        message: Any = _MESSAGES.FromString(bytes(payload))
        kind = message.WhichOneof("kind")
        if kind == "subscribed":
            self.subscribed += 1
        elif kind == "error":
            self.refused.append(message.error.message)
            self.subscribed += 1
        elif kind == "records":
            batches = message.records.batches
            if self.detail:
                name = int(message.records.id)
                self.got.extend((name, batch.seq, list(batch.indexes)) for batch in batches)
            return batches[0].seq, sum(len(batch.records) for batch in batches)
        return 0, 0


async def run(watch: Watch) -> None:
    """Connect, subscribe, and count until all has come, or nothing does any more."""
    sockets = await connect_many(watch.connections, watch.port, watch.ca, watch.token, watch.take)
    shares = _shares(watch.filters, len(sockets))
    for socket, share in zip(sockets, shares, strict=True):
        for name, text in share:
            socket.send(ClientMessage(subscribe=Subscribe(id=name, filter=text)).SerializeToString())
    wanted = sum(map(len, shares))
    while watch.subscribed < wanted:  # noqa: ASYNC110  counted a message at a time
        await asyncio.sleep(0.01)
    say({"connected": len(sockets), "subscribed": wanted - len(watch.refused), "refused": watch.refused[:1]})
    word = json.loads(await asyncio.to_thread(sys.stdin.readline))
    await _last_came(watch, word["expected"])
    say(_figures(watch, word))


def _shares(filters: Sequence[str], connections: int) -> list[list[tuple[str, str]]]:
    """Return the names and filters of each connection's subscriptions."""
    if len(filters) == 1:
        return [[("0", filters[0])]] * connections
    named = [(str(place), text) for place, text in enumerate(filters)]
    return [named[first::connections] for first in range(connections)]


async def _last_came(watch: Watch, expected: int) -> None:
    seen, since = -1, time.monotonic()
    while True:
        if watch.delivered != seen:
            seen, since = watch.delivered, time.monotonic()
        patience = _LINGER_SECONDS if watch.delivered >= expected else _PATIENCE_SECONDS
        if time.monotonic() - since > patience:
            return
        await asyncio.sleep(0.02)


def _figures(watch: Watch, word: dict[str, Any]) -> dict[str, Any]:
    sent = {int(seq): at for seq, at in word.get("sent", {}).items()}
    late = sorted((at - sent[seq]) * 1000 for seq, at in zip(watch.seqs, watch.times, strict=True) if seq in sent)
    return {
        "cpu_s": round(cpu_seconds(), 2),
        "delivered": watch.delivered,
        "received": len(watch.receivers),
        "p50_ms": round(late[len(late) // 2], 2) if late else None,
        "p99_ms": round(late[int(len(late) * 0.99)], 2) if late else None,
        "last_ms": round(late[-1], 2) if late else None,
        "got": watch.got,
    }


def main() -> None:
    """Run as a process of its own."""
    raise_open_files()
    uvloop.run(run(Watch(**hear())))


if __name__ == "__main__":
    main()
