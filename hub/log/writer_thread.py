"""A thread that does one thing after the other for the event loop.

An executor does the same by way of futures of its own, with locks and callbacks between them: 60 µs for each commit of
a log that has nothing else to do (`loghub bench tail`).
"""

from __future__ import annotations

import asyncio
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_Call = tuple["Callable[[], Any]", "asyncio.Future[Any]", asyncio.AbstractEventLoop]


class WriterThread:
    """Does what it is given, in order."""

    def __init__(self, name: str) -> None:
        # Bounded by whoever gives: each waits for what it gave.
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        # What is not done when the process ends must not keep it from ending.
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def do(self, call: Callable[[], T]) -> asyncio.Future[T]:
        """Have a call made; one that is cancelled before its turn is not."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._calls.put((call, done, loop))
        return done

    def shutdown(self) -> None:
        """Do what was given, then end; to be called outside of the event loop."""
        self._calls.put(None)
        self._thread.join()

    def _work(self) -> None:
        while self._next():
            pass

    def _next(self) -> bool:
        """Make a call, of which nothing is kept while the next one is waited for."""
        given = self._calls.get()
        if given is None:
            return False
        call, done, loop = given
        if done.cancelled():
            return True
        result, error = None, None
        try:
            result = call()
        except BaseException as fault:  # noqa: BLE001  for whoever waits for it
            error = fault
        try:
            loop.call_soon_threadsafe(_tell, done, result, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return True
        return True


def _tell(done: asyncio.Future[T], result: T, error: BaseException | None) -> None:
    if done.done():  # whoever waited was cancelled
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)
