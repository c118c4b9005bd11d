"""hub.pki.request: a public key whose holder has proved that he has the other half, and nothing weak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from hub.errors import CertificateError
from hub.pki.request import requested_key

if TYPE_CHECKING:
    from pathlib import Path

P256 = ec.generate_private_key(ec.SECP256R1())


def request(key: Any, encoding: Encoding = Encoding.PEM) -> bytes:
    """Return a request for a key."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "orders")])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm).public_bytes(encoding)


def write(folder: Path, raw: bytes) -> Path:
    """Write a request."""
    path = folder / "a.csr"
    path.write_bytes(raw)
    return path


def weak_rsa() -> rsa.RSAPrivateKey:
    """Return a key that can be broken."""
    return rsa.generate_private_key(65537, 1024)  # noqa: S505  weak on purpose


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_the_key_is_returned(tmp_path: Path, encoding: Encoding) -> None:
    """Of either encoding."""
    assert requested_key(write(tmp_path, request(P256, encoding))) == P256.public_key()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (weak_rsa, "RSA of 1024 bits: use EC P-256 or P-384, or RSA of 2048"),
        (lambda: ec.generate_private_key(ec.SECP192R1()), "on the curve secp192r1"),
        (lambda: ec.generate_private_key(ec.SECP256K1()), "on the curve secp256k1"),
        (ed25519.Ed25519PrivateKey.generate, "of the kind Ed25519, which gRPC does not take"),
    ],
)
def test_a_weak_or_unusable_key_is_refused(tmp_path: Path, make: Any, words: str) -> None:
    """With what to use."""
    with pytest.raises(CertificateError, match=words):
        requested_key(write(tmp_path, request(make())))


def test_an_unusual_exponent_is_refused(tmp_path: Path) -> None:
    """Small ones have a history of attacks."""
    with pytest.raises(CertificateError, match="RSA with the exponent 3, not 65537"):
        requested_key(write(tmp_path, request(rsa.generate_private_key(3, 2048))))


def test_possession_must_be_proved(tmp_path: Path) -> None:
    """Else somebody could have another's key certified for himself; no changed byte of the key or signature passes."""
    whole = request(P256, Encoding.DER)
    for at in (60, len(whole) - 1, len(whole) - 40):
        raw = bytearray(whole)
        raw[at] ^= 1
        with pytest.raises(CertificateError, match=r"signature of the request .* does not hold|that can be used"):
            requested_key(write(tmp_path, bytes(raw)))
    raw = bytearray(whole)
    raw[-1] ^= 1
    with pytest.raises(CertificateError, match="does not hold: make it with the key that it is for"):
        requested_key(write(tmp_path, bytes(raw)))


@pytest.mark.parametrize("raw", [b"", b"junk", b"-----BEGIN CERTIFICATE REQUEST-----\n", b"\x30" * 70_000])
def test_what_is_no_request_is_said(tmp_path: Path, raw: bytes) -> None:
    """Also where it is far too long, or not there."""
    with pytest.raises(CertificateError, match=r"a\.csr is not a certificate signing request"):
        requested_key(write(tmp_path, raw))
    with pytest.raises(CertificateError, match=r"no such.csr cannot be read: No such file"):
        requested_key(tmp_path / "no such.csr")
