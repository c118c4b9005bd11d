"""hub.log.backbone_message: what hubs write to each other is read as it was written, and nothing else is an error."""

from __future__ import annotations

import pytest

from hub.log.backbone_message import (
    Checkpoint,
    Forget,
    Producer,
    Stamp,
    Stamped,
    checkpoint_message,
    entry_message,
    forget_message,
    read_message,
)
from hub.log.model import Entry, Note


def test_an_entry_comes_back_with_its_stamp() -> None:
    """The tenant is the topic's, never the message's."""
    entry = Entry("a", b"data", 3, 2**63 + 5, "p1", 2**64 - 1, 2**64 - 2)
    stamp = Stamp(2**64 - 1, 7)
    assert read_message("a", entry_message(entry, stamp)) == Stamped(entry, stamp)
    other = read_message("b", entry_message(entry, stamp))
    assert isinstance(other, Stamped)
    assert other.entry.tenant == "b"


def test_a_checkpoint_and_what_is_forgotten_come_back() -> None:
    """With every producer."""
    rows = (Producer("p1", 5, 6), Producer("p2", 2**64 - 1, 0))
    assert read_message("a", checkpoint_message(9, 2**40, rows)) == Checkpoint(9, 2**40, rows)
    assert read_message("a", forget_message(12)) == Forget(12)


def test_a_note_comes_back_alone_and_in_a_checkpoint() -> None:
    """With name and version."""
    entry = Entry("a", b"data", 0, 5, seq=2**64 - 1, after_seq=7, note="group/x")
    assert read_message("a", entry_message(entry, Stamp(1, 2))) == Stamped(entry, Stamp(1, 2))
    notes = (Note("group/x", 2**64 - 1, b"data"), Note("y", 1, b""))
    assert read_message("a", checkpoint_message(9, 10, (), notes)) == Checkpoint(9, 10, (), notes)


@pytest.mark.parametrize("value", [None, b"", b"\xff\xff", b"hello", b"\x7a\x00"])
def test_what_no_hub_wrote_is_passed_over(value: bytes | None) -> None:
    """A tombstone, another program's bytes, and a kind of a later version alike."""
    assert read_message("a", value) is None
