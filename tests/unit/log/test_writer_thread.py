"""hub.log.writer_thread: one call after the other, in a thread, for an event loop that does not wait."""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import TYPE_CHECKING

import pytest

from hub.log.writer_thread import WriterThread

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 10


@pytest.fixture
def writer() -> Iterator[WriterThread]:
    """A thread, which ends with the test."""
    thread = WriterThread("test-writer")
    yield thread
    thread.shutdown()


class Batch:
    """Something large."""


async def test_calls_are_made_in_order_in_one_thread(writer: WriterThread) -> None:
    """And what they return comes back to the event loop."""
    names: list[str] = []

    def call(number: int) -> int:
        names.append(threading.current_thread().name)
        return number * 2

    done = [writer.do(lambda number=number: call(number)) for number in range(20)]  # type: ignore[misc]
    async with asyncio.timeout(PATIENCE):
        assert await asyncio.gather(*done) == [number * 2 for number in range(20)]
    assert set(names) == {"test-writer"}


async def test_a_fault_is_raised_where_it_is_waited_for_and_the_next_call_is_made(writer: WriterThread) -> None:
    """Whatever it is."""
    async with asyncio.timeout(PATIENCE):
        for fault in (ValueError, SystemExit):
            with pytest.raises(fault):
                await writer.do(lambda fault=fault: (_ for _ in ()).throw(fault()))  # type: ignore[misc]
        assert await writer.do(lambda: "next") == "next"


async def test_the_event_loop_goes_on_meanwhile_and_what_is_cancelled_before_its_turn_is_not_done(
    writer: WriterThread,
) -> None:
    """A call that runs is made to its end, whether anybody still waits or not."""
    going, gate, made = threading.Event(), threading.Event(), []

    def slow() -> None:
        going.set()
        assert gate.wait(PATIENCE)
        made.append("slow")

    first, second = writer.do(slow), writer.do(lambda: made.append("second"))
    await asyncio.to_thread(going.wait, PATIENCE)
    assert not first.done()
    first.cancel()
    second.cancel()
    gate.set()
    async with asyncio.timeout(PATIENCE):
        await writer.do(lambda: made.append("last"))
    assert made == ["slow", "last"]


async def test_nothing_of_a_call_is_kept_while_the_next_is_waited_for(writer: WriterThread) -> None:
    """A batch would stay in memory for as long as nothing comes."""
    batch = Batch()
    kept = weakref.ref(batch)
    async with asyncio.timeout(PATIENCE):
        await writer.do(lambda batch=batch: batch and None)  # type: ignore[misc]
        del batch
        while kept():  # noqa: ASYNC110  the thread's own step
            await asyncio.sleep(0.001)


async def test_what_was_given_is_done_before_the_end(writer: WriterThread) -> None:
    """And the thread is gone then."""
    made: list[int] = []
    for number in range(5):
        writer.do(lambda number=number: made.append(number))  # type: ignore[misc]
    await asyncio.to_thread(writer.shutdown)
    assert made == list(range(5))
    assert "test-writer" not in {thread.name for thread in threading.enumerate()}


def test_a_loop_that_is_closed_does_not_end_the_thread(writer: WriterThread) -> None:
    """What comes of its calls is nothing to anybody."""
    going, gate = threading.Event(), threading.Event()

    def slow() -> bool:
        going.set()
        return gate.wait(PATIENCE)

    async def leave() -> None:
        writer.do(slow)
        await asyncio.to_thread(going.wait, PATIENCE)

    asyncio.run(leave())
    gate.set()
    assert asyncio.run(asyncio.wait_for(_next(writer), PATIENCE)) == 7


async def _next(writer: WriterThread) -> int:
    return await writer.do(lambda: 7)
