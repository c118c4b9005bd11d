"""hub.core.cursor: a cursor is read back as it was written, and nothing else is read at all."""

from __future__ import annotations

import struct
from base64 import urlsafe_b64encode
from binascii import crc32
from string import ascii_letters, digits, printable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.cursor import MAX_OFFSET, Cursor
from hub.errors import BadCursorError
from tests.examples import examples

quick = examples(25)
cursors = st.builds(Cursor, st.integers(0, 2**64 - 1), st.integers(0, MAX_OFFSET))
tenants = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", fullmatch=True)


def refused(text: str, tenant: str = "acme") -> bool:
    """Return whether the cursor is refused."""
    try:
        Cursor.decode(text, tenant)
    except BadCursorError:
        return True
    return False


@quick
@given(cursors, tenants)
def test_a_cursor_is_read_back_as_it_was_written(cursor: Cursor, tenant: str) -> None:
    """Epoch and offset come back, from 28 characters that need no escaping anywhere."""
    text = cursor.encode(tenant)
    assert Cursor.decode(text, tenant) == cursor
    assert len(text) == 28
    assert text.replace("-", "").replace("_", "").isalnum()


def test_the_layout_stays() -> None:
    """Clients keep cursors for weeks, so that a hub of tomorrow must read those of today."""
    assert Cursor(epoch=1, offset=2).encode("acme") == "AQAAAAAAAAABAAAAAAAAAAJdCKnS"


@quick
@given(cursors)
def test_every_part_of_a_cursor_is_refused(cursor: Cursor) -> None:
    """No prefix and no suffix passes for a whole one."""
    text = cursor.encode("acme")
    assert all(refused(text[:size]) and refused(text[-size:]) for size in range(len(text)) if size)
    assert refused("")


@quick
@given(cursors)
def test_every_flipped_bit_is_refused(cursor: Cursor) -> None:
    """Of the characters as of the bytes behind them."""
    text = cursor.encode("acme")
    for at, character in enumerate(text):
        for bit in range(8):
            assert refused(text[:at] + chr(ord(character) ^ 1 << bit) + text[at + 1 :])


@quick
@given(cursors, tenants, tenants)
def test_another_tenants_cursor_is_refused(cursor: Cursor, mine: str, other: str) -> None:
    """A cursor counts in one tenant's log only."""
    assert refused(cursor.encode(other), mine) is (mine != other)


@quick
@given(
    st.text(printable + "\0é٣\ud800", max_size=64) | st.text(ascii_letters + digits + "-_", min_size=28, max_size=28)
)
def test_garbage_is_refused(text: str) -> None:
    """Whatever a client sends ends in the one error."""
    assert refused(text)


@pytest.mark.parametrize("change", ["{}\n", " {}", "{}=", "=={}", "{}AAAA"])
def test_additions_are_refused(change: str) -> None:
    """A cursor has one spelling, so that equal positions are equal strings."""
    assert refused(change.format(Cursor(1, 2).encode("acme")))


def test_the_other_base64_alphabet_is_refused() -> None:
    """What a lenient decoder would read is still another spelling."""
    text = Cursor(MAX_OFFSET, MAX_OFFSET).encode("acme")
    assert "_" in text
    assert refused(text.replace("_", "/"))


def test_a_version_that_is_unknown_is_refused() -> None:
    """Even with a right check value."""
    body = struct.pack(">BQQ", 2, 1, 2)
    raw = body + struct.pack(">I", crc32(b"acme", crc32(body)))
    assert refused(urlsafe_b64encode(raw).decode())
