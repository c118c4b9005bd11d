"""Replacing root and intermediate without a moment at which a peer is refused.

`begin` makes the next generation. From then on the bundle holds both roots, leaves are issued by the new intermediate,
and those of the old one stay good. Once every peer has the bundle and every leaf was renewed, `finish` takes the old
root out of the bundle. A rotation that was interrupted goes on where it was when it is run again.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509

from hub.errors import CertificateError
from hub.pki import generation
from hub.pki.authority import Authority
from hub.pki.constraints import constraints_of, name_constraints
from hub.pki.files import PUBLIC_MODE, certificates_pem, make_folder, replace_file
from hub.pki.ledger import Ledger
from hub.pki.profile import Algorithm, algorithm_of

if TYPE_CHECKING:
    from pathlib import Path

    from hub.pki.ledger import Entry
    from hub.pki.profile import Signer

# Written last into `next/`: from then on the new generation is whole.
_BUNDLE = "bundle.pem"
# The new root as the retired one vouched for it.
_VOUCHED = "vouched.pem"


def begin(
    folder: Path,
    *,
    algorithm: Algorithm | None = None,
    constraints: x509.NameConstraints | None = None,
    cross_sign: bool = False,
) -> Authority:
    """Make the next generation, of the same kind and within the same names unless told otherwise.

    `cross_sign`: the old root, whose key must be there, vouches for the new one: so peers that do not have the new
    bundle yet take new leaves too. CertificateError where a rotation is under way.
    """
    if not (folder / "ca.pem").exists():
        Authority.open(folder)  # which says that there is none, and what to do
    with Ledger(folder / "ca").locked():
        upcoming = folder / "ca" / "next"
        if not (upcoming / _BUNDLE).exists():
            if upcoming.exists():
                shutil.rmtree(upcoming)
            authority = Authority.open(folder)
            if authority.previous:
                msg = f"a rotation of {folder} is under way: end it with 'loghub certs rotate --finish' first"
                raise CertificateError(msg)
            _prepare(authority, upcoming, algorithm, constraints, _old_root(authority) if cross_sign else None)
        _promote(folder)
        authority = Authority.load(folder)
        authority.write_lists_locked()
        _clear(upcoming)
    return authority


def unfinished(authority: Authority) -> list[Entry]:
    """Return the certificates that `finish` would make void: valid ones of the old intermediate, not yet renewed."""
    if authority.previous is None:
        return []
    now, issuer = datetime.now(UTC), authority.previous.signer.id
    return [one for one in authority.ledger.entries() if one.line.issuer == issuer and one.status(now) == "valid"]


def finish(folder: Path, *, force: bool = False) -> Authority:
    """Take the old root out of the bundle; CertificateError while it would make certificates void, unless forced."""
    Authority.open(folder)
    with Ledger(folder / "ca").locked():
        authority = Authority.open(folder)
        if authority.previous is None:
            msg = f"no rotation of {folder} is under way: begin one with 'loghub certs rotate'"
            raise CertificateError(msg)
        left = unfinished(authority)
        if left and not force:
            msg = (
                f"{len(left)} certificates of the old authority are still in use, as {left[0].line.identity}:"
                " renew them ('loghub certs renew --all'), or give --force to make them void"
            )
            raise CertificateError(msg)
        replace_file(authority.bundle, certificates_pem(authority.current.root), mode=PUBLIC_MODE)
        authority.previous = None
        authority.write_lists_locked()
        if authority.current.cross:  # nobody trusts any more who vouches there
            (folder / "ca" / generation.CROSS).replace(folder / "ca" / "previous" / _VOUCHED)
        (folder / "ca" / "previous").rename(_next_free(folder / "ca"))
    return Authority.open(folder)


def _prepare(
    authority: Authority,
    upcoming: Path,
    algorithm: Algorithm | None,
    constraints: x509.NameConstraints | None,
    old_root: Signer | None,
) -> None:
    """Make the next generation beside the present one, whole or not at all."""
    signer = authority.current.signer
    domain = authority.trust_domain
    blueprint = generation.Blueprint(
        domain,
        algorithm or algorithm_of(signer.key) or Algorithm.P256,
        constraints or constraints_of(signer.certificate) or name_constraints(domain),
        number=len(list((authority.folder / "ca").glob("retired-*"))) + 2,
    )
    ca, previous = authority.folder / "ca", upcoming / "previous"
    make_folder(previous)
    for name in (*generation.NAMES, generation.CROSS):
        if (ca / name).exists():  # the root's key may be elsewhere
            os.link(ca / name, previous / name)
    made = generation.create(upcoming, blueprint, old_root)
    replace_file(upcoming / _BUNDLE, certificates_pem(made.root, authority.current.root), mode=PUBLIC_MODE)


def _promote(folder: Path) -> None:
    """Put the next generation in place; each step may have been done already by a run that was interrupted."""
    ca = folder / "ca"
    upcoming, previous = ca / "next", ca / "previous"
    if (upcoming / "previous").exists():
        (upcoming / "previous").rename(previous)
    replace_file(folder / "ca.pem", (upcoming / _BUNDLE).read_bytes(), mode=PUBLIC_MODE)
    cross = ca / generation.CROSS
    if cross.exists() and (previous / cross.name).exists() and cross.samefile(previous / cross.name):
        cross.unlink()
    for name in (*generation.NAMES, generation.CROSS):
        if (upcoming / name).exists():
            (upcoming / name).replace(ca / name)


def _clear(upcoming: Path) -> None:
    """Remove what is left of `next/`, which goes in one step."""
    trash = upcoming.with_name(".done")
    shutil.rmtree(trash, ignore_errors=True)  # of a run that was interrupted here
    upcoming.rename(trash)
    shutil.rmtree(trash)


def _old_root(authority: Authority) -> Signer:
    """Return the present root with its key; CertificateError where it cannot vouch for another."""
    ca = authority.folder / "ca"
    try:
        signer = generation.load_signer(ca, "root")
    except (OSError, ValueError, TypeError) as error:
        msg = f"{ca}/root.key cannot be used ({error}): put it there to cross-sign, or rotate without --cross-sign"
        raise CertificateError(msg) from error
    path = signer.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    if path is not None and path < 2:  # noqa: PLR2004  the next root and its intermediate
        msg = "this root, of an older loghub, may vouch for no other root: rotate without --cross-sign"
        raise CertificateError(msg)
    return signer


def _next_free(ca: Path) -> Path:
    return ca / f"retired-{len(list(ca.glob('retired-*'))) + 1}"
