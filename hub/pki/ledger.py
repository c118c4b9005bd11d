"""The authority's ledger: `ca/issued.jsonl`, a line of JSON for each certificate, revocation and revocation list.

A line is appended under the authority's lock and is on disk before the certificate that it tells of is handed out, so
the ledger knows every certificate there is. The half of a line that a crash left at the end was never said to be there,
and is written over; a damaged line before it is an error, since a revocation could be lost with it.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hub.errors import CertificateError
from hub.pki.files import make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from hub.pki.profile import Profile


@dataclass(frozen=True, slots=True)
class IssuedLine:
    """A certificate that was issued.

    serial       hexadecimal, lower case
    issuer       key identifier of the intermediate
    file         where it was written, in the authority's folder
    fingerprint  SHA-256 of the certificate; `key` that of its public key (SubjectPublicKeyInfo)
    replaces     the serial number of the one that it renews, if any
    times        in ISO 8601, UTC
    """

    event: ClassVar[str] = "issued"
    serial: str
    identity: str
    role: str
    names: list[str]
    not_before: str
    not_after: str
    issuer: str
    file: str
    fingerprint: str
    key: str
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class RevokedLine:
    """A certificate that was taken back; `reason` as RFC 5280 section 5.3.1 spells it."""

    event: ClassVar[str] = "revoked"
    serial: str
    issuer: str
    reason: str
    at: str
    not_after: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class ListLine:
    """A revocation list that was written, and for how many days it is good."""

    event: ClassVar[str] = "crl"
    number: int
    days: float
    at: str


Line = IssuedLine | RevokedLine | ListLine
_KINDS: dict[str, type[Line]] = {kind.event: kind for kind in (IssuedLine, RevokedLine, ListLine)}


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate of the ledger, with what became of it; `void`: its authority is trusted no more."""

    line: IssuedLine
    revoked: RevokedLine | None = None
    replaced: bool = False
    void: bool = False

    @property
    def ends_at(self) -> datetime:
        """When it ends."""
        return datetime.fromisoformat(self.line.not_after)

    def status(self, now: datetime) -> str:
        """Return `revoked`, `expired`, `void`, `replaced` (but still good) or `valid`."""
        if self.revoked:
            return "revoked"
        if self.ends_at <= now:
            return "expired"
        if self.void:
            return "void"
        return "replaced" if self.replaced else "valid"


class Ledger:
    """The file, and the lock that whoever changes the authority's folder holds."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "issued.jsonl"
        self._lock = folder / "lock"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who changes the authority; waits for others. Not to be held twice."""
        make_folder(self._lock.parent)
        try:
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def append(self, line: Line) -> None:
        """Add a line; it is on disk when this returns. To be called with the lock held."""
        text = json.dumps({"event": line.event, **asdict(line)}, ensure_ascii=False)
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "r+b") as file:
                file.seek(file.read().rfind(b"\n") + 1)
                file.truncate()
                file.write(text.encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._unusable(error) from error

    def lines(self) -> list[Line]:
        """Return all lines, oldest first; CertificateError, naming the line, where one cannot be read."""
        try:
            raw = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unusable(error) from error
        return [self._line(number, text) for number, text in enumerate(raw[:-1], 1) if text]

    def entries(self) -> list[Entry]:
        """Return all certificates, oldest first."""
        lines = self.lines()
        revoked = {(one.issuer, one.serial): one for one in lines if isinstance(one, RevokedLine)}
        issued = [one for one in lines if isinstance(one, IssuedLine)]
        replaced = {one.replaces for one in issued}
        return [Entry(one, revoked.get((one.issuer, one.serial)), one.serial in replaced) for one in issued]

    def _line(self, number: int, text: bytes) -> Line:
        try:
            fields: dict[str, Any] = json.loads(text)
            return _KINDS[fields.pop("event")](**fields)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            msg = f"{self.path}, line {number}, cannot be read ({error}): restore the file from a backup"
            raise CertificateError(msg) from error

    def _unusable(self, error: OSError) -> CertificateError:
        return CertificateError(f"the ledger {self.path} cannot be used: {error.strerror}")


def issued_line(profile: Profile, leaf: x509.Certificate, issuer: str, replaces: str = "") -> IssuedLine:
    """Return what the ledger says of a new certificate."""
    return IssuedLine(
        serial=serial_text(leaf.serial_number),
        identity=profile.identity,
        role=profile.role,
        names=[str(one.value) for one in profile.names],
        not_before=leaf.not_valid_before_utc.isoformat(),
        not_after=leaf.not_valid_after_utc.isoformat(),
        issuer=issuer,
        file=f"{profile.file}.pem",
        fingerprint=leaf.fingerprint(hashes.SHA256()).hex(),
        key=key_fingerprint(leaf.public_key()),
        replaces=replaces,
    )


def serial_text(serial: int) -> str:
    """Return a serial number as the ledger writes it."""
    return f"{serial:x}"


def key_fingerprint(key: CertificatePublicKeyTypes) -> str:
    """Return the SHA-256 of a public key in hexadecimal."""
    return sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def timestamp() -> str:
    """Return the time as the ledger writes it."""
    return datetime.now(UTC).replace(microsecond=0).isoformat()
