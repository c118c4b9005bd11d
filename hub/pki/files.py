"""Writing keys and certificates: whole or not at all, never over an existing file unasked, keys for the owner alone."""

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

KEY_MODE, PUBLIC_MODE = 0o600, 0o644


def make_folder(path: Path) -> None:
    """Make a folder for its owner alone, unless it is there; CertificateError where something else is."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        msg = f"the folder {path} cannot be made: {error.strerror}"
        raise CertificateError(msg) from error


def key_pem(key: EllipticCurvePrivateKey) -> bytes:
    """Return a private key as PKCS#8 PEM, the form that Java reads."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificates_pem(*chain: x509.Certificate) -> bytes:
    """Return certificates as PEM, the first one first."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in chain)


def write_key(path: Path, key: EllipticCurvePrivateKey) -> None:
    """Write a private key as PKCS#8 PEM, mode 0600."""
    write_new(path, key_pem(key), mode=KEY_MODE)


def write_certificates(path: Path, *chain: x509.Certificate) -> None:
    """Write certificates as PEM, the first one first, mode 0644."""
    write_new(path, certificates_pem(*chain), mode=PUBLIC_MODE)


def read_certificates(path: Path) -> list[x509.Certificate]:
    """Return the certificates of a PEM file, at least one; CertificateError, naming the file, where it has none."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise CertificateError(msg) from error
    except ValueError as error:
        msg = f"{path} is not a PEM certificate: {error}"
        raise CertificateError(msg) from error


def expires_at(path: Path) -> datetime:
    """Return when the first certificate of a PEM file ends; CertificateError where it has none."""
    return read_certificates(path)[0].not_valid_after_utc


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
    scratch = _scratch(path)
    try:
        make_folder(path.parent)
        _write(scratch, data, mode)
        os.link(scratch, path)  # unlike rename, link does not replace
        _sync_folder(path.parent)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(OSError):
            scratch.unlink()


def replace_file(path: Path, data: bytes, *, mode: int) -> None:
    """Write a file in the place of what may be there: whoever reads it gets the one or the other, whole."""
    scratch = _scratch(path)
    try:
        make_folder(path.parent)
        _write(scratch, data, mode)
        scratch.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with suppress(OSError):
            scratch.unlink()


def replace_pair(cert: tuple[Path, bytes], key: tuple[Path, bytes] | None) -> None:
    """Put a certificate, and its key unless that stays, in the place of what is there, which is kept as `*.old`.

    Both are on disk before the first is put in place, and the two renames follow at once: whoever watches the files and
    reads in between finds a pair that does not match, and the right one when it looks again. Where the second cannot be
    put in place, the first is taken back. CertificateError where anything fails; then the old pair is there.
    """
    files = [(*key, KEY_MODE), (*cert, PUBLIC_MODE)] if key else [(*cert, PUBLIC_MODE)]
    scratches = [_scratch(path) for path, _, _ in files]
    placed: list[tuple[Path, bool]] = []
    try:
        for scratch, (path, data, mode) in zip(scratches, files, strict=True):
            make_folder(path.parent)
            _write(scratch, data, mode)
        kept = [_keep(path) for path, _, _ in files]
        for scratch, (path, _, _), was_there in zip(scratches, files, kept, strict=True):
            scratch.replace(path)
            placed.append((path, was_there))
        _sync_folder(cert[0].parent)
    except OSError as error:
        for path, was_there in placed:
            _take_back(path, was_there=was_there)
        raise _unwritable(cert[0], error) from error
    finally:
        for scratch in scratches:
            with suppress(OSError):
                scratch.unlink()


def old(path: Path) -> Path:
    """Return where `replace_pair` keeps what was there."""
    return path.with_name(path.name + ".old")


def _keep(path: Path) -> bool:
    """Have a second name for a file, in the place of an older one; return whether there is a file."""
    if not path.exists():
        return False
    scratch = _scratch(old(path))
    os.link(path, scratch)
    scratch.replace(old(path))
    with suppress(FileNotFoundError):
        scratch.unlink()  # rename leaves both names where they are the same file's
    return True


def _take_back(path: Path, *, was_there: bool) -> None:
    with suppress(OSError):
        if was_there:
            os.link(old(path), _scratch(path))
            _scratch(path).replace(path)
        else:
            path.unlink()


def _write(scratch: Path, data: bytes, mode: int) -> None:
    with suppress(FileNotFoundError):
        scratch.unlink()  # of a process with our id that was killed
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _scratch(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}")


def _exists(path: Path) -> CertificateError:
    return CertificateError(f"{path} exists and is not overwritten: move it away, or choose another name or --dir")


def _unwritable(path: Path, error: OSError) -> CertificateError:
    return CertificateError(f"{path} cannot be written: {error.strerror}")
