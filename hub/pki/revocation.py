"""Taking certificates back: entered in the ledger first, then on the lists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from hub.errors import CertificateError
from hub.pki.files import read_certificates
from hub.pki.ledger import RevokedLine, key_fingerprint, serial_text, timestamp
from hub.pki.profile import key_id
from hub.pki.revocation_list import REASONS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.pki.authority import Authority

_SERIAL = re.compile(r"(?:0x)?0*([0-9a-f]{1,40})")


def revoke(
    authority: Authority, which: Sequence[str], reason: str, days: float | None = None
) -> tuple[list[RevokedLine], datetime]:
    """Revoke certificates by file or serial number, and write the lists; return what was revoked, and the lists' end.

    All are looked up before the first is revoked. What is revoked already stays as it is, and is not returned.
    CertificateError for a reason or certificate that this authority does not know.
    """
    if reason not in REASONS:
        msg = f"{reason!r} is no reason: use one of {', '.join(REASONS)}"
        raise CertificateError(msg)
    with authority.ledger.locked():
        known = {(one.issuer, one.serial) for one in authority.ledger.lines() if isinstance(one, RevokedLine)}
        lines = {(line.issuer, line.serial): line for line in (_line(authority, one, reason) for one in which)}
        new = [line for name, line in lines.items() if name not in known]
        for line in new:
            authority.ledger.append(line)
        return new, authority.write_lists_locked(days)


def _line(authority: Authority, which: str, reason: str) -> RevokedLine:
    if Path(which).is_file():
        return _of_file(authority, Path(which), reason)
    match = _SERIAL.fullmatch(which.replace(":", "").lower())
    if not match:
        msg = f"{which!r} is neither a file nor a serial number in hexadecimal"
        raise CertificateError(msg)
    for entry in authority.ledger.entries():
        if entry.line.serial == match[1]:
            one = entry.line
            return RevokedLine(one.serial, one.issuer, reason, timestamp(), one.not_after, one.key)
    msg = f"no certificate of {authority.folder} has the serial number {match[1]}: see 'loghub certs list'"
    raise CertificateError(msg)


def _of_file(authority: Authority, path: Path, reason: str) -> RevokedLine:
    leaf = read_certificates(path)[0]
    issuer = authority.issuer_of(leaf)
    if issuer is None:
        msg = f"{path} was not issued by the intermediate of {authority.folder}: only that one's can be revoked"
        raise CertificateError(msg)
    ends = leaf.not_valid_after_utc.isoformat()
    key = key_fingerprint(leaf.public_key())
    return RevokedLine(serial_text(leaf.serial_number), key_id(issuer), reason, timestamp(), ends, key)
