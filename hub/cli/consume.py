"""`loghub consume`: works through a tenant's records as a member of a group."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from hub.cli.credentials import target_of
from hub.cli.render import as_json, line, rows
from hub.client.consumer import Consumer
from hub.client.groups import Caller
from hub.config import seconds
from hub.errors import ConfigError
from hub.pb.consume_pb2 import JoinGroup

if TYPE_CHECKING:
    from hub.pb.consume_pb2 import Delivery

_BROKEN_PIPE_STATUS = 141


@dataclass(frozen=True, slots=True)
class _Manner:
    """What is done with a delivery: printed, as JSON or for people, or given to a command."""

    as_json: bool
    command: list[str]
    ack_on_exit: bool


def consume(
    group: Annotated[str, typer.Option(help="Name of the group; one that does not exist is made.")],
    ca: Annotated[Path, typer.Option(envvar="LOGHUB_CA", help="Authority of the hub's certificate.")],
    cert: Annotated[Path, typer.Option(envvar="LOGHUB_CERT", help="Client certificate.")],
    key: Annotated[Path, typer.Option(envvar="LOGHUB_KEY", help="Its key.")],
    wanted: Annotated[
        str | None, typer.Argument(metavar="[FILTER]", help="What a new group is of; none: as the group stands.")
    ] = None,
    endpoint: Annotated[str, typer.Option(envvar="LOGHUB_ENDPOINT", help="The hub's gRPC port.")] = "localhost:4317",
    token: Annotated[str, typer.Option(envvar="LOGHUB_TOKEN", help="The token; better by environment.")] = "",
    token_file: Annotated[Path | None, typer.Option(help="A file with the token.")] = None,
    tenant: Annotated[str, typer.Option(help="Whose records, where the token is for several tenants.")] = "",
    member: Annotated[str, typer.Option(help="Name of this member; default: a new one.")] = "",
    since: Annotated[str, typer.Option(help="A new group begins this long ago: 90s, 10m, 12h.")] = "",
    oldest: Annotated[bool, typer.Option("--oldest", help="A new group begins with the oldest.")] = False,
    cursor: Annotated[str, typer.Option(help="A new group begins behind this cursor.")] = "",
    max_in_flight: Annotated[int, typer.Option(min=0, help="Deliveries at once; 0: as many as the hub allows.")] = 0,
    max_records: Annotated[int, typer.Option(min=0, help="Records of a delivery; 0: as many as the hub allows.")] = 0,
    ack_timeout: Annotated[str, typer.Option(help="After so long somebody else gets a delivery: 30s, 5m.")] = "",
    max_attempts: Annotated[int, typer.Option(min=0, help="A new group gives records up after so many; 0: never.")] = 0,
    as_lines: Annotated[bool, typer.Option("--json", help="One JSON object a record.")] = False,
    command: Annotated[
        str, typer.Option("--exec", help="Run this for each delivery, its records as JSON lines on standard input.")
    ] = "",
    ack_on_exit: Annotated[bool, typer.Option(help="When told to end, acknowledge what is printed by then.")] = True,
) -> None:
    """Print a group's records, each delivery acknowledged once it is written out, or once a command has ended well."""
    join = JoinGroup(
        group=group,
        member=member,
        tenant=tenant,
        max_in_flight=max_in_flight,
        max_records=max_records,
        max_attempts=max_attempts,
        filter=wanted,
    )
    try:
        if cursor:
            join.cursor = cursor
        elif since:
            join.since.FromNanoseconds(time.time_ns() - int(float(str(seconds(since))) * 1e9))
        elif oldest:
            join.oldest = True
        if ack_timeout:
            join.ack_timeout.FromMilliseconds(int(float(str(seconds(ack_timeout))) * 1000))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if token_file:
        token = token_file.read_text().strip()
    caller = Caller(target_of(endpoint, ca, cert, key), token)
    try:
        asyncio.run(_work(caller, join, _Manner(as_lines, shlex.split(command), ack_on_exit)))
    except BrokenPipeError:
        # Whoever read has left; keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_BROKEN_PIPE_STATUS) from None


async def _work(caller: Caller, join: JoinGroup, manner: _Manner) -> None:
    consumer = Consumer(caller, join, _say)
    loop, leaving = asyncio.get_running_loop(), set[asyncio.Task[None]]()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, lambda: leaving.add(asyncio.create_task(consumer.leave())))
    console = Console(highlight=False, soft_wrap=True)
    async for delivery in consumer.deliveries():
        for gap in delivery.gaps:
            _say(f"{gap.count} records can no longer be had ({gap.from_offset} on)")
        if not manner.command:
            _print(console, delivery, as_lines=manner.as_json)
        elif await _run(manner.command, delivery):
            await consumer.nack(delivery.id, delay_seconds=1.0)
            continue
        if manner.ack_on_exit or not consumer.leaving:
            await consumer.ack(delivery.id)
    if consumer.late:
        _say(f"{consumer.late} deliveries were acknowledged too late: others got them too; see --ack-timeout")


def _print(console: Console, delivery: Delivery, *, as_lines: bool) -> None:
    """Write a delivery, and make sure that it is out."""
    for batch in delivery.batches:
        for row in rows(batch):
            if as_lines:
                sys.stdout.write(as_json(row) + "\n")
            else:
                console.print(line(row))
    sys.stdout.flush()


async def _run(command: list[str], delivery: Delivery) -> int:
    """Run a command with a delivery's records; return its status."""
    text = "".join(as_json(row) + "\n" for batch in delivery.batches for row in rows(batch))
    try:
        process = await asyncio.create_subprocess_exec(*command, stdin=PIPE)
    except OSError as error:
        msg = f"{command[0]} cannot be run: {error.strerror}"
        raise ConfigError(msg) from error
    await process.communicate(text.encode())
    status = process.returncode or 0
    if status:
        _say(f"{command[0]} ended with status {status} (attempt {delivery.attempt}): its records come again")
    return status


def _say(text: str) -> None:
    typer.echo(f"loghub consume: {text}", err=True)
