"""hub.observe.audit_chain: a line holds only as it was written, and only in its place."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256

import pytest

from hub.observe.audit_chain import GENESIS, HEAD_BYTES, Head, Place, Seal, parsed

KEY = b"k" * 32
SEALS = [Seal(), Seal(KEY)]


def line(seal: Seal, seq: int = 1, prev: str = GENESIS, **more: object) -> bytes:
    """Return a line."""
    return seal.sealed({"seq": seq, **more, "prev": prev})[0]


@pytest.mark.parametrize("seal", SEALS)
def test_a_line_holds_as_it_was_written(seal: Seal) -> None:
    """Its fields come back, whatever their text."""
    evil = 'a","hash":"' + "0" * 64 + '"}\n\u2028ü😀'
    fields = seal.opened(line(seal, event=evil))
    assert fields is not None
    assert (fields["seq"], fields["event"], fields["prev"]) == (1, evil, GENESIS)


@pytest.mark.parametrize("seal", SEALS)
def test_no_byte_of_a_line_can_be_changed(seal: Seal) -> None:
    """Each byte flipped, each cut, and one more."""
    good = line(seal, event="refused", peer="192.0.2.7:1")
    for at in range(len(good)):
        assert seal.opened(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]) is None
        assert seal.opened(good[:at]) is None
    assert seal.opened(good + b" ") is None
    assert seal.opened(good) is not None


def test_the_hash_can_be_checked_without_loghub() -> None:
    """As the module says: over the line without its last member."""
    good = line(Seal(), event="x")
    body = good[: good.rindex(b',"hash":')] + b"}"
    assert json.loads(good)["hash"] == sha256(body).hexdigest()
    keyed = line(Seal(KEY), event="x")
    assert json.loads(keyed)["hash"] == hmac.digest(KEY, body, "sha256").hex()


def test_without_the_key_no_line_can_be_made() -> None:
    """Neither with another key, nor with none."""
    assert Seal(KEY).opened(line(Seal())) is None
    assert Seal(KEY).opened(line(Seal(b"x" * 32))) is None


def test_a_keys_name_does_not_tell_it() -> None:
    """It is its own for each key, and none without one."""
    assert Seal().key_id == ""
    assert len({Seal(KEY).key_id, Seal(b"x" * 32).key_id}) == 2
    assert KEY.hex()[:8] != Seal(KEY).key_id


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b'{"seq":"1","prev":"","hash":""}', b"\xff", b'{"seq":1,"prev":""}']
)
def test_what_is_no_line_is_none(raw: bytes) -> None:
    """Whatever it is."""
    assert parsed(raw) is None


def test_each_line_follows_the_one_before_it() -> None:
    """By number and by hash; what does not is said."""
    first = {"seq": 1, "prev": GENESIS, "hash": "a"}
    place, fault = Place().after(first)
    assert (place, fault) == (Place(1, "a"), "")
    assert "removed" in place.after({"seq": 4, "prev": "a", "hash": "b"})[1]
    assert "2 to 3" in place.after({"seq": 4, "prev": "a", "hash": "b"})[1]
    assert "order" in place.after(first)[1]
    assert "another line" in place.after({"seq": 2, "prev": "b", "hash": "c"})[1]


@pytest.mark.parametrize("seal", SEALS)
def test_a_head_comes_back_and_has_one_size(seal: Seal) -> None:
    """Only as its chain's, and unchanged."""
    head = Head("worker-0", 3, Place(7, "f" * 64))
    raw = head.line(seal)
    assert len(raw) == HEAD_BYTES == len(Head("worker-0", 3, Place(2**60, "f" * 64)).line(seal))
    assert Head.read(raw, "worker-0", seal) == head
    assert Head.read(raw, "worker-1", seal) is None
    assert Head.read(raw.replace(b'"seq":7', b'"seq":6'), "worker-0", seal) is None
    assert Head.read(b"", "worker-0", seal) is None
