"""How many bytes of all partitions may be on their way into the log."""

from __future__ import annotations

import asyncio


class Room:
    """A bound that one taking may go over, so that what is larger than all of it is taken too, alone."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self.taken = 0
        self._free = asyncio.Event()
        self._free.set()

    async def take(self, size: int) -> None:
        """Take room, waiting while there is none."""
        while self.taken >= self._limit:
            self._free.clear()
            await self._free.wait()
        self.taken += size

    def give(self, size: int) -> None:
        """Give it back."""
        self.taken -= size
        if self.taken < self._limit:
            self._free.set()
