"""`loghub certs revoke`, `crl` and `list`: what was issued, and what of it is good no more."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.pki.authority import Authority
from hub.pki.revocation import revoke
from hub.pki.revocation_list import REASONS

if TYPE_CHECKING:
    from hub.pki.ledger import Entry

Folder = Annotated[Path, typer.Option("--dir", help="Folder of the authority.")]
CrlDays = Annotated[
    float | None,
    typer.Option(
        "--crl-days", help="How long the list is good; else as the last one, at first 30.", show_default=False
    ),
]
DEFAULT_FOLDER = Path("certs/pki")
_DAY = timedelta(days=1)


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("revoke")(revoke_command)
    app.command()(crl)
    app.command("list")(list_command)


def revoke_command(
    which: Annotated[list[str], typer.Argument(help="Files of certificates, or serial numbers in hexadecimal.")],
    reason: Annotated[str, typer.Option(help=f"One of {', '.join(REASONS)}.")] = "unspecified",
    crl_days: CrlDays = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Take certificates back, and write the revocation list."""
    authority = Authority.open(folder)
    revoked, ends = revoke(authority, which, reason, crl_days)
    for line in revoked:
        typer.echo(f"revoked        {line.serial} ({line.reason})")
    if len(revoked) < len(which):
        typer.echo(f"as before      {len(which) - len(revoked)} revoked already")
    _tell_list(authority, ends)


def crl(crl_days: CrlDays = None, folder: Folder = DEFAULT_FOLDER) -> None:
    """Write the revocation list anew, before it is out of date."""
    authority = Authority.open(folder)
    _tell_list(authority, authority.write_lists(crl_days))


def list_command(
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON for each certificate.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also what has expired, was replaced or is void.")] = False,
    within: Annotated[float | None, typer.Option(help="Only those with fewer days left.", show_default=False)] = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Show the authority and what it has issued: serial number, status, dates, days left, identity."""
    authority = Authority.open(folder)
    now = datetime.now(UTC)
    rows = [_row(entry, now) for entry in authority.entries()]
    rows = [row for row in rows if everything or row["status"] not in {"expired", "replaced", "void"}]
    rows = [row for row in rows if within is None or row["days_left"] < within]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row, ensure_ascii=False))
        return
    typer.echo(f"{'SERIAL':40}  {'STATUS':8}  {'FROM':10}  {'UNTIL':10}  {'LEFT':>6}  IDENTITY")
    for row in rows:
        dates = f"{row['not_before'][:10]}  {row['not_after'][:10]}  {row['days_left']:>5.0f}d"
        typer.echo(f"{row['serial']:40}  {row['status']:8}  {dates}  {row['identity']}")


def _tell_list(authority: Authority, ends: datetime) -> None:
    typer.echo(f"list           {authority.lists[1]}, good until {ends:%Y-%m-%d %H:%M} UTC")
    typer.echo("next           hand it out to the hubs (tls.crl): they take it within a second")


def _row(entry: Entry, now: datetime) -> dict[str, Any]:
    row = {"status": entry.status(now), **asdict(entry.line)}
    row["days_left"] = round((entry.ends_at - now) / _DAY, 2)
    if entry.revoked:
        row |= {"revoked_at": entry.revoked.at, "reason": entry.revoked.reason}
    return row
