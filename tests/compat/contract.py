"""Every message of the contract, by its full name: a file or message that is added is tested without another line."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:
    from collections.abc import Iterable

    from google.protobuf.descriptor import FileDescriptor
    from google.protobuf.message import Message

ROOT = Path(__file__).resolve().parents[2]
TESTDATA = ROOT / "proto" / "testdata"
FILES: list[FileDescriptor] = [
    import_module(f"hub.pb.{path.stem}").DESCRIPTOR for path in sorted((ROOT / "hub" / "pb").glob("*_pb2.py"))
]
KINDS: dict[str, type[Message]] = {
    kind.full_name: GetMessageClass(kind) for file in FILES for kind in file.message_types_by_name.values()
}


def is_map(field: Any) -> bool:
    """Say whether a field is a map, which the wire has as a list of entries."""
    return bool(field.message_type and field.message_type.GetOptions().map_entry)


def parts(field: Any, value: Any) -> Iterable[Any]:
    """Return the messages that a field's value holds: itself, those of the list, those of the map; none of a scalar."""
    if is_map(field):
        held: Iterable[Any] = value.values() if field.message_type.fields_by_name["value"].message_type else ()
        return held
    if not field.message_type:
        return ()
    return list(value) if field.is_repeated else [value]
