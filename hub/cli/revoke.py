"""`loghub revoke`: ends tokens and certificates before their time, on a running hub within a second."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.client.admin import AdminApi
from hub.client.subscriber import Access
from hub.config import load, seconds
from hub.core.principal import check_tenant
from hub.core.revocation import Kind, Revocation, serial_text
from hub.errors import ConfigError
from hub.identity.peer import serial_of
from hub.identity.revoked_file import RevokedFile

app = typer.Typer(
    no_args_is_help=True,
    help="Revoke tokens, certificates and subjects: with --url as an admin of a tenant, else on the hub's own machine.",
)

Tenant = Annotated[str, typer.Option(help="Whose it is; on the hub's machine, and empty: whoever's.")]
Reason = Annotated[str, typer.Option(help="Why, for whoever reads the list.")]
Until = Annotated[str, typer.Option(help="When it ends by itself, from now: 90s, 12h, 30d; the entry goes then.")]
Config = Annotated[Path | None, typer.Option(help="The hub's YAML configuration.", show_default=False)]
Url = Annotated[str, typer.Option(help="The hub, such as https://localhost:8443.")]
Token = Annotated[str, typer.Option("--token", envvar="LOGHUB_TOKEN", help="An admin's token; better by environment.")]
Ca = Annotated[Path | None, typer.Option(envvar="LOGHUB_CA", help="Authority of the hub's certificate.")]
Cert = Annotated[Path | None, typer.Option(envvar="LOGHUB_CERT", help="An admin's client certificate.")]
Key = Annotated[Path | None, typer.Option(envvar="LOGHUB_KEY", help="Its key.")]


@app.command()
def token(
    name: Annotated[str, typer.Argument(metavar="JTI", help="The token's id, as 'loghub token mint' gave it.")],
    tenant: Tenant = "",
    reason: Reason = "",
    until: Until = "",
    config: Config = None,
    url: Url = "",
    bearer: Token = "",
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
) -> None:
    """Revoke a token by its id."""
    _revoke(_entry(Kind.TOKEN, name, tenant, reason, until), config, Access(url, bearer, ca, cert, key))


@app.command()
def certificate(
    name: Annotated[str, typer.Argument(metavar="SERIAL|FILE", help="Serial number in hexadecimal, or PEM file.")],
    tenant: Tenant = "",
    reason: Reason = "",
    until: Until = "",
    config: Config = None,
    url: Url = "",
    bearer: Token = "",
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
) -> None:
    """Revoke a certificate on this hub alone; 'loghub certs revoke' has its authority do it, for all hubs."""
    path = Path(name)
    text = serial_text(serial_of(path.read_bytes())) if path.is_file() else name.replace(":", "").lower().lstrip("0")
    _revoke(_entry(Kind.CERTIFICATE, text, tenant, reason, until), config, Access(url, bearer, ca, cert, key))


@app.command()
def subject(
    name: Annotated[str, typer.Argument(metavar="SUBJECT", help="A token's sub, or a SPIFFE id.")],
    tenant: Tenant = "",
    reason: Reason = "",
    until: Until = "",
    config: Config = None,
    url: Url = "",
    bearer: Token = "",
    ca: Ca = None,
    cert: Cert = None,
    key: Key = None,
) -> None:
    """Revoke all that a subject was issued up to now; what it is issued later is good."""
    _revoke(_entry(Kind.SUBJECT, name, tenant, reason, until), config, Access(url, bearer, ca, cert, key))


@app.command("list")
def show(
    config: Config = None, url: Url = "", bearer: Token = "", ca: Ca = None, cert: Cert = None, key: Key = None
) -> None:
    """Print what is revoked: time, kind, tenant, id, reason; with --url of the admin's own tenant."""
    if url:
        for said in AdminApi(Access(url, bearer, ca, cert, key)).revocations():
            _print(said["at"], said["kind"], said.get("tenant", ""), said["id"], said.get("reason", ""))
        return
    for entry in _file(config).read():
        _print(entry.at, entry.kind, entry.tenant, entry.id, entry.reason)


def _entry(kind: Kind, name: str, tenant: str, reason: str, until: str) -> Revocation:
    now = time.time()
    try:
        if tenant:
            check_tenant(tenant)
        end = now + float(str(seconds(until))) if until else None
        return Revocation(kind, name, now, tenant, end, reason)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _revoke(entry: Revocation, config: Path | None, access: Access) -> None:
    if access.url:
        AdminApi(access).revoke(entry)
    else:
        _file(config).append(entry)
    typer.echo(f"revoked        {entry.kind} {entry.id}")


def _file(config: Path | None) -> RevokedFile:
    return RevokedFile.of(load(config).data_dir)


def _print(at: float, *texts: Any) -> None:  # noqa: ANN401  strings and enums
    typer.echo("  ".join((time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at)), *(str(text) or "-" for text in texts))))
