"""A producer that asks for more than it is given: batches as fast as they are read, whatever the hub says.

    python -m tests.flooder ENDPOINT CA CERT KEY STREAMS RECORDS

Runs until it is ended; each stream sends again what was refused.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc

from hub.pb.ingest_pb2 import Hello, HubMessage, ProducerMessage
from hub.pb.record_pb2 import Batch, LogRecord, Resource

assert hub.grpc_tls.TLS13_ONLY


async def flood(channel: grpc.aio.Channel, name: str, records: int) -> None:
    """Flood a stream."""
    call = channel.stream_stream("/loghub.v1.Ingest/Stream", response_deserializer=HubMessage.FromString)()
    await call.write(ProducerMessage(hello=Hello(producer_id=name, next_seq=1)).SerializeToString())
    one = Batch(resource=Resource(service="flood"), records=[LogRecord(body="flood")] * records)
    again = asyncio.create_task(hear(call, one))
    while not again.done():
        one.seq += 1
        await call.write(ProducerMessage(batch=one).SerializeToString())


async def hear(call: grpc.aio.StreamStreamCall[bytes, HubMessage], one: Batch) -> None:
    """Go back to what is refused."""
    while (message := await call.read()) is not grpc.aio.EOF:
        if message.WhichOneof("kind") == "nack":
            one.seq = message.nack.seq - 1


async def main(endpoint: str, credentials: grpc.ChannelCredentials, streams: int, records: int) -> None:
    """Flood so many streams on a connection."""
    async with grpc.aio.secure_channel(endpoint, credentials) as channel:
        await asyncio.gather(*(flood(channel, f"flood-{number}", records) for number in range(streams)))


if __name__ == "__main__":
    ca, cert, key = (Path(name).read_bytes() for name in sys.argv[2:5])
    files = grpc.ssl_channel_credentials(ca, key, cert)
    asyncio.run(main(sys.argv[1], files, int(sys.argv[5]), int(sys.argv[6])))
