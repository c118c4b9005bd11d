"""The command `loghub`. Each subcommand is imported when it is asked for: one second less for most of them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

import hub.grpc_tls  # isort: skip  # must come before anything that imports grpc
from hub import __version__
from hub.errors import LoghubError

if TYPE_CHECKING:
    from collections.abc import Mapping

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused

# Command → its module, which has either an `app` with commands of its own, or a function of the command's name.
COMMANDS: Mapping[str, str] = {
    "serve": "hub.cli.serve",
    "demo": "hub.cli.demo",
    "tail": "hub.cli.tail",
    "send": "hub.cli.send",
    "consume": "hub.cli.consume",
    "groups": "hub.cli.groups",
    "certs": "hub.cli.certs",
    "token": "hub.cli.token",
    "revoke": "hub.cli.revoke",
    "audit": "hub.cli.audit",
    "bench": "hub.cli.bench",
    "check-config": "hub.cli.check_config",
    "doctor": "hub.cli.doctor",
}


class _Commands(TyperGroup):
    """Finds a command in its module."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401  as of the library
        super().__init__(**options)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # only the names, for "did you mean"

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002  as of the library
        """Return the names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002  as of the library
        """Import and return a command; None: there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(COMMANDS[cmd_name])
        own = getattr(module, "app", None)
        if own is None:
            own = typer.Typer(add_completion=False)
            own.command(cmd_name)(getattr(module, cmd_name.replace("-", "_")))
        command = get_command(own)
        command.name = cmd_name
        return command


app = typer.Typer(
    name="loghub", cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)


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
