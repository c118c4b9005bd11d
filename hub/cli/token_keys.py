"""`loghub token keys`: which keys tokens are verified with, and how to change them without refusing anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.errors import ConfigError
from hub.identity.tokens import VerifyKey, load_keys, set_of_keys, strength, strong, thumbprint
from hub.pki.files import replace_file, write_key
from hub.pki.tokens import new_signing_key

_SET = "jwks.json"


def keys(
    folder: Annotated[Path, typer.Option("--dir", help="Folder of the keys.")] = Path("certs/pki/tokens"),
    new: Annotated[bool, typer.Option("--new", help="Make a new key, and verify with it beside the old ones.")] = False,
    drop: Annotated[str, typer.Option(help="Verify no more with the key of this id.")] = "",
) -> None:
    """List the keys that tokens are verified with; add one, or drop one.

    To change keys: --new; have the hubs verify with jwks.json (they read it again by themselves); mint with the new
    key; once the last token of the old one has expired, --drop it.
    """
    path = folder / _SET
    known = _named(load_keys(path if path.exists() else folder / "verify.pem"))
    if new:
        known = (*known, _add(folder))
    if drop:
        if drop not in {key.kid for key in known} or len(known) == 1:
            msg = f"there is no key {drop!r}, or it is the last one: the keys are {', '.join(key.kid for key in known)}"
            raise ConfigError(msg)
        known = tuple(key for key in known if key.kid != drop)
    if new or drop:
        replace_file(path, set_of_keys(known), mode=0o644)
        typer.echo(f"wrote    {path}: hubs verify with it where tokens.keys names it")
    for key in known:
        typer.echo(f"key      {key.kid}  {key.algorithm}  {strength(key)}")


def _named(found: tuple[VerifyKey, ...]) -> tuple[VerifyKey, ...]:
    """Give each key an id: one from a PEM file is named by its thumbprint, as the tokens minted with it name it."""
    return tuple(
        VerifyKey(key.key, key.algorithm, key.kid or thumbprint(key.key))
        for key in found
        if not isinstance(key.key, bytes)
    )


def _add(folder: Path) -> VerifyKey:
    signing = new_signing_key()
    kid = thumbprint(signing.public_key())
    path = folder / f"signing-{kid[:8]}.key"
    write_key(path, signing)
    typer.echo(f"wrote    {path}: mint with it once every hub has the new set")
    return strong(signing.public_key(), kid)
