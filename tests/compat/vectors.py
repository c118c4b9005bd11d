"""The golden vectors of proto/testdata, as they are committed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.compat.contract import KINDS, TESTDATA


@dataclass(frozen=True, slots=True)
class Vector:
    """A message in text, in canonical JSON and in bytes, and what else is read as the same."""

    name: str
    kind: str
    textproto: str
    as_json: dict[str, Any]
    known: bytes
    unknown: bytes
    also_hex: tuple[str, ...]
    also_json: tuple[str, ...]
    java_json: bytes | None

    @property
    def whole(self) -> bytes:
        """The bytes, with the fields that nobody knows behind the others."""
        return self.known + self.unknown

    @property
    def message(self) -> Any:
        """The message."""
        return KINDS[self.kind].FromString(self.whole)

    @property
    def of_json(self) -> Any:
        """The message as JSON has it."""
        return KINDS[self.kind].FromString(self.known)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An input that no writer makes, and what each language reads of it; None: it refuses."""

    name: str
    kind: str
    text: str | None
    raw: bytes | None
    read: dict[str, bytes | None]


def _vector(row: dict[str, Any]) -> Vector:
    java_json = row.get("javaReadsJson")
    return Vector(
        name=row["name"],
        kind=row["type"],
        textproto=row["textproto"],
        as_json=row["json"],
        known=bytes.fromhex(row["hex"]),
        unknown=bytes.fromhex(row.get("unknownHex", "")),
        also_hex=tuple(row.get("alsoHex", ())),
        also_json=tuple(row.get("alsoJson", ())),
        java_json=None if java_json is None else bytes.fromhex(java_json),
    )


def _outcome(row: dict[str, Any]) -> Outcome:
    raw = bytes.fromhex(row["hex"]) if "hex" in row else None
    read = {name: None if text is None else bytes.fromhex(text) for name, text in row["read"].items()}
    return Outcome(row["name"], row["type"], row.get("json"), raw, read)


def _rows(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads((TESTDATA / name).read_text(encoding="utf-8"))
    return rows


VECTORS = [_vector(row) for row in _rows("vectors.json")]
OUTCOMES = [_outcome(row) for row in _rows("outcomes.json")]
