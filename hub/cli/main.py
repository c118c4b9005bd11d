"""The command `loghub`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import hub.grpc_tls  # isort: skip  # must come before anything that imports grpc
from hub import __version__
from hub.cli import audit, bench, certs, revoke, token
from hub.cli.check_config import check_config
from hub.cli.demo import demo
from hub.cli.doctor import doctor
from hub.cli.send import send
from hub.cli.serve import serve
from hub.cli.tail import tail
from hub.errors import LoghubError

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused

app = typer.Typer(name="loghub", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.command()(serve)
app.command()(demo)
app.command()(tail)
app.command()(send)
app.add_typer(certs.app, name="certs")
app.add_typer(token.app, name="token")
app.add_typer(revoke.app, name="revoke")
app.add_typer(audit.app, name="audit")
app.add_typer(bench.app, name="bench")
app.command("check-config")(check_config)
app.command()(doctor)


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
    except OSError as error:
        typer.echo(f"loghub: {error.filename or 'the system'}: {error.strerror or error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
