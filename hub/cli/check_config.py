"""`loghub check-config`: says whether a configuration can be used, and prints it with all defaults filled in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import yaml

from hub.cli.config_reference import reference as reference_page
from hub.config import load
from hub.errors import ConfigError


def check_config(
    config: Annotated[Path | None, typer.Option(help="The YAML configuration.", show_default=False)] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="Print the page that describes every setting, and nothing else.")
    ] = False,
) -> None:
    """Check the configuration and the LOGHUB_… variables; print all settings as YAML, or every mistake."""
    if reference:
        typer.echo(reference_page(), nl=False)
        return
    try:
        settings = load(config)
    except ConfigError as error:
        typer.echo(error.message, err=True)
        raise typer.Exit(1) from error
    typer.echo(yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=False, width=120), nl=False)
    # A comment, so that the output as a whole can be used as a configuration.
    typer.echo("# ok")
