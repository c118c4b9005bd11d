"""`loghub tail`: follows records in a terminal."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.console import Console

from hub.cli.render import as_json, line, rows
from hub.client.subscriber import Access, Subscriber
from hub.config import seconds
from hub.errors import ConfigError
from hub.pb.tail_pb2 import Subscribe

if TYPE_CHECKING:
    from hub.pb.tail_pb2 import ServerMessage

_BROKEN_PIPE_STATUS = 141
_COLUMNS = ("accepted", "delivered", "filtered", "sampled", "lost")


def tail(
    wanted: Annotated[str, typer.Argument(metavar="[FILTER]", help="Such as 'service:orders level>=warn'.")] = "",
    url: Annotated[str, typer.Option(help="The hub.")] = "https://localhost:8443",
    token: Annotated[str, typer.Option(envvar="LOGHUB_TOKEN", help="The token; better by environment.")] = "",
    token_file: Annotated[Path | None, typer.Option(help="A file with the token.")] = None,
    ca: Annotated[Path | None, typer.Option(envvar="LOGHUB_CA", help="Authority of the hub's certificate.")] = None,
    cert: Annotated[Path | None, typer.Option(envvar="LOGHUB_CERT", help="Client certificate.")] = None,
    key: Annotated[Path | None, typer.Option(envvar="LOGHUB_KEY", help="Its key.")] = None,
    since: Annotated[str, typer.Option(help="Begin this long ago: 90s, 10m, 12h.")] = "",
    last: Annotated[int, typer.Option(min=0, help="Begin with this many of the newest that match.")] = 0,
    oldest: Annotated[bool, typer.Option("--oldest", help="Begin with the oldest.")] = False,
    tenant: Annotated[str, typer.Option(help="Whose records, where the token is for several tenants.")] = "",
    follow: Annotated[bool, typer.Option(help="Go on live at the end of what is stored.")] = True,
    as_lines: Annotated[bool, typer.Option("--json", help="One JSON object a record.")] = False,
    cursor_file: Annotated[Path | None, typer.Option(help="Resume from this file, and keep the place in it.")] = None,
    stats: Annotated[bool, typer.Option("--stats", help="Print the account at the end.")] = False,
) -> None:
    """Print the records that match, as they come."""
    start = Subscribe(filter=wanted, follow=follow, tenant=tenant)
    if since:
        try:
            start.since.FromNanoseconds(time.time_ns() - int(float(str(seconds(since))) * 1e9))
        except ValueError as error:
            raise ConfigError(str(error)) from error
    elif last:
        start.last = last
    elif oldest or not follow:
        start.oldest = True
    if cursor_file and cursor_file.exists():
        start.cursor = cursor_file.read_text().strip()
    if token_file:
        token = token_file.read_text().strip()
    socket = url.replace("https://", "wss://", 1).rstrip("/") + "/v1/tail"
    subscriber = Subscriber(Access(socket, token, ca, cert, key), start, _say)
    printer = _Printer(cursor_file, as_lines=as_lines)
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(_follow(subscriber, printer, account=stats))
    except BrokenPipeError:
        # Whoever read has left; keep Python from complaining about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(_BROKEN_PIPE_STATUS) from None
    if stats:
        _say(printer.account)


async def _follow(subscriber: Subscriber, printer: _Printer, *, account: bool) -> None:
    if account:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        loop.add_signal_handler(signal.SIGINT, _leave, subscriber, cast("asyncio.Task[None]", task))
    async for message in subscriber.messages():
        printer.take(message)
        printer.keep(subscriber.cursor)


def _leave(subscriber: Subscriber, task: asyncio.Task[None]) -> None:
    """Have the hub say its account before the end; a second interruption does not wait for it."""
    asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
    if not subscriber.leave():
        task.cancel()


class _Printer:
    """Prints messages, and keeps the cursor in a file after what it stands for is printed."""

    def __init__(self, cursor_file: Path | None, *, as_lines: bool) -> None:
        self.delivered = 0
        self.lost = 0
        self._ledgers = Counter[str]()
        self._file = cursor_file
        self._json = as_lines
        self._console = Console(highlight=False, soft_wrap=True)

    def take(self, message: ServerMessage) -> None:
        """Print a message."""
        for batch in message.records.batches:
            for row in rows(batch):
                self.delivered += 1
                if self._json:
                    sys.stdout.write(as_json(row) + "\n")
                else:
                    self._console.print(line(row))
        for ledger in (message.unsubscribed.ledger, *message.goodbye.ledgers):
            self._ledgers.update({name: getattr(ledger, name) for name in _COLUMNS})
        if message.HasField("gap"):
            self.lost += message.gap.count
            _say(f"{message.gap.count} records can no longer be had ({message.gap.from_offset} on)")
        sys.stdout.flush()

    @property
    def account(self) -> str:
        """The hub's account of all connections that it has ended, and what was printed."""
        columns = ", ".join(f"{name} {self._ledgers[name]}" for name in _COLUMNS)
        return f"{columns}; printed {self.delivered}, in gaps {self.lost}"

    def keep(self, cursor: str | None) -> None:
        """Write the cursor, whole or not at all."""
        if self._file and cursor:
            scratch = self._file.with_name(self._file.name + ".new")
            scratch.write_text(cursor)
            scratch.replace(self._file)


def _say(text: str) -> None:
    typer.echo(f"loghub tail: {text}", err=True)
