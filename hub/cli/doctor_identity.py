"""`loghub doctor` on certificates, keys and revocation lists: dates, chains, hosts, strength, and who can read them."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hub.cli.doctor_setup import is_loopback
from hub.cli.finding import failed, ok, unless, warning
from hub.errors import LoghubError
from hub.identity.examine import broken_link, facts_of, is_key_of, leads_to
from hub.identity.server_tls import ClientCertificates, ServerTls, TlsFiles
from hub.identity.tokens import load_keys
from hub.observe.audit_files import load_key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hub.cli.finding import Finding
    from hub.config import Settings
    from hub.identity.examine import Facts

_ISSUE = "issue another with 'loghub certs issue server', or have its issuer do it"
_GOOD_RSA_BITS = 3072
_OTHERS_READ = stat.S_IROTH | stat.S_IWOTH
_GROUP_READS = stat.S_IRGRP | stat.S_IWGRP


def identity(settings: Settings, soon: timedelta, hosts: list[str]) -> Iterator[Finding]:
    """Look at all of them; `hosts` are the names that clients connect to."""
    tls = settings.tls
    try:
        chain, authorities = facts_of(tls.cert), facts_of(tls.ca)
    except LoghubError as error:
        yield failed("certificate", error.message, "set tls.cert and tls.ca, or make them with 'loghub certs init'")
    else:
        yield from _dates(chain, authorities, soon)
        yield from _chain(settings)
        yield from _server(chain[0], [*hosts, *_listened_on(settings)])
    yield from _key(settings)
    yield from _crl(settings, soon)
    yield from _token_keys(settings)
    yield from _private(settings)


def _dates(chain: tuple[Facts, ...], authorities: tuple[Facts, ...], soon: timedelta) -> Iterator[Finding]:
    now = datetime.now(UTC)
    for what, certificates in (("certificate", chain), ("authority", authorities)):
        for one in certificates:
            end = f"{one.name} ends on {one.not_after:%Y-%m-%d %H:%M} UTC"
            if one.not_after <= now:
                yield failed(f"{what}-dates", end, _ISSUE)
            elif one.not_before > now:
                text = f"{one.name} is good only from {one.not_before:%Y-%m-%d %H:%M} UTC on"
                yield failed(f"{what}-dates", text, "check the clock")
            elif one.not_after - now < soon:
                yield warning(f"{what}-dates", f"{end}, in {(one.not_after - now).days} days", _ISSUE)
            else:
                yield ok(f"{what}-dates", end)


def _chain(settings: Settings) -> Iterator[Finding]:
    tls = settings.tls
    broken = broken_link(tls.cert)
    if broken:
        yield failed(
            "chain", f"{tls.cert}: {broken}", "put the certificate first and each issuer behind what it issued"
        )
    elif not leads_to(tls.cert, tls.ca):
        text = f"{tls.cert} does not lead to an authority of {tls.ca}"
        yield warning("chain", text, "add the missing intermediates; if clients trust another authority, this is fine")
    else:
        yield ok("chain", f"{tls.cert} leads to an authority of {tls.ca}")


def _listened_on(settings: Settings) -> list[str]:
    hosts = {settings.grpc.host, settings.web.host}
    return sorted(host for host in hosts if host not in ("0.0.0.0", "::", ""))  # noqa: S104  compared, not bound


def _server(leaf: Facts, hosts: list[str]) -> Iterator[Finding]:
    if leaf.weak_key:
        yield failed("certificate-key", f"{leaf.name}: {leaf.weak_key}", _ISSUE)
    if not leaf.for_servers:
        yield failed("certificate-usage", f"{leaf.name} is not for servers", _ISSUE)
    names = ", ".join(leaf.hosts) or "none"
    wrong = [
        failed("hosts", f"the certificate is not good for {host}, but for {names}", f"use such a name, or {_ISSUE}")
        for host in hosts
        if not leaf.is_good_for(host)
    ]
    if not leaf.hosts:
        wrong = [failed("hosts", "the certificate names no host: no client takes it", _ISSUE)]
    yield from unless(wrong, "hosts", f"the certificate is good for {names}")


def _key(settings: Settings) -> Iterator[Finding]:
    tls = settings.tls
    try:
        fits = is_key_of(tls.key, tls.cert)
    except LoghubError as error:
        yield failed("key", error.message, "set tls.key to the key that was issued with tls.cert")
        return
    if fits:
        yield ok("key", f"{tls.key} is the key of {tls.cert}")
    else:
        yield failed("key", f"{tls.key} is not the key of {tls.cert}", "give the pair that was issued together")


def _crl(settings: Settings, soon: timedelta) -> Iterator[Finding]:
    tls = settings.tls
    if tls.crl is None:
        advice = "set tls.crl, so that certificates can be taken back for all hubs; 'loghub revoke' does it for one"
        yield warning("crl", "there is no revocation list of the authorities", advice)
        return
    try:
        served = ServerTls(TlsFiles(tls.ca, tls.cert, tls.key, tls.crl), ClientCertificates.OPTIONAL)
    except LoghubError as error:
        yield failed(
            "crl", error.message, "write the list anew with 'loghub certs revoke', or get it from its authority"
        )
        return
    ends = served.revoked.ends_at
    end = datetime.fromtimestamp(ends, UTC) if ends is not None else None
    if end is not None and end - datetime.now(UTC) < min(soon, timedelta(days=1)):
        yield warning("crl", f"{tls.crl} is out of date from {end:%Y-%m-%d %H:%M} UTC on", "get a fresh one")
    else:
        yield ok("crl", f"{tls.crl} lists {len(served.revoked.certificates)} certificates")


def _token_keys(settings: Settings) -> Iterator[Finding]:
    if settings.web.auth_mode == "mTLS":
        yield ok("token-keys", "tokens are not taken")
        return
    tokens = settings.tokens
    if tokens.jwks_url:
        yield ok("token-keys", f"keys come from {tokens.jwks_url}")
        return
    if tokens.development_secret:
        text = f"tokens are signed with {tokens.development_secret} (HS256): whoever can check one can make one"
        yield warning("token-keys", text, "for development only: set tokens.keys or tokens.jwks_url")
        yield from _readable(tokens.development_secret, "chmod 600")
        return
    try:
        keys = load_keys(tokens.keys)
    except LoghubError as error:
        yield failed("token-keys", error.message, "set tokens.keys, or make keys with 'loghub certs init'")
        return
    weak = [
        warning("token-keys", f"{tokens.keys}: an RSA key of {bits} bits", "use ES256, EdDSA or 3072 bits")
        for key in keys
        if (bits := getattr(key.key, "key_size", 0)) and key.algorithm[:2] in ("RS", "PS") and bits < _GOOD_RSA_BITS
    ]
    yield from unless(weak, "token-keys", f"{len(keys)} keys: {', '.join(key.algorithm for key in keys)}")


def _private(settings: Settings) -> Iterator[Finding]:
    """Look at who can read what must stay private: keys, and the folder of the log."""
    keys = [settings.tls.key, settings.tokens.keys.with_name("signing.key")]
    keys += [settings.tls.ca.parent / "ca" / f"{name}.key" for name in ("root", "intermediate")]
    audit_key = settings.audit.key_file
    if audit_key is not None:
        keys.append(audit_key)
        try:
            load_key(audit_key)
        except LoghubError as error:
            yield failed("audit-key", error.message, "set audit.key_file")
    found = [finding for path in keys for finding in _readable(path, "chmod 600")]
    yield from unless(found, "private-files", "keys can be read by their owner alone")
    folders = [settings.data_dir, settings.audit.folder(settings.data_dir)]
    found = [finding for path in folders for finding in _readable(path, "chmod 700")]
    yield from unless(found, "data-folder", f"{settings.data_dir} can be read by its owner alone")
    root = settings.tls.ca.parent / "ca" / "root.key"
    if root.exists() and not is_loopback(settings.web.host):
        yield warning("root-key", f"{root} is on this machine", "keep it offline: it is needed for intermediates only")


def _readable(path: Path, command: str) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError:
        return
    check = "data-folder" if stat.S_ISDIR(mode) else "private-files"
    said = f"{path} has mode {stat.S_IMODE(mode):04o}"
    if mode & _OTHERS_READ:
        yield failed(check, f"{said}: everybody on this machine can read it", f"{command} {path}")
    elif mode & _GROUP_READS:
        yield warning(check, f"{said}: its group can read it", f"{command} {path}")
