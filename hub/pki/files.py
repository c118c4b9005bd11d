"""Writing keys and certificates: whole or not at all, never over an existing file, keys for the owner alone."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from hub.errors import CertificateError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey


def make_folder(path: Path) -> None:
    """Make a folder for its owner alone, unless it is there; CertificateError where something else is."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        msg = f"the folder {path} cannot be made: {error.strerror}"
        raise CertificateError(msg) from error


def write_key(path: Path, key: EllipticCurvePrivateKey) -> None:
    """Write a private key as PKCS#8 PEM, mode 0600."""
    write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), mode=0o600)


def write_certificates(path: Path, *chain: x509.Certificate) -> None:
    """Write certificates as PEM, the first one first, mode 0644."""
    write_new(path, b"".join(one.public_bytes(Encoding.PEM) for one in chain), mode=0o644)


def expires_at(path: Path) -> datetime:
    """Return when the first certificate of a PEM file ends."""
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def certificate_der(path: Path) -> bytes:
    """Return the first certificate of a PEM file in DER; CertificateError where there is none."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)
    except (OSError, ValueError) as error:
        msg = f"the certificate {path} cannot be read: {error}"
        raise CertificateError(msg) from error


def refuse_existing(*paths: Path) -> None:
    """Raise CertificateError where one of the files is there: what belongs together is made together, or not at all."""
    for path in paths:
        if path.exists():
            raise _exists(path)


def write_new(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file that does not exist yet; CertificateError where it does, or cannot be written."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        make_folder(path.parent)
        descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(scratch, path)  # unlike rename, link does not replace
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise CertificateError(msg) from error
    finally:
        with suppress(OSError):
            scratch.unlink()


def write_over(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file in place of what is there, whole or not at all; CertificateError where it cannot be written."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write_new(scratch, data, mode=mode)
        scratch.replace(path)
    except OSError as error:
        msg = f"{path} cannot be written: {error.strerror}"
        raise CertificateError(msg) from error
    finally:
        with suppress(OSError):
            scratch.unlink()


def _exists(path: Path) -> CertificateError:
    return CertificateError(f"{path} exists and is not overwritten: move it away, or choose another name or --dir")
