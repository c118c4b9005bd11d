"""`loghub certs verify`: whether certificate files, or a running hub, are as they should be."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from hub.cli.certs_revoked import DEFAULT_FOLDER, Folder
from hub.errors import CertificateError
from hub.pki.files import read_certificates
from hub.pki.inspection import Trust, Verdict, inspect_file, inspect_folder
from hub.pki.probe import Client, Target, probe
from hub.pki.revocation_list import read_lists


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files or folders; else the authority's folder.")] = None,
    url: Annotated[list[str] | None, typer.Option(help="A running hub's https://host:port.")] = None,
    grpc: Annotated[list[str] | None, typer.Option(help="A running hub's gRPC host:port.")] = None,
    ca: Annotated[Path | None, typer.Option(envvar="LOGHUB_CA", help="Trust bundle.", show_default="ca.pem")] = None,
    crl: Annotated[Path | None, typer.Option(help="Revocation list.", show_default="crl.pem")] = None,
    cert: Annotated[
        Path | None, typer.Option(envvar="LOGHUB_CERT", help="Client certificate to show to a running hub.")
    ] = None,
    key: Annotated[Path | None, typer.Option(envvar="LOGHUB_KEY", help="Its key.")] = None,
    min_days: Annotated[float, typer.Option(min=0, help="Fail where fewer days are left.")] = 0.0,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Check files (chain, dates, key, profile, revocation) or a running hub (TLS as a client sees it).

    Prints a line for each thing looked at; exit status 1 where one of them failed.
    """
    bundle = ca or folder / "ca.pem"
    verdicts: list[Iterator[Verdict]] = []
    if paths or not (url or grpc):
        verdicts += _files(paths or [folder], _trust(bundle, crl, folder, min_days))
    client = Client(bundle, cert, key or (cert.with_suffix(".key") if cert else None), min_days)
    targets = [Target.of_url(one) for one in url or []] + [Target.of_endpoint(one) for one in grpc or []]
    verdicts += [_named(target, probe(target, client)) for target in targets]
    count = failed = 0
    for verdict in chain.from_iterable(verdicts):
        count += 1
        failed += bool(verdict.problem)
        typer.echo(f"{'failed' if verdict.problem else 'ok    '}  {verdict.subject}: {_text(verdict)}")
    if not count:
        msg = "there is nothing to verify: no PEM file was found"
        raise CertificateError(msg)
    if failed:
        typer.echo(f"{failed} of {count} failed", err=True)
        raise typer.Exit(1)


def _files(paths: list[Path], trust: Trust) -> list[Iterator[Verdict]]:
    return [inspect_folder(path, trust) if path.is_dir() else inspect_file(path, trust) for path in paths]


def _trust(bundle: Path, crl: Path | None, folder: Path, min_days: float) -> Trust:
    lists = crl or (folder / "crl.pem" if (folder / "crl.pem").exists() else None)
    return Trust(read_certificates(bundle), read_lists(lists) if lists else (), min_days)


def _named(target: Target, verdicts: Iterator[Verdict]) -> Iterator[Verdict]:
    """Put the server's name before each of its properties."""
    for one in verdicts:
        yield Verdict(f"{target.host}:{target.port} {one.subject}", one.detail, one.problem)


def _text(verdict: Verdict) -> str:
    return ": ".join(part for part in (verdict.problem, verdict.detail) if part)
