"""What a client's certificate must be beside verified, since TLS libraries differ in what they let pass.

OpenSSL and BoringSSL both take an authority's own certificate for a client's where its key usage allows signatures;
BoringSSL takes RSA keys of 1024 bits and signatures with SHA-1 too. Rules: SPIFFE X.509-SVID sections 4 and 5.2 (a leaf
is no authority, one URI name), NIST SP 800-131A (112 bits of strength).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa

from hub.errors import ForbiddenError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MIN_RSA_BITS = 2048
_MIN_CURVE_BITS = 256
_WEAK_HASHES = frozenset({"md5", "sha1"})


def check_profile(certificate: x509.Certificate) -> None:
    """Raise ForbiddenError, with all that is wrong, for an authority's certificate or one of too little strength.

    Raises ValueError or UnsupportedAlgorithm where it cannot be read.
    """
    faults = [*_authority(certificate), *_weak_key(certificate), *_weak_signature(certificate)]
    if faults:
        msg = f"the client certificate {' and '.join(faults)}: issue one with 'loghub certs issue'"
        raise ForbiddenError(msg)


def _authority(certificate: x509.Certificate) -> Iterator[str]:
    """Whoever holds an authority's key may make certificates, but is nobody's producer or subscriber."""
    extensions = certificate.extensions
    try:
        authority = extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        authority = False
    try:
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        signs = usage.key_cert_sign or usage.crl_sign
    except x509.ExtensionNotFound:
        signs = False
    if authority or signs:
        yield "is an authority's, not a client's"


def _weak_key(certificate: x509.Certificate) -> Iterator[str]:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < _MIN_RSA_BITS:
            yield f"has an RSA key of {key.key_size} bits, under {_MIN_RSA_BITS}"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if key.key_size < _MIN_CURVE_BITS:
            yield f"has a key of {key.key_size} bits on a curve, under {_MIN_CURVE_BITS}"
    elif not isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey):
        yield "has a key that is neither RSA nor of an elliptic curve"


def _weak_signature(certificate: x509.Certificate) -> Iterator[str]:
    try:
        used = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        yield "is signed with an algorithm that is not known"
        return
    if used is not None and used.name in _WEAK_HASHES:
        yield f"is signed with {used.name.upper()}"
