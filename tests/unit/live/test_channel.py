"""hub.live.channel: one encoding for all watchers, and no waiting for the slow ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.core.stored import StoredBatch
from hub.core.tail_batch import TailBatch
from hub.live.channel import Channel, Several, publish
from tests.fakes import FakeSink, entry, filter_of
from tests.unit.live.world import CountingWire

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.core.ports import Sink


class FakeWatcher:
    """A subscription that keeps what it is told, and leaves where it fell behind; `hub.live.channel.Watcher`."""

    def __init__(self, channel: Channel, name: str = "s", *, metered: bool = False) -> None:
        self.id = name
        self.peer = FakeSink()
        self.sink: Sink = self.peer
        self.behind: list[tuple[int, int]] = []
        self.taken: list[tuple[int, list[int]]] = []
        self._channel = channel
        channel.join(self, metered=metered)

    def fell_behind(self, offset: int) -> None:
        """Leave, as a subscription does; keep what had been delivered until then."""
        self.behind.append((offset, self._channel.delivered))
        self._channel.leave(self)

    def take(self, batch: TailBatch, indexes: Sequence[int]) -> None:
        """Keep what may be sent."""
        self.taken.append((batch.stored.first_offset, list(indexes)))


def channel(head: int = 0) -> Channel:
    """Return a channel of every record."""
    return Channel(filter_of(""), CountingWire(), head)


def batch(first: int, *bodies: str) -> TailBatch:
    """Return a batch as it comes from the log."""
    return TailBatch(StoredBatch(first, len(bodies), 1, entry("a", *bodies).data), 7, "a")


def calls(one: Channel) -> dict[str, int]:
    """Return how often the parts of the encoding were asked for."""
    assert isinstance(one.wire, CountingWire)
    return dict(one.wire.calls)


def sent(one: Channel, published: TailBatch, indexes: Sequence[int]) -> int:
    """Publish some records of a batch to a channel; return how many were sent."""
    return publish(published, [led(one, indexes)])


def led(lead: Channel | Several, indexes: Sequence[int]) -> Channel | Several:
    """Have records lead somewhere."""
    lead.indexes = list(indexes)
    return lead


def test_watchers_of_one_name_get_one_frame() -> None:
    """Encoded once, framed once for each name."""
    one = channel()
    same, other = [FakeWatcher(one) for _ in range(3)], FakeWatcher(one, "t")
    assert sent(one, batch(5, "red", "blue", "green"), [0, 2]) == 8
    assert calls(one) == {"body": 1, "records": 2}
    assert [watcher.peer.bodies() for watcher in same] == [["red", "green"]] * 3
    assert len({id(watcher.peer.frames[0]) for watcher in same}) == 1
    assert other.peer.bodies("t") == ["red", "green"]


def test_a_single_watcher_gets_its_frame() -> None:
    """With the cursor behind the batch."""
    one = channel()
    watcher = FakeWatcher(one)
    published = batch(5, "red", "blue")
    assert sent(one, published, [1]) == 1
    assert [message.records.cursor for message in watcher.peer.of("records")] == [published.cursor]
    assert (one.delivered, one.said) == (1, 7)
    assert calls(one) == {}  # in one go, as the part of a batch that only this one gets
    assert sent(one, batch(7, "red", "blue"), [0, 1]) == 2
    assert calls(one) == {"body": 1, "records": 1}
    assert watcher.peer.bodies() == ["blue", "red", "blue"]
    assert (one.delivered, one.said) == (3, 9)


def test_a_batch_goes_to_all_channels_that_it_leads_to() -> None:
    """Each is told of its own records, and all are counted together."""
    few, many, nobody, last = channel(), channel(), channel(), channel()
    watchers = [FakeWatcher(few), FakeWatcher(many), FakeWatcher(many), FakeWatcher(last)]
    leads = [led(Several([few, many]), [1]), led(nobody, [0, 1]), led(last, [0])]
    every = list(leads)
    assert publish(batch(3, "red", "blue"), leads) == 3 + 0 + 1
    assert [watcher.peer.bodies() for watcher in watchers] == [["blue"], ["blue"], ["blue"], ["red"]]
    assert [one.delivered for one in (few, many, nobody, last)] == [1, 1, 2, 1]
    assert leads == []
    assert [lead.indexes for lead in every] == [None, None, None]


def test_what_was_delivered_is_counted_for_whoever_joins() -> None:
    """A watcher's own is the difference since it joined, so the count goes on whoever is there."""
    one = channel()
    for first in (0, 2):
        sent(one, batch(first, "a", "b"), [0, 1])
    assert one.delivered == 4
    assert calls(one) == {}
    FakeWatcher(one)
    sent(one, batch(4, "a"), [0])
    assert one.delivered == 5


def test_a_slow_watcher_falls_behind_where_the_batch_begins_and_the_others_go_on() -> None:
    """Nothing is written to it; alone as among others."""
    one = channel()
    slow, fast = FakeWatcher(one), FakeWatcher(one)
    slow.peer.fill()
    assert sent(one, batch(3, "red"), [0]) == 1
    assert (slow.behind, slow.peer.frames, fast.peer.bodies()) == ([(3, 0)], [], ["red"])
    fast.peer.fill()
    assert sent(one, batch(4, "blue"), [0]) == 0
    assert (fast.behind, fast.peer.bodies()) == ([(4, 1)], ["red"])
    assert not one.plain


def test_a_slow_watcher_is_gone_before_the_batch_is_counted() -> None:
    """Else its account would have what it never got."""
    one = channel()
    sent(one, batch(0, "red", "red"), [0, 1])
    slow = FakeWatcher(one)
    slow.peer.fill()
    sent(one, batch(2, "red"), [0])
    assert (slow.behind, one.delivered) == ([(2, 2)], 3)


def test_metered_watchers_are_asked_for_each_batch() -> None:
    """They write for themselves; slow ones fall behind like the others, and nothing is encoded for them here."""
    one = channel()
    metered, slow = FakeWatcher(one, metered=True), FakeWatcher(one, metered=True)
    slow.peer.fill()
    assert sent(one, batch(3, "red", "blue"), [1]) == 0
    assert (metered.taken, metered.peer.frames) == ([(3, [1])], [])
    assert (slow.taken, slow.behind) == ([], [(3, 0)])
    assert (one.delivered, calls(one)) == (1, {})


def test_leaving_says_whether_the_watcher_was_plain() -> None:
    """The feed counts those apart."""
    one = channel()
    plain, metered = FakeWatcher(one), FakeWatcher(one, metered=True)
    assert (one.leave(plain), one.leave(metered), one.leave(plain)) == (True, False, False)


def test_a_position_is_told_once_and_only_where_records_went_by() -> None:
    """To plain and metered watchers, one frame for each name; those that are slow are read on from the log anyway."""
    one = channel(head=4)
    watchers = [FakeWatcher(one), FakeWatcher(one), FakeWatcher(one, "t", metered=True)]
    slow = FakeWatcher(one)
    slow.peer.fill()
    one.say_position(4, 4, "c4")
    assert not any(watcher.peer.frames for watcher in watchers)
    one.say_position(4, 6, "c6")
    one.say_position(4, 6, "c6")
    told = [[(m.position.id, m.position.cursor) for m in watcher.peer.of("position")] for watcher in watchers]
    assert told == [[("s", "c6")], [("s", "c6")], [("t", "c6")]]
    assert watchers[0].peer.frames[0] is watchers[1].peer.frames[0]
    assert slow.peer.frames == []


def test_records_are_a_position_too() -> None:
    """Whoever got some knows where it stands."""
    one = channel()
    watcher = FakeWatcher(one)
    sent(one, batch(0, "red"), [0])
    one.say_position(0, 1, "c1")
    assert watcher.peer.of("position") == []


def test_a_position_is_not_told_to_whoever_heard_of_more_since_the_last_time() -> None:
    """Among thousands of filters most have passed something in between."""
    one = channel()
    watcher = FakeWatcher(one)
    sent(one, batch(0, "red"), [0])
    one.say_position(0, 5, "c5")
    assert watcher.peer.of("position") == []
    one.say_position(5, 7, "c7")
    assert [message.position.cursor for message in watcher.peer.of("position")] == ["c7"]
