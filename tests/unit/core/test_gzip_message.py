"""hub.core.gzip_message: messages within bounds, and bombs that are never inflated."""

from __future__ import annotations

import contextlib
import gzip
import tracemalloc

import pytest

from hub.core.gzip_message import inflate, is_gzip
from hub.errors import BadRequestError, TooLargeError

MOST = 10_000
TEXT = bytes(range(256)) * 10


def test_a_message_inflates_to_what_it_was() -> None:
    """Empty ones and those of exactly the limit too."""
    for text in (b"", b"x", TEXT, bytes(MOST)):
        packed = gzip.compress(text)
        assert is_gzip(packed)
        assert inflate(packed, MOST) == text


def test_a_plain_message_is_none() -> None:
    """Nothing that protobuf can be begins as gzip does."""
    assert not any(is_gzip(raw) for raw in (b"", b"\x1f", b"\x0a\x02hi"))


def test_what_is_too_large_is_not_inflated() -> None:
    """A byte too much, and 62 MiB in 60 KB."""
    for size in (MOST + 1, 62 * 2**20):
        packed = gzip.compress(bytes(size))
        tracemalloc.start()
        with pytest.raises(TooLargeError, match=f"inflates to {size} bytes, the limit is {MOST}"):
            inflate(packed, MOST)
        assert tracemalloc.get_traced_memory()[1] < 2**16
        tracemalloc.stop()


def test_a_message_is_never_more_than_it_claims() -> None:
    """A bomb that says it is small."""
    packed = gzip.compress(bytes(2**24))[:-4] + (100).to_bytes(4, "little")
    tracemalloc.start()
    with pytest.raises(BadRequestError):
        inflate(packed, MOST)
    assert tracemalloc.get_traced_memory()[1] < 2**18
    tracemalloc.stop()


def test_every_prefix_and_every_flipped_byte_is_refused_or_the_same() -> None:
    """Some bytes of the head say nothing of the content."""
    packed = gzip.compress(TEXT)
    for end in range(len(packed)):
        with pytest.raises((BadRequestError, TooLargeError)):
            inflate(packed[:end], MOST)
    for at in range(len(packed)):
        flipped = bytearray(packed)
        flipped[at] ^= 0xFF
        with contextlib.suppress(BadRequestError, TooLargeError):
            assert inflate(bytes(flipped), MOST) == TEXT


def test_what_follows_is_refused() -> None:
    """Garbage, and a second file."""
    packed = gzip.compress(b"x")
    for more in (b"more" + packed[-4:], packed):
        with pytest.raises(BadRequestError, match="one whole gzip"):
            inflate(packed + more, MOST)
