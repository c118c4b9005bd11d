"""Random messages of the whole contract, written in one language, read and written again in another, compared.

FUZZ_MESSAGES says how many each way (100,000); FUZZ_SEED repeats a run, whose seed stands in the table.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from google.protobuf import json_format

from hub.pb.record_pb2 import Batch, LogRecord, Resource
from hub.pb.tail_pb2 import Records
from tests.compat.comparison import Comparison
from tests.compat.contract import KINDS, parts
from tests.compat.echo import Answer, Peer, frame, request, split
from tests.compat.random_messages import RandomMessages

if TYPE_CHECKING:
    from tests.compat.figures import Figures

MESSAGES = int(os.environ.get("FUZZ_MESSAGES", "100000"))
NODE_SHARE = 5  # Node is sent one in so many
JSON_SHARE = 4  # of Java's messages, Python reads the JSON of one in so many: its parser takes 0.2 ms
CHUNK = 500
# Those that carry most of the contract come more often than their share.
WEIGHTED = [*KINDS.values(), *[kind for kind in (Batch, Records, LogRecord, Resource) for _ in range(6)]]
slow = pytest.mark.timeout(300)


@pytest.fixture
def seed(request: pytest.FixtureRequest, figures: Figures) -> int:
    """Another one each run."""
    drawn = int(os.environ.get("FUZZ_SEED", request.config.getoption("randomly_seed", default=1)))
    figures.notes[:] = [f"FUZZ_SEED={drawn}"]
    return drawn


def there_and_back(peer: Peer, drawn: RandomMessages, count: int, comparison: Comparison) -> None:
    """Send messages in protobuf and in JSON, and compare the answers; a chunk is under way while the next is drawn."""
    sent: list[tuple[Any, dict[str, Any]]] = []
    for left in range(count, -CHUNK, -CHUNK):
        fresh = [in_both(drawn.draw()) for _ in range(min(left, CHUNK))]
        peer.send(one for message, as_json in fresh for one in requests(message, as_json))
        answers = peer.answers(2 * len(sent))
        for (message, as_json), rewritten, of_json in zip(sent, answers[::2], answers[1::2], strict=True):
            comparison.add(message, as_json, rewritten, of_json)
        sent = fresh
    assert not sent


def in_both(message: Any) -> tuple[Any, dict[str, Any]]:
    """Return a message, and what JSON says of it."""
    return message, json_format.MessageToDict(message)


def requests(message: Any, as_json: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return what a peer is asked: to write it again in both forms, and to read our JSON."""
    name = message.DESCRIPTOR.full_name
    return request("R", name, message.SerializeToString()), request("P", name, orjson.dumps(as_json))


@slow
def test_python_to_java_and_back(java_echo: Peer, seed: int, figures: Figures) -> None:
    """What Python writes, Java reads and writes again, in both forms, is the same message."""
    comparison = Comparison(keeps_signs=False)
    there_and_back(java_echo, RandomMessages(seed, WEIGHTED), MESSAGES, comparison)
    figures.count("fuzz: Python → Java → Python, protobuf and JSON", MESSAGES, comparison.differences)
    figures.count("fuzz: Python → Java → Python, -0.0 in JSON read as 0.0 (known)", comparison.signs)
    assert (comparison.messages, comparison.said) == (MESSAGES, [])
    assert comparison.signs or MESSAGES < 10_000, "none had a -0.0: then what else is not drawn?"


@slow
def test_java_to_python_and_back(java: list[str], seed: int, figures: Figures) -> None:
    """What Java writes, Python reads and writes again, from both forms, is the same message to Java."""
    account = answer_java(java, seed, MESSAGES)
    figures.count("fuzz: Java → Python → Java, protobuf", account["messages"], account["differences"])
    figures.count("fuzz: Java → Python → Java, JSON of these", account["json"])
    assert account == {"messages": MESSAGES, "json": -(-MESSAGES // JSON_SHARE), "differences": 0, "first": ""}


@slow
def test_python_to_node_and_back(node_echo: Peer, seed: int, figures: Figures) -> None:
    """The same for protobuf-es, which programs in browsers and in Node use."""
    count = max(1, MESSAGES // NODE_SHARE)
    comparison = Comparison()
    there_and_back(node_echo, RandomMessages(seed, WEIGHTED), count, comparison)
    figures.count("fuzz: Python → Node → Python, protobuf and JSON", count, comparison.differences)
    assert (comparison.messages, comparison.said) == (count, [])


@slow
def test_the_hubs_own_json(seed: int, figures: Figures) -> None:
    """The hub writes batches in JSON by hand: it is what the library writes, which Java and Node read above."""
    count = max(1, MESSAGES // NODE_SHARE)
    drawn = RandomMessages(seed, [Batch])
    comparison = Comparison()
    for _ in range(count):
        batch: Any = drawn.draw()
        batch.ClearField("indexes")  # those the hub names itself
        if not batch.records:
            batch.records.add()  # the log holds no empty batch
        comparison.add_own(batch)
    figures.count("fuzz: the hub's JSON of batches and the library's", count, comparison.differences)
    assert (comparison.messages, comparison.said) == (count, [])


# --- the comparison itself -------------------------------------------------------------------------------------------


def answer_java(java: list[str], seed: int, count: int, spoil: int = -1) -> dict[str, Any]:
    """Read and write again what Java draws; return Java's account. The message of number `spoil` loses a byte."""
    with Peer([*java, "io.loghub.compat.Fuzz", str(seed), str(count), str(JSON_SHARE)]) as peer:
        for start in range(0, count, CHUNK):
            frames = [peer.receive() for _ in range(min(CHUNK, count - start))]
            answers = [answered(content) for content in frames]
            if 0 <= spoil - start < len(answers):
                answers[spoil - start] = spoiled(answers[spoil - start])
            peer.send(answers)
        account: dict[str, Any] = json.loads(peer.receive())
        return account


def answered(content: bytes) -> bytes:
    """Return a message of Java's as read and written again: of its protobuf, and of its JSON."""
    end = 1 + content[0]
    kind = KINDS[content[1:end].decode()]
    binary, text = split(content[end:])
    rewritten = kind.FromString(binary).SerializeToString()
    return frame(rewritten) + (json_format.Parse(text, kind()).SerializeToString() if text else b"")


def spoiled(answer: bytes) -> bytes:
    """Return the answer with a field that was not there."""
    binary, of_json = split(answer)
    return frame(binary + b"\xf8\x7f\x01") + of_json


@slow
def test_java_sees_a_difference(java: list[str]) -> None:
    """Of a thousand messages one comes back otherwise, and Java says which."""
    account = answer_java(java, 1, 1000, spoil=700)
    assert (account["messages"], account["differences"]) == (1000, 1)
    assert account["first"].startswith("number 700, ")


@pytest.mark.parametrize(
    ("binary", "text", "of_json"),
    [
        (b"\x08\x02", b'{"seq":"1"}', b"\x08\x01"),
        (b"\x08\x01", b'{"seq":"2"}', b"\x08\x01"),
        (b"\x08\x01", b'{"seq":"1"}', b"\x08\x02"),
        (b"\x08\x01\xf8\x7f\x01", b'{"seq":"1"}', b"\x08\x01"),
        (b"\x08", b'{"seq":"1"}', b"\x08\x01"),
    ],
)
def test_python_sees_a_difference(binary: bytes, text: bytes, of_json: bytes) -> None:
    """In the protobuf, in the JSON, in what was read of JSON, in unknown fields."""
    comparison = Comparison()
    rewritten, read = Answer(taken=True, content=frame(binary) + text), Answer(taken=True, content=of_json)
    comparison.add(Batch(seq=1), {"seq": "1"}, rewritten, read)
    assert (comparison.messages, comparison.differences) == (1, 1)


def test_only_a_lost_sign_is_excused() -> None:
    """And only where the language is known to lose it."""
    sent = KINDS["loghub.v1.Value"].FromString(bytes.fromhex("190000000000000080"))
    rewritten = Answer(taken=True, content=frame(sent.SerializeToString()) + b'{"doubleValue":-0.0}')
    positive = Answer(taken=True, content=b"\x19" + bytes(8))
    for keeps_signs, found in ((True, (1, 0)), (False, (0, 1))):
        comparison = Comparison(keeps_signs=keeps_signs)
        comparison.add(sent, {"doubleValue": -0.0}, rewritten, positive)
        assert (comparison.differences, comparison.signs) == found


def test_the_whole_contract_is_drawn() -> None:
    """Every kind, every field, every choice of a oneof, unknown numbers of enums, in a fifth of what a run draws."""
    drawn = RandomMessages(1, WEIGHTED)
    seen: set[str] = set()
    for _ in range(20_000):
        note(drawn.draw(), seen)
    fields = {field.full_name for kind in KINDS.values() for field in kind.DESCRIPTOR.fields}
    assert fields - seen == set()


def note(message: Any, seen: set[str]) -> None:
    """Add the names of the fields that are set."""
    for field, value in message.ListFields():
        seen.add(field.full_name)
        for part in parts(field, value):
            note(part, seen)
