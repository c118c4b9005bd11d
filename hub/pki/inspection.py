"""Looking at certificate files as a peer would: chain, dates, key, profile, revocation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from hub.errors import CertificateError
from hub.pki.constraints import constraints_of, violation
from hub.pki.files import read_certificates
from hub.pki.ledger import key_fingerprint, serial_text
from hub.pki.profile import profile_of
from hub.pki.revocation_list import read_lists

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_DAY = timedelta(days=1)
_BEGIN_LIST = b"-----BEGIN X509 CRL-----"
_BEGIN_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_BEGIN_PUBLIC_KEY = b"-----BEGIN PUBLIC KEY-----"
_FOR_OTHERS = 0o077


@dataclass(frozen=True, slots=True)
class Trust:
    """What files are judged by: the roots of the bundle, the revocation lists, and the days that must be left."""

    roots: Sequence[x509.Certificate]
    lists: Sequence[x509.CertificateRevocationList] = ()
    min_days: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found: `subject` is a file or a property of a server; `problem` is empty where all is well."""

    subject: str
    detail: str
    problem: str = ""


def inspect_folder(folder: Path, trust: Trust) -> Iterator[Verdict]:
    """Judge all PEM files of a folder that hold no private key."""
    for path in sorted(folder.rglob("*.pem")):
        if not path.name.startswith(".") and not any(part.startswith("retired-") for part in path.parts):
            yield from inspect_file(path, trust)


def inspect_file(path: Path, trust: Trust) -> Iterator[Verdict]:
    """Judge a file by what it holds: lists, authorities, or a leaf with its chain; public keys are passed over."""
    try:
        raw = path.read_bytes()
        if _BEGIN_LIST in raw:
            yield from _inspect_lists(path, trust)
        elif _BEGIN_PUBLIC_KEY not in raw or _BEGIN_CERTIFICATE in raw:
            chain = read_certificates(path)
            judge = _inspect_authority if _is_authority(chain[0]) else _inspect_leaf
            yield judge(path, chain, trust)
    except OSError as error:
        yield Verdict(str(path), "", f"cannot be read: {error.strerror}")
    except CertificateError as error:
        yield Verdict(str(path), "", error.message.removeprefix(f"{path} "))


def problem_of(leaf: x509.Certificate, rest: Sequence[x509.Certificate], trust: Trust) -> str:
    """Return why a peer would refuse a leaf with this chain, or nothing."""
    try:
        profile_of(leaf)
        path = _path(leaf, rest, trust.roots)
    except CertificateError as error:
        return error.message
    return next(_problems(path, trust), "")


def days_left(certificate: x509.Certificate) -> float:
    """Return for how many days it is good; negative where it has ended."""
    return (certificate.not_valid_after_utc - datetime.now(UTC)) / _DAY


def validity(certificate: x509.Certificate) -> str:
    """Return until when a certificate is good, for people."""
    left = days_left(certificate)
    until = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    return f"until {until}, {left:.0f} days left" if left >= 0 else f"expired on {until}"


def client_problem(cert: Path, key: Path) -> str:
    """Return why a client cannot show a certificate to a hub, or nothing; CertificateError where there is none."""
    leaf = read_certificates(cert)[0]
    return _pair_problem(key, leaf) or _time_problem(leaf, 0.0) or _usage_problem(leaf)


def _usage_problem(leaf: x509.Certificate) -> str:
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return ""
    return "" if ExtendedKeyUsageOID.CLIENT_AUTH in usages else "is a hub's own certificate, not a client's"


def key_problem(path: Path, leaf: x509.Certificate) -> str:
    """Return what is wrong with the key of a leaf, or nothing; no key is nothing wrong."""
    if not path.exists():
        return ""
    problem = _pair_problem(path, leaf)
    if not problem and path.stat().st_mode & _FOR_OTHERS:
        return f"{path.name} can be read by others than its owner: chmod 600"
    return problem


def _pair_problem(path: Path, leaf: x509.Certificate) -> str:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None).public_key()
        if key_fingerprint(key) != key_fingerprint(leaf.public_key()):  # type: ignore[arg-type]  # any kind has one
            return f"{path.name} is not its key"
    except OSError as error:
        return f"{path.name} cannot be read: {error.strerror}"
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        return f"{path.name} is not a PEM private key without a password: {error}"
    return ""


def _inspect_leaf(path: Path, chain: list[x509.Certificate], trust: Trust) -> Verdict:
    leaf, *rest = chain
    try:
        identity = profile_of(leaf).identity
    except CertificateError as error:
        return Verdict(str(path), "", error.message)
    key = path.with_suffix(".key")
    detail = f"{identity}, serial {serial_text(leaf.serial_number)}, {validity(leaf)}"
    if not key.exists():
        detail += ", key elsewhere"
    return Verdict(str(path), detail, problem_of(leaf, rest, trust) or key_problem(key, leaf))


def _inspect_authority(path: Path, chain: list[x509.Certificate], trust: Trust) -> Verdict:
    detail = "; ".join(f"authority {one.subject.rfc4514_string()}, {validity(one)}" for one in chain)
    problems = (_time_problem(one, trust.min_days) or _vouched_problem(one, trust) for one in chain)
    return Verdict(str(path), detail, next((one for one in problems if one), ""))


def _inspect_lists(path: Path, trust: Trust) -> Iterator[Verdict]:
    signers = read_certificates(path) if _BEGIN_CERTIFICATE in path.read_bytes() else []
    for one in (path.parent / "ca" / "intermediate.pem", path.parent / "intermediate.pem"):
        signers += read_certificates(one) if one.exists() else []
    authorities = [*trust.roots, *(one for one in signers if not _vouched_problem(one, trust))]
    for crl in read_lists(path):
        ends = crl.next_update_utc
        detail = f"{len(crl)} revoked by {crl.issuer.rfc4514_string()}" + (f", until {ends:%Y-%m-%d}" if ends else "")
        problem = "" if ends is None or ends > datetime.now(UTC) else "is out of date: write it anew with 'certs crl'"
        own = [one for one in authorities if one.subject == crl.issuer]
        if not any(crl.is_signature_valid(one.public_key()) for one in own):  # type: ignore[arg-type]
            problem = "has no signature of its authority"
        yield Verdict(str(path), detail, problem)


def _path(
    leaf: x509.Certificate, rest: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> list[x509.Certificate]:
    """Return the certificates from a leaf to a trusted root; CertificateError where they do not lead to one."""
    path = [leaf]
    while True:
        anchor = next((one for one in roots if _issued_by(path[-1], one)), None)
        if anchor:
            return [*path, anchor]
        issuer = next((one for one in rest if one not in path and _issued_by(path[-1], one)), None)
        if issuer is None:
            msg = "its chain does not lead to an authority of the bundle"
            raise CertificateError(msg)
        path.append(issuer)


def _problems(path: list[x509.Certificate], trust: Trust) -> Iterator[str]:
    names = path[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    for below, one in enumerate(path):
        problem = _time_problem(one, trust.min_days if below == 0 else 0.0)
        if problem:
            yield problem if below == 0 else f"its authority {one.subject.rfc4514_string()} {problem}"
        if below:
            yield from filter(None, (_authority_problem(one, below - 1), violation(constraints_of(one), names)))
    for one, issuer in pairwise(path):
        for crl in trust.lists:
            if crl.issuer != one.issuer or not crl.is_signature_valid(issuer.public_key()):  # type: ignore[arg-type]
                continue
            entry = crl.get_revoked_certificate_by_serial_number(one.serial_number)
            if entry is not None:
                yield f"was revoked on {entry.revocation_date_utc:%Y-%m-%d}"


def _authority_problem(one: x509.Certificate, authorities_below: int) -> str:
    try:
        basic = one.extensions.get_extension_for_class(x509.BasicConstraints).value
        signs = one.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound as error:
        return f"its issuer {one.subject.rfc4514_string()} is no authority: {error}"
    if not basic.ca or not signs:
        return f"its issuer {one.subject.rfc4514_string()} is no authority"
    if basic.path_length is not None and authorities_below > basic.path_length:
        return f"its authority {one.subject.rfc4514_string()} may have no authority that far below it"
    return ""


def _time_problem(one: x509.Certificate, min_days: float) -> str:
    if one.not_valid_before_utc > datetime.now(UTC):
        return f"is not valid before {one.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    left = days_left(one)
    if left <= 0:
        return f"expired on {one.not_valid_after_utc:%Y-%m-%d}"
    return f"has {left:.0f} days left, less than {min_days:g}" if left < min_days else ""


def _vouched_problem(one: x509.Certificate, trust: Trust) -> str:
    return "" if any(_issued_by(one, root) for root in trust.roots) else "is not of the bundle, nor issued by it"


def _issued_by(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False
