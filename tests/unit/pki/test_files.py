"""hub.pki.files: a key is written whole, for its owner alone, and never over another."""

from __future__ import annotations

import os
import resource
from base64 import b64decode
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from hub.errors import CertificateError
from hub.pki.files import write_certificates, write_key, write_new

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KEY = ec.generate_private_key(ec.SECP256R1())
# RFC 5208 PrivateKeyInfo: version 0, id-ecPublicKey with the curve by its name, then RFC 5915 ECPrivateKey version 1.
P256_IN_PKCS8 = bytes.fromhex("308187 020100 3013 06072a8648ce3d0201 06082a8648ce3d030107 046d 306b 020101 0420")


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Change what new files may not be."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def mode(path: Path) -> int:
    """Return a file's permissions."""
    return path.stat().st_mode & 0o7777


def certificate(common_name: str) -> x509.Certificate:
    """Return a certificate by this name."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.public_key(KEY.public_key()).not_valid_before(datetime(2030, 1, 1, tzinfo=UTC))
    return builder.not_valid_after(datetime(2031, 1, 1, tzinfo=UTC)).sign(KEY, hashes.SHA256())


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_key_is_its_owners_alone(tmp_path: Path, mask: int) -> None:
    """However generous the user's umask; so is the folder that is made for it."""
    with umask(mask):
        write_key(tmp_path / "new" / "a.key", KEY)
    assert mode(tmp_path / "new" / "a.key") == 0o600
    assert mode(tmp_path / "new") == 0o700


def test_a_certificate_is_for_all_to_read(tmp_path: Path) -> None:
    """Unless the user's umask says otherwise; nobody else writes it."""
    for mask, expected in [(0o000, 0o644), (0o022, 0o644), (0o077, 0o600)]:
        path = tmp_path / f"{mask}.pem"
        with umask(mask):
            write_certificates(path, certificate("a"))
        assert mode(path) == expected


def test_a_key_is_pkcs_8_that_java_reads(tmp_path: Path) -> None:
    """Java takes no other form, and no curve that is spelt out; it takes the Base64 between the two lines."""
    write_key(tmp_path / "a.key", KEY)
    first, *middle, last = (tmp_path / "a.key").read_text().splitlines()
    assert (first, last) == ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")
    der = b64decode("".join(middle), validate=True)
    assert der.startswith(P256_IN_PKCS8 + KEY.private_numbers().private_value.to_bytes(32))
    read = load_pem_private_key((tmp_path / "a.key").read_bytes(), password=None)
    assert read.public_key() == KEY.public_key()


def test_a_chain_is_written_in_order(tmp_path: Path) -> None:
    """TLS wants the leaf first."""
    chain = [certificate("leaf"), certificate("intermediate"), certificate("root")]
    write_certificates(tmp_path / "chain.pem", *chain)
    assert x509.load_pem_x509_certificates((tmp_path / "chain.pem").read_bytes()) == chain


WRITERS: dict[str, Callable[[Path], None]] = {
    "key": lambda path: write_key(path, KEY),
    "certificate": lambda path: write_certificates(path, certificate("a")),
    "bytes": lambda path: write_new(path, b"new", mode=0o600),
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS.keys())
def test_nothing_is_overwritten(tmp_path: Path, write: Callable[[Path], None]) -> None:
    """What is there stays as it is, and the message says what to do; nothing is left lying about."""
    path = tmp_path / "a.pem"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with pytest.raises(CertificateError, match=r"a\.pem exists and is not overwritten: move it away"):
        write(path)
    assert path.read_bytes() == b"old"
    assert mode(path) == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_no_link_is_followed(tmp_path: Path) -> None:
    """Else whoever may write to the folder could have the key written where he reads it."""
    target = tmp_path / "elsewhere"
    for name in ("dangling", "whole"):
        link = tmp_path / name
        link.symlink_to(target)
        with pytest.raises(CertificateError, match="exists and is not overwritten"):
            write_key(link, KEY)
        assert link.is_symlink()
        assert not target.exists() or target.read_bytes() == b"old"
        target.write_bytes(b"old")


def test_a_folder_is_not_overwritten(tmp_path: Path) -> None:
    """Not even an empty one."""
    (tmp_path / "a.key").mkdir()
    with pytest.raises(CertificateError, match="exists and is not overwritten"):
        write_key(tmp_path / "a.key", KEY)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.key"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Not the file in it, which is nobody's fault."""
    (tmp_path / "folder").write_bytes(b"a file")
    for path in (
        tmp_path / "folder" / "a.key",
        tmp_path / "folder" / "deep" / "a.key",
        tmp_path / ("x" * 300) / "a.key",
    ):
        with pytest.raises(CertificateError, match=r"the folder .* cannot be made"):
            write_key(path, KEY)
    with pytest.raises(CertificateError, match="cannot be written: File name too long"):
        write_key(tmp_path / ("x" * 300), KEY)


def test_a_file_is_there_whole_and_alone(tmp_path: Path) -> None:
    """It is the one name in the folder, and the one name of its data."""
    write_new(tmp_path / "deep" / "er" / "a.key", b"new", mode=0o600)
    assert list((tmp_path / "deep" / "er").iterdir()) == [tmp_path / "deep" / "er" / "a.key"]
    assert (tmp_path / "deep" / "er" / "a.key").read_bytes() == b"new"
    assert (tmp_path / "deep" / "er" / "a.key").stat().st_nlink == 1


def test_a_full_disk_leaves_no_half_of_a_key(tmp_path: Path) -> None:
    """Nor anything else; once there is room, the same call does it."""
    path = tmp_path / "a.key"
    with room_for(100), pytest.raises(CertificateError, match=r"a\.key cannot be written: File too large"):
        write_key(path, KEY)
    assert list(tmp_path.iterdir()) == []
    write_key(path, KEY)
    assert load_pem_private_key(path.read_bytes(), password=None)
