"""The command `loghub`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from hub import __version__
from hub.cli.check_config import check_config
from hub.cli.serve import serve
from hub.errors import LoghubError

app = typer.Typer(name="loghub", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.command()(serve)
app.command("check-config")(check_config)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"loghub {__version__}")
        raise typer.Exit


@app.callback()
def loghub(
    _wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """A secure, multi-tenant live log hub."""


def main() -> None:
    """Run the command; what the user can mend is said in one line."""
    try:
        app()
    except LoghubError as error:
        typer.echo(f"loghub: {error.message}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
