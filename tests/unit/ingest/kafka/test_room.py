"""hub.ingest.kafka.room: what is taken is bounded."""

from __future__ import annotations

import asyncio

from hub.ingest.kafka.room import Room


async def test_who_comes_to_a_full_room_waits() -> None:
    """Until enough is given back; one may go over."""
    room = Room(10)
    await room.take(9)
    await room.take(100)
    waiting = asyncio.create_task(room.take(1))
    await asyncio.sleep(0)
    assert not waiting.done()
    room.give(9)
    await asyncio.sleep(0)
    assert not waiting.done()
    room.give(100)
    await asyncio.wait_for(waiting, 1)
    assert room.taken == 1
