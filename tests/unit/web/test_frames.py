"""hub.web.frames: frames of one connection are one write, and no turn of the event loop is long."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from hub.web.frames import Flusher, FrameWriter
from tests.fakes import settle


class Peer:
    """The part of uvicorn's protocol and transport that a writer uses; keeps each write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.close_sent = self.disconnected = self.closing = self.aborted = False
        self.writable = asyncio.Event()
        self.writable.set()

    @property
    def transport(self) -> Peer:
        """The same object."""
        return self

    def is_closing(self) -> bool:
        """As of a transport."""
        return self.closing

    def write(self, data: bytes) -> None:
        """Keep it."""
        self.writes.append(data)

    def abort(self) -> None:
        """Take note."""
        self.aborted = True


def writer(peer: Peer, flusher: Flusher, queue_bytes: int = 1000) -> FrameWriter:
    """Return a writer to a peer."""
    return FrameWriter(cast("Any", peer), flusher, queue_bytes)


async def test_frames_that_come_together_are_one_write() -> None:
    """In their order; another connection's are its own."""
    one, other, flusher = Peer(), Peer(), Flusher(0.0)
    to_one, to_other = writer(one, flusher), writer(other, flusher)
    for frame in (b"a", b"b", b"c"):
        to_one.write(frame)
    to_other.write(b"x")
    assert (one.writes, other.writes) == ([], [])
    await settle()
    assert (one.writes, other.writes) == ([b"abc"], [b"x"])


async def test_a_single_frame_is_not_copied() -> None:
    """It may be large, and go to thousands."""
    peer, flusher, frame = Peer(), Flusher(0.0), bytes(100)
    writer(peer, flusher).write(frame)
    await settle()
    assert peer.writes[0] is frame


async def test_a_turn_writes_a_bounded_amount() -> None:
    """Whatever else waits gets its turn before all are served."""
    peers, flusher, seen = [Peer() for _ in range(8)], Flusher(0.0), []
    for peer in peers:
        writer(peer, flusher, 2**20).write(bytes(100_000))

    def look() -> None:
        seen.append(sum(len(peer.writes) for peer in peers))
        if seen[-1] < len(peers):
            asyncio.get_running_loop().call_soon(look)

    asyncio.get_running_loop().call_soon(look)
    await settle()
    assert seen == [3, 6, 8]


async def test_a_busy_connection_gets_little_frames_in_bundles() -> None:
    """The first goes at once, those that follow within the time together; a large one does not wait."""
    peer, flusher = Peer(), Flusher(0.01, calm_writes=0)
    to_peer = writer(peer, flusher, 2**20)
    to_peer.write(b"first")
    await settle()
    assert peer.writes == [b"first"]
    to_peer.write(b"second")
    await settle()
    to_peer.write(b"third")
    await settle()
    assert peer.writes == [b"first"]
    to_peer.write(large := bytes(20_000))
    await settle()
    assert peer.writes == [b"first", b"secondthird", large]


async def test_little_frames_that_come_together_are_one_write() -> None:
    """However many: a write costs more than all that is done for a little frame."""
    peer, flusher = Peer(), Flusher(0.0)
    to_peer = writer(peer, flusher, 2**20)
    frames = [bytes([number]) * 300 for number in range(200)]
    for frame in frames:
        assert to_peer.offer(frame)
    await settle()
    assert peer.writes == [b"".join(frames)]


async def test_a_large_frame_is_not_copied() -> None:
    """It comes between as few writes of the little ones as records of TLS hold them."""
    peer, flusher = Peer(), Flusher(0.0)
    to_peer = writer(peer, flusher, 2**20)
    frames = [bytes([number]) * 300 for number in range(100)]
    large = bytes(20_000)
    for frame in (*frames, large, b"last"):
        assert to_peer.offer(frame)
    await settle()
    assert b"".join(peer.writes) == b"".join(frames) + large + b"last"
    assert [len(write) for write in peer.writes] == [16_200, 13_800, 20_000, 4]
    assert peer.writes[2] is large


async def test_a_bundle_goes_when_its_time_has_come() -> None:
    """However little is in it."""
    peer, flusher = Peer(), Flusher(0.01, calm_writes=0)
    to_peer = writer(peer, flusher)
    to_peer.write(b"first")
    await settle()
    to_peer.write(b"second")
    async with asyncio.timeout(5):
        while len(peer.writes) < 2:  # noqa: ASYNC110  the event loop's own clock decides
            await asyncio.sleep(0.001)
    assert peer.writes == [b"first", b"second"]


async def test_while_there_is_little_to_write_nothing_waits() -> None:
    """Four writes in a gather time are few here: they go at once; with the fifth, what is little begins to wait."""
    peer, flusher = Peer(), Flusher(0.05, calm_writes=4)
    to_peer = writer(peer, flusher)
    for number in range(6):
        to_peer.write(b"%d" % number)
        await settle()
    assert peer.writes == [b"0", b"1", b"2", b"3"]
    await asyncio.sleep(0.06)
    assert peer.writes == [b"0", b"1", b"2", b"3", b"45"]
    to_peer.write(b"6")
    await settle()
    assert len(peer.writes) == 5, "the gather time before had its four writes"
    await asyncio.sleep(0.2)
    to_peer.write(b"7")
    await settle()
    to_peer.write(b"8")
    await settle()
    assert peer.writes[-2:] == [b"7", b"8"], "and that is long ago"


async def test_a_writer_is_full_while_too_much_waits() -> None:
    """In its own queue, or in the transport's."""
    peer, flusher = Peer(), Flusher(0.0)
    to_peer = writer(peer, flusher, queue_bytes=3)
    to_peer.write(b"abc")
    assert not to_peer.full
    to_peer.write(b"d")
    assert to_peer.full
    await to_peer.drain()
    assert (to_peer.full, peer.writes) == (False, [b"abcd"])
    to_peer.paused = True
    assert to_peer.full


@pytest.mark.parametrize("state", ["close_sent", "disconnected", "closing"])
async def test_nothing_is_written_to_who_is_gone(state: str) -> None:
    """Frames are dropped without a word."""
    peer, flusher = Peer(), Flusher(0.0)
    to_peer = writer(peer, flusher)
    setattr(peer, state, True)
    to_peer.write(b"late")
    await settle()
    assert peer.writes == []


async def test_draining_waits_for_the_peer_and_says_when_it_is_gone() -> None:
    """So that whoever reads the log for it goes on, or stops."""
    peer, flusher = Peer(), Flusher(0.0)
    to_peer = writer(peer, flusher)
    to_peer.paused = True
    peer.writable.clear()
    draining = asyncio.create_task(to_peer.drain())
    await settle()
    assert not draining.done()
    peer.disconnected = True
    peer.writable.set()
    with pytest.raises(ConnectionError):
        await draining
