"""`loghub certs`: makes a certificate authority, and issues and renews the certificates of hubs and their peers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hub.cli import certs_revoked, certs_verify
from hub.cli.certs_revoked import DEFAULT_FOLDER, Folder
from hub.core.principal import Role, SpiffeId
from hub.errors import CertificateError
from hub.pki.authority import Authority, Issued, Order
from hub.pki.constraints import name_constraints
from hub.pki.files import read_certificates
from hub.pki.inspection import validity
from hub.pki.keystore import check_new, write_store
from hub.pki.ledger import serial_text
from hub.pki.profile import LEAF_DAYS, SERVER, Algorithm, Profile, client_profile, profile_of, server_profile
from hub.pki.renewal import Renewal, due, renew
from hub.pki.request import requested_key
from hub.pki.rotation import begin, finish, unfinished
from hub.pki.tokens import create_token_keys

app = typer.Typer(no_args_is_help=True, help="Make a certificate authority, issue certificates, renew, revoke, check.")

Days = Annotated[float | None, typer.Option(min=0.001, help="How long it is good.", show_default=False)]
Csr = Annotated[
    Path | None,
    typer.Option("--csr", help="Certify the key of this request; its names are not looked at.", show_default=False),
]
Permit = Annotated[
    list[str] | None,
    typer.Option("--permit-dns", help="Issue servers only for this DNS name and those below it; may be repeated."),
]
AnyIp = Annotated[bool, typer.Option("--permit-any-ip", help="With --permit-dns: IP addresses too.")]
Store = Annotated[Path | None, typer.Option("--p12", help="Write key and chain as PKCS#12 too.", show_default=False)]
Password = Annotated[
    Path | None,
    typer.Option("--p12-password-file", help="Its first line is the password; else one is made.", show_default=False),
]


@app.command()
def init(
    folder: Folder = DEFAULT_FOLDER,
    trust_domain: Annotated[str, typer.Option(help="Trust domain of all SPIFFE ids.")] = "loghub.local",
    algorithm: Annotated[Algorithm, typer.Option(help="Kind of all keys.")] = Algorithm.P256,
    permit_dns: Permit = None,
    any_ip: AnyIp = False,
) -> None:
    """Make a root, an intermediate, an empty revocation list, and a key pair for tokens."""
    constraints = name_constraints(trust_domain, permit_dns or [], any_ip=any_ip)
    authority = Authority.create(folder, trust_domain, constraints, algorithm)
    keys = create_token_keys(folder / "tokens")
    typer.echo(f"trust bundle   {authority.bundle}, {validity(authority.current.root)}")
    typer.echo(f"authority      {folder / 'ca'} (keep its keys private, and root.key offline)")
    typer.echo(f"revoked        {authority.lists[1]} (set tls.crl to it; 'loghub certs crl' writes it anew)")
    typer.echo(f"token keys     {keys.private} signs, {keys.public} verifies")
    typer.echo(f"next           loghub certs issue server --dns {(permit_dns or ['localhost'])[0]} --dir {folder}")


@app.command()
def issue(
    role: Annotated[str, typer.Argument(help=f"{SERVER}, or one of {', '.join(Role)}.")],
    tenant: Annotated[str, typer.Option(help="Tenant of a client certificate.")] = "",
    name: Annotated[str, typer.Option(help="Name of the service, person or hub.")] = "hub",
    dns: Annotated[list[str] | None, typer.Option(help="DNS name of a server; may be repeated.")] = None,
    ip: Annotated[list[str] | None, typer.Option(help="IP address of a server; may be repeated.")] = None,
    days: Annotated[float, typer.Option(min=0.001, help="How long it is good.")] = LEAF_DAYS,
    csr: Csr = None,
    p12: Store = None,
    p12_password_file: Password = None,
    replace: Annotated[bool, typer.Option(help="Keep what is there as *.old.")] = False,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Issue a certificate for a server, or for a client of a tenant."""
    authority = Authority.open(folder)
    profile = _profile(authority, role, tenant, name, [*(dns or []), *(ip or [])])
    if csr and p12:
        msg = "--p12 needs the private key, which stays with whoever made the request: leave one of the two"
        raise CertificateError(msg)
    if p12 and not replace:
        check_new(p12, p12_password_file)
    issued = authority.issue(Order(profile, days, requested_key(csr) if csr else None), over=replace)
    _tell(issued)
    if p12:
        _tell_store(p12, write_store(p12, issued, p12_password_file, replace=replace))
    typer.echo(f"next           {_advice(profile, issued)}")


@app.command("renew")
def renew_command(
    certificates: Annotated[list[Path] | None, typer.Argument(help="Files of certificates to renew.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All in the folder, instead of files.")] = False,
    within: Annotated[
        float | None, typer.Option(help="Only those with fewer days left; implies --all.", show_default=False)
    ] = None,
    keep_key: Annotated[bool, typer.Option("--keep-key", help="Certify the same key again.")] = False,
    days: Days = None,
    csr: Csr = None,
    p12: Store = None,
    p12_password_file: Password = None,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Issue the same identity again, with a new key, in the place of the old files, which are kept as *.old.

    A running hub takes the new pair by itself; so do clients that watch their files.
    """
    authority = Authority.open(folder)
    paths = list(certificates or [])
    by_date = everything or within is not None
    if bool(paths) == by_date:
        msg = "name the certificates to renew, or give --all or --within DAYS"
        raise CertificateError(msg)
    if by_date:
        paths = due(authority, float("inf") if within is None else within)
    if (csr or p12) and len(paths) != 1:
        msg = "--csr and --p12 are for one certificate"
        raise CertificateError(msg)
    if csr and p12:
        msg = "--p12 needs the private key, which stays with whoever made the request: leave one of the two"
        raise CertificateError(msg)
    how = Renewal(days, keep_key, requested_key(csr) if csr else None)
    failed = [path for path in paths if not _renew(authority, path, how, skip=by_date)]
    if p12:
        _tell_store(p12, write_store(p12, Issued.at(paths[0]), p12_password_file, replace=True))
    typer.echo(f"renewed        {len(paths) - len(failed)} of {len(paths)}")
    if failed:
        raise typer.Exit(1)


@app.command()
def rotate(
    done: Annotated[bool, typer.Option("--finish", help="Take the old root out of the bundle.")] = False,
    force: Annotated[bool, typer.Option("--force", help="With --finish: though certificates become void.")] = False,
    cross_sign: Annotated[
        bool, typer.Option("--cross-sign", help="The old root vouches for the new one; needs ca/root.key.")
    ] = False,
    algorithm: Annotated[Algorithm | None, typer.Option(help="Kind of the new keys.", show_default=False)] = None,
    permit_dns: Permit = None,
    any_ip: AnyIp = False,
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Make a new root and intermediate beside the old ones; with --finish, give the old ones up. Tokens stay good."""
    if done:
        authority = finish(folder, force=force)
        typer.echo(f"trust bundle   {authority.bundle} holds the new root alone: hand it out")
        typer.echo(f"retired        {folder / 'ca' / 'retired-*'}: destroy its keys")
        return
    domain = Authority.open(folder).trust_domain if permit_dns else ""
    constraints = name_constraints(domain, permit_dns, any_ip=any_ip) if permit_dns else None
    authority = begin(folder, algorithm=algorithm, constraints=constraints, cross_sign=cross_sign)
    typer.echo(f"trust bundle   {authority.bundle} holds the new root and the old one")
    typer.echo(f"in use         {len(unfinished(authority))} certificates of the old authority")
    typer.echo("next           hand the bundle out to every hub and peer; then renew their certificates:")
    typer.echo(f"               loghub certs renew --all --dir {folder}")
    typer.echo(f"               loghub certs rotate --finish --dir {folder}")


def _profile(authority: Authority, role: str, tenant: str, name: str, hosts: list[str]) -> Profile:
    if role == SERVER:
        if tenant:
            msg = "--tenant is for clients: a server is found by --dns and --ip, and serves all tenants"
            raise CertificateError(msg)
        return server_profile(name, hosts)
    if role not in set(Role):
        msg = f"{role!r} is no role: use {SERVER}, {', '.join(Role)}"
        raise CertificateError(msg)
    if hosts:
        msg = f"--dns and --ip are for servers: a {role} has one name, its SPIFFE id"
        raise CertificateError(msg)
    try:
        return client_profile(SpiffeId(authority.trust_domain, tenant, Role(role), name))
    except ValueError as error:
        msg = f"{error}: give --tenant and --name"
        raise CertificateError(msg) from error


def _renew(authority: Authority, path: Path, how: Renewal, *, skip: bool) -> bool:
    """Renew one of perhaps many: those without a key here are told, and the others go on."""
    try:
        _tell(renew(authority, path, how))
    except CertificateError as error:
        if not skip:
            raise
        typer.echo(f"not renewed    {error.message}", err=True)
        return False
    return True


def _tell(issued: Issued) -> None:
    leaf = read_certificates(issued.cert)[0]
    typer.echo(f"identity       {profile_of(leaf).identity}")
    typer.echo(f"certificate    {issued.cert}, serial {serial_text(leaf.serial_number)}, {validity(leaf)}")
    typer.echo(f"key            {issued.key if issued.key.exists() else 'stays with whoever made the request'}")


def _tell_store(store: Path, password: Path) -> None:
    typer.echo(f"PKCS#12        {store}, its password in {password}")


def _advice(profile: Profile, issued: Issued) -> str:
    if profile.role == SERVER:
        return f"set tls.cert to {issued.cert} and tls.key to {issued.key}, then 'loghub serve'"
    files = "certificate, key and ca.pem" if issued.key.exists() else "certificate and ca.pem"
    return f"give {files} to {profile.common_name}; before the end: loghub certs renew {issued.cert}"


certs_revoked.add_to(app)
certs_verify.add_to(app)
