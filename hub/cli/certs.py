"""`loghub certs`: makes a certificate authority, and issues the certificates of hubs and their peers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.core.principal import Role, SpiffeId
from hub.errors import CertificateError
from hub.pki.authority import LEAF_DAYS, Authority
from hub.pki.tokens import create_token_keys

app = typer.Typer(no_args_is_help=True, help="Make a certificate authority and issue certificates.")

Folder = Annotated[Path, typer.Option("--dir", help="Folder of the authority.")]
_DEFAULT = Path("certs/pki")
_SERVER = "server"


@app.command()
def init(
    folder: Folder = _DEFAULT,
    trust_domain: Annotated[str, typer.Option(help="Trust domain of all SPIFFE ids.")] = "loghub.local",
) -> None:
    """Make a root, an intermediate, and a key pair for tokens."""
    try:
        authority = Authority.create(folder, trust_domain)
    except ValueError as error:
        raise CertificateError(str(error)) from error
    keys = create_token_keys(folder / "tokens")
    typer.echo(f"trust bundle   {authority.bundle}")
    typer.echo(f"authority      {folder / 'ca'} (keep its keys private)")
    typer.echo(f"token keys     {keys.private} signs, {keys.public} verifies")
    typer.echo(f"next           loghub certs issue server --dns localhost --dir {folder}")


@app.command()
def issue(
    role: Annotated[str, typer.Argument(help=f"{_SERVER}, or one of {', '.join(Role)}.")],
    tenant: Annotated[str, typer.Option(help="Tenant of a client certificate.")] = "",
    name: Annotated[str, typer.Option(help="Name of the service, person or hub.")] = "hub",
    dns: Annotated[list[str] | None, typer.Option(help="DNS name of a server; may be repeated.")] = None,
    ip: Annotated[list[str] | None, typer.Option(help="IP address of a server; may be repeated.")] = None,
    days: Annotated[float, typer.Option(min=0.001, help="How long it is good.")] = LEAF_DAYS,
    folder: Folder = _DEFAULT,
) -> None:
    """Issue a certificate for a server, or for a client of a tenant."""
    authority = Authority.open(folder)
    if role == _SERVER:
        issued = authority.issue_server(name, [*(dns or []), *(ip or [])], days)
    elif role in set(Role):
        try:
            identity = SpiffeId(authority.trust_domain, tenant, Role(role), name)
        except ValueError as error:
            msg = f"{error}: give --tenant and --name"
            raise CertificateError(msg) from error
        issued = authority.issue_client(identity, days)
        typer.echo(f"identity       {identity}")
    else:
        msg = f"{role!r} is no role: use {_SERVER}, {', '.join(Role)}"
        raise CertificateError(msg)
    typer.echo(f"certificate    {issued.cert}")
    typer.echo(f"key            {issued.key}")
