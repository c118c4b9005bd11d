"""`loghub doctor`: looks whether a hub with this configuration works here, and how open it is; says what to do."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hub.cli.doctor_identity import identity
from hub.cli.doctor_kafka import kafka
from hub.cli.doctor_machine import Patience, machine
from hub.cli.doctor_setup import setup
from hub.cli.finding import Status, failed, ok
from hub.config import load
from hub.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.cli.finding import Finding


def doctor(
    config: Annotated[Path | None, typer.Option(help="The YAML configuration.", show_default=False)] = None,
    host: Annotated[
        list[str] | None, typer.Option(help="Name or address that clients connect to; may be repeated.")
    ] = None,
    expiry_days: Annotated[int, typer.Option(min=0, help="Warn of certificates that end within.")] = 14,
    fsync_ms: Annotated[float, typer.Option(min=0, help="Warn of disks that take longer for an fsync.")] = 20.0,
    strict: Annotated[bool, typer.Option("--strict", help="End with status 1 on warnings too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check configuration, certificates, keys, ports, disk, limits, clock and Kafka; status 1 where something fails."""
    found = list(_findings(config, host or [], timedelta(days=expiry_days), Patience(fsync_ms / 1000)))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        for one in found:
            typer.echo(f"{one.status:<8} {one.check:<18} {one.text}")
            if one.advice:
                typer.echo(f"{'':<28}-> {one.advice}")
    bad = {Status.FAILED, Status.WARNING} if strict else {Status.FAILED}
    if any(one.status in bad for one in found):
        raise typer.Exit(1)


def _findings(config: Path | None, hosts: list[str], soon: timedelta, patience: Patience) -> Iterator[Finding]:
    try:
        settings = load(config)
    except ConfigError as error:
        for line in error.message.splitlines():
            yield failed("config", line, "see docs/reference/configuration.md")
        return
    yield ok("config", f"{config or 'the defaults'} can be used")
    yield from identity(settings, soon, hosts)
    yield from machine(settings, patience)
    yield from setup(settings)
    yield from kafka(settings)
