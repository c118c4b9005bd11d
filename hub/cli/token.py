"""`loghub token`: mints tokens, says what is wrong with one, and keeps the keys."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.token_keys import keys
from hub.cli.token_show import show
from hub.config import Live, Tokens, seconds
from hub.core.filter import FilterLimits, parse_filter
from hub.errors import ConfigError
from hub.identity.tokens import Claims, Signer, TokenRules, load_secret, mint
from hub.pki.files import certificate_der

app = typer.Typer(no_args_is_help=True, help="Mint tokens, look into them, and keep their keys.")
app.command("show")(show)
app.command("keys")(keys)


@app.command("mint")
def mint_token(
    tenant: Annotated[str, typer.Option(help="Whose logs the bearer reads, unless it names another.")] = "",
    tenants: Annotated[str, typer.Option(help="All tenants whose logs the bearer may read: a,b,c.")] = "",
    sub: Annotated[str, typer.Option(help="Who the bearer is.")] = "cli",
    scope: Annotated[str, typer.Option(help="What the bearer may do, separated by spaces.")] = "logs:read",
    ttl: Annotated[str, typer.Option(help="How long it is good: 90s, 15m, 12h, 1d.")] = "1h",
    nbf: Annotated[str, typer.Option(help="When it begins to be good, from now: 90s, 15m.")] = "0s",
    only: Annotated[str, typer.Option("--filter", help="A filter that always holds for the bearer.")] = "",
    token_id: Annotated[
        str, typer.Option("--id", help="Its id, by which it can be revoked.", show_default="random")
    ] = "",
    bind_cert: Annotated[Path | None, typer.Option(help="Bind it to this client certificate.")] = None,
    key: Annotated[Path, typer.Option(help="The signing key.")] = Path("certs/pki/tokens/signing.key"),
    development_secret: Annotated[Path | None, typer.Option(help="Sign with this secret; not for production.")] = None,
    iss: Annotated[str, typer.Option(help="The issuer that the hub expects.")] = Tokens().issuer,
    aud: Annotated[str, typer.Option(help="The audience that the hub expects.")] = Tokens().audience,
    max_lifetime: Annotated[str, typer.Option(help="The longest lifetime that the hub allows.")] = "1d",
) -> None:
    """Print a token, and nothing else, on standard output."""
    try:
        lifetime, begins, longest = (float(str(seconds(text))) for text in (ttl, nbf, max_lifetime))
        parse_filter(only, FilterLimits(Live().max_filter_bytes, Live().max_filter_cost))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    claims = Claims(
        tenant=tenant,
        subject=sub,
        scope=scope,
        lifetime_seconds=lifetime,
        filter=only,
        token_id=token_id or secrets.token_hex(8),
        tenants=tuple(name.strip() for name in tenants.split(",") if name.strip()),
        begins_in_seconds=begins,
        certificate_der=certificate_der(bind_cert) if bind_cert else None,
    )
    signer = Signer.of_secret(load_secret(development_secret)[0]) if development_secret else Signer.of_pem(_read(key))
    typer.echo(mint(signer, claims, TokenRules(iss, aud, longest, 0.0), time.time()))


def _read(key: Path) -> bytes:
    try:
        return key.read_bytes()
    except OSError as error:
        msg = f"the signing key {key} cannot be read: {error.strerror}; make one with 'loghub certs init'"
        raise ConfigError(msg) from error
