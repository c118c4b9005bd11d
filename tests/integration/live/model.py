"""What subscriptions must be told, as a plain model: lists of records, and a place in them for each subscription."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.core.cursor import Cursor
from hub.pb.tail_pb2 import GAP_REASON_EPOCH, GAP_REASON_RETENTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hub.pb.record_pb2 import Batch
    from hub.pb.tail_pb2 import Gap, Ledger, Records


@dataclass(frozen=True, slots=True)
class Known:
    """A record as it was sent, and when the hub received its batch."""

    body: str
    service: str
    severity: int
    received: int

    @property
    def words(self) -> list[str]:
        """The words of its body."""
        return self.body.split()


# Filters of every kind, and the same in Python.
FILTERS: dict[str, Callable[[Known], bool]] = {
    "": lambda _: True,
    "red": lambda record: "red" in record.words,
    '"red blue"': lambda record: "red blue" in record.body,
    "re*": lambda record: "red" in record.words,
    "-red": lambda record: "red" not in record.words,
    "level>=warn": lambda record: record.severity >= 13,
    "service:stock": lambda record: record.service == "stock",
    "service:orders -blue": lambda record: record.service == "orders" and "blue" not in record.words,
    "(red OR blue) level>=info": lambda record: record.severity >= 9 and {"red", "blue"} & {*record.words} != set(),
    "/b.ue/": lambda record: "blue" in record.words,
    "green": lambda _: False,
}


@dataclass(slots=True)
class Place:
    """A tenant's log: all records ever stored by offset, the first that is still there, and where batches begin."""

    tenant: str
    epoch: int
    records: list[Known] = field(default_factory=list)
    oldest: int = 0

    @property
    def next(self) -> int:
        """The offset that the next record will get."""
        return len(self.records)

    def offset(self, cursor: str) -> int:
        """Return the offset of a cursor, which must be of this tenant and log."""
        found = Cursor.decode(cursor, self.tenant)
        assert found.epoch == self.epoch
        assert found.offset <= self.next
        return found.offset

    def since(self, received: int, oldest: int, end: int) -> int:
        """Return the first offset received at or after a time, of a log that holds those from `oldest` to `end`."""
        later = (offset for offset in range(oldest, end) if self.records[offset].received >= received)
        return next(later, end)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a subscription asked for, and how the log stood then: where it began, where it ended.

    kind, value   now, oldest, last N, since (ns), or cursor
    told          the end of what this process had certainly been told of
    """

    kind: str
    value: int | str
    oldest: int
    end: int
    told: int


@dataclass(slots=True)
class Stream:
    """A subscription as its client sees it: everything before `at` has been accounted for."""

    place: Place
    asked: Asked
    always: str
    wanted: str
    follow: bool = True
    # Records a second that may come, and in all; 0 and None: not limited.
    rate: int = 0
    given: int | None = None
    begin: int | None = None
    at: int = 0
    # A bounded read gets nothing from there on.
    bound: int | None = None
    delivered: int = 0
    filtered: int = 0
    sampled: int = 0
    unsaid: int = 0
    lost: int = 0
    renewed: bool = False
    ended: bool = False
    refused: bool = False
    leaving: bool = False
    updates: list[str] = field(default_factory=list)
    # The last cursor that was heard.
    cursor: str = ""

    # --- what it is told ---------------------------------------------------------------------------------------------

    def subscribed(self, cursor: str) -> None:
        """It stands, or its filter was changed: from the cursor on records are judged by the new one."""
        offset = self.place.offset(cursor)
        if self.begin is None:
            self._check_begin(offset)
            self.begin = self.at = offset
            self.bound = None if self.follow else self.place.next
        else:
            self._pass(offset)
            self.wanted = self.updates.pop(0)

    def records(self, message: Records) -> None:
        """Records come: none of those that match is passed over, but those that were left out, which it says."""
        assert self._standing
        first = True
        for batch in message.batches:
            for offset, record in _records(batch):
                said = self.unsaid
                self._pass(offset)
                assert offset == self.at
                expected = self.place.records[offset]
                assert record == (expected.body, expected.service, expected.severity)
                assert self._matches(expected), f"{record} does not match {self.wanted!r}"
                assert self.bound is None or offset < self.bound
                if first:
                    assert message.sampled_out == self.unsaid
                    self.unsaid, first = 0, False
                else:
                    assert self.unsaid == said
                self.delivered += 1
                self.at = offset + 1
        assert not first, "a message without records"
        if self.given is not None:
            assert self.delivered <= self.given, "more than there was credit for"
        self.position(message.cursor)

    def position(self, cursor: str) -> None:
        """Nothing matched up to there."""
        assert self._standing
        self._pass(self.place.offset(cursor))

    def gap(self, gap: Gap) -> None:
        """Records are missing: exactly those, and they are not in the log any more."""
        assert self._standing
        if gap.reason == GAP_REASON_EPOCH:
            assert self.renewed
            assert (gap.count, gap.from_offset, gap.to_offset) == (0, 0, 0)
            assert self.place.offset(gap.cursor) == self.begin == self.at
            self.renewed = False
            return
        assert gap.reason == GAP_REASON_RETENTION
        self._pass(gap.from_offset)
        assert gap.count == gap.to_offset - gap.from_offset > 0
        assert gap.to_offset <= self.place.oldest, "a gap of records that are there"
        assert gap.to_offset == self.place.offset(gap.cursor)
        self.lost += gap.count
        self.at = gap.to_offset

    def end(self, ledger: Ledger, cursor: str | None) -> None:
        """It is over: the account adds up, and agrees with what came."""
        assert self._standing
        assert self.begin is not None
        stands = self.begin + ledger.accepted
        if cursor is not None:
            assert self.place.offset(cursor) == stands
        self._pass(stands)
        accounted = (ledger.delivered, ledger.filtered, ledger.sampled, ledger.lost)
        assert accounted == (self.delivered, self.filtered, self.sampled, self.lost)
        assert ledger.accepted == sum(accounted)
        self.ended = True

    # --- what must hold ----------------------------------------------------------------------------------------------

    @property
    def _standing(self) -> bool:
        return self.begin is not None and not self.ended

    @property
    def over(self) -> bool:
        """Whether nothing more comes."""
        return self.ended or self.refused

    @property
    def waits(self) -> bool:
        """Whether it gets nothing because it gave no credit."""
        return self.given is not None and self.given == self.delivered

    def check_complete(self, end: int) -> None:
        """Everything up to there has come: called when nothing is left to do and the client reads all."""
        if self.over:
            return
        assert self.begin is not None, "the subscription was never answered"
        assert not self.renewed, "that the log is another one was not said"
        assert not self.updates, "a change of the filter was never answered"
        if self.waits:
            return
        assert self.follow, "a bounded read did not end"
        missing = [offset for offset in range(self.at, end) if self._matches(self.place.records[offset])]
        assert self.rate or not missing, f"lost: {missing}"

    def _pass(self, offset: int) -> None:
        """Go on to an offset; what matches in between has been left out, or is lost."""
        assert offset >= self.at, f"back from {self.at} to {offset}"
        passed = self.place.records[self.at : offset]
        left_out = sum(map(self._matches, passed))
        assert self.rate or not left_out, f"lost between {self.at} and {offset}"
        self.sampled += left_out
        self.unsaid += left_out
        self.filtered += len(passed) - left_out
        self.at = offset

    def _matches(self, record: Known) -> bool:
        return FILTERS[self.wanted](record) and FILTERS[self.always](record)

    def _check_begin(self, begin: int) -> None:
        """Check the place where it begins; the log may have moved since it asked."""
        asked, place = self.asked, self.place
        assert asked.kind != "foreign", "a cursor of another tenant was taken"
        if asked.kind == "cursor":
            found = Cursor.decode(str(asked.value), place.tenant)
            self.renewed = found.epoch != place.epoch
            if not self.renewed:
                assert begin == found.offset
                return
        if asked.kind in {"oldest", "cursor"}:
            assert asked.oldest <= begin <= place.oldest
        elif asked.kind == "now":
            assert asked.told <= begin <= place.next
        elif asked.kind == "since":
            at = int(asked.value)
            least = place.since(at, asked.oldest, asked.end)
            assert least <= begin <= place.since(at, place.oldest, place.next)
        else:
            there = self._count(max(begin, place.oldest), asked.end)
            assert there <= int(asked.value), "more than were asked for"
            stored = self._count(place.oldest, asked.end)
            assert self._count(begin, place.next) >= min(int(asked.value), stored), "fewer than there are"

    def _count(self, begin: int, end: int) -> int:
        return sum(map(self._matches, self.place.records[begin:end]))


def _records(batch: Batch) -> Iterator[tuple[int, tuple[str, str, int]]]:
    """Yield offset and content of a batch's records."""
    for index, record in zip(batch.indexes or range(len(batch.records)), batch.records, strict=True):
        content = record.body, record.service or batch.resource.service, record.severity
        yield batch.first_offset + index, content
