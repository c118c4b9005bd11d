"""hub.identity.tokens: a token is taken only if nothing at all is wrong with it.

The tokens are made by hand, and every one whose fault is in its header or claims is signed with the right key: what
refuses it is the rule under test, not the signature.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import sha256
from itertools import count
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa, x25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hub.core.principal import Principal, Scope
from hub.errors import CertificateError, GrpcCode, TokenExpiredError, UnauthenticatedError
from hub.identity.tokens import (
    MAX_TOKEN_BYTES,
    Claims,
    PrivateKey,
    TokenRules,
    TokenVerifier,
    VerifyKey,
    certificate_thumbprint,
    load_keys,
    mint,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

NOW = 1_000_000.0
HOUR, DAY = 3600.0, 86_400.0
LEEWAY = 30.0
RULES = TokenRules("https://issuer.test", "loghub", max_lifetime_seconds=DAY, leeway_seconds=LEEWAY)
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
HEADER: dict[str, Any] = {"alg": "ES256", "typ": "JWT"}
CLAIMS: dict[str, Any] = {
    "iss": "https://issuer.test",
    "aud": "loghub",
    "sub": "alice",
    "tenant": "acme",
    "scope": "logs:read",
    "iat": NOW,
    "nbf": NOW,
    "exp": NOW + HOUR,
}
ALICE = Principal("acme", "alice", frozenset({Scope.READ}), expires_at=NOW + HOUR, issued_at=NOW)
CERTIFICATE = b"a certificate in DER"
DIGESTS = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")


def base64url(data: bytes) -> str:
    """Encode as JOSE does, without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def raw_signature(key: PrivateKey, data: bytes, algorithm: str) -> bytes:
    """Sign as RFC 7518 section 3 and RFC 8037 say."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    digest = DIGESTS[algorithm[2:]]
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size = (key.key_size + 7) // 8
        return b"".join(part.to_bytes(size) for part in decode_dss_signature(key.sign(data, ec.ECDSA(digest))))
    scheme = padding.PSS(padding.MGF1(digest), digest.digest_size) if algorithm[0] == "P" else padding.PKCS1v15()
    return key.sign(data, scheme, digest)


def sign(header: bytes, payload: bytes, key: PrivateKey = KEY, algorithm: str = "ES256") -> str:
    """Return a token of any bytes whose signature holds."""
    data = f"{base64url(header)}.{base64url(payload)}"
    return f"{data}.{base64url(raw_signature(key, data.encode(), algorithm))}"


def token(header: Mapping[str, Any] = HEADER, claims: Mapping[str, Any] = CLAIMS, key: PrivateKey = KEY) -> str:
    """Return a token of any header and claims whose signature holds."""
    return sign(json.dumps(header).encode(), json.dumps(claims).encode(), key)


def saying(**claims: Any) -> str:
    """Return a token that is good but for these claims."""
    return token(claims=CLAIMS | claims)


def lacking(name: str) -> str:
    """Return a token that is good but for a missing claim."""
    return token(claims={key: value for key, value in CLAIMS.items() if key != name})


def headed(**header: Any) -> str:
    """Return a token that is good but for these header fields."""
    return token(HEADER | header)


def paying(payload: bytes) -> str:
    """Return a token with any payload."""
    return sign(json.dumps(HEADER).encode(), payload)


def ending(text: bytes) -> bytes:
    """Return the good claims as JSON, with this before the closing brace."""
    return json.dumps(CLAIMS).encode().removesuffix(b"}") + text + b"}"


def shared(secret: bytes, algorithm: str = "HS256") -> str:
    """Return a token signed with a shared secret."""
    data = f"{base64url(json.dumps(HEADER | {'alg': algorithm}).encode())}.{GOOD.split('.')[1]}"
    return f"{data}.{base64url(hmac.digest(secret, data.encode(), 'sha256'))}"


def with_standard_alphabet() -> str:
    """Return a good token whose signature is in the other Base64 alphabet, and differs in it."""
    for _ in count():
        header, payload, signature = token().split(".")
        if {"-", "_"} & set(signature):
            break
    return f"{header}.{payload}.{signature.replace('-', '+').replace('_', '/')}"


def with_stray_bits() -> str:
    """Return a good token whose last character has a bit set that no byte of the signature takes up."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return GOOD[:-1] + alphabet[alphabet.index(GOOD[-1]) | 1]


def public_pem(key: PrivateKey) -> bytes:
    """Return a key's public half."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: Any, password: bytes = b"") -> bytes:
    """Return a key."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    return pem


def public_der(key: PrivateKey) -> bytes:
    """Return a key's public half."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def jwk(key: PrivateKey, **fields: Any) -> dict[str, Any]:
    """Return a key's public half as in a JWKS."""
    algorithms: dict[type, Any] = {ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm}
    algorithms |= {ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm}
    algorithms |= {rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm}
    algorithm = next(value for kind, value in algorithms.items() if isinstance(key, kind))
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), **fields}


def verifier(*keys: VerifyKey, now: float = NOW, rules: TokenRules = RULES) -> TokenVerifier:
    """Return a verifier of the usual key, or these."""
    return TokenVerifier(keys or (VerifyKey(KEY.public_key(), "ES256"),), rules, clock=lambda: now)


def named(key: ec.EllipticCurvePrivateKey, kid: str) -> VerifyKey:
    """Return a key to verify with that has an id."""
    return VerifyKey(key.public_key(), "ES256", kid)


GOOD = token()
HEAD, PAYLOAD, SIGNATURE = GOOD.split(".")
NONE = base64url(b'{"alg":"none"}')

NOT_BASE64 = "not Base64 for URLs"
MALFORMED = {
    "empty": ("", "three parts"),
    "a word": ("token", "three parts"),
    "one dot": (".", "three parts"),
    "only dots": ("..", "cannot be read"),
    "two parts": (f"{HEAD}.{PAYLOAD}", "three parts"),
    "four parts": (f"{GOOD}.{SIGNATURE}", "three parts"),
    "five parts, as encrypted ones have": (f"{HEAD}.{SIGNATURE}.{SIGNATURE}.{PAYLOAD}.{SIGNATURE}", "three parts"),
    "a final dot": (f"{GOOD}.", "three parts"),
    "the JSON serialization": (json.dumps({"protected": HEAD, "payload": PAYLOAD}), "three parts"),
    "not Base64": ("!!!!.????.====", NOT_BASE64),
    "a header that is no JSON": (f"{base64url(b'alg=ES256')}.{PAYLOAD}.{SIGNATURE}", "cannot be read"),
    "a header that is a list": (sign(b'["ES256"]', b"{}"), "cannot be read"),
    "a header that is a string": (sign(b'"ES256"', b"{}"), "cannot be read"),
    "a header that is not UTF-8": (sign(b'{"alg":"\xff"}', b"{}"), "cannot be read"),
    "a header with NaN": (sign(b'{"alg":"ES256","x":NaN}', json.dumps(CLAIMS).encode()), "number that is none"),
    "a header nested too deep": (sign(b'{"alg":' + b"[" * 5000, b"{}"), "cannot be read"),
    "a payload that is no JSON": (paying(b"tenant=acme"), "cannot be read"),
    "a payload that is empty": (paying(b""), "cannot be read"),
    "a payload that is a list": (paying(json.dumps([CLAIMS]).encode()), "cannot be read"),
    "a payload that is a string": (paying(json.dumps(json.dumps(CLAIMS)).encode()), "cannot be read"),
    "a payload that is a number": (paying(b"1"), "cannot be read"),
    "a payload that is null": (paying(b"null"), "cannot be read"),
    "a payload with more behind it": (paying(ending(b"") * 2), "cannot be read"),
    "a payload that is not UTF-8": (paying(ending(b',"x":"\xff"')), "cannot be read"),
    "a payload nested too deep": (paying(b'{"x":' + b"[" * 5000), "cannot be read"),
    "a payload with a number of 5000 digits": (paying(ending(b',"x":' + b"9" * 5000)), "cannot be read"),
    "a payload in UTF-16": (paying(json.dumps(CLAIMS).encode("utf-16")), "cannot be read"),
    "a payload with a byte order mark": (paying(json.dumps(CLAIMS).encode("utf-8-sig")), "cannot be read"),
    "a header in UTF-16": (sign(json.dumps(HEADER).encode("utf-16-le"), json.dumps(CLAIMS).encode()), "cannot be read"),
    "not ASCII": (GOOD[:-1] + "é", NOT_BASE64),
    "digits of another script": (GOOD[:-1] + "٣", NOT_BASE64),
    "too long": (saying(x="a" * MAX_TOKEN_BYTES), "longer than 8192 bytes"),
    "a header too long": (headed(x="a" * MAX_TOKEN_BYTES), "longer than 8192 bytes"),
    "nothing but dots": ("." * (MAX_TOKEN_BYTES + 1), "longer than 8192 bytes"),
}
BAD_SIGNATURES = {
    "none": (f"{HEAD}.{PAYLOAD}.", "does not hold"),
    "another key's": (token(key=OTHER_KEY), "does not hold"),
    "of zeros": (f"{HEAD}.{PAYLOAD}.{base64url(bytes(64))}", "does not hold"),
    "in DER": (f"{HEAD}.{PAYLOAD}.{base64url(KEY.sign(b'', ec.ECDSA(hashes.SHA256())))}", "does not hold"),
    "another token's": (f"{HEAD}.{saying(tenant='globex').split('.')[1]}.{SIGNATURE}", "does not hold"),
    "of another header": (f"{base64url(json.dumps(HEADER | {'x': 1}).encode())}.{PAYLOAD}.{SIGNATURE}", "does not"),
    "halved": (f"{HEAD}.{PAYLOAD}.{SIGNATURE[:43]}", "does not hold"),
    "in the other Base64 alphabet": (with_standard_alphabet(), NOT_BASE64),
    "with stray bits": (with_stray_bits(), "does not hold"),
    "with half its padding": (f"{GOOD}=", NOT_BASE64),
    "with its padding": (f"{GOOD}==", NOT_BASE64),
    "with a newline behind": (f"{GOOD}\n", NOT_BASE64),
    "with a space inside": (f"{GOOD[:-9]} {GOOD[-9:]}", NOT_BASE64),
    "and junk in the payload that Base64 readers pass over": (f"{HEAD}.{PAYLOAD}!.{SIGNATURE}", NOT_BASE64),
    "and padding that was not signed": (f"{HEAD}=.{PAYLOAD}.{SIGNATURE}", NOT_BASE64),
}
BAD_HEADERS = {
    "none and no signature": (f"{NONE}.{PAYLOAD}.", "not signed with ES256"),
    "none and an empty payload": (f"{NONE}..", "not signed with ES256"),
    "none": (headed(alg="none"), "not signed with ES256"),
    "None": (headed(alg="None"), "not signed with ES256"),
    "nOnE": (headed(alg="nOnE"), "not signed with ES256"),
    "in small letters": (headed(alg="es256"), "not signed with ES256"),
    "of another curve": (headed(alg="ES384"), "not signed with ES256"),
    "of another kind of key": (headed(alg="RS256"), "not signed with ES256"),
    "EdDSA": (headed(alg="EdDSA"), "not signed with ES256"),
    "null": (headed(alg=None), "not signed with ES256"),
    "a list": (headed(alg=["ES256"]), "not signed with ES256"),
    "missing": (token({"typ": "JWT"}), "not signed with ES256"),
    "HS256 with the public key in PEM": (shared(public_pem(KEY)), "not signed with ES256"),
    "HS256 with the public key in PEM, stripped": (shared(public_pem(KEY).strip()), "not signed with ES256"),
    "HS256 with the public key in DER": (shared(public_der(KEY)), "not signed with ES256"),
    "HS256 with nothing": (shared(b""), "not signed with ES256"),
    "ES256 by a shared secret": (shared(public_pem(KEY), "ES256"), "does not hold"),
    "typ of an encrypted token": (headed(typ="JWE"), "another type"),
    "typ of a proof of possession": (headed(typ="dpop+jwt"), "another type"),
    "typ of an id token for logout": (headed(typ="logout+jwt"), "another type"),
    "typ empty": (headed(typ=""), "another type"),
    "typ null": (headed(typ=None), "another type"),
    "typ a list": (headed(typ=["JWT"]), "another type"),
    "typ a number": (headed(typ=1), "another type"),
    "crit": (headed(crit=["exp"]), "not taken: crit"),
    "crit with nothing in it": (headed(crit=[]), "not taken: crit"),
    "crit of a field that is there": (headed(crit=["b64"], b64=True), "not taken: crit"),
    "jwk of the attacker": (token(HEADER | {"jwk": jwk(OTHER_KEY)}, key=OTHER_KEY), "not taken: jwk"),
    "jwk of the right key": (headed(jwk=jwk(KEY)), "not taken: jwk"),
    "jku": (headed(jku="https://evil.test/keys"), "not taken: jku"),
    "x5u": (headed(x5u="https://evil.test/chain"), "not taken: x5u"),
    "x5c": (headed(x5c=["MIIB"]), "not taken: x5c"),
    "b64 off": (headed(b64=False), "not taken: b64"),
    "zip": (headed(zip="DEF"), "not taken: zip"),
    "alg twice": (sign(b'{"alg":"none","alg":"ES256"}', ending(b"")), "stands twice"),
    "typ twice": (sign(b'{"alg":"ES256","typ":"JWT","typ":"JWT"}', ending(b"")), "stands twice"),
    "alg twice, once escaped": (sign(b'{"alg":"ES256","\\u0061lg":"ES256"}', ending(b"")), "stands twice"),
    "kid null": (headed(kid=None), "kid that is not a string"),
    "kid a number": (headed(kid=0), "kid that is not a string"),
    "kid a list": (headed(kid=["a"]), "kid that is not a string"),
}
BAD_TIMES = {
    "exp missing": (lacking("exp"), "lacks the claim 'exp'"),
    "nbf missing": (lacking("nbf"), "lacks the claim 'nbf'"),
    "exp a string": (saying(exp=str(NOW + HOUR)), "'exp' that is not a number"),
    "exp null": (saying(exp=None), "'exp' that is not a number"),
    "exp a list": (saying(exp=[NOW + HOUR]), "'exp' that is not a number"),
    "exp an object": (saying(exp={"": NOW + HOUR}), "'exp' that is not a number"),
    "exp true": (saying(exp=True), "'exp' that is not a number"),
    "nbf false": (saying(nbf=False), "'nbf' that is not a number"),
    "nbf a string": (saying(nbf=str(NOW)), "'nbf' that is not a number"),
    "iat a string": (saying(iat=str(NOW)), "'iat' that is not a number"),
    "iat null": (saying(iat=None), "'iat' that is not a number"),
    "exp NaN": (saying(exp=float("nan")), "number that is none"),
    "exp infinite": (saying(exp=float("inf")), "number that is none"),
    "nbf minus infinite": (saying(nbf=float("-inf")), "number that is none"),
    "exp a float too large": (paying(ending(b"").replace(b"1003600.0", b"1e400")), "lives longer"),
    "all three too large": (
        paying(ending(b"").replace(b"1003600.0", b"1e400").replace(b"1000000.0", b"1e400")),
        "not valid yet",
    ),
    "exp the largest integer of 64 bits": (saying(exp=2**63 - 1), "lives longer"),
    "exp in milliseconds": (saying(exp=(NOW + HOUR) * 1000), "lives longer"),
    "ten years": (saying(exp=NOW + 3650 * DAY), "lives longer than 86400 s"),
    "exp beyond all numbers": (saying(exp=10**400), "'exp' that is out of range"),
    "iat beyond all numbers": (saying(iat=-(10**400)), "'iat' that is out of range"),
    "exp just over": (saying(exp=NOW - 10**-3, nbf=NOW - HOUR, iat=10**400), "'iat' that is out of range"),
    "ten years, nearly over": (saying(iat=NOW - 3650 * DAY, nbf=NOW - 3650 * DAY), "lives longer"),
    "ten years by iat alone": (saying(iat=NOW - 3650 * DAY), "lives longer"),
    "ten years by nbf alone": (saying(nbf=NOW - 3650 * DAY), "lives longer"),
    "ten years, without iat": (
        token(claims={key: value for key, value in CLAIMS.items() if key != "iat"} | {"exp": NOW + 3650 * DAY}),
        "lives longer",
    ),
    "a second more than may be": (saying(exp=NOW + DAY + 1), "lives longer"),
    "nbf in the future": (saying(nbf=NOW + LEEWAY + 1), "not valid yet"),
    "iat in the future": (saying(iat=NOW + LEEWAY + 1), "not valid yet"),
    "exp twice": (paying(ending(b',"exp":1')), "stands twice"),
    "exp twice, once escaped": (paying(ending(b',"\\u0065xp":1')), "stands twice"),
}
BAD_NAMES = {
    "iss missing": (lacking("iss"), "lacks the claim 'iss'"),
    "iss another": (saying(iss="https://evil.test"), "not from the issuer 'https://issuer.test'"),
    "iss with a slash behind": (saying(iss="https://issuer.test/"), "not from the issuer"),
    "iss in capitals": (saying(iss="HTTPS://ISSUER.TEST"), "not from the issuer"),
    "iss a list": (saying(iss=["https://issuer.test"]), "not from the issuer"),
    "iss null": (saying(iss=None), "not from the issuer"),
    "aud missing": (lacking("aud"), "lacks the claim 'aud'"),
    "aud another": (saying(aud="other"), "not for the audience 'loghub'"),
    "aud that contains ours": (saying(aud="loghub2"), "not for the audience"),
    "aud a list of others": (saying(aud=["other", "loghub2"]), "not for the audience"),
    "aud an empty list": (saying(aud=[]), "not for the audience"),
    "aud a list in a list": (saying(aud=[["loghub"]]), "not for the audience"),
    "aud an object": (saying(aud={"loghub": True}), "not for the audience"),
    "aud null": (saying(aud=None), "not for the audience"),
    "sub missing": (lacking("sub"), "lacks the claim 'sub'"),
    "sub empty": (saying(sub=""), "empty claim 'sub'"),
    "sub null": (saying(sub=None), "'sub' that is not a string"),
    "sub a number": (saying(sub=7), "'sub' that is not a string"),
    "sub with a newline": (saying(sub="alice\nroot"), "'sub' with characters that cannot be printed"),
    "sub with half a character": (saying(sub="\ud800"), "'sub' with characters that cannot be printed"),
    "jti with a NUL": (saying(jti="4\0002"), "'jti' with characters that cannot be printed"),
    "tenant missing": (lacking("tenant"), "lacks the claim 'tenant'"),
    "tenants in place of tenant": (
        token(claims={key: value for key, value in CLAIMS.items() if key != "tenant"} | {"tenants": ["acme"]}),
        "lacks the claim 'tenant'",
    ),
    "tenant empty": (saying(tenant=""), "'tenant' that is none"),
    "tenant a star": (saying(tenant="*"), "'tenant' that is none"),
    "tenant a path": (saying(tenant="../acme"), "'tenant' that is none"),
    "tenant in capitals": (saying(tenant="ACME"), "'tenant' that is none"),
    "tenant with a newline behind": (saying(tenant="acme\n"), "'tenant' that is none"),
    "tenant too long": (saying(tenant="a" * 64), "'tenant' that is none"),
    "tenant two": (saying(tenant="acme globex"), "'tenant' that is none"),
    "tenant a list": (saying(tenant=["acme"]), "'tenant' that is not a string"),
    "tenant null": (saying(tenant=None), "'tenant' that is not a string"),
    "tenant twice": (paying(ending(b',"tenant":"globex"')), "stands twice"),
    "tenant twice, the same": (paying(ending(b',"tenant":"acme"')), "stands twice"),
    "scope a list": (saying(scope=["logs:read"]), "'scope' that is not a string"),
    "scope an object": (saying(scope={"logs:read": True}), "'scope' that is not a string"),
    "scope null": (saying(scope=None), "'scope' that is not a string"),
    "scope true": (saying(scope=True), "'scope' that is not a string"),
    "filter null": (saying(filter=None), "'filter' that is not a string"),
    "filter a list": (saying(filter=["severity >= ERROR"]), "'filter' that is not a string"),
    "jti a number": (saying(jti=7), "'jti' that is not a string"),
    "a name twice deep inside": (paying(ending(b',"x":[{"y":1,"y":2}]')), "stands twice"),
}
UNBOUND = "this connection does not show"
BAD_BINDINGS = {
    "another certificate": (saying(cnf={"x5t#S256": certificate_thumbprint(b"other")}), "another client certificate"),
    "a thumbprint with padding": (
        saying(cnf={"x5t#S256": certificate_thumbprint(CERTIFICATE) + "="}),
        "another client certificate",
    ),
    "a thumbprint cut short": (saying(cnf={"x5t#S256": certificate_thumbprint(CERTIFICATE)[:-1]}), "another client"),
    "a thumbprint that no bytes stand for": (saying(cnf={"x5t#S256": "\ud800"}), UNBOUND),
    "a thumbprint by SHA-1": (saying(cnf={"x5t": certificate_thumbprint(CERTIFICATE)}), UNBOUND),
    "a thumbprint that is a list": (saying(cnf={"x5t#S256": [certificate_thumbprint(CERTIFICATE)]}), UNBOUND),
    "a thumbprint that is empty": (saying(cnf={"x5t#S256": ""}), "another client certificate"),
    "a thumbprint outside of an object": (saying(cnf=certificate_thumbprint(CERTIFICATE)), UNBOUND),
    "a key": (saying(cnf={"jkt": "x"}), UNBOUND),
    "nothing": (saying(cnf={}), UNBOUND),
    "null": (saying(cnf=None), UNBOUND),
}
HOSTILE = {
    f"{kind}: {name}": row
    for kind, table in [
        ("malformed", MALFORMED),
        ("signature", BAD_SIGNATURES),
        ("header", BAD_HEADERS),
        ("times", BAD_TIMES),
        ("names", BAD_NAMES),
        ("bound to", BAD_BINDINGS),
    ]
    for name, row in table.items()
}


@pytest.fixture(scope="module")
def signers() -> dict[str, PrivateKey]:
    """Return a key for each algorithm that is allowed; the RSA algorithms share one, which is slow to make."""
    one = rsa.generate_private_key(65537, 2048)
    keys: dict[str, PrivateKey] = {name: one for name in ALGORITHMS if name[1] == "S" and name[0] != "E"}
    keys |= {"ES256": KEY, "ES384": ec.generate_private_key(ec.SECP384R1())}
    keys |= {"ES512": ec.generate_private_key(ec.SECP521R1()), "EdDSA": ed25519.Ed25519PrivateKey.generate()}
    return keys


def refusal(hostile: str, judge: TokenVerifier, certificate: bytes | None = CERTIFICATE) -> UnauthenticatedError:
    """Return the error that a token is refused with."""
    with pytest.raises(UnauthenticatedError) as caught:
        judge.verify(hostile, certificate)
    return caught.value


@pytest.mark.parametrize(("hostile", "words"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_token_is_refused(hostile: str, words: str) -> None:
    """Each has one fault; the error is the one for unproven peers, says what the fault is, and quotes no token."""
    error = refusal(hostile, verifier())
    assert type(error) is UnauthenticatedError
    assert (error.grpc_code, error.http_status, error.close_code) == (GrpcCode.UNAUTHENTICATED, 401, 4401)
    assert words in error.message
    assert not [part for part in hostile.split(".") if len(part) > 8 and part in error.message]


def test_the_table_is_not_empty_of_what_it_claims() -> None:
    """No row is the good token, or another row."""
    tokens = [hostile for hostile, _ in HOSTILE.values()]
    assert len(set(tokens)) == len(tokens) > 100
    assert GOOD not in tokens


def test_a_good_token_is_taken() -> None:
    """The proof that the rows of the table fail for their faults: this is what they are made from."""
    assert verifier().verify(GOOD) == ALICE
    assert verifier().verify(GOOD, CERTIFICATE) == ALICE


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_holds_for_its_own_key(signers: dict[str, PrivateKey], algorithm: str) -> None:
    """And for no other token: the same key's signature under another algorithm is refused, as is a changed one."""
    key = signers[algorithm]
    judge = verifier(VerifyKey(key.public_key(), algorithm))
    header, payload = json.dumps({"alg": algorithm}).encode(), ending(b"")
    good = sign(header, payload, key, algorithm)
    assert judge.verify(good) == ALICE
    changed = payload.replace(b"acme", b"acne")
    assert "does not hold" in refusal(good.replace(base64url(payload), base64url(changed)), judge).message
    for other in set(ALGORITHMS) - {algorithm}:
        if signers[other] is key:
            foreign = sign(json.dumps({"alg": other}).encode(), payload, key, other)
            assert f"not signed with {algorithm}" in refusal(foreign, judge).message
            disguised = sign(header, payload, key, other)
            assert "does not hold" in refusal(disguised, judge).message


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "EdDSA", "ES384"])
def test_a_public_key_is_no_shared_secret(signers: dict[str, PrivateKey], algorithm: str) -> None:
    """Whatever the kind of key, and whether or not the token admits to the algorithm it used."""
    key = signers[algorithm]
    judge = verifier(VerifyKey(key.public_key(), algorithm))
    for secret in (public_pem(key), public_der(key)):
        assert f"not signed with {algorithm}" in refusal(shared(secret), judge).message
        assert "does not hold" in refusal(shared(secret, algorithm), judge).message


def test_every_prefix_and_every_changed_character_is_refused() -> None:
    """There is not one character of a token that does not count."""
    judge = verifier()
    for end in range(len(GOOD)):
        refusal(GOOD[:end], judge)
    for at, character in enumerate(GOOD):
        refusal(GOOD[:at] + ("A" if character != "A" else "B") + GOOD[at + 1 :], judge)


def test_a_token_may_be_as_long_as_the_limit() -> None:
    """The longest that fits is taken, the next longer one is not."""
    tokens = [saying(x="a" * size) for size in range(5860, 5900)]
    fitting = [one for one in tokens if len(one) <= MAX_TOKEN_BYTES]
    assert 0 < len(fitting) < len(tokens)
    assert len(fitting[-1]) > MAX_TOKEN_BYTES - 2
    assert verifier().verify(fitting[-1]) == ALICE
    assert "longer than" in refusal(tokens[len(fitting)], verifier()).message


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT"])
def test_the_types_of_access_tokens_are_taken(typ: str) -> None:
    """In any case, as RFC 7515 section 4.1.9 says; and a header need not name one."""
    assert verifier().verify(headed(typ=typ)) == ALICE
    assert verifier().verify(token({"alg": "ES256"})) == ALICE


@pytest.mark.parametrize("aud", ["loghub", ["loghub"], ["other", "loghub"]])
def test_the_audience_may_be_one_of_several(aud: str | list[str]) -> None:
    """A token may be for other services as well."""
    assert verifier().verify(saying(aud=aud)) == ALICE


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ("", set()),
        ("logs:read", {Scope.READ}),
        ("logs:write logs:read", {Scope.READ, Scope.WRITE}),
        ("openid  admin\tprofile", {Scope.ADMIN}),
        ("LOGS:READ", set()),
        ("logs:read,logs:write", set()),
        ("logs:read:acme", set()),
        ("logs:*", set()),
        ("*", set()),
    ],
)
def test_scopes_are_those_that_loghub_knows(scope: str, scopes: set[Scope]) -> None:
    """Others are for other services; nothing that only looks like a scope gives one."""
    assert verifier().verify(saying(scope=scope)) == replace(ALICE, scopes=frozenset(scopes))


def test_a_token_without_scope_allows_nothing() -> None:
    """It names somebody, no more."""
    assert verifier().verify(lacking("scope")) == replace(ALICE, scopes=frozenset())


def test_filter_and_token_id_are_kept() -> None:
    """They narrow what is read, and name what is revoked."""
    assert verifier().verify(saying(filter="severity >= ERROR", jti="42")) == replace(
        ALICE, filter="severity >= ERROR", token_id="42"
    )


@pytest.mark.parametrize("late", [0.0, 1.0, HOUR, 1e12])
def test_an_expired_token_is_told_apart(late: float) -> None:
    """A client that reads this gets a fresh one and comes again; the end is `exp`, to the instant."""
    error = refusal(GOOD, verifier(now=NOW + HOUR + late))
    assert type(error) is TokenExpiredError
    assert (error.grpc_code, error.http_status, error.close_code) == (GrpcCode.UNAUTHENTICATED, 401, 4408)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW + 0.5, "nbf": NOW - HOUR, "iat": NOW - HOUR},
        {"nbf": NOW + LEEWAY, "iat": NOW + LEEWAY},
        {"exp": NOW + DAY},
        {"exp": NOW + 1.5, "nbf": NOW - DAY + 1.5},
        {"exp": int(NOW + HOUR), "nbf": int(NOW), "iat": int(NOW)},
    ],
)
def test_a_token_is_good_up_to_its_limits(claims: dict[str, float]) -> None:
    """An issuer's clock may be ahead by the leeway, and the longest lifetime is itself allowed."""
    assert verifier().verify(saying(**claims)).expires_at == claims.get("exp", NOW + HOUR)


def test_an_expired_token_of_another_key_is_not_called_expired() -> None:
    """Who cannot sign learns nothing about the claims."""
    error = refusal(token(claims=CLAIMS | {"exp": NOW - HOUR}, key=OTHER_KEY), verifier())
    assert type(error) is UnauthenticatedError
    assert "does not hold" in error.message


def test_a_bound_token_holds_on_its_own_connection_only() -> None:
    """Stolen, it is worth nothing without the certificate's key."""
    bound = saying(cnf={"x5t#S256": certificate_thumbprint(CERTIFICATE)})
    assert verifier().verify(bound, CERTIFICATE) == ALICE
    for certificate in (None, b"", b"another certificate"):
        assert "bound to" in refusal(bound, verifier(), certificate).message


def test_a_thumbprint_is_that_of_rfc_8705() -> None:
    """SHA-256 over the certificate's DER, in Base64 for URLs, without padding."""
    assert certificate_thumbprint(b"") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    assert certificate_thumbprint(CERTIFICATE) == base64url(sha256(CERTIFICATE).digest())


@pytest.mark.parametrize(
    "kid",
    ["c", "A", "a ", "../../../../dev/null", "/dev/null", "a\0", "' OR 1=1 --", "https://evil.test/k", "a/../b"],
)
def test_a_kid_finds_a_key_or_nothing(kid: str) -> None:
    """It is compared with the ids of keys, and goes nowhere else."""
    judge = verifier(named(KEY, "a"), named(OTHER_KEY, "b"))
    assert "names no key" in refusal(headed(kid=kid), judge).message


@pytest.mark.parametrize("header", [HEADER, HEADER | {"kid": ""}])
def test_a_token_says_which_of_several_keys_it_means(header: dict[str, Any]) -> None:
    """They are not tried in turn."""
    judge = verifier(named(KEY, "a"), named(OTHER_KEY, "b"))
    assert "names no key" in refusal(token(header), judge).message
    assert verifier(named(KEY, "a")).verify(token(header)) == ALICE


def test_the_key_that_a_kid_names_is_the_one_that_counts() -> None:
    """Another trusted key's signature does not hold for it."""
    judge = verifier(named(KEY, "a"), named(OTHER_KEY, "b"))
    assert judge.verify(headed(kid="a")) == ALICE
    assert judge.verify(token(HEADER | {"kid": "b"}, key=OTHER_KEY)) == ALICE
    for kid, key in (("b", KEY), ("a", OTHER_KEY)):
        assert "does not hold" in refusal(token(HEADER | {"kid": kid}, key=key), judge).message


def test_a_key_without_an_id_is_meant_by_any_kid_that_names_no_other() -> None:
    """A PEM file has no room for an id, but issuers write one into every token."""
    assert verifier().verify(headed(kid="2024-01")) == ALICE
    judge = verifier(VerifyKey(KEY.public_key(), "ES256"), named(OTHER_KEY, "b"))
    assert judge.verify(headed(kid="a")) == ALICE
    assert "does not hold" in refusal(headed(kid="b"), judge).message


def test_two_keys_of_one_id_are_no_key() -> None:
    """Nobody could say which is meant."""
    judge = verifier(named(KEY, "a"), named(OTHER_KEY, "a"))
    assert "names no key" in refusal(headed(kid="a"), judge).message


def test_the_algorithm_is_that_of_the_key_a_kid_names(signers: dict[str, PrivateKey]) -> None:
    """A token cannot choose another one that this hub takes elsewhere."""
    other = signers["ES384"]
    judge = verifier(named(KEY, "a"), VerifyKey(other.public_key(), "ES384", "b"))
    assert "not signed with ES384" in refusal(headed(kid="b"), judge).message


def test_a_clock_is_read_for_each_token() -> None:
    """A verifier lives as long as the hub."""
    times = iter([NOW, NOW + DAY])
    judge = TokenVerifier([VerifyKey(KEY.public_key(), "ES256")], RULES, clock=lambda: next(times))
    assert judge.verify(GOOD) == ALICE
    with pytest.raises(TokenExpiredError):
        judge.verify(GOOD)


@pytest.mark.parametrize("algorithm", ["ES256", "ES384", "ES512", "EdDSA", "RS256"])
def test_a_minted_token_is_taken(signers: dict[str, PrivateKey], tmp_path: Path, algorithm: str) -> None:
    """The key's file decides the algorithm on both sides."""
    key = signers[algorithm]
    path = tmp_path / "verify.pem"
    path.write_bytes(public_pem(key))
    keys = load_keys(path)
    assert [(one.algorithm, one.kid) for one in keys] == [(algorithm, "")]
    claims = Claims("acme", "alice", "logs:read admin", HOUR, "severity >= ERROR", "42")
    minted = mint(private_pem(key), claims, RULES, NOW)
    assert verifier(*keys).verify(minted) == Principal(
        "acme",
        "alice",
        frozenset({Scope.READ, Scope.ADMIN}),
        expires_at=NOW + HOUR,
        filter="severity >= ERROR",
        token_id="42",
        issued_at=NOW,
    )
    assert mint(private_pem(key), replace(claims, tenant="globex"), RULES, NOW) != minted


def test_a_minted_token_says_what_it_must_and_no_more() -> None:
    """Times are whole seconds; an empty filter and id are left out."""
    minted = mint(private_pem(KEY), Claims("acme", "alice", "logs:read", HOUR), RULES, NOW + 0.75)
    header, payload, _ = minted.split(".")
    assert json.loads(jwt.utils.base64url_decode(header)) == HEADER
    assert json.loads(jwt.utils.base64url_decode(payload)) == CLAIMS
    assert b".0" not in jwt.utils.base64url_decode(payload)


def test_no_token_is_minted_that_lives_too_long() -> None:
    """A verifier with the same rules would refuse it."""
    longest = mint(private_pem(KEY), Claims("acme", "alice", "logs:read", DAY), RULES, NOW + 0.5)
    assert verifier().verify(longest).tenant == "acme"
    with pytest.raises(CertificateError, match="86400 s at most, not 86401"):
        mint(private_pem(KEY), Claims("acme", "alice", "logs:read", DAY + 1), RULES, NOW)


def weak_rsa() -> rsa.RSAPrivateKey:
    """Return a key that was long enough once."""
    return rsa.generate_private_key(65537, 1024)  # noqa: S505  weak on purpose


UNFIT: dict[str, Callable[[], Any]] = {
    "RSA of 1024 bits": weak_rsa,
    "a curve of another algorithm": lambda: ec.generate_private_key(ec.SECP256K1()),
    "another Edwards curve": ed448.Ed448PrivateKey.generate,
    "a key that cannot sign": x25519.X25519PrivateKey.generate,
}


@pytest.mark.parametrize("make", UNFIT.values(), ids=UNFIT.keys())
def test_an_unfit_key_neither_signs_nor_verifies(make: Callable[[], Any], tmp_path: Path) -> None:
    """Only keys whose one algorithm is known and strong are taken."""
    key = make()
    with pytest.raises(CertificateError, match="signing key cannot be used: keys are EC"):
        mint(private_pem(key), Claims("acme", "alice", "", HOUR), RULES, NOW)
    path = tmp_path / "verify.pem"
    path.write_bytes(public_pem(key))
    with pytest.raises(CertificateError, match="neither a PEM public key nor a JWKS: keys are EC"):
        load_keys(path)


@pytest.mark.parametrize("pem", [b"", b"junk", public_pem(KEY), private_pem(KEY, b"secret"), private_pem(KEY)[:-60]])
def test_what_is_no_signing_key_is_said(pem: bytes) -> None:
    """A public key, one with a password, a torn one."""
    with pytest.raises(CertificateError, match="signing key cannot be used") as caught:
        mint(pem, Claims("acme", "alice", "", HOUR), RULES, NOW)
    assert not [line for line in pem.decode().splitlines() if len(line) > 32 and line in caught.value.message]


def test_a_key_set_brings_ids_and_algorithms(signers: dict[str, PrivateKey], tmp_path: Path) -> None:
    """RSA keys may be for any RSA algorithm, which the set must say if it is not RS256."""
    own = [jwk(signers[name], kid=name, alg=name) for name in ALGORITHMS]
    plain = [jwk(signers[name], kid=f"plain {name}") for name in ("ES384", "EdDSA", "PS512")]
    path = tmp_path / "keys.json"
    path.write_text("\n " + json.dumps({"keys": own + plain}))
    keys = {one.kid: one for one in load_keys(path)}
    assert {kid: one.algorithm for kid, one in keys.items()} == {name: name for name in ALGORITHMS} | {
        "plain ES384": "ES384",
        "plain EdDSA": "EdDSA",
        "plain PS512": "RS256",
    }
    for name in ALGORITHMS:
        header = json.dumps({"alg": name, "kid": name}).encode()
        assert verifier(*keys.values()).verify(sign(header, ending(b""), signers[name], name)) == ALICE


SHARED_SECRET = {"kty": "oct", "k": base64url(b"s" * 32), "alg": "HS256", "kid": "a"}
BAD_SETS = {
    "a private key": [jwk(KEY, d=base64url(b"d" * 32))],
    "a shared secret": [SHARED_SECRET],
    "a shared secret behind a good key": [jwk(KEY), SHARED_SECRET],
    "another curve's algorithm": [jwk(KEY, alg="ES384")],
    "HS256 with a public key": [jwk(KEY, alg="HS256")],
    "RS256 with a curve": [jwk(KEY, alg="RS256")],
    "an algorithm that is a list": [jwk(KEY, alg=["ES256"])],
    "weak RSA": [jwk(weak_rsa())],
    "an unknown kind": [{"kty": "LMS", "kid": "a"}],
    "no kind": [{"kid": "a"}],
    "a point off the curve": [{"kty": "EC", "crv": "P-256", "x": base64url(b"x" * 32), "y": base64url(b"y" * 32)}],
    "a number": [1],
    "a word": ["abc"],
    "an object of keys": {"a": jwk(KEY)},
    "no algorithm": [jwk(KEY, alg="none")],
    "no key": [],
    "no key for signatures": [jwk(KEY, use="enc")],
    "two keys of one id": [jwk(KEY), jwk(OTHER_KEY)],
    "null": None,
}


@pytest.mark.parametrize("keys", BAD_SETS.values(), ids=BAD_SETS.keys())
def test_one_bad_key_spoils_the_set(keys: Any, tmp_path: Path) -> None:
    """The hub does not start on half of what it was told to trust; no secret is quoted."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": keys}))
    with pytest.raises(CertificateError, match=r"keys\.json is neither a PEM public key nor a JWKS") as caught:
        load_keys(path)
    assert base64url(b"d" * 32) not in caught.value.message
    assert SHARED_SECRET["k"] not in caught.value.message


@pytest.mark.parametrize("secret", ["a private key", "a shared secret", "a shared secret behind a good key"])
def test_a_secret_in_a_key_set_is_said(secret: str, tmp_path: Path) -> None:
    """Such a set went to the wrong place, and whoever has read it can make tokens."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": BAD_SETS[secret]}))
    with pytest.raises(CertificateError, match="must hold public keys only"):
        load_keys(path)


def test_a_secret_without_a_kind_is_not_quoted(tmp_path: Path) -> None:
    """Libraries tell what they were given; this goes to logs."""
    path = tmp_path / "keys.json"
    path.write_text('{"keys": [{"kid": "a", "x": "TOPSECRET"}]}')
    with pytest.raises(CertificateError, match="key 1 is of no kind") as caught:
        load_keys(path)
    assert "TOPSECRET" not in caught.value.message


def test_keys_for_encryption_are_passed_over(tmp_path: Path) -> None:
    """Issuers publish both kinds in one set (RFC 7517 section 4.2)."""
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [jwk(KEY, use="sig", kid="a"), jwk(OTHER_KEY, use="enc", kid="b")]}))
    assert [key.kid for key in load_keys(path)] == ["a"]


@pytest.mark.parametrize(
    ("subject", "scope"), [("", "logs:read"), ("a\nb", "logs:read"), ("alice", ""), ("alice", "logs:raed logs:read")]
)
def test_no_token_is_minted_that_is_refused_or_allows_nothing(subject: str, scope: str) -> None:
    """Whoever mints sees the mistake, not whoever comes with the token."""
    with pytest.raises(CertificateError, match="a token's"):
        mint(private_pem(KEY), Claims("acme", subject, scope, HOUR), RULES, NOW)


@pytest.mark.parametrize(
    "text", [b"", b'{"keys":' + b"[" * 100_000, b"junk", b"{", b"{}", b"[]", b'{"keys":', b"\xff", private_pem(KEY)]
)
def test_what_is_no_file_of_keys_is_said(text: bytes, tmp_path: Path) -> None:
    """Above all the private key, which a hub must not have; its text is not quoted."""
    path = tmp_path / "keys"
    path.write_bytes(text)
    with pytest.raises(CertificateError, match="neither a PEM public key nor a JWKS") as caught:
        load_keys(path)
    assert "PRIVATE" not in caught.value.message


def test_missing_keys_are_told_with_what_to_do(tmp_path: Path) -> None:
    """The message names the file and the command."""
    with pytest.raises(CertificateError, match=r"none\.pem cannot be read: No such file.*loghub certs init"):
        load_keys(tmp_path / "none.pem")
