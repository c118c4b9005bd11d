"""hub.live.matcher.scanner: expressions come and go, and a pass finds those that are there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hub.live.matcher.database import compile_literals, compile_patterns
from hub.live.matcher.scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from hub.live.matcher.database import Database


class World:
    """A scanner, its tasks, and what it said is ready."""

    def __init__(self, compile_all: Callable[[Mapping[int, str]], Database] = compile_literals) -> None:
        self.compiled: list[int] = []
        self.ready: list[int] = []
        self.tasks: list[asyncio.Task[None]] = []
        self._compile = compile_all
        self.scanner = Scanner(self._counted, self.ready.append, self._spawn)

    def _counted(self, expressions: Mapping[int, str]) -> Database:
        self.compiled.append(len(expressions))
        return self._compile(expressions)

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        self.tasks.append(asyncio.create_task(work, name=name))

    async def settled(self) -> World:
        """Wait until all is compiled; what a task died of is raised."""
        while self.tasks:
            await self.tasks.pop()
        await self.scanner.settle()
        return self

    def found(self, text: str, max_hits: int = 1000) -> set[int]:
        """Return the numbers found in a text."""
        return set(self.scanner.scan(text.encode(), max_hits).numbers)


async def test_what_was_added_is_found_once_it_is_ready() -> None:
    """By its number."""
    world = World()
    world.scanner.add(7, "red")
    world.scanner.add(9, "blue")
    assert (world.scanner.pending, world.scanner.idle, world.found("red")) == (2, True, set())
    await world.settled()
    assert (world.scanner.pending, world.scanner.idle, sorted(world.ready)) == (0, False, [7, 9])
    assert world.found("blue and redder") == {7, 9}
    assert world.scanner.scan(b"xxred", 10) == ([7], [5])


async def test_an_expression_is_compiled_seldom() -> None:
    """A thousand that come one by one are not compiled a thousand times each."""
    world = World()
    for number in range(200):
        world.scanner.add(number, f"word{number:04}")
        await world.settled()
    assert sum(world.compiled) < 200 * 10
    assert world.found("word0000 word0199") == {0, 199}


async def test_what_was_dropped_goes_with_the_next_compilation() -> None:
    """It may be found until then, and is never said to be ready."""
    world = World()
    for number in range(4):
        world.scanner.add(number, f"word{number}")
    world.scanner.drop(3)
    await world.settled()
    assert sorted(world.ready) == [0, 1, 2]
    for number in (0, 1):
        world.scanner.drop(number)
    await world.settled()
    assert world.found("word0 word1 word2 word3") == {2}
    world.scanner.drop(2)
    await world.settled()
    assert world.scanner.idle


async def test_what_cannot_be_compiled_is_left_out() -> None:
    """The others are found all the same."""
    world = World(compile_patterns)
    for number, pattern in enumerate(["red+", "(", "x*", "blue"]):
        world.scanner.add(number, pattern)
    await world.settled()
    assert sorted(world.ready) == [0, 3]
    assert world.found("redd blue xx (") == {0, 3}


async def test_a_pass_stops_at_its_bound() -> None:
    """Whoever asks sees that there may be more."""
    world = World()
    world.scanner.add(1, "aaa")
    await world.settled()
    assert len(world.scanner.scan(b"a" * 1000, 10).numbers) == 10
