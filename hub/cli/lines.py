"""Lines of a file or pipe, in batches as they come."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from hub.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractContextManager

_BATCH_LINES = 500
_LINGER_SECONDS = 0.1
_QUEUE_LINES = 5_000
_MAX_LINE_CHARACTERS = 200_000


def opened(file: str, standard_input: TextIO) -> AbstractContextManager[TextIO]:
    """Return a file to read, -: standard input; ConfigError where it cannot be read."""
    try:
        return nullcontext(standard_input) if file == "-" else Path(file).open(encoding="utf-8", errors="replace")
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error


async def batches(lines: TextIO) -> AsyncIterator[list[str]]:
    """Yield lines that are not empty in batches: as many as are there, after at most the linger time."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[str | None] = asyncio.Queue(_QUEUE_LINES)  # full: reading waits

    def read() -> None:
        for line in lines:
            if text := line.rstrip("\r\n"):
                asyncio.run_coroutine_threadsafe(queue.put(text[:_MAX_LINE_CHARACTERS]), loop).result()
        asyncio.run_coroutine_threadsafe(queue.put(None), loop).result()

    reading = loop.run_in_executor(None, read)
    while (line := await queue.get()) is not None:
        batch = [line]
        await asyncio.sleep(_LINGER_SECONDS if queue.empty() else 0)
        while len(batch) < _BATCH_LINES and not queue.empty():
            following = queue.get_nowait()
            if following is None:
                yield batch
                await reading
                return
            batch.append(following)
        yield batch
    await reading
