"""hub.identity.profile: what a verified certificate must be besides, to be a client's."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from hub.errors import ForbiddenError
from hub.identity.profile import check_profile

CURVE = ec.generate_private_key(ec.SECP256R1())
NAME = x509.Name([])
START = dt.datetime(2040, 1, 1, tzinfo=dt.UTC)


def certificate(*extensions: x509.ExtensionType, key: Any = CURVE, signer: Any = CURVE) -> x509.Certificate:
    """Return a certificate."""
    builder = x509.CertificateBuilder().subject_name(NAME).issuer_name(NAME).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(START).not_valid_after(START + dt.timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    edwards = isinstance(signer, ed25519.Ed25519PrivateKey)
    return builder.sign(signer, None if edwards else hashes.SHA256())


def usage(**allowed: bool) -> x509.KeyUsage:
    """Return a key usage for signatures, and more."""
    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "key_cert_sign")
    flags = dict.fromkeys((*names, "crl_sign", "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(digital_signature=True, **{**flags, **allowed})


@pytest.mark.parametrize(
    "good",
    [
        certificate(),
        certificate(x509.BasicConstraints(ca=False, path_length=None), usage()),
        certificate(usage(key_agreement=True, content_commitment=True)),
        certificate(signer=ed25519.Ed25519PrivateKey.generate()),
        certificate(key=ed25519.Ed25519PrivateKey.generate()),
        certificate(key=ed448.Ed448PrivateKey.generate()),
        certificate(key=ec.generate_private_key(ec.SECP521R1())),
        certificate(key=rsa.generate_private_key(65537, 2048)),
    ],
)
def test_a_clients_certificate_passes(good: x509.Certificate) -> None:
    """With what it says about its use, or without; with any strong key."""
    check_profile(good)


@pytest.mark.parametrize(
    "authority",
    [
        certificate(x509.BasicConstraints(ca=True, path_length=None)),
        certificate(x509.BasicConstraints(ca=True, path_length=0), usage()),
        certificate(x509.BasicConstraints(ca=False, path_length=None), usage(key_cert_sign=True)),
        certificate(usage(crl_sign=True)),
    ],
)
def test_an_authority_is_nobodys_client(authority: x509.Certificate) -> None:
    """By either of the extensions that say so."""
    with pytest.raises(ForbiddenError, match="is an authority's, not a client's"):
        check_profile(authority)


@pytest.mark.parametrize(
    ("weak", "words"),
    [
        (rsa.generate_private_key(65537, 1024), "an RSA key of 1024 bits, under 2048"),  # noqa: S505  weak on purpose
        (ec.generate_private_key(ec.SECP224R1()), "a key of 224 bits on a curve, under 256"),
        (dsa.generate_private_key(1024), "neither RSA nor of an elliptic curve"),  # noqa: S505  weak on purpose
    ],
)
def test_a_weak_key_is_refused(weak: Any, words: str) -> None:
    """It can be worked out from the certificate, or soon will be."""
    with pytest.raises(ForbiddenError, match=words):
        check_profile(certificate(key=weak))


def test_a_signature_with_sha1_is_refused_and_all_faults_are_said() -> None:
    """Another certificate with the same signature can be made."""
    key = rsa.generate_private_key(65537, 2048)
    body = certificate(x509.BasicConstraints(ca=True, path_length=None), signer=key)
    names = bytes.fromhex("2a864886f70d01010b"), bytes.fromhex("2a864886f70d010105")  # sha256WithRSA, sha1WithRSA
    signed = key.sign(body.tbs_certificate_bytes.replace(*names), padding.PKCS1v15(), hashes.SHA1())  # noqa: S303
    der = body.public_bytes(Encoding.DER).replace(*names).replace(body.signature, signed)
    with pytest.raises(ForbiddenError, match="is an authority's, not a client's and is signed with SHA1"):
        check_profile(x509.load_der_x509_certificate(der))
