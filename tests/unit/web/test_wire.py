"""hub.web.wire: ready frames say in both encodings what an ordinary library would send."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from hub.core.stored import StoredBatch
from hub.core.tail_batch import TailBatch
from hub.pb.record_pb2 import Batch, LogRecord, Resource
from hub.pb.tail_pb2 import Gap, Pong, Records, ServerMessage, TailWelcome
from hub.web.wire import JSON, JsonWire, ProtoWire
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

WIRES = (ProtoWire(), JsonWire())
NAMES = ["s", "é\u2028", '"}]\\', "\0", "x" * 64]


def tail_batch(*bodies: str, first_offset: int = 40) -> TailBatch:
    """Return records as they come from the log."""
    batch = Batch(seq=3, resource=Resource(service="orders"), records=[LogRecord(body=body) for body in bodies])
    return TailBatch(StoredBatch(first_offset, len(bodies), 0, batch.SerializeToString()), 1, "acme")


def message_of(data: bytes) -> ServerMessage:
    """Read the one frame as the client of another implementation does; return its message."""
    client = Protocol(Side.CLIENT, max_size=None)
    client.receive_data(data)
    client.receive_eof()
    [found] = client.events_received()
    assert isinstance(found, Frame)
    assert found.fin
    if found.opcode is Opcode.TEXT:
        return json_format.Parse(bytes(found.data), ServerMessage())
    assert found.opcode is Opcode.BINARY
    return ServerMessage.FromString(bytes(found.data))


def frame_of(wire: ProtoWire | JsonWire, batch: TailBatch, indexes: Sequence[int], name: str = "s") -> bytes:
    """Return the frame of a batch for a subscription."""
    return wire.records(name, "the-cursor", wire.body(batch, indexes))


def expected(batch: TailBatch, indexes: Sequence[int], name: str = "s") -> ServerMessage:
    """Return the message as one makes it without any shortcut."""
    whole = len(indexes) == batch.stored.records
    one = batch.message if whole else Batch.FromString(batch.part(indexes))
    return ServerMessage(records=Records(id=name, cursor="the-cursor", batches=[one]))


@examples(25)
@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@given(
    bodies=st.lists(st.text(max_size=5), min_size=1, max_size=4),
    first_offset=st.integers(0, 2**63),
    name=st.sampled_from(NAMES),
    data=st.data(),
)
def test_a_frame_is_the_whole_message(
    wire: ProtoWire | JsonWire, bodies: list[str], first_offset: int, name: str, data: st.DataObject
) -> None:
    """Of all records of a batch, or of some with their indexes, whatever the texts are."""
    batch = tail_batch(*bodies, first_offset=first_offset)
    indexes = data.draw(st.sets(st.sampled_from(range(len(bodies))), min_size=1).map(sorted))
    assert message_of(frame_of(wire, batch, indexes, name)) == expected(batch, indexes, name)


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@pytest.mark.parametrize("around", [125, 2**14, 65_535])
@pytest.mark.parametrize("indexes", [range(2), range(1)], ids=["whole", "part"])
def test_every_length_is_right(wire: ProtoWire | JsonWire, around: int, indexes: range) -> None:
    """On both sides of where the frame, the message or the batch in it writes its length in another way."""
    empty = len(frame_of(wire, tail_batch("", ""), indexes))
    shifts = range(-4, 5) if wire.name == JSON else range(-12, 40)
    sizes = {max(0, around - empty + shift) for shift in shifts}
    for size in sizes:
        batch = tail_batch("x" * size, "")
        assert message_of(frame_of(wire, batch, indexes)) == expected(batch, indexes)


def test_a_part_in_protobuf_takes_records_over_as_they_were_stored() -> None:
    """Fields that a newer producer put into them are for newer readers."""
    newer = LogRecord(body="b").SerializeToString() + b"\xfa\x3e\x03new"
    data = Batch(records=[LogRecord(body="a")]).SerializeToString() + b"\x1a" + bytes([len(newer)]) + newer
    body = ProtoWire().body(TailBatch(StoredBatch(0, 2, 0, data), 1, "acme"), [1])
    assert newer in b"".join(body)


def test_a_whole_batch_in_protobuf_goes_out_as_it_was_stored() -> None:
    """Neither parsed nor copied before the frame, so that fields of a newer producer would arrive as well."""
    stored = StoredBatch(40, 2, 1, b"\xff not protobuf")
    body = ProtoWire().body(TailBatch(stored, 1, "acme"), range(2))
    assert any(piece is stored.data for piece in body)


def test_only_a_part_has_indexes_in_json() -> None:
    """As in protobuf."""
    batch = tail_batch("a", "b")
    whole, part = ((json.loads(JsonWire().body(batch, indexes)[0])) for indexes in ([0, 1], [1]))
    assert "indexes" not in whole
    assert part["indexes"] == [1]


def test_a_frame_in_json_to_the_letter() -> None:
    """What a browser or a shell gets to see."""
    batch = TailBatch(StoredBatch(7, 1, 0, Batch(records=[LogRecord(body="é")]).SerializeToString()), 1, "acme")
    text = '{"records":{"id":"s","cursor":"the-cursor","batches":[{"records":[{"body":"é"}],"firstOffset":"7"}]}}'
    assert frame_of(JsonWire(), batch, [0]) == bytes([0x81, len(text.encode())]) + text.encode()


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
def test_a_body_serves_any_number_of_subscriptions(wire: ProtoWire | JsonWire) -> None:
    """It is made once for a channel; names and cursors stand outside of it."""
    batch = tail_batch("a", "b")
    body, part = wire.body(batch, [1]), Batch.FromString(batch.part([1]))
    for name in NAMES:
        records = message_of(wire.records(name, f"cursor of {name}", body)).records
        assert (records.id, records.cursor, list(records.batches)) == (name, f"cursor of {name}", [part])


@pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
@pytest.mark.parametrize(
    "message",
    [
        ServerMessage(),
        ServerMessage(welcome=TailWelcome(server="loghub", tenant="acme")),
        ServerMessage(gap=Gap(id="s", from_offset=2**64 - 1, count=1)),
        ServerMessage(pong=Pong(payload=bytes(range(256)) * 300)),
    ],
    ids=["empty", "welcome", "gap", "long"],
)
def test_any_other_message_is_framed(wire: ProtoWire | JsonWire, message: ServerMessage) -> None:
    """In the encoding's kind of frame."""
    assert message_of(wire.message(message)) == message


def test_the_wires_are_named_as_their_subprotocols() -> None:
    """And text goes out as text, the rest as binary."""
    assert [wire.name for wire in WIRES] == ["loghub.v1.proto", "loghub.v1.json"]
    assert [wire.message(ServerMessage())[0] & 0x0F for wire in WIRES] == [Opcode.BINARY, Opcode.TEXT]
