"""Filters of every kind, live, on what producers stream: a real hub passes what each filter passes alone.

The tests of the matcher give it batches as they are read from the log; a batch that comes in by a stream is known in
other forms too by then, and goes on in those.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from hub.core.packed_batch import unpacked
from tests.fakes import filter_of
from tests.unit.core.filter.filters import batch_of

if TYPE_CHECKING:
    from hub.pb.record_pb2 import Batch
    from tests.peers import ProducerPeer, Site, TailPeer

FILTERS = (
    *(
        "",
        "red",
        "red -blue",
        "red OR set",
        "NOT red",
        '"red blue"',
        "red*",
        "*lu*",
        "/re+d/",
        "body:red",
        "exception:red",
    ),
    *("service:orders", "service=Orders red", "service!=orders blue", "host:billing", "logger:orders*", "thread:12"),
    *("level>=warn", "level<error red", f"trace:{'ab' * 16}", f"span:{'01' * 8} red", "trace:*"),
    *("attr.x:*", "attr.x:12", "attr.x=red", "attr.x>3", "attr.x<=12 red", "attr.a.b:red", 'attr."odd name":*'),
    *("service:orders attr.x:*", "attr.none:1", "NOT attr.x:12", "host:orders attr.a.b:*"),
)


async def test_what_a_producer_streams_passes_the_filters_that_it_passes(site: Site, tenant: str) -> None:
    """At first while they are being compiled, and small batches as well as larger ones."""
    random = Random(1)  # noqa: S311  guards nothing
    sizes = (1, 3, 40)
    batches = [batch_of([random.randrange(2**16) for _ in range(1 + sizes[n % 3])]) for n in range(60)]
    expected = {str(place): _passing(text, batches) for place, text in enumerate(FILTERS)}
    assert [text for place, text in enumerate(FILTERS) if not expected[str(place)]] == ["attr.none:1"]
    async with site.subscriber(tenant) as tail, site.producer(tenant) as producer:
        for place, text in enumerate(FILTERS):
            await tail.subscribe(str(place), filter=text)
        await producer.receive("welcome")
        got: dict[str, list[tuple[int, bytes]]] = {name: [] for name in expected}
        for first in range(0, len(batches), 6):  # all of what a few batches pass, before the next few
            await _send(producer, batches[first : first + 6], first + 1)
            bound = sum(len(batch.records) for batch in batches[: first + 6])
            wanted = {name: [one for one in passing if one[0] < bound] for name, passing in expected.items()}
            await _receive(tail, got, sum(map(len, wanted.values())))
            assert got == wanted


def _passing(text: str, batches: list[Batch]) -> list[tuple[int, bytes]]:
    """Return the offset and the bytes of each record that a filter passes, judged one by one."""
    passing: list[tuple[int, bytes]] = []
    first = 0
    for batch in batches:
        indexes = filter_of(text).select(batch)
        passing += [(first + i, batch.records[i].SerializeToString(deterministic=True)) for i in indexes]
        first += len(batch.records)
    return passing


async def _send(producer: ProducerPeer, batches: list[Batch], seq: int) -> None:
    for number, batch in enumerate(batches, seq):
        batch.seq = number
    await producer.send_batches(*batches)
    await producer.acked(batches[-1].seq)


async def _receive(tail: TailPeer, got: dict[str, list[tuple[int, bytes]]], count: int) -> None:
    """Take records until so many have come in all."""
    while sum(map(len, got.values())) < count:
        message = await tail.until("records")
        for batch in (*message.batches, *unpacked(message.packed)):
            places = batch.indexes or range(len(batch.records))
            got[message.id] += [
                (batch.first_offset + place, record.SerializeToString(deterministic=True))
                for place, record in zip(places, batch.records, strict=True)
            ]
