"""What differs between a message and what another language made of it: compared as messages, never as bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format
from google.protobuf.message import DecodeError

from hub.web.canonical import batch_json
from tests.compat.contract import parts

if TYPE_CHECKING:
    from hub.pb.record_pb2 import Batch
    from tests.compat.echo import Answer

_MOST_SAID = 5


def same(one: Any, other: Any) -> bool:
    """Say whether two messages are equal to the last bit: -0.0 is not 0.0, NaN is NaN, unknown fields count.

    Unknown fields of different numbers must stand in the same order, though it has no meaning.
    """
    left: bytes = one.SerializeToString(deterministic=True)
    right: bytes = other.SerializeToString(deterministic=True)
    return left == right


def known(message: Any) -> Any:
    """Return a copy without the fields that nobody knows: what JSON can say of it."""
    copy = type(message).FromString(message.SerializeToString())
    copy.DiscardUnknownFields()
    return copy


def without_signs(message: Any) -> Any:
    """Return the message with 0.0 for every -0.0."""
    for one, value in message.ListFields():
        for part in parts(one, value):
            without_signs(part)
        if one.type == one.TYPE_DOUBLE and not one.is_repeated and value == 0:
            setattr(message, one.name, 0.0)
    return message


def same_json(text: bytes, expected: dict[str, Any]) -> bool:
    """Say whether a text is what was expected; 1e18 may stand there as a whole number."""
    equal: bool = json.loads(text, parse_int=float) == expected
    return equal


@dataclass(slots=True)
class Comparison:
    """Counts messages and what differed, the first ones in words.

    `keeps_signs`: whether the other language reads -0.0 in JSON as such. Java's JsonFormat makes 0.0 of it; messages
    that came back so, and the same otherwise, are counted in `signs`.
    """

    keeps_signs: bool = True
    messages: int = 0
    differences: int = 0
    signs: int = 0
    said: list[str] = field(default_factory=list)

    def add(self, sent: Any, as_json: dict[str, Any], rewritten: Answer, of_json: Answer) -> None:
        """Compare a message with its protobuf and JSON as another wrote them, and with what it read in `as_json`."""
        self.messages += 1
        if not (rewritten.taken and of_json.taken):
            self.differ(sent, "was refused", rewritten.content + of_json.content)
            return
        binary, text = rewritten.both()
        self._check(sent, binary, "rewritten")
        self._check_json(known(sent), of_json.content)
        if not same_json(text, as_json):
            self.differ(sent, "in JSON is otherwise", text)

    def add_own(self, sent: Batch) -> None:
        """Compare the hub's own writer of JSON with the library's."""
        self.messages += 1
        text = batch_json(sent)
        if not same_json(text, json_format.MessageToDict(sent)):
            self.differ(sent, "in the hub's JSON is otherwise", text)

    def differ(self, sent: Any, what: str, came: bytes) -> None:
        """Count a difference."""
        self.differences += 1
        if len(self.said) < _MOST_SAID:
            self.said.append(f"{sent.DESCRIPTOR.name} {what}: sent {sent.SerializeToString().hex()}, came {came!r}")

    def _check(self, sent: Any, content: bytes, what: str) -> None:
        back = _read(type(sent), content)
        if back is None or not same(sent, back):
            self.differ(sent, f"{what} is otherwise", content)

    def _check_json(self, sent: Any, content: bytes) -> None:
        back = _read(type(sent), content)
        if back is not None and same(sent, back):
            return
        if back is not None and not self.keeps_signs and same(without_signs(sent), back):
            self.signs += 1
        else:
            self.differ(sent, "of JSON is otherwise", content)


def _read(kind: Any, content: bytes) -> Any:
    try:
        return kind.FromString(content)
    except DecodeError:
        return None
