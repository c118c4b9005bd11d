"""Expressions that come and go, found in one pass: a few databases, compiled beside the event loop.

Compiling takes long and a compiled database cannot be changed, so new expressions make a small database of their own.
It takes in the ones that are not much larger than itself, as a log-structured merge tree does: with n expressions
there are log n databases, and each expression is compiled log n times.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hub.live.matcher.database import Hits

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from hub.live.matcher.database import Database

    Compile = Callable[[Mapping[int, str]], Database]
    Ready = Callable[[int], None]
    Spawn = Callable[[Coroutine[None, None, None], str], object]

# A database up to this many times as large as what is new is compiled again with it.
_TAKES_IN = 2


@dataclass(slots=True)
class _Tier:
    """A database and its expressions; dropped ones are still found until it is compiled again."""

    database: Database
    expressions: dict[int, str]
    compiled: int

    @property
    def half_dead(self) -> bool:
        """Whether most of what it finds has been dropped."""
        return len(self.expressions) * 2 < self.compiled


class Scanner:
    """Finds expressions by number; `ready` is told each one from whose compilation on a pass finds it."""

    def __init__(self, compile_all: Compile, ready: Ready, spawn: Spawn) -> None:
        self._compile = compile_all
        self._ready = ready
        self._spawn = spawn
        self._fresh: dict[int, str] = {}
        self._tiers: list[_Tier] = []
        self._dropped: set[int] = set()
        self._in_work = 0
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def idle(self) -> bool:
        """Whether a pass would find nothing."""
        return not self._tiers

    @property
    def pending(self) -> int:
        """How many expressions are not compiled yet."""
        return len(self._fresh) + self._in_work

    def add(self, number: int, expression: str) -> None:
        """Have an expression compiled soon."""
        self._fresh[number] = expression
        self._compile_soon()

    def drop(self, number: int) -> None:
        """Forget an expression; it may still be found for a while."""
        self._fresh.pop(number, None)
        self._dropped.add(number)
        for tier in self._tiers:
            if tier.expressions.pop(number, None) is not None and tier.half_dead:
                self._compile_soon()

    async def settle(self) -> None:
        """Wait until all that was added is compiled, or found unfit."""
        await self._settled.wait()

    def scan(self, text: bytes, max_hits: int) -> Hits:
        """Find all expressions, one database after the other; after `max_hits` of one it stops there."""
        all_hits = Hits([], [])
        for tier in self._tiers:
            hits = tier.database.scan(text, max_hits)
            all_hits.numbers.extend(hits.numbers)
            all_hits.ends.extend(hits.ends)
        return all_hits

    def _compile_soon(self) -> None:
        if self._settled.is_set():
            self._settled.clear()
            self._spawn(self._work(), "filter-compiler")

    async def _work(self) -> None:
        try:
            while self._fresh or any(tier.half_dead for tier in self._tiers):
                await self._merge()
        finally:
            self._settled.set()

    async def _merge(self) -> None:
        """Compile what is new together with the databases that are small or half dead."""
        fresh, self._fresh, self._in_work = self._fresh, {}, len(self._fresh)
        self._dropped.clear()
        gathered = dict(fresh)
        kept = []
        for tier in sorted(self._tiers, key=lambda tier: len(tier.expressions)):
            if tier.half_dead or len(tier.expressions) <= _TAKES_IN * len(gathered):
                gathered |= tier.expressions
            else:
                kept.append(tier)
        made = await asyncio.to_thread(_tiers, self._compile, gathered)
        for tier in made:
            for number in self._dropped & tier.expressions.keys():
                del tier.expressions[number]
        self._tiers = kept + made
        self._in_work = 0
        for tier in made:
            for number in fresh.keys() & tier.expressions.keys():
                self._ready(number)


def _tiers(compile_all: Compile, expressions: dict[int, str]) -> list[_Tier]:
    """Compile expressions into as few databases as may be; those that cannot be compiled are left out."""
    if not expressions:
        return []
    try:
        return [_Tier(compile_all(expressions), expressions, len(expressions))]
    except ValueError:
        if len(expressions) == 1:
            return []
    items = list(expressions.items())
    middle = len(items) // 2
    return [tier for half in (items[:middle], items[middle:]) for tier in _tiers(compile_all, dict(half))]
