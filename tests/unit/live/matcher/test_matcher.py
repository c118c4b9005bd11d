"""hub.live.matcher: all filters at once pass what each passes alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.batch import BatchLimits, Reader, admit
from hub.core.filter.batch_view import Pieces
from hub.core.stored import StoredBatch
from hub.core.tail_batch import TailBatch
from hub.live.matcher.lead import Lead, forget
from hub.live.matcher.matcher import Matcher
from hub.pb.ingest_pb2 import ProducerMessage
from hub.pb.record_pb2 import Batch, LogRecord, Resource
from hub.pb.record_pb2 import Exception as Error
from tests.examples import examples
from tests.fakes import filter_of
from tests.unit.core.filter.filters import BATCHES, FILTERS

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence


def spawn(work: Coroutine[None, None, None], name: str) -> None:
    """Start a task; what it dies of fails the test, since `settle` waits for its end."""
    _tasks.add(asyncio.create_task(work, name=name))


LIMITS = BatchLimits(max_batch_bytes=10**6, max_batch_records=1000, max_record_bytes=10**5, max_attributes=100)
_tasks: set[asyncio.Task[None]] = set()


def new_matcher() -> Matcher[Named]:
    """Return one without filters."""
    return Matcher(spawn)


async def settled(matcher: Matcher[Named]) -> None:
    """Wait until all is compiled."""
    while _tasks:
        await _tasks.pop()
    await matcher.settle()


def tail_batch(batch: Batch) -> TailBatch:
    """Return a batch as it comes from the log."""
    return TailBatch(StoredBatch(0, len(batch.records), 0, batch.SerializeToString()), 1, "a")


class Named(Lead):
    """Where a filter leads, by a name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


def streamed(batch: Batch) -> TailBatch:
    """Return a batch as it goes from a producer's stream to whoever watches."""
    incoming = Reader(ProducerMessage).read(ProducerMessage(batch=batch).SerializeToString())
    result = admit(incoming.offer, LIMITS, producer_id="p", received_time_unix_nano=1, in_parts=True)
    assert not result.rejected
    return TailBatch(StoredBatch(0, result.records, 0, result.data, parts=result.parts), 1, "a")


def watched(matcher: Matcher[Named], texts: Sequence[str]) -> None:
    """Add filters, each of which somebody watches."""
    for text in texts:
        matcher.add(filter_of(text))
        matcher.lead(filter_of(text).canonical, Named(filter_of(text).canonical))


def taken(leads: list[Named]) -> dict[str, list[int]]:
    """Take what leads somewhere, as whoever publishes it; return the indexes by name."""
    names = [lead.name for lead in leads]
    assert len(names) == len(set(names))
    indexes = {lead.name: list(lead.indexes or ()) for lead in leads}
    forget(leads)
    return indexes


def found(matcher: Matcher[Named], batch: Batch) -> dict[str, list[int]]:
    """Return the indexes that each filter passes."""
    return taken(matcher.match(tail_batch(batch)))


def expected(texts: Sequence[str], batch: Batch) -> dict[str, list[int]]:
    """Return the same by the definition, record by record."""
    passing = {filter_of(text).canonical: filter_of(text).select(batch) for text in texts}
    return {key: indexes for key, indexes in passing.items() if indexes}


def distinct(texts: Sequence[str]) -> list[str]:
    """Leave out filters that are equal to one before."""
    return list({filter_of(text).canonical: text for text in texts}.values())


@examples(50)
@given(st.lists(FILTERS, min_size=1, max_size=6), st.lists(BATCHES, min_size=1, max_size=3), st.booleans())
def test_all_at_once_pass_what_each_passes_alone(texts: list[str], batches: list[Batch], compiled: bool) -> None:  # noqa: FBT001
    """Before and after the expressions are compiled."""
    asyncio.run(_all_at_once(distinct(texts), batches, compiled=compiled))


async def _all_at_once(texts: list[str], batches: list[Batch], *, compiled: bool) -> None:
    matcher = new_matcher()
    watched(matcher, texts)
    if compiled:
        await settled(matcher)
    for batch in batches:
        assert found(matcher, batch) == expected(texts, batch)
        assert taken(matcher.match(streamed(batch))) == expected(texts, batch)
    await settled(matcher)


STEPS = st.one_of(
    st.tuples(st.just("add"), FILTERS),
    st.tuples(st.just("remove"), st.integers(0, 9)),
    st.tuples(st.just("settle"), st.none()),
    st.tuples(st.just("match"), BATCHES),
)


@examples(30)
@given(st.lists(STEPS, max_size=25), BATCHES)
def test_filters_come_and_go(steps: list[tuple[str, Any]], last: Batch) -> None:
    """What is left passes what it passes alone, however often the others changed."""
    asyncio.run(_come_and_go([*steps, ("match", last)]))


async def _come_and_go(steps: list[tuple[str, Any]]) -> None:
    matcher, present = new_matcher(), dict[str, str]()
    for step, value in steps:
        if step == "add" and filter_of(value).canonical not in present:
            watched(matcher, [value])
            present[filter_of(value).canonical] = value
        elif step == "remove" and present:
            key = sorted(present)[value % len(present)]
            matcher.remove(key)
            del present[key]
        elif step == "settle":
            await settled(matcher)
        elif step == "match":
            assert found(matcher, value) == expected(list(present.values()), value)
    for key in present:
        matcher.remove(key)
    await settled(matcher)
    assert found(matcher, steps[-1][1]) == {}


@pytest.mark.parametrize("text", ["red", "service:orders red", "red -blue", "/re+d/", "-blue"])
async def test_a_filter_that_leads_nowhere_is_not_judged(text: str) -> None:
    """It is only kept ready; it may lead to one and to another in turn."""
    matcher, key = new_matcher(), filter_of(text).canonical
    matcher.add(filter_of(text))
    batch = Batch(resource=Resource(service="orders"), records=[LogRecord(body="red")])
    for _ in range(2):
        assert (matcher.watched, found(matcher, batch)) == (0, {})
        matcher.lead(key, Named("a"))
        assert (matcher.watched, found(matcher, batch)) == (1, {"a": [0]})
        matcher.lead(key, Named("b"))
        assert (matcher.watched, found(matcher, batch)) == (1, {"b": [0]})
        matcher.lead(key, None)
        await settled(matcher)
    matcher.lead(key, Named("c"))
    matcher.remove(key)
    assert (matcher.watched, found(matcher, batch)) == (0, {})
    await settled(matcher)


FORGETFUL = ["red", "service:orders red", "red -blue", "-yellow", "/re+d/", "service:orders host:h1", "service:orders"]


async def test_what_was_not_taken_of_a_batch_is_forgotten_before_the_next() -> None:
    """It could not be published; it must not come with records of another batch, whose indexes are the same."""
    matcher = new_matcher()
    watched(matcher, FORGETFUL)
    await settled(matcher)
    resource = Resource(service="orders", host="h1")
    first = Batch(resource=resource, records=[LogRecord(body=body) for body in ("red", "green", "red")])
    second = Batch(resource=resource, records=[LogRecord(body=body) for body in ("blue", "red")])
    assert len(matcher.match(tail_batch(first))) == len(FORGETFUL)
    assert found(matcher, second) == expected(FORGETFUL, second)


@pytest.mark.parametrize("texts", [FORGETFUL, ["red -blue"]], ids=["all kinds", "only known"])
async def test_nothing_stays_of_a_batch_that_could_not_be_looked_at_to_the_end(texts: list[str]) -> None:
    """Whatever the fault was: nobody gets a record of the next one that does not pass."""
    matcher = new_matcher()
    watched(matcher, texts)
    await settled(matcher)
    broken = tail_batch(
        Batch(resource=Resource(service="orders"), records=[LogRecord(body="red"), LogRecord(body="red")])
    )
    broken.view.__dict__["pieces"] = Pieces(["red", "red"], [0], 2)
    with pytest.raises(IndexError):
        matcher.match(broken)
    good = Batch(resource=Resource(service="orders"), records=[LogRecord(body="blue"), LogRecord(body="red")])
    assert found(matcher, good) == expected(texts, good)


async def test_a_record_with_a_word_in_several_places_passes_once() -> None:
    """In its body twice, and in its exception, which is looked through behind the bodies of all records."""
    matcher = new_matcher()
    watched(matcher, ["red"])
    await settled(matcher)
    error = Error(message="red and red")
    records = [LogRecord(body="red red", exception=error), LogRecord(exception=error), LogRecord(body="red")]
    assert found(matcher, Batch(records=records)) == {filter_of("red").canonical: [0, 1, 2]}


async def test_many_words_are_found_in_one_pass() -> None:
    """Each in the records that have it as a whole word, of the service that is asked for."""
    matcher = new_matcher()
    texts = [f"service:s{n % 7} w{n}" for n in range(700)]
    watched(matcher, texts)
    await settled(matcher)
    records = [LogRecord(body=f"x w{n} W{n + 1} w{n}y", service=f"S{n % 7}") for n in range(0, 700, 50)]
    batch = Batch(resource=Resource(service="s3"), records=records)
    assert found(matcher, batch) == expected(texts, batch)
    assert len(found(matcher, batch)) == 14


GATES = ["service:orders", "service=Orders", "host:h1", "attr.x:1", ""]


@pytest.mark.parametrize(
    "more", [[], ["red -blue", "red OR yellow", "-red", "/re+d/ blue"]], ids=["gates", "and others"]
)
async def test_a_word_is_found_behind_each_gate_that_is_open_to_its_record(more: list[str]) -> None:
    """Gates of one field, of the same field with its case, of others, and none; beside filters that ask for more."""
    matcher = new_matcher()
    texts = [*(f"{gate} {word}" for gate in GATES for word in ("red", "*lu*", "body:red", "/re.d$/")), *more]
    watched(matcher, texts)
    await settled(matcher)
    services = ["orders", "Orders", "ORDERS", "others", ""]
    records = [LogRecord(body=body, service=service) for service in services for body in ("red, blue", "Red", "reed")]
    for index, record in enumerate(records):
        record.host = f"h{index % 4}"
        record.attributes["x"].int_value = index % 2
    mixed, alone = Batch(records=records), Batch(resource=Resource(service="Orders", host="h1"), records=records[-3:])
    for batch in (mixed, alone, mixed):
        assert found(matcher, batch) == expected(texts, batch)
    assert len(found(matcher, mixed)) == len(texts)
    for text in texts[::2]:
        matcher.remove(filter_of(text).canonical)
    assert found(matcher, mixed) == expected(texts[1::2], mixed)
    await settled(matcher)


async def test_a_hit_behind_all_texts_leaves_those_of_the_next_database_where_they_are() -> None:
    """One that has the last border in it belongs to no text; the next database begins from the front again."""
    matcher = new_matcher()
    texts = ['*"\n\n\n"*', "blue", "yellow", "red"]
    watched(matcher, texts[:3])
    await settled(matcher)
    watched(matcher, texts[3:])
    await settled(matcher)
    batch = Batch(records=[LogRecord(body="red blue\n\n")])
    assert found(matcher, batch) == expected(texts, batch)
    assert len(found(matcher, batch)) == 2


async def test_a_word_that_is_everywhere_is_taken_out_of_the_pass() -> None:
    """And is found all the same."""
    matcher = new_matcher()
    texts = ["aaa*", "*aaa", "/a+/", "/b/", "zzz"]
    watched(matcher, texts)
    await settled(matcher)
    batch = Batch(records=[LogRecord(body="aaab" * 500), LogRecord(body="zzz")])
    for _ in range(3):
        assert found(matcher, batch) == expected(texts, batch)
        await settled(matcher)


@pytest.mark.parametrize(
    ("bodies", "texts"),
    [
        (["red", "blue"], ['"red\nblue"', '*"red\nblue"*', '"\nblue"', '"red\n"', "/red\\sblue/", "/red\\n/"]),
        (["red\nblue", "blue"], ['"red\nblue"', '*"ed\nblu"*', "/red\\sblue/", "/^blue$/", "/^blue/"]),
        (["", "red", "", "blue"], ["/^/", "/$/", "/^$/", "/x*/", "/^x*/", "/\\b/", "/(?:^|,)b/", "body:/^/"]),
    ],
)
async def test_nothing_is_found_across_texts_and_nothing_missed_at_their_ends(
    bodies: list[str], texts: list[str]
) -> None:
    """The texts of a batch are one for the pass, with a line feed between."""
    matcher = new_matcher()
    watched(matcher, texts)
    await settled(matcher)
    batch = Batch(records=[LogRecord(body=body) for body in bodies])
    assert found(matcher, batch) == expected(texts, batch)


@pytest.mark.parametrize("text", ["/(?i)k/", "/S/i", "/\\x{212a}/", "/é/i", "/(?:É)/i"])
async def test_case_of_other_scripts(text: str) -> None:
    """The pass finds at least what RE2 finds: the sign of Kelvin is a k, the long s is an s."""
    matcher = new_matcher()
    watched(matcher, [text])
    await settled(matcher)
    batch = Batch(records=[LogRecord(body=body) for body in ("K", "k", "\u212a", "\u017f", "s", "É", "é", "x")])
    assert found(matcher, batch) == expected([text], batch)
    assert found(matcher, batch)
