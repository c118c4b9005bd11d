"""The lines of an audit chain: each holds the hash of the one before it, so none can be changed, removed or put in.

    {"seq":7,"time":"2026-01-31T12:00:00.000Z","event":"refused",…,"prev":"<hash of line 6>","hash":"<of this line>"}

`hash` is always last, and is the SHA-256 of the line's bytes without it: of everything before `,"hash":`, and `}`. With
a key it is the HMAC-SHA-256 (RFC 2104) of them, so that who can write the files cannot make a chain that holds. A head
is one such line too: it says which lines must be there, since lines cut off at an end leave a chain that holds.
"""

from __future__ import annotations

import hmac
import json
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# What the first line of a chain has for the hash of the one before it.
GENESIS = "0" * 64
MIN_KEY_BYTES = 32
_LINE = re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})"\}')


@dataclass(frozen=True, slots=True)
class Seal:
    """How lines are hashed: with a key, or without (b"")."""

    key: bytes = b""

    @property
    def key_id(self) -> str:
        """A name for the key that tells nothing of it; "" without one."""
        return hmac.digest(self.key, b"loghub audit key id", "sha256").hex()[:8] if self.key else ""

    def sealed(self, fields: Mapping[str, object]) -> tuple[bytes, str]:
        """Return the line, without its line feed, and its hash."""
        body = json.dumps(fields, separators=(",", ":")).encode()
        digest = self._digest(body)
        return body[:-1] + b',"hash":"' + digest.encode() + b'"}', digest

    def opened(self, line: bytes) -> dict[str, Any] | None:
        """Return the fields of a line, `hash` included; None where its hash does not hold, or it is no line."""
        match = _LINE.fullmatch(line)
        if match is None or not hmac.compare_digest(self._digest(match[1] + b"}").encode(), match[2]):
            return None
        return parsed(line)

    def _digest(self, body: bytes) -> str:
        return hmac.digest(self.key, body, "sha256").hex() if self.key else sha256(body).hexdigest()


def parsed(line: bytes) -> dict[str, Any] | None:
    """Return the fields of a line, whether its hash holds or not; None where it is no line."""
    try:
        fields = json.loads(line)
    except ValueError:
        return None
    kinds = (("seq", int), ("prev", str), ("hash", str))
    whole = isinstance(fields, dict) and all(isinstance(fields.get(name), kind) for name, kind in kinds)
    return fields if whole else None


@dataclass(frozen=True, slots=True)
class Place:
    """The end of a chain, or of a part of it: the number of its last line, and that line's hash."""

    seq: int = 0
    hash: str = GENESIS

    def after(self, fields: Mapping[str, Any]) -> tuple[Place, str]:
        """Return the place behind a line whose hash holds, and what is wrong with it here ("": nothing)."""
        seq, prev = fields["seq"], fields["prev"]
        place = Place(seq, fields["hash"])
        if seq > self.seq + 1:
            return place, f"lines {self.seq + 1} to {seq - 1} were removed before it"
        if seq <= self.seq:
            return place, f"it has number {seq} behind line {self.seq}: lines were put in, or their order changed"
        if prev != self.hash:
            return place, "it was written after another line than the one before it, which was changed or put in"
        return place, ""


@dataclass(frozen=True, slots=True)
class Head:
    """Which lines of a chain must be there: from `first`, older ones having gone by age, to `last`."""

    chain: str
    first: int
    last: Place

    def line(self, seal: Seal) -> bytes:
        """Return the head as its file has it, always of one size, so that writing it anew replaces it at once."""
        fields = {"chain": self.chain, "first": self.first, "seq": self.last.seq, "prev": self.last.hash}
        return seal.sealed(fields)[0].ljust(HEAD_BYTES - 1) + b"\n"

    @classmethod
    def read(cls, raw: bytes, chain: str, seal: Seal) -> Head | None:
        """Return the head of a chain; None where it is not one, or its hash does not hold."""
        fields = seal.opened(raw.strip())
        if fields is None or fields.get("chain") != chain or not isinstance(fields.get("first"), int):
            return None
        return cls(chain, fields["first"], Place(fields["seq"], fields["prev"]))


# A sector of a disk: written whole or not at all.
HEAD_BYTES = 512
