"""`loghub token show`: what a token says, and whether a hub would take it."""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.config import Settings, load
from hub.errors import UnauthenticatedError
from hub.identity.https_get import GetLimits, client_tls, https_get
from hub.identity.tokens import (
    Keyring,
    TokenRules,
    TokenVerifier,
    VerifyKey,
    keys_of_set,
    load_keys,
    load_secret,
    unverified,
)
from hub.pki.files import certificate_der

_TIMES = ("iat", "nbf", "exp")


def show(
    file: Annotated[Path | None, typer.Option(help="A file with the token; none: standard input.")] = None,
    config: Annotated[Path | None, typer.Option(help="The hub's configuration.", show_default=False)] = None,
    keys: Annotated[Path | None, typer.Option(help="The keys, in place of the configuration's.")] = None,
    cert: Annotated[Path | None, typer.Option(help="The client certificate that it would be sent with.")] = None,
) -> None:
    """Print what a token says, and whether a hub with this configuration would take it; the status is 0 if so."""
    token = (file.read_text(encoding="utf-8") if file else sys.stdin.read()).strip()
    settings = load(config)
    rules = settings.tokens
    verifier = TokenVerifier(
        Keyring(load_keys(keys) if keys else _keys(settings)),
        TokenRules(rules.issuer, rules.audience, rules.max_lifetime_seconds, rules.leeway_seconds),
    )
    _print_contents(token)
    faults = verifier.faults(token, certificate_der(cert) if cert else None)
    typer.echo("verdict  " + ("bad" if faults else "good"))
    for fault in faults:
        typer.echo(f"because  {fault}")
    raise typer.Exit(1 if faults else 0)


def _print_contents(token: str) -> None:
    """Print what can be read; control characters are escaped, since nobody has vouched for any of it."""
    try:
        header, claims = unverified(token)
    except UnauthenticatedError:  # which the verdict says
        return
    typer.echo(f"header   {json.dumps(header)}")
    for name, value in claims.items():
        typer.echo(f"claim    {json.dumps(name)[1:-1]} = {json.dumps(value)}{_moment(name, value)}")


def _keys(settings: Settings) -> tuple[VerifyKey, ...]:
    """Return the keys that a hub with these settings would judge by now."""
    tokens = settings.tokens
    if tokens.jwks_url:
        limits = GetLimits(tokens.jwks_max_bytes, tokens.jwks_timeout_seconds)
        return keys_of_set(asyncio.run(https_get(tokens.jwks_url, limits, client_tls(tokens.jwks_ca))), strict=False)
    return load_secret(tokens.development_secret) if tokens.development_secret else load_keys(tokens.keys)


def _moment(name: str, value: Any) -> str:  # noqa: ANN401  a claim is of any type
    if name not in _TIMES or isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    try:
        return f"  ({datetime.fromtimestamp(value, UTC).isoformat(timespec='seconds')})"
    except (ValueError, OverflowError, OSError):
        return "  (no time)"
