"""Write the golden vectors of the contract: each message as text, as canonical JSON, and as bytes.

tools/golden_vectors.py [folder]; proto/testdata where none is named. `make compat` is where they are read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from golden_cases import CASES, Case
from golden_outcomes import OUTCOMES, Outcome
from google.protobuf import json_format, text_format

from hub.pb import consume_pb2, ingest_pb2, record_pb2, tail_pb2

if TYPE_CHECKING:
    from google.protobuf.message import Message

_PACKAGE = "loghub.v1"
_FILES = (ingest_pb2, record_pb2, tail_pb2, consume_pb2)


def vector(case: Case) -> dict[str, Any]:
    """Return a vector: what a case says, and its bytes and JSON."""
    message = text_format.Parse(case.text, kind_of(case.kind)())
    made: dict[str, Any] = {
        "name": case.name,
        "type": f"{_PACKAGE}.{case.kind}",
        "textproto": case.text,
        "json": _sorted(json_format.MessageToDict(message)),
        "hex": message.SerializeToString(deterministic=True).hex(),
    }
    if case.unknown:
        made["unknownHex"] = case.unknown
    if case.also_hex:
        made["alsoHex"] = list(case.also_hex)
    if case.also_json:
        made["alsoJson"] = [one if isinstance(one, str) else _dumped(one) for one in case.also_json]
    if case.java_json:
        made["javaReadsJson"] = case.java_json
    return made


def outcome(one: Outcome) -> dict[str, Any]:
    """Return what each language makes of an input; null: it refuses."""
    given = {"json": one.json} if one.json is not None else {"hex": one.hex}
    return {
        "name": one.name,
        "type": f"{_PACKAGE}.{one.kind}",
        **given,
        **({"why": one.why} if one.why else {}),
        "read": one.read,
    }


def kind_of(name: str) -> type[Message]:
    """Return the class of a message of the contract."""
    kinds: list[type[Message]] = [getattr(file, name) for file in _FILES if hasattr(file, name)]
    return kinds[0]


def _sorted(value: object) -> object:
    """Return the same JSON with names in order: maps come in any."""
    return json.loads(json.dumps(value, sort_keys=True))


def _dumped(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def write(folder: Path) -> None:
    """Write both files, one vector a line."""
    for name, rows in (("vectors", map(vector, CASES)), ("outcomes", map(outcome, OUTCOMES))):
        lines = ",\n".join(_dumped(row) for row in rows)
        (folder / f"{name}.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8")


if __name__ == "__main__":
    default = Path(__file__).resolve().parent.parent / "proto" / "testdata"
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
