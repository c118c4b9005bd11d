"""PKCS#12 (RFC 7292): key, certificate and chain in one file with a password, as Java's key stores have them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12

from hub.errors import CertificateError
from hub.pki.files import KEY_MODE, read_certificates, refuse_existing, replace_file, write_new

if TYPE_CHECKING:
    from pathlib import Path

    from hub.pki.authority import Issued

_PASSWORD_BYTES = 24


def password_file(store: Path) -> Path:
    """Return where a password is written that nobody has given."""
    return store.with_name(store.name + ".password")


def check_new(store: Path, given: Path | None) -> None:
    """Raise CertificateError where a store could not be written: before anything is issued for it."""
    refuse_existing(store)
    if given is None:
        refuse_existing(password_file(store))
    else:
        _given(given)


def write_store(store: Path, issued: Issued, given: Path | None, *, replace: bool = False) -> Path:
    """Write a certificate's pair as PKCS#12, mode 0600; return the file of the password, which is made unless given.

    `given` is a file whose first line is the password. CertificateError where a file is there already (unless
    `replace`, which keeps the password made before) or cannot be read.
    """
    if given is None:
        given = password_file(store)
        if not (replace and given.exists()):
            write_new(given, secrets.token_urlsafe(_PASSWORD_BYTES).encode() + b"\n", mode=KEY_MODE)
    password = _given(given)
    leaf, *chain = read_certificates(issued.cert)
    raw = pkcs12.serialize_key_and_certificates(
        issued.cert.stem.encode(), _key(issued.key), leaf, chain, BestAvailableEncryption(password)
    )
    if replace:
        replace_file(store, raw, mode=KEY_MODE)
    else:
        write_new(store, raw, mode=KEY_MODE)
    return given


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}: a PKCS#12 file is made where the key is"
        raise CertificateError(msg) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        msg = f"{path} is not a PEM private key without a password: {error}"
        raise CertificateError(msg) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        msg = f"{path} is not an EC key"
        raise CertificateError(msg)
    return key


def _given(path: Path) -> bytes:
    try:
        password = path.read_bytes().split(b"\n")[0].rstrip(b"\r")
    except OSError as error:
        msg = f"the password file {path} cannot be read: {error.strerror}"
        raise CertificateError(msg) from error
    if not password:
        msg = f"the first line of the password file {path} is empty: write the password there"
        raise CertificateError(msg)
    return password
