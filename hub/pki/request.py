"""Certificate signing requests (PKCS#10, RFC 2986): whose key is to be certified, and nothing else.

The names in a request are never looked at: what a certificate says is decided by whoever runs the authority.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hub.errors import CertificateError
from hub.pki.profile import algorithm_of

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

# Shorter ones can be broken (NIST SP 800-57 part 1); longer ones cost every handshake more than they give.
_RSA_BITS = range(2048, 4097)
_RSA_EXPONENT = 65537
_MAX_BYTES = 65_536


def requested_key(path: Path) -> CertificatePublicKeyTypes:
    """Return the public key of a request in PEM or DER, whose holder has proved that he has the private one.

    CertificateError where it cannot be read, its signature does not hold, or the key is weak or of a kind that gRPC or
    Java do not take.
    """
    try:
        raw = path.read_bytes() if path.stat().st_size <= _MAX_BYTES else b""
        load = x509.load_pem_x509_csr if b"-----BEGIN" in raw else x509.load_der_x509_csr
        request = load(raw)
        signed = request.is_signature_valid
        key = request.public_key()
    except OSError as error:
        msg = f"the request {path} cannot be read: {error.strerror}"
        raise CertificateError(msg) from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        msg = f"{path} is not a certificate signing request in PEM or DER that can be used: {error}"
        raise CertificateError(msg) from error
    if not signed:
        msg = f"the signature of the request {path} does not hold: make it with the key that it is for"
        raise CertificateError(msg)
    wrong = _weakness(key)
    if wrong:
        msg = f"the key of the request {path} is {wrong}: use EC P-256 or P-384, or RSA of 2048 to 4096 bits"
        raise CertificateError(msg)
    return key


def _weakness(key: object) -> str:
    """Return what is wrong with a public key, or nothing."""
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size not in _RSA_BITS:
            return f"RSA of {key.key_size} bits"
        exponent = key.public_numbers().e
        return "" if exponent == _RSA_EXPONENT else f"RSA with the exponent {exponent}, not {_RSA_EXPONENT}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "" if algorithm_of(key) else f"on the curve {key.curve.name}"
    return f"of the kind {type(key).__name__.removesuffix('PublicKey')}, which gRPC does not take"
