"""Keys and secrets from files."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key
from cryptography.x509 import load_der_x509_certificate

from hub.errors import CertificateError
from hub.identity.tokens.jwk import keys_of_set
from hub.identity.tokens.keys import VerifyKey, strong

if TYPE_CHECKING:
    from pathlib import Path

_MIN_SECRET_BYTES, _MIN_SECRET_VARIETY = 32, 10
_READABLE_BY_OTHERS = 0o077
_PUBLIC_TEXTS = (b"-----BEGIN", b"ssh-", b"ecdsa-sha2-", b'"kty"')


def load_keys(path: Path) -> tuple[VerifyKey, ...]:
    """Read the public keys of a PEM file or a JWKS; CertificateError says what is wrong with it."""
    text = _read(path, "token keys", "make some with 'loghub certs init'")
    try:
        return (
            keys_of_set(text, strict=True) if text.lstrip().startswith(b"{") else (strong(load_pem_public_key(text)),)
        )
    except (ValueError, TypeError, UnsupportedAlgorithm, RecursionError) as error:
        msg = f"{path} is neither a PEM public key nor a JWKS: {error}"
        raise CertificateError(msg) from error


def load_secret(path: Path) -> tuple[VerifyKey]:
    """Read the shared secret of HS256, which is for development only; CertificateError where it is not one.

    A text's last newline is not part of it.
    """
    secret = _read(path, "development secret", "make one with 'head -c 32 /dev/urandom | base64'")
    secret = secret.removesuffix(b"\n") if secret.isascii() else secret
    if stat.S_IMODE(path.stat().st_mode) & _READABLE_BY_OTHERS:
        msg = f"the development secret {path} can be read by others than its owner: chmod 600 it"
        raise CertificateError(msg)
    if any(text in secret for text in _PUBLIC_TEXTS) or _is_public_der(secret):
        msg = f"the development secret {path} is a key or certificate that others may know: make random bytes instead"
        raise CertificateError(msg)
    if len(secret) < _MIN_SECRET_BYTES or len(set(secret)) < _MIN_SECRET_VARIETY:
        msg = f"the development secret {path} must be at least {_MIN_SECRET_BYTES} random bytes"
        raise CertificateError(msg)
    return (VerifyKey(secret, "HS256"),)


def _is_public_der(data: bytes) -> bool:
    for load in (load_der_public_key, load_der_x509_certificate):
        try:
            load(data)
        except (ValueError, UnsupportedAlgorithm):
            continue
        return True
    return False


def _read(path: Path, what: str, advice: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        msg = f"the {what} {path} cannot be read: {error.strerror}; {advice}"
        raise CertificateError(msg) from error
