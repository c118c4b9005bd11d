"""`loghub groups`: shows, moves and deletes consumer groups."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.credentials import target_of
from hub.client.groups import Caller, GroupsApi
from hub.config import seconds
from hub.errors import ConfigError
from hub.pb.consume_pb2 import ResetGroupRequest

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from hub.pb.consume_pb2 import ConsumerGroup

app = typer.Typer(no_args_is_help=True, help="Consumer groups: who works through what, and how far they are.")

Name = Annotated[str, typer.Argument(metavar="GROUP", help="Name of the group.")]
Ca = Annotated[Path, typer.Option(envvar="LOGHUB_CA", help="Authority of the hub's certificate.")]
Cert = Annotated[Path, typer.Option(envvar="LOGHUB_CERT", help="Client certificate; to change, an admin's.")]
Key = Annotated[Path, typer.Option(envvar="LOGHUB_KEY", help="Its key.")]
Endpoint = Annotated[str, typer.Option(envvar="LOGHUB_ENDPOINT", help="The hub's gRPC port.")]
Token = Annotated[str, typer.Option(envvar="LOGHUB_TOKEN", help="The token; better by environment.")]
Tenant = Annotated[str, typer.Option(help="Whose groups, where the token is for several tenants.")]
_ENDPOINT = "localhost:4317"


@app.command("list")
def show_all(
    ca: Ca, cert: Cert, key: Key, endpoint: Endpoint = _ENDPOINT, token: Token = "", tenant: Tenant = ""
) -> None:
    """Print all groups: name, lag, pending deliveries, members, filter."""
    for group in asyncio.run(_api(endpoint, ca, cert, key, token).list(tenant)):
        counts = f"lag {group.lag}  pending {group.pending_count}  members {group.member_count}"
        typer.echo(f"{group.name}  {counts}  {group.filter or '-'}")


@app.command()
def show(
    group: Name, ca: Ca, cert: Cert, key: Key, endpoint: Endpoint = _ENDPOINT, token: Token = "", tenant: Tenant = ""
) -> None:
    """Print all about one group."""
    _print(asyncio.run(_api(endpoint, ca, cert, key, token).show(group, tenant)))


@app.command()
def reset(
    group: Name,
    ca: Ca,
    cert: Cert,
    key: Key,
    endpoint: Endpoint = _ENDPOINT,
    token: Token = "",
    cursor: Annotated[str, typer.Option(help="Go on just after this cursor.")] = "",
    since: Annotated[str, typer.Option(help="Go on this long ago: 90s, 10m, 12h.")] = "",
    oldest: Annotated[bool, typer.Option("--oldest", help="Go on with the oldest.")] = False,
) -> None:
    """Have a group go on elsewhere; without an option: with what comes from now on."""
    request = ResetGroupRequest(group=group)
    if cursor:
        request.cursor = cursor
    elif since:
        try:
            request.since.FromNanoseconds(time.time_ns() - int(float(str(seconds(since))) * 1e9))
        except ValueError as error:
            raise ConfigError(str(error)) from error
    elif oldest:
        request.oldest = True
    _print(asyncio.run(_api(endpoint, ca, cert, key, token).reset(request)))


@app.command()
def delete(group: Name, ca: Ca, cert: Cert, key: Key, endpoint: Endpoint = _ENDPOINT, token: Token = "") -> None:
    """Forget a group; its members are dismissed."""
    asyncio.run(_api(endpoint, ca, cert, key, token).delete(group))
    typer.echo(f"deleted        {group}")


def _api(endpoint: str, ca: Path, cert: Path, key: Path, token: str) -> GroupsApi:
    return GroupsApi(Caller(target_of(endpoint, ca, cert, key), token))


def _print(group: ConsumerGroup) -> None:
    lines = {
        "group": group.name,
        "filter": group.filter or "-",
        "created": _time(group.created),
        "cursor": f"{group.cursor}  offset {group.cursor_offset}",
        "lag": f"{group.lag} records, those that do not match included",
        "acknowledged": f"{group.acked_records} records, {group.redelivered} deliveries were repeated",
        "given up": f"{group.dead_records} records, after {group.max_attempts or 'any number of'} attempts",
    }
    for name, text in lines.items():
        typer.echo(f"{name:<14} {text}")
    for member in group.members:
        typer.echo(f"member         {member.name}  in flight {member.in_flight}  seen {_time(member.seen)}")
    for one in group.pending:
        who = one.member or "nobody"
        typer.echo(f"pending        {one.from_offset}-{one.to_offset}  attempt {one.attempt}  {who} {_time(one.until)}")
    for dead in group.dead:
        typer.echo(f"dead           {dead.from_offset}-{dead.to_offset}  {dead.records} records  {_time(dead.at)}")


def _time(stamp: Timestamp) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(stamp.ToSeconds()))
