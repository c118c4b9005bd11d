"""`loghub token`: mints tokens for subscribers."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Annotated

import typer

from hub.config import Live, seconds
from hub.core.filter import FilterLimits, parse_filter
from hub.core.principal import check_tenant
from hub.errors import ConfigError
from hub.identity.tokens import Claims, TokenRules, mint

app = typer.Typer(no_args_is_help=True, help="Mint tokens.")

_DAY = 86_400.0


@app.callback()
def token() -> None:
    """Mint tokens."""


@app.command("mint")
def mint_token(
    tenant: Annotated[str, typer.Option(help="Whose logs the bearer may read.")],
    sub: Annotated[str, typer.Option(help="Who the bearer is.")] = "cli",
    scope: Annotated[str, typer.Option(help="What the bearer may do, separated by spaces.")] = "logs:read",
    ttl: Annotated[str, typer.Option(help="How long it is good: 90s, 15m, 12h, 1d.")] = "1h",
    only: Annotated[str, typer.Option("--filter", help="A filter that always holds for the bearer.")] = "",
    key: Annotated[Path, typer.Option(help="The signing key.")] = Path("certs/pki/tokens/signing.key"),
    iss: Annotated[str, typer.Option(help="The issuer that the hub expects.")] = "loghub",
    aud: Annotated[str, typer.Option(help="The audience that the hub expects.")] = "loghub",
) -> None:
    """Print a token, and nothing else, on standard output."""
    try:
        lifetime = float(str(seconds(ttl)))
        check_tenant(tenant)
        parse_filter(only, FilterLimits(Live().max_filter_bytes, Live().max_filter_cost))
        pem = key.read_bytes()
    except ValueError as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        msg = f"the signing key {key} cannot be read: {error.strerror}; make one with 'loghub certs init'"
        raise ConfigError(msg) from error
    claims = Claims(tenant, sub, scope, lifetime, only, secrets.token_hex(8))
    typer.echo(mint(pem, claims, TokenRules(iss, aud, _DAY, 0.0), time.time()))
