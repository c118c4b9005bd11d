"""`loghub audit`: checks the audit log's chains, and shows what is in them."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.config import load, seconds
from hub.errors import ConfigError
from hub.observe.audit_files import load_key
from hub.observe.audit_verify import Anchor, events, verify

app = typer.Typer(no_args_is_help=True, help="Check and show the audit log.")

Folder = Annotated[
    Path | None, typer.Argument(help="Its folder; without one, that of the configuration.", show_default=False)
]
Config = Annotated[Path | None, typer.Option("--config", help="The hub's YAML configuration.", show_default=False)]
# What a line has for its chain; it is not shown.
_OF_THE_CHAIN = ("seq", "prev", "hash")


@app.command("verify")
def verify_chains(
    folder: Folder = None,
    config: Config = None,
    key: Annotated[
        list[Path] | None, typer.Option(help="Key file of a chain; may be repeated. The configuration's is known.")
    ] = None,
    anchor: Annotated[
        list[str] | None, typer.Option(help="chain:number:hash that was noted before; may be repeated.")
    ] = None,
) -> None:
    """Check that no line was changed, removed, put in or moved; say where a chain breaks first."""
    seals = [load_key(path) for path in key or []]
    if folder is None:
        settings = load(config)
        folder = settings.audit.folder(settings.data_dir)
        seals += [load_key(settings.audit.key_file)] if settings.audit.key_file else []
    reports = verify(folder, seals, [Anchor.parse(text) for text in anchor or []])
    for report in reports:
        if report.problem:
            typer.echo(f"{report.chain}: BROKEN: {report.problem}")
            continue
        weak = "" if report.keyed else "; without a key, whoever can write the files can make such a chain"
        typer.echo(f"{report.chain}: {report.lines} lines hold{weak}")
        typer.echo(f"  anchor {Anchor(report.chain, report.last)}")
    if any(report.problem for report in reports):
        raise typer.Exit(1)


@app.command()
def show(
    folder: Folder = None,
    config: Config = None,
    event: Annotated[str, typer.Option(help="Only this event, such as refused.")] = "",
    tenant: Annotated[str, typer.Option(help="Only this tenant.")] = "",
    peer: Annotated[str, typer.Option(help="Only peers whose address begins like this.")] = "",
    since: Annotated[str, typer.Option(help="Only what is younger: 90s, 15m, 12h, 1d.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines as they are.")] = False,
) -> None:
    """Print events in the order of their time. Whether the chains hold, `loghub audit verify` says."""
    if folder is None:
        settings = load(config)
        folder = settings.audit.folder(settings.data_dir)
    if not folder.is_dir():
        msg = f"{folder} is not there: give the folder of the audit log"
        raise ConfigError(msg)
    wanted = {name: value for name, value in (("event", event), ("tenant", tenant)) if value}
    oldest = _oldest(since)
    found = [
        (str(fields.get("time", "")), chain, fields)
        for chain, fields in events(folder)
        if all(fields.get(name) == value for name, value in wanted.items())
        and str(fields.get("peer", "")).startswith(peer)
        and str(fields.get("time", "")) >= oldest
    ]
    for _, chain, fields in sorted(found, key=lambda one: one[:2]):
        typer.echo(json.dumps({"chain": chain, **fields}) if as_json else _for_people(chain, fields))


def _oldest(since: str) -> str:
    """Return the oldest time that is wanted, as lines have it."""
    if not since:
        return ""
    try:
        age = float(str(seconds(since)))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    return datetime.fromtimestamp(time.time() - age, UTC).isoformat(timespec="milliseconds")


def _for_people(chain: str, fields: dict[str, Any]) -> str:
    rest = {name: value for name, value in fields.items() if name not in (*_OF_THE_CHAIN, "time", "event", "outcome")}
    words = " ".join(f"{name}={json.dumps(value)}" for name, value in rest.items())
    return f"{fields.get('time')} {chain} {fields.get('event')} {fields.get('outcome', '')} {words}"
