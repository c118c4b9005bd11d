"""Runs one group for the members that are connected to this process.

A round takes what members asked for, looks for pieces for those that have room, and writes the group's new state to the
log. Only then members hear of it: so what was handed out is handed out for all processes, and what is said to be
settled outlives the hub. The state is written under the version that was read; where another process has written
before, the round is made again on its state. Nobody owns a group: whoever has members of it takes part.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from hub.consume.delivery import delivery_message
from hub.consume.errors import GroupGoneError, MembershipOverError, ReplacedError
from hub.consume.reader import PieceReader, Want
from hub.core.filter import FilterLimits, parse_filter
from hub.core.group_state import read_group, write_group
from hub.errors import LoghubError, LogUnavailableError, StorageFullError
from hub.log.model import Appended, Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.consume.limits import ConsumeLimits
    from hub.consume.member import Member, Observer
    from hub.consume.reader import Found
    from hub.core.consumer_group import Group, Held
    from hub.log.model import Log

_log = logging.getLogger(__name__)
# Of one round, for all members together; the next round follows at once.
_ROUND_BYTES = 8 * 2**20
_RETRY_SECONDS = 0.5
_CONFLICT_SECONDS = 0.005
# A group's notes are renewed so many times before its members would count as gone.
_RENEWALS = 3
_SECOND = 10**9
_TICK_SECONDS = 0.001
# A group's filter was let in when the group was made; what the limits are by now is not its concern.
ANY_FILTER = FilterLimits(2**31, 2**31)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked for: made on every state that is tried, and answered once one is stored. An error may come of it.

    With a `member`, that sits then.
    """

    change: Callable[[Group, int], object]
    done: asyncio.Future[object]
    member: Member | None = None


@dataclass(frozen=True, slots=True)
class _Handed:
    """A piece that is a member's once the state is stored."""

    member: Member
    held: Held
    found: Found


class GroupRunner:
    """The members of a group in this process; `run` lasts as long as there are any."""

    def __init__(self, key: tuple[str, str], log: Log, limits: ConsumeLimits, observer: Observer) -> None:
        self.tenant, self.name = key
        self._log = log
        self._limits = limits
        self._observer = observer
        self._members: dict[int, Member] = {}
        # Bounded by the members' messages: each session waits for its answer before it reads on.
        self._asked: deque[_Asked] = deque()
        self._wake = asyncio.Event()
        self._group: Group | None = None
        self._version = 0
        self._data = b""
        self._reader: PieceReader | None = None
        # Nothing matters from the position up to here: (position, here).
        self._clear = (0, 0)
        self._cleared_at = 0
        self._seen_at = 0
        self._hungry = False
        self._over: LoghubError | None = None

    @property
    def idle(self) -> bool:
        """Whether nobody needs it."""
        return not self._members and not self._asked

    def wake(self) -> None:
        """Have it look again: something was stored."""
        self._wake.set()

    def ask(self, change: Callable[[Group, int], object], member: Member | None = None) -> asyncio.Future[object]:
        """Have a change made, at once in line; the future has what came of it once that is stored, or a LoghubError.

        With a member that sits by the change: it is served from then on.
        """
        done = _answerable()
        if self._over is not None:
            done.set_exception(self._over)
            return done
        self._asked.append(_Asked(change, done, member))
        self.wake()
        return done

    def remove(self, seat: int) -> None:
        """Serve a member no more."""
        self._members.pop(seat, None)
        self.wake()

    # --- rounds ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run until nobody needs it."""
        conflicts = 0
        while not self.idle:
            self._wake.clear()
            try:
                stored = await self._round()
            except GroupGoneError as error:
                self.end(error)
                return
            except (StorageFullError, LogUnavailableError) as error:
                fields = {"tenant": self.tenant, "group": self.name, "reason": error.message}
                _log.warning("group_postponed", extra={"fields": fields})
                await asyncio.sleep(min(error.retry_after_seconds or _RETRY_SECONDS, _RETRY_SECONDS))
                continue
            except LoghubError as error:
                self.end(error)
                return
            if not stored:
                conflicts += 1
                if conflicts > 1:
                    await asyncio.sleep(random.uniform(0.0, _CONFLICT_SECONDS))  # noqa: S311  spreads load
                continue
            conflicts = 0
            if not self._hungry:
                await self._rest()

    async def _rest(self) -> None:
        """Wait for something to do."""
        group, wait = self._group, self._limits.sweep_seconds
        now = time_ns()
        due = group.due(now) if group is not None else None
        if due is not None:
            wait = min(wait, max((due - now) / _SECOND, _TICK_SECONDS))
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._wake.wait()

    async def _round(self) -> bool:
        """Make one round; False where another process has written before: make it again."""
        before = await self._current()
        now = time_ns()
        work, asked = before.copy(), list(self._asked)
        answers = [_made(one.change, work, now) for one in asked]
        telling = now - self._seen_at > int(self._limits.member_seconds * _SECOND) // _RENEWALS
        self._look_around(work, now, telling=telling)
        handed = await self._hand_out(work, now)
        data = write_group(work)
        if data != self._data and not await self._store(work, data):
            return False
        if telling:
            self._seen_at = now
        for _ in asked:
            self._asked.popleft()
        if work is self._group:
            self._observer.changed(self.tenant, self.name, before, work)
        for one in handed:
            one.member.outlet.deliver(delivery_message(one.held, one.found))
            self._observer.handed(self.tenant, one.found)
        for request, answer in zip(asked, answers, strict=True):
            if request.member and not isinstance(answer, LoghubError):
                self._welcome(request.member, work, gone=request.done.done())
            _answer(request.done, answer)
        return True

    def _welcome(self, member: Member, group: Group, *, gone: bool) -> None:
        """Serve a member that sits; one whose connection is gone since it asked gives its place back."""
        seat = member.seat.id
        if not gone:
            self._members[seat] = member
            member.outlet.sat(self, group)
            self._hungry = True
            return

        def rise(group: Group, now: int) -> None:
            group.rise(seat, now, counted=False)

        self._asked.append(_Asked(rise, _answerable()))
        self._hungry = True

    async def _current(self) -> Group:
        """Return the state that stands; GroupGoneError where the group is no more."""
        note = await self._log.note(self.tenant, note_name(self.name))
        if note is None:
            raise GroupGoneError
        if self._group is None or note.version != self._version:
            group = _read(note.data)
            if self._group is not None and self._group.created != group.created:
                raise GroupGoneError
            self._take(group, note.version, note.data)
        assert self._group is not None  # noqa: S101  it was taken just now
        self._dismiss(self._group)
        return self._group

    def _take(self, group: Group, version: int, data: bytes) -> None:
        if self._reader is None:
            wanted = parse_filter(group.filter, ANY_FILTER)
            self._reader = PieceReader(self._log, self.tenant, wanted, self._limits.read_bytes)
        self._group, self._version, self._data = group, version, data

    def _dismiss(self, group: Group) -> None:
        """End members here whose place is gone."""
        for seat in [seat for seat in self._members if seat not in group.seats]:
            member = self._members.pop(seat)
            replaced = any(one.name == member.seat.name for one in group.seats.values())
            member.outlet.dismiss(ReplacedError() if replaced else MembershipOverError(retry_after_seconds=0.0))

    async def _store(self, work: Group, data: bytes) -> bool:
        version = max(self._version + 1, time_ns())
        entry = Entry(self.tenant, data, 0, time_ns(), seq=version, after_seq=self._version, note=note_name(self.name))
        try:
            [outcome] = await self._log.append([entry])
        except LogUnavailableError:
            # It may be stored all the same, now or later: then the members must hear of it.
            note = await self._log.note(self.tenant, note_name(self.name))
            if note is None or (note.version, note.data) != (version, data):
                raise
            outcome = Appended(0)
        if isinstance(outcome, Appended):
            self._take(work, version, data)
            return True
        return False

    def _look_around(self, work: Group, now: int, *, telling: bool) -> None:
        """Take note of time: what was held for too long, who was not heard of, where nothing matters."""
        work.expire(now)
        if telling:
            work.see(self._members, now)
        work.miss(now - int(self._limits.member_seconds * _SECOND), now)
        begin, end = self._clear
        if begin == work.position < end and now - self._cleared_at > self._limits.position_seconds * _SECOND:
            work.position = end
            self._cleared_at = now

    async def _hand_out(self, work: Group, now: int) -> list[_Handed]:
        """Hand out pieces to all members that have room, in turns; sets whether there may be more at once."""
        handed: list[_Handed] = []
        size = 0
        self._hungry = False
        turns = deque(member for seat, member in self._members.items() if seat in work.seats)
        while turns:
            if size > _ROUND_BYTES:
                self._hungry = True
                break
            member = turns.popleft()
            if member.outlet.full or work.in_flight(member.seat.id) >= member.max_in_flight:
                continue
            one = await self._next(work, member, now)
            if one is None:
                break  # there is nothing, for nobody
            handed.append(one)
            size += one.found.size
            turns.append(member)
        # Who has least comes first the next time; of those who have as much, who was not served last.
        for one in handed:
            seat = one.member.seat.id
            if seat in self._members:
                self._members[seat] = self._members.pop(seat)
        self._members = dict(sorted(self._members.items(), key=lambda item: work.in_flight(item[0])))
        return handed

    async def _next(self, work: Group, member: Member, now: int) -> _Handed | None:
        """Hand a member the next piece: one that waits, or one from the log; None where there is none for now."""
        limits, reader = self._limits, self._reader
        assert reader is not None  # noqa: S101  made with the first state
        until = now + member.ack_ns
        while (waiting := work.waiting(now)) is not None:
            records = member.max_records
            if len(work.held) < 2 * limits.max_in_flight_per_group:
                # In halves: so what cannot be digested is told from what came along with it.
                records = min(records, max(waiting.records >> waiting.attempt, 1))
            found = await reader.find(waiting.first, Want(records, limits.max_delivery_bytes, waiting.next))
            if found.next == waiting.first:
                return None  # not there yet
            if found.empty:
                work.drop(found.piece(waiting.first))
                continue
            held = work.hand_out(found.piece(waiting.first), member.seat.id, now, until)
            return _Handed(member, held, found) if held else None
        if len(work.held) >= limits.max_in_flight_per_group:
            return None
        begin = self._clear[1] if self._clear[0] == work.position else work.position
        found = await reader.find(begin, Want(member.max_records, limits.max_delivery_bytes))
        if found.empty:
            self._hungry |= found.next > begin
            self._clear = (work.position, found.next)
            return None
        held = work.hand_out(found.piece(work.position), member.seat.id, now, until)
        return _Handed(member, held, found) if held else None

    async def measure(self) -> None:
        """Tell how far behind the group is."""
        if self._group is not None:
            end = (await self._log.bounds(self.tenant)).next
            cursor = self._group.cursor
            if not self._group.held and self._clear[0] == self._group.position:
                cursor = max(cursor, self._clear[1])
            self._observer.lag(self.tenant, self.name, max(end - cursor, 0))

    def end(self, error: LoghubError) -> None:
        """End all memberships, and whatever is asked for; nobody can be served afterwards."""
        self._over = error
        for one in self._asked:
            if not one.done.done():
                one.done.set_exception(error)
        self._asked.clear()
        members, self._members = list(self._members.values()), {}
        for member in members:
            member.outlet.dismiss(error)


def note_name(group: str) -> str:
    """Return the name of the note that a group is kept in."""
    return f"group/{group}"


def _read(data: bytes) -> Group:
    try:
        return read_group(data)
    except DecodeError as error:
        msg = "the group's state cannot be read: another program has written the log, or a newer hub"
        raise LoghubError(msg) from error


def _made(change: Callable[[Group, int], object], work: Group, now: int) -> object:
    try:
        return change(work, now)
    except LoghubError as error:
        return error


def _answerable() -> asyncio.Future[object]:
    """Return a future whose error is nobody's fault where nobody is there to hear it."""
    done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    done.add_done_callback(lambda one: one.cancelled() or one.exception())
    return done


def _answer(done: asyncio.Future[object], answer: object) -> None:
    if done.done():  # whoever asked is gone
        return
    if isinstance(answer, LoghubError):
        done.set_exception(answer)
    else:
        done.set_result(answer)
