"""JSON Web Tokens: what a bearer may do, checked more strictly than the library does by default.

PyJWT alone takes a token without exp, aud or iss, claim names that stand twice, any lifetime, and exp as a string. Here
a key is bound to one algorithm; iss, aud, exp, nbf, sub and a tenant are required; names may stand once; a header that
brings its own key or critical extensions is refused (RFC 7515, RFC 7519, RFC 8725). `cnf.x5t#S256` binds a token to
the connection's certificate (RFC 8705).

    compact   the text of a token, taken apart
    claims    what it says, judged by the rules
    keys      what signatures are verified with, and the set of them that is in force
    jwk       keys as JSON (RFC 7517)
    load      keys from files
    verify    all of it together
    mint      the other direction
"""

from hub.identity.tokens.claims import TokenRules, certificate_thumbprint
from hub.identity.tokens.compact import MAX_TOKEN_BYTES, unverified
from hub.identity.tokens.jwk import keys_of_set, set_of_keys, thumbprint
from hub.identity.tokens.keys import Keyring, PrivateKey, PublicKey, VerifyKey, strength, strong
from hub.identity.tokens.load import load_keys, load_secret
from hub.identity.tokens.mint import Claims, Signer, mint
from hub.identity.tokens.verify import TokenVerifier

__all__ = [
    "MAX_TOKEN_BYTES",
    "Claims",
    "Keyring",
    "PrivateKey",
    "PublicKey",
    "Signer",
    "TokenRules",
    "TokenVerifier",
    "VerifyKey",
    "certificate_thumbprint",
    "keys_of_set",
    "load_keys",
    "load_secret",
    "mint",
    "set_of_keys",
    "strength",
    "strong",
    "thumbprint",
    "unverified",
]
