"""`loghub send`: sends lines or JSON objects from a file or standard input."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from hub.cli.parse import record_of
from hub.client.producer import Producer, Target
from hub.errors import ConfigError
from hub.pb.record_pb2 import Resource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_BATCH_RECORDS = 500
_LINGER_SECONDS = 0.1
_QUEUE_LINES = 5_000
_MAX_LINE_CHARACTERS = 200_000


def send(
    ca: Annotated[Path, typer.Option(envvar="LOGHUB_CA", help="Authority of the hub's certificate.")],
    cert: Annotated[Path, typer.Option(envvar="LOGHUB_CERT", help="Producer's certificate.")],
    key: Annotated[Path, typer.Option(envvar="LOGHUB_KEY", help="Its key.")],
    file: Annotated[str, typer.Argument(help="File to send; -: standard input.")] = "-",
    endpoint: Annotated[str, typer.Option(envvar="LOGHUB_ENDPOINT", help="The hub's gRPC port.")] = "localhost:4317",
    service: Annotated[str, typer.Option(help="Name of the service.")] = "send",
    producer_id: Annotated[str, typer.Option(help="Name of this producer; default: a new one.")] = "",
    level: Annotated[str, typer.Option(help="Level of lines that say none.")] = "info",
) -> None:
    """Send each line as a record, and wait until all are on the hub's disk."""
    for path in (ca, cert, key):
        if not path.is_file():
            msg = f"{path} does not exist: issue certificates with 'loghub certs issue'"
            raise ConfigError(msg)
    name = producer_id or f"send-{secrets.token_hex(6)}"
    resource = Resource(service=service, host=socket.gethostname())
    producer = Producer(Target(endpoint, ca, cert, key), name, resource, on_state=_say)
    try:
        source = nullcontext(sys.stdin) if file == "-" else Path(file).open(encoding="utf-8", errors="replace")  # noqa: SIM115  closed below
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
    with source as lines, suppress(KeyboardInterrupt):
        asyncio.run(_send(producer, lines, level))
    totals = producer.totals
    typer.echo(f"acknowledged {totals.acked}, refused {totals.rejected}, not sent {producer.unacked}", err=True)
    for refusal in producer.refusals[:10]:
        typer.echo(f"  batch {refusal.seq} record {refusal.index}: {refusal.field} {refusal.reason}", err=True)
    if totals.rejected or producer.unacked:
        raise typer.Exit(1)


def _say(text: str) -> None:
    typer.echo(f"loghub send: {text}", err=True)


async def _send(producer: Producer, lines: TextIO, level: str) -> None:
    running = asyncio.create_task(producer.run(), name="producer")
    feeding = asyncio.create_task(_feed(producer, lines, level), name="feed")
    await asyncio.wait((running, feeding), return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        feeding.cancel()
        running.result()
    await feeding
    producer.close()
    await running


async def _feed(producer: Producer, lines: TextIO, level: str) -> None:
    async for batch in _batches(lines):
        await producer.send([record_of(line[:_MAX_LINE_CHARACTERS], level) for line in batch])


async def _batches(lines: TextIO) -> AsyncIterator[list[str]]:
    """Yield lines in batches: as many as are there, after at most the linger time."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | None] = asyncio.Queue(_QUEUE_LINES)  # full: reading waits

    def read() -> None:
        for line in lines:
            if text := line.rstrip("\r\n"):
                asyncio.run_coroutine_threadsafe(queue.put(text), loop).result()
        asyncio.run_coroutine_threadsafe(queue.put(None), loop).result()

    reading = loop.run_in_executor(None, read)
    while (line := await queue.get()) is not None:
        batch = [line]
        await asyncio.sleep(_LINGER_SECONDS if queue.empty() else 0)
        while len(batch) < _BATCH_RECORDS and not queue.empty():
            following = queue.get_nowait()
            if following is None:
                yield batch
                await reading
                return
            batch.append(following)
        yield batch
    await reading
