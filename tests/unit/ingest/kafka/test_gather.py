"""hub.ingest.kafka.gather: no record of a message is left out or put in twice, wherever reading begins."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.batch import Rejected
from hub.ingest.formats import RUNS
from hub.ingest.kafka.gather import gather
from hub.ingest.kafka.place import Place
from hub.pb.record_pb2 import Batch, LogRecord
from tests.unit.ingest.kafka.pretend import Said, reading, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.ingest.kafka.parcel import Parcel
    from hub.ingest.kafka.reading import Reading

OWN = reading("protobuf", max_message_bytes=2**20)


def own(*bodies: str) -> bytes:
    """Return a message of the hub's own format."""
    return Batch(records=[LogRecord(body=body) for body in bodies]).SerializeToString()


def parcels(messages: list[Said], begin: Place = Place(), how: object = None) -> list[Parcel]:  # noqa: B008  it is frozen
    """Return what the messages make."""
    return [one for one in gather(messages, begin, how or reading()) if one]  # type: ignore[arg-type]


def bodies(found: list[Parcel]) -> list[str]:
    """Return the records' texts."""
    return [LogRecord.FromString(record).body for one in found for record in one.records]


def test_small_messages_make_one_parcel() -> None:
    """Behind the last of them."""
    (one,) = parcels(said(b"a", b"b", b"c", first=5))
    assert bodies([one]) == ["a", "b", "c"]
    assert (one.place, one.messages, one.message_bytes) == (Place(0, 8), 3, 3)


def test_nothing_makes_no_parcel() -> None:
    """Nor do messages that were read before."""
    assert parcels([]) == []
    assert parcels(said(b"a", b"b"), Place(0, 2)) == []


def test_offsets_that_are_missing_are_passed() -> None:
    """Compaction and transactions leave some out."""
    (one,) = parcels([Said(3, b"a"), Said(9, b"b")])
    assert one.place == Place(0, 10)


def test_a_parcel_is_bounded_by_records_and_bytes() -> None:
    """Four records, 400 bytes."""
    assert [len(one.records) for one in parcels(said(*[b"x"] * 10))] == [4, 4, 2]
    found = parcels(said(*[b"x" * 150] * 5))
    assert [len(one.records) for one in found] == [2, 2, 1]
    assert all(one.size <= 400 for one in found)


def test_a_long_message_makes_several_parcels_and_can_be_read_on_in_its_middle() -> None:
    """The place says how many of its records are stored; those are not read again."""
    message = [Said(7, own(*map(str, range(10))))]
    found = parcels(message, how=OWN)
    assert [one.place for one in found] == [Place(0, 7, 4), Place(0, 7, 8), Place(0, 8)]
    rest = parcels(message, Place(0, 7, 4), OWN)
    assert bodies(rest) == list("456789")
    assert rest[-1].place == Place(0, 8)
    assert sum(one.messages for one in found) == 1
    assert sum(one.messages for one in rest) == 0


@given(st.lists(st.integers(1, 12), max_size=8), st.data())
def test_reading_on_from_any_parcel_gives_the_rest(counts: list[int], data: st.DataObject) -> None:
    """As after a kill: whatever was stored, what follows is what is left, in the same incarnation."""
    numbers = iter(range(1000))
    messages = [Said(index, own(*(str(next(numbers)) for _ in range(count)))) for index, count in enumerate(counts)]
    begin = Place(2, 0)
    found = parcels(messages, begin, OWN)
    assert bodies(found) == [str(number) for number in range(sum(counts))]
    stored = data.draw(st.integers(0, len(found)))
    place = found[stored - 1].place if stored else begin
    assert bodies(found[:stored]) + bodies(parcels(messages, place, OWN)) == bodies(found)
    assert sorted({one.place for one in found}) == [one.place for one in found]


@pytest.mark.parametrize(
    ("value", "reason"),
    [(None, "empty"), (b"", "empty"), (b"{", "syntax"), (b"[1]", "shape"), ("é".encode("utf-16"), "encoding")],
)
def test_what_cannot_be_read_leaves_a_letter(value: bytes | None, reason: str) -> None:
    """And the place moves past it; what is around it is read."""
    (one,) = parcels(said(b'{"message":"a"}', value, b'{"message":"b"}'), how=reading("ecs"))
    assert bodies([one]) == ["a", "b"]
    assert [(letter.reason, letter.message.offset) for letter in one.letters] == [(reason, 1)]
    assert one.place == Place(0, 3)


def test_only_unreadable_messages_make_a_parcel_without_records() -> None:
    """So that the log's place moves past them."""
    (one,) = parcels(said(None, None))
    assert (one.records, one.place, len(one.letters)) == ([], Place(0, 2), 2)


def test_too_large_messages_and_records_leave_letters() -> None:
    """A message over its bound is not read at all; of one with a record over its bound, the others are."""
    (one,) = parcels(said(b"x" * 1001, b"y"))
    assert ([letter.reason for letter in one.letters], bodies([one])) == (["size"], ["y"])
    found = parcels([Said(0, own("a", "b" * 300, "c"))], how=OWN)
    assert bodies(found) == ["a", "c"]
    (letter,) = found[0].letters
    assert (letter.reason, letter.records) == ("record", (1,))
    assert "the limit is 200" in letter.text


def test_refused_records_lead_back_to_their_messages() -> None:
    """Their indexes are those in the message."""
    messages = [Said(0, own("a")), Said(1, own("b", "c", "d"))]
    (one,) = parcels(messages, how=OWN)
    letters = one.letters_of([Rejected(2, "severity", "bad"), Rejected(3, "trace_id", "bad")])
    assert [(letter.message.offset, letter.records) for letter in letters] == [(1, (1, 2))]
    assert letters[0].text == "record 1: severity bad"


def test_key_and_headers_become_attributes_where_that_is_set() -> None:
    """A record's own attribute of the same name wins; what is not UTF-8 is repaired; others are not taken."""
    how = replace(reading("ecs"), key_attribute="key", headers=("a", "b"))
    message = Said(0, b'{"message":"m","b":"own"}', key=b"k\xff", headers=[("a", b"1"), ("b", b"2"), ("c", b"3")])
    (one,) = parcels([message, Said(1, b'{"message":"n"}')], how=how)
    first, second = (LogRecord.FromString(record).attributes for record in one.records)
    assert {name: value.string_value for name, value in first.items()} == {"key": "k\ufffd", "a": "1", "b": "own"}
    assert dict(second) == {}


def test_others_have_their_turn() -> None:
    """After 250 records."""
    found = list(gather(said(*[b"x"] * 600), Place(), reading("text", parcel_records=1000, parcel_bytes=10**6)))
    assert [one is None for one in found] == [True, True, False]


LONG = b'{"message":"' + b"x" * 150 + b'"}'
GOOD = [b'{"message":"m","user":"a"}', b'{"message":"n","user":"b"}', b'{"message":"o"}', LONG]
ODD: list[bytes | None] = [
    *(b'{"message":"l1"}\n{"message":"l2"}', b'{"message":7}', b'{"message":"' + b"x" * 300 + b'"}', b"x" * 1001),
    *(None, b"{", b"[]"),
]
# Enough good ones in a row to be read at once, between others.
SEVERAL = st.lists(
    st.lists(st.sampled_from(GOOD), max_size=20) | st.sampled_from(ODD).map(lambda value: [value]), max_size=6
).map(lambda parts: [value for part in parts for value in part])
WAYS = st.builds(
    lambda records, size, headers: replace(reading("ecs", parcel_records=records, parcel_bytes=size), headers=headers),
    st.sampled_from([1, 4, 100]),
    st.sampled_from([220, 1000, 10_000]),
    st.sampled_from([(), ("a",)]),
)


def made(values: list[bytes | None], begin: Place, how: Reading) -> list[Parcel]:
    """Return the parcels of messages that are read many at once, which must be as those of each read by itself."""
    messages = [Said(offset, value, headers=[("a", str(offset).encode())]) for offset, value in enumerate(values)]
    many, one_by_one = (parcels(messages, begin, one) for one in (how, replace(how, decode_run=None)))
    assert bodies(many) == bodies(one_by_one)
    assert [one.place for one in many][-1:] == [one.place for one in one_by_one][-1:]
    for count in ("messages", "message_bytes", "size"):
        assert sum(getattr(one, count) for one in many) == sum(getattr(one, count) for one in one_by_one)
    letters = [[letter for one in found for letter in one.letters] for found in (many, one_by_one)]
    assert letters[0] == letters[1]
    spans = [[span for one in found for span in one.spans] for found in (many, one_by_one)]
    assert spans[0] == spans[1]
    records = [[LogRecord.FromString(raw) for one in found for raw in one.records] for found in (many, one_by_one)]
    assert records[0] == records[1]
    assert all(one.size <= how.parcel_bytes and len(one.records) <= how.parcel_records for one in many)
    assert [one.place for one in many] == sorted({one.place for one in many})
    return many


@given(values=SEVERAL, begin=st.integers(0, 40), how=WAYS, data=st.data())
def test_messages_read_many_at_once_make_the_parcels_that_they_make_one_by_one(
    values: list[bytes | None], begin: int, how: Reading, data: st.DataObject
) -> None:
    """Whatever stands between them; places, letters and counts too, and wherever it is read on."""
    many = made(values, Place(0, begin), how)
    stored = data.draw(st.integers(0, len(many)))
    rest = made(values, many[stored - 1].place if stored else Place(0, begin), how)
    assert bodies(many[:stored]) + bodies(rest) == bodies(many)


@pytest.mark.parametrize("odd", ODD)
def test_one_that_is_odd_among_many_that_are_not_is_read_by_itself(odd: bytes | None) -> None:
    """With a letter, where it needs one."""
    made([*GOOD * 3, odd, *GOOD * 3], Place(), reading("ecs", parcel_records=100, parcel_bytes=10_000))


def test_a_run_that_finds_a_parcel_full_begins_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of records, and of bytes."""
    monkeypatch.setattr("hub.ingest.kafka.reading.RUN", 8)
    found = made([GOOD[0]] * 24, Place(), reading("ecs"))
    assert [len(one.records) for one in found] == [4] * 6
    found = made([LONG] * 24, Place(), reading("ecs", parcel_records=100))
    assert [len(one.records) for one in found] == [2] * 12


def test_a_run_is_read_at_once() -> None:
    """Where all of its messages make one record; else its halves are. It is bounded by messages and bytes."""
    runs: list[int] = []

    def decode_run(values: Sequence[bytes]) -> list[bytes]:
        runs.append(len(values))
        return RUNS["ecs"](values)

    how = replace(reading("ecs", parcel_records=1000, parcel_bytes=10**6), decode_run=decode_run)
    good = [b'{"message":"m"}'] * 300
    (one,) = parcels(said(*good), how=how)
    assert (len(one.records), runs) == (300, [250, 50])
    runs.clear()
    parcels(said(*good[:29], b"{"), how=how)
    assert runs == [30, 15, 15, 8]
    runs.clear()
    large = replace(how, max_message_bytes=10**6, max_record_bytes=10**6)
    found = list(gather(said(*[b'{"message":"' + b"x" * 60_000 + b'"}'] * 20), Place(), large))
    assert runs == [8, 8]
    assert found.count(None) == 2
