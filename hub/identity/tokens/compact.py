"""The text of a token: three parts of Base64 with dots between (RFC 7515); one text of each is taken."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Any

from hub.errors import UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TOKEN_BYTES = 8192
_FOREIGN_HEADERS = ("crit", "jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "b64", "zip", "enc", "cty")
_TYPES = ("jwt", "at+jwt", "application/at+jwt")
# Base64 for URLs and dots (RFC 7515 section 2): padding would make two texts of one token.
_COMPACT = re.compile(r"[A-Za-z0-9_.-]+")


def bad(what: str) -> UnauthenticatedError:
    """Return the error for a token of which something is wrong: `what` completes the sentence "the token …"."""
    return UnauthenticatedError(f"the token {what}")


def parts_of(token: str) -> tuple[str, str, str]:
    """Return header, payload and signature; UnauthenticatedError for what is no token by its looks."""
    if len(token) > MAX_TOKEN_BYTES:
        raise bad(f"is longer than {MAX_TOKEN_BYTES} bytes")
    if not _COMPACT.fullmatch(token):
        raise bad("is not Base64 for URLs in three parts with dots between")
    segments = token.split(".")
    if len(segments) != 3:  # noqa: PLR2004  header, payload, signature
        raise bad("does not have three parts")
    header, payload, signature = segments
    return header, payload, signature


def header_of(text: str) -> Mapping[str, Any]:
    """Return the header of a token; UnauthenticatedError where it asks for what no token may."""
    header = segment(text)
    foreign = [name for name in _FOREIGN_HEADERS if name in header]
    if foreign:
        raise bad(f"has a header that is not taken: {foreign[0]}")
    if str(header.get("typ", "JWT")).lower() not in _TYPES:
        raise bad("is of another type than JWT")
    return header


def unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a token that nobody has judged, to be shown and no more."""
    header, payload, _ = parts_of(token)
    return segment(header), segment(payload)


def segment(text: str) -> dict[str, Any]:
    """Decode a part of a token; the same name twice is refused, since two readers might not see the same one."""
    try:
        value = json.loads(raw(text).decode(), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise bad("cannot be read") from error
    if not isinstance(value, dict):
        raise bad("cannot be read")
    return value


def raw(text: str) -> bytes:
    """Return the bytes of a part; a text that is not the one that its bytes are written as is refused."""
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, Base64Error) as error:
        raise bad("cannot be read") from error
    if base64url(data) != text:
        raise bad("is not written as its bytes are: there are stray bits at the end of a part")
    return data


def base64url(data: bytes) -> str:
    """Return Base64 for URLs without padding."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        raise bad("has a name that stands twice")
    return dict(pairs)


def _no_constant(_name: str) -> None:
    raise bad("has a number that is none")
