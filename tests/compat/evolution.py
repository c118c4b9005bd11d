"""Other versions of the contract: stubs of a published one, and of one that nobody has written yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.descriptor_pb2 import DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

if TYPE_CHECKING:
    from google.protobuf.message import Message

PACKAGE = "loghub.v1"
ADDED = "added_"
_FIRST_NUMBER = 900
_ADDED_CONSTANT = 100
_SCALARS = (
    FieldDescriptorProto.TYPE_STRING,
    FieldDescriptorProto.TYPE_UINT64,
    FieldDescriptorProto.TYPE_SINT32,
    FieldDescriptorProto.TYPE_FIXED32,
    FieldDescriptorProto.TYPE_DOUBLE,
    FieldDescriptorProto.TYPE_BYTES,
    FieldDescriptorProto.TYPE_BOOL,
)


def stubs(image: FileDescriptorSet) -> dict[str, type[Message]]:
    """Return a class for each message of a contract, by full name; they know nothing of those in hub.pb."""
    pool = DescriptorPool()
    for file in image.file:  # each after those that it imports
        pool.Add(file)
    return {
        f"{PACKAGE}.{kind.name}": GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{kind.name}"))
        for file in image.file
        if file.package == PACKAGE
        for kind in file.message_type
    }


def grown(image: FileDescriptorSet) -> FileDescriptorSet:
    """Return the next version of a contract: each message, oneof and enum has more than it had."""
    later = FileDescriptorSet()
    later.CopyFrom(image)
    for file in later.file:
        if file.package == PACKAGE:
            for kind in file.message_type:
                _grow(kind)
            for enum in file.enum_type:
                _grow_enum(enum)
    return later


def _grow(kind: DescriptorProto) -> None:
    number = _FIRST_NUMBER
    optionals = {field.oneof_index for field in kind.field if field.proto3_optional}
    choices = [index for index in range(len(kind.oneof_decl)) if index not in optionals]
    for scalar in _SCALARS:
        number += 1
        kind.field.add(name=f"{ADDED}{number}", number=number, type=scalar, label=FieldDescriptorProto.LABEL_OPTIONAL)
    for choice in choices:
        number += 1
        kind.field.add(
            name=f"{ADDED}{number}",
            number=number,
            type=FieldDescriptorProto.TYPE_STRING,
            label=FieldDescriptorProto.LABEL_OPTIONAL,
            oneof_index=choice,
        )
    _grow_messages(kind, number)


def _grow_messages(kind: DescriptorProto, number: int) -> None:
    """Add a message, a list of numbers, and a map."""
    itself = f".{PACKAGE}.{kind.name}"
    optional, repeated = FieldDescriptorProto.LABEL_OPTIONAL, FieldDescriptorProto.LABEL_REPEATED
    message, text = FieldDescriptorProto.TYPE_MESSAGE, FieldDescriptorProto.TYPE_STRING
    kind.field.add(name=f"{ADDED}part", number=number + 1, type=message, label=optional, type_name=itself)
    kind.field.add(name=f"{ADDED}list", number=number + 2, type=FieldDescriptorProto.TYPE_INT64, label=repeated)
    entry = kind.nested_type.add(name="AddedMapEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=text, label=optional)
    entry.field.add(name="value", number=2, type=text, label=optional)
    kind.field.add(
        name=f"{ADDED}map", number=number + 3, type=message, label=repeated, type_name=f"{itself}.AddedMapEntry"
    )


def _grow_enum(enum: EnumDescriptorProto) -> None:
    enum.value.add(name=f"{enum.name.upper()}_ADDED", number=_ADDED_CONSTANT)
