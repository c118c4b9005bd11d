"""A loop whose clock and threads stand still until they are told to go on, so that a test decides on every race.

Threads' work waits in `Jobs` and is done one job after the other in the loop's own thread. What is done is real: the
transactions of the log with their fsync, the compilation of filters. Only when is up to the test.
"""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")

# Turns of the loop in which nothing happens, after which nothing will; longer than any chain of wake-ups.
_QUIET = 12
# Jobs after which whoever asks for them will never be content.
_ENDLESS = 2000


class Jobs(ThreadPoolExecutor):
    """What would be done by threads."""

    def __init__(self) -> None:
        super().__init__(1)
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Keep a job."""
        done: Future[Any] = Future()
        self._waiting.append((done, lambda: call(*args, **kwargs)))
        return done

    def do(self, call: Callable[[], T]) -> asyncio.Future[T]:
        """Keep a job, as `hub.log.writer_thread.WriterThread` does."""
        return asyncio.wrap_future(self.submit(call))

    def step(self) -> bool:
        """Do the oldest job; False where there is none."""
        if not self._waiting:
            return False
        done, call = self._waiting.popleft()
        if done.set_running_or_notify_cancel():
            try:
                done.set_result(call())
            except Exception as error:  # noqa: BLE001  for whoever waits for the job
                done.set_exception(error)
        return True


class StepLoop(asyncio.SelectorEventLoop):
    """A loop with a clock that the test moves, in seconds."""

    now = 1000.0

    def time(self) -> float:
        """Return the clock."""
        return self.now


class Steps:
    """A loop, and the jobs of the log's writer, of its readers, and all others."""

    def __init__(self) -> None:
        self.loop = StepLoop()
        self.writer, self.readers, self.others = Jobs(), Jobs(), Jobs()
        self.loop.set_default_executor(self.others)

    def turn(self, turns: int) -> None:
        """Let tasks run for a few turns of the loop; no job is done."""
        self.loop.run_until_complete(_turns(turns))

    def settle(self) -> None:
        """Let tasks run and do all jobs until nothing is left to do."""
        self.loop.run_until_complete(self._settle())

    def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something to its end."""
        task = self.loop.create_task(work)
        self.settle()
        assert task.done(), task
        return task.result()

    def close(self) -> None:
        """Let go of the loop, and of whatever still runs on it."""
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.turn(_QUIET)
        self.loop.close()

    async def _settle(self) -> None:
        quiet = jobs = 0
        while quiet < _QUIET:
            await asyncio.sleep(0)
            done = [one.step() for one in (self.writer, self.readers, self.others)]
            quiet = 0 if any(done) else quiet + 1
            jobs += sum(done)
            assert jobs < _ENDLESS, "it never comes to rest"


async def _turns(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)
