"""A loader: one producer stream over mTLS, as fast as acknowledgements come or at a fixed rate.

python -m bench.producer     is told a `Load`, says when it is connected, waits for a word, and says in the end
                             {"acked": records, "took": seconds, "sent": {seq: monotonic seconds}, …}
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc

from bench.data import message, serialised, templates
from bench.loader import hear, say
from hub.pb.ingest_pb2 import Hello, HubMessage, ProducerGoodbye, ProducerMessage

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused

_Call = Any  # grpc.aio.StreamStreamCall, of bytes
_WINDOW = 32
# A hub that cannot keep up is offered less, rather than for longer than so many times what was asked for.
_OVERTIME = 2.0


@dataclass(slots=True)
class Load:
    """What to send: `rate` in records a second (0: as fast as the window allows), for `seconds`.

    `services`: each batch is of one of so many, for filters (`bench.data.templates`); 0: all of one. `short`: as there.
    """

    port: int
    ca: str
    cert: str
    key: str
    rate: float
    seconds: float
    batch: int
    producer: str = "bench"
    services: int = 0
    short: bool = False
    sent: dict[int, float] = field(default_factory=dict)
    acked: int = 0
    took: float = 0.0
    nacks: int = 0


async def run(load: Load) -> None:
    """Send the load, and wait for the last acknowledgement."""
    bodies = [serialised(one) for one in templates(load.batch, load.services, short=load.short)]
    credentials = _credentials(load)
    options = [("grpc.http2.bdp_probe", 0), ("grpc.max_send_message_length", -1)]
    async with grpc.aio.secure_channel(f"localhost:{load.port}", credentials, options) as channel:
        call = channel.stream_stream("/loghub.v1.Ingest/Stream")()
        await call.write(ProducerMessage(hello=Hello(producer_id=load.producer, next_seq=1)).SerializeToString())
        await call.read()
        say("ready")
        await asyncio.get_running_loop().run_in_executor(None, hear)
        began = time.monotonic()
        room = asyncio.Semaphore(_WINDOW)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_acks(call, load, room))
            await _send(call, load, bodies, room)
            await call.write(ProducerMessage(goodbye=ProducerGoodbye()).SerializeToString())
        load.took = time.monotonic() - began


def _credentials(load: Load) -> grpc.ChannelCredentials:
    files = (load.ca, load.key, load.cert)
    return grpc.ssl_channel_credentials(*(Path(file).read_bytes() for file in files))


async def _send(call: _Call, load: Load, bodies: list[bytes], room: asyncio.Semaphore) -> None:
    begin = time.monotonic()
    seq = 0
    while True:
        due = begin + seq * load.batch / load.rate if load.rate else time.monotonic()
        now = time.monotonic()
        if due - begin >= load.seconds or now - begin >= load.seconds * _OVERTIME:
            return
        if due > now:
            await asyncio.sleep(due - now)
            due = time.monotonic()  # a timer's lateness, 1 ms, is not the hub's
        await room.acquire()
        seq += 1
        # Latency counts from when a batch was due, where one before held it up: a stalled hub cannot hide it.
        load.sent[seq] = due
        await call.write(message(seq, bodies[seq % len(bodies)]))


async def _acks(call: _Call, load: Load, room: asyncio.Semaphore) -> None:
    done = 0
    while (raw := await call.read()) is not grpc.aio.EOF:
        answer = HubMessage.FromString(raw)
        if answer.HasField("nack"):
            load.nacks += 1
        if answer.HasField("ack"):
            for _ in range(answer.ack.up_to_seq - done):
                room.release()
            done = answer.ack.up_to_seq
            load.acked = done * load.batch


def main() -> None:
    """Run as a process of its own."""
    load = Load(**hear())
    asyncio.run(run(load))
    say({"acked": load.acked, "nacks": load.nacks, "took": load.took, "sent": load.sent})


if __name__ == "__main__":
    main()
