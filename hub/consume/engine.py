"""All groups of this process: who joins is given to the group's runner; groups are made, shown, moved and deleted."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from time import time_ns
from typing import TYPE_CHECKING

from hub.consume.errors import UnknownGroupError
from hub.consume.runner import GroupRunner, note_name
from hub.core.consumer_group import Group
from hub.core.cursor import Cursor
from hub.core.group_state import read_group, write_group
from hub.errors import BadCursorError, BadRequestError, LoghubError, QuotaError, ShuttingDownError
from hub.log.model import Appended, Entry
from hub.observe.audit import Event

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.consume.limits import ConsumeLimits
    from hub.consume.member import Member
    from hub.consume.reader import Found
    from hub.core.filter import Filter
    from hub.core.principal import Principal
    from hub.core.stored import StoredBatch
    from hub.log.model import Log, Note
    from hub.observe.audit import Audit
    from hub.observe.metrics import Metrics
    from hub.pb.consume_pb2 import JoinGroup, ResetGroupRequest

    Key = tuple[str, str]

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MEASURE_SECONDS = 5.0
_PREFIX = note_name("")


class Engine:
    """The groups; `run` must be running for any to be served."""

    def __init__(self, log: Log, limits: ConsumeLimits, metrics: Metrics, audit: Audit) -> None:
        self.limits = limits
        self.metrics = metrics
        self.log = log
        self.node = secrets.randbits(64)
        self._audit = audit
        self._runners: dict[Key, GroupRunner] = {}
        self._tasks: asyncio.TaskGroup | None = None
        # So that two who come at once do not make one group too many.
        self._making = asyncio.Lock()
        log.watch(self._committed)

    async def run(self) -> None:
        """Run the groups until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            while True:
                for runner in list(self._runners.values()):
                    await runner.measure()
                await asyncio.sleep(_MEASURE_SECONDS)

    async def drain(self, seconds: float) -> None:
        """Wait until all members have left, and that is stored, or the time is over."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._runners and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110  rare, and at the end
            await asyncio.sleep(0.01)

    def _committed(self, tenant: str, _batches: list[StoredBatch]) -> None:
        for (of, _), runner in self._runners.items():
            if of == tenant:
                runner.wake()

    # --- members -----------------------------------------------------------------------------------------------------

    async def sit(self, key: Key, member: Member, change: Callable[[Group, int], object]) -> None:
        """Have a member of an existing group sit by a change, which may raise LoghubError."""
        runner = self._runners.get(key)
        if runner is None:
            if self._tasks is None:
                raise ShuttingDownError
            runner = self._runners[key] = GroupRunner(key, self.log, self.limits, self)
            # It begins to run when this waits: by then it has something to do.
            self._tasks.create_task(self._serve(key, runner), name=f"group-{key[1]}")
        await runner.ask(change, member)

    async def _serve(self, key: Key, runner: GroupRunner) -> None:
        error: LoghubError = ShuttingDownError()
        try:
            await runner.run()
        except Exception:  # noqa: BLE001  a fault of ours: said in the log and to the members, who may try again
            _log.exception("group_failed", extra={"fields": {"tenant": key[0], "group": key[1]}})
            error = LoghubError("the hub failed to serve the group")
        finally:
            del self._runners[key]
            runner.end(error)
            self.metrics.group_left(*key)

    async def made(self, key: Key, join: JoinGroup, wanted: Filter, principal: Principal) -> bool:
        """Make sure that a group exists; return whether it was made. Raises QuotaError, BadCursorError."""
        tenant, name = key
        check_name(name, "group")
        if await self.log.note(tenant, note_name(name)):
            return False
        async with self._making:
            groups = await self._notes(tenant)
            if any(note.name == note_name(name) for note in groups):
                return False
            if len(groups) >= self.limits.max_groups_per_tenant:
                most = self.limits.max_groups_per_tenant
                msg = f"the tenant has as many groups as consume.max_groups_per_tenant allows ({most}): delete one"
                raise QuotaError(msg)
            begin = await self.offset(tenant, join, "from")
            group = Group(wanted.canonical, time_ns(), begin, join.max_attempts)
            made = await self._write(key, group, 0)
        if made:
            self._audit.record(Event.GROUP, principal, plane="consume", target=f"group:{name}")
        return made

    async def _write(self, key: Key, group: Group | None, version: int) -> bool:
        tenant, name = key
        data = b"" if group is None else write_group(group)
        seq = max(version + 1, time_ns())
        entry = Entry(tenant, data, 0, time_ns(), seq=seq, after_seq=version, note=note_name(name))
        [outcome] = await self.log.append([entry])
        return isinstance(outcome, Appended)

    async def _notes(self, tenant: str) -> list[Note]:
        return [note for note in await self.log.notes(tenant) if note.name.startswith(_PREFIX)]

    async def offset(self, tenant: str, request: JoinGroup | ResetGroupRequest, place: str) -> int:
        """Return where a request has a group begin; BadCursorError for a cursor of another log or tenant."""
        kind = request.WhichOneof(place)
        bounds = await self.log.bounds(tenant)
        if kind == "cursor":
            cursor = Cursor.decode(request.cursor, tenant)
            if cursor.epoch != self.log.epoch:
                msg = "the cursor is of a log that was made anew since: begin at a time, or with the oldest"
                raise BadCursorError(msg)
            if cursor.offset > bounds.next:
                raise BadCursorError
            return cursor.offset
        if kind == "since":
            return await self.log.offset_at(tenant, request.since.ToNanoseconds())
        return bounds.oldest if kind == "oldest" and request.oldest else bounds.next

    # --- groups as a whole -------------------------------------------------------------------------------------------

    async def groups(self, tenant: str) -> list[tuple[str, Group]]:
        """Return a tenant's groups, by name."""
        return [(note.name.removeprefix(_PREFIX), read_group(note.data)) for note in await self._notes(tenant)]

    async def group(self, key: Key) -> Group:
        """Return a group; UnknownGroupError where there is none."""
        return (await self._existing(key))[0]

    async def _existing(self, key: Key) -> tuple[Group, int]:
        check_name(key[1], "group")
        notes = await self._notes(key[0])
        found = next((note for note in notes if note.name == note_name(key[1])), None)
        if found is None:
            msg = f"there is no group {key[1]!r}"
            raise UnknownGroupError(msg)
        return read_group(found.data), found.version

    async def reset(self, key: Key, request: ResetGroupRequest) -> Group:
        """Have a group go on elsewhere; return it."""
        offset = await self.offset(key[0], request, "to")
        while True:
            group, version = await self._existing(key)
            group.reset(offset)
            if await self._write(key, group, version):
                self._poke(key)
                return group

    async def delete(self, key: Key) -> None:
        """Forget a group; its members are dismissed."""
        while True:
            _, version = await self._existing(key)
            if await self._write(key, None, version):
                self._poke(key)
                return

    def _poke(self, key: Key) -> None:
        runner = self._runners.get(key)
        if runner:
            runner.wake()

    # --- what runners tell -------------------------------------------------------------------------------------------

    def changed(self, tenant: str, name: str, before: Group, after: Group) -> None:
        """Count a stored change."""
        counts = self.metrics.tenant(tenant)
        counts.consumed.inc(after.acked_records - before.acked_records)
        counts.redelivered.inc(after.redelivered - before.redelivered)
        counts.given_up.inc(after.dead_records - before.dead_records)
        for one in after.died:
            text = f"{one.records} records at {one.first} were given up after {one.attempts} attempts"
            fields = {"tenant": tenant, "group": name, "offset": one.first, "records": one.records}
            _log.warning("group_gave_up", extra={"fields": fields})
            self._audit.record(
                Event.GIVEN_UP, tenant=tenant, plane="consume", target=f"group:{name}", outcome="failed", reason=text
            )

    def handed(self, tenant: str, found: Found) -> None:
        """Count what was sent to a member."""
        counts = self.metrics.tenant(tenant)
        counts.delivered.inc(found.records)
        counts.lost.inc(sum(hole.next_offset - hole.first_offset for hole in found.holes))

    def lag(self, tenant: str, name: str, records: int) -> None:
        """Take how far behind its log a group is."""
        self.metrics.group_lag.labels(tenant, name).set(records)


def check_name(name: str, what: str) -> None:
    """Raise BadRequestError unless a name can be a group's or member's."""
    if not _NAME.fullmatch(name):
        msg = f"{what}: must be 1 to 64 of [A-Za-z0-9._-], the first a letter or digit"
        raise BadRequestError(msg)
