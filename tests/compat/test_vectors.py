"""The golden vectors: each language reads and writes each, and what they do not agree on is what is written down."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import json_format, text_format
from google.protobuf.message import DecodeError

from hub.core.utf8 import repair
from hub.errors import BadRequestError
from hub.pb.record_pb2 import Batch, LogRecord, Resource, Value
from hub.pb.tail_pb2 import Subscribe
from hub.web.canonical import batch_json, client_message
from tests.compat.comparison import same, same_json
from tests.compat.contract import KINDS, ROOT, TESTDATA, is_map, parts
from tests.compat.vectors import OUTCOMES, VECTORS, Outcome, Vector

if TYPE_CHECKING:
    from pathlib import Path

    from tests.compat.echo import Answer, Peer
    from tests.compat.figures import Figures

each_vector = pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
each_outcome = pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: outcome.name)
each_peer = pytest.mark.parametrize("language", ["java", "es"])
NAMES = {"java": "Java", "es": "Node"}


@pytest.fixture
def peer(language: str, request: pytest.FixtureRequest) -> Peer:
    """The program of a language."""
    found: Peer = request.getfixturevalue({"java": "java_echo", "es": "node_echo"}[language])
    return found


# --- Python ----------------------------------------------------------------------------------------------------------


@each_vector
def test_python_reads_and_writes_a_vector(vector: Vector, figures: Figures) -> None:
    """Its text, its bytes and its JSON are one message, and so is whatever else may stand for it."""
    kind = KINDS[vector.kind]
    of_text = text_format.Parse(vector.textproto, kind())
    assert of_text.SerializeToString(deterministic=True) == vector.known
    assert kind.FromString(vector.whole).SerializeToString(deterministic=True) == vector.whole
    assert json_format.MessageToDict(vector.message) == vector.as_json
    for text in (json.dumps(vector.as_json), *vector.also_json):
        assert same(json_format.Parse(text, kind()), vector.of_json), text
    for raw in vector.also_hex:
        assert same(kind.FromString(bytes.fromhex(raw)), vector.message), raw
    figures.count("golden vectors: Python", 1)


@pytest.mark.parametrize(
    "vector",
    # Indexes name records of a stored batch, and the hub writes its own.
    [one for one in VECTORS if KINDS[one.kind] in {Batch, LogRecord, Resource, Value} and "indexes" not in one.as_json],
    ids=lambda vector: vector.name,
)
def test_the_hub_writes_a_vectors_json(vector: Vector, figures: Figures) -> None:
    """By its own writer: in a batch, where one is needed around it."""
    found = json.loads(batch_json(batch_of(vector.message)))
    always: dict[str, Any] = {"records": []} if KINDS[vector.kind] is Batch else {}  # a stored batch has some
    assert part_of(found, vector.kind) == {**always, **vector.as_json}
    figures.count("golden vectors: the hub's JSON", 1)


def batch_of(message: Any) -> Batch:
    """Return a batch with the message in it."""
    if isinstance(message, Batch):
        return message
    if isinstance(message, LogRecord):
        return Batch(records=[message])
    return Batch(resource=message if isinstance(message, Resource) else Resource(attributes={"a": message}))


def part_of(batch: dict[str, Any], kind: str) -> Any:
    """Return the message out of its batch."""
    if kind == "loghub.v1.LogRecord":
        return batch["records"][0]
    if kind == "loghub.v1.Batch":
        return batch
    resource = batch["resource"]
    return resource if kind == "loghub.v1.Resource" else resource["attributes"]["a"]


@pytest.mark.parametrize(
    "vector", [one for one in VECTORS if KINDS[one.kind] is Subscribe], ids=lambda vector: vector.name
)
def test_the_hub_reads_a_vectors_json(vector: Vector, figures: Figures) -> None:
    """As a client sends it, in all its variants."""
    for text in (json.dumps(vector.as_json), *vector.also_json):
        assert same(client_message(f'{{"subscribe": {text}}}').subscribe, vector.of_json), text
    figures.count("golden vectors: what the hub reads in JSON", 1)


# --- Java and Node ---------------------------------------------------------------------------------------------------


@each_peer
@each_vector
def test_another_language_reads_and_writes_a_vector(
    vector: Vector, language: str, peer: Peer, figures: Figures
) -> None:
    """As Python does: the same bytes but for the order of a map, the same JSON, and all that may stand for it."""
    binary, text = peer.ask("R", vector.kind, vector.whole).both()
    assert same(KINDS[vector.kind].FromString(binary), vector.message)
    assert len(binary) == len(vector.whole)
    assert same_json(text, vector.as_json)
    expected = vector.of_json
    if language == "java" and vector.java_json is not None:
        expected = KINDS[vector.kind].FromString(vector.java_json)
    for text_form in (json.dumps(vector.as_json), *vector.also_json):
        read = peer.ask("P", vector.kind, text_form.encode())
        assert read.taken, read
        assert same(KINDS[vector.kind].FromString(read.content), expected), text_form
    for raw in vector.also_hex:
        read = peer.ask("B", vector.kind, bytes.fromhex(raw))
        assert read.taken, read
        assert same(KINDS[vector.kind].FromString(read.content), vector.message), raw
    figures.count(f"golden vectors: {NAMES[language]}", 1)


def test_node_writes_no_sign_of_zero(node_echo: Peer) -> None:
    """JSON.stringify(-0) is "0": what Node writes in JSON has lost it, what it writes in protobuf has not."""
    raw = bytes.fromhex("190000000000000080")
    assert node_echo.ask("R", "loghub.v1.Value", raw).both() == (raw, b'{"doubleValue":0}')


# --- where they do not agree -----------------------------------------------------------------------------------------


@each_outcome
def test_python_makes_of_an_input_what_is_written_down(outcome: Outcome, figures: Figures) -> None:
    """Refuses it, or reads it."""
    try:
        read = read_by_python(outcome)
    except (json_format.ParseError, DecodeError):
        read = None
    assert read == outcome.read["python"]
    figures.count("inputs that no writer makes, as written down: Python", 1)


def read_by_python(outcome: Outcome) -> bytes:
    """Return what Python reads, in bytes."""
    kind = KINDS[outcome.kind]
    if outcome.raw is not None:
        return kind.FromString(outcome.raw).SerializeToString(deterministic=True)
    return json_format.Parse((outcome.text or "").encode(), kind()).SerializeToString(deterministic=True)


@each_peer
@each_outcome
def test_another_language_makes_of_an_input_what_is_written_down(
    outcome: Outcome, language: str, peer: Peer, figures: Figures
) -> None:
    """Refuses it, or reads it, which may be otherwise than Python."""
    answer: Answer
    if outcome.raw is not None:
        answer = peer.ask("B", outcome.kind, outcome.raw)
    else:
        answer = peer.ask("P", outcome.kind, (outcome.text or "").encode())
    assert (answer.content if answer.taken else None) == outcome.read[language]
    figures.count(f"inputs that no writer makes, as written down: {NAMES[language]}", 1)


@pytest.mark.parametrize("outcome", [one for one in OUTCOMES if one.raw is not None], ids=lambda outcome: outcome.name)
def test_the_hub_makes_of_bytes_what_is_written_down(outcome: Outcome, figures: Figures) -> None:
    """It repairs strings, and refuses what is no protobuf."""
    assert outcome.raw is not None
    kind: Any = KINDS[outcome.kind]
    try:
        read = kind.FromString(repair(outcome.raw, kind.DESCRIPTOR)[0]).SerializeToString(deterministic=True)
    except BadRequestError:
        read = None
    assert read == outcome.read.get("hub", outcome.read["python"])
    figures.count("inputs that no writer makes, as written down: the hub's repair", 1)


# --- the vectors themselves ------------------------------------------------------------------------------------------


def test_the_committed_vectors_are_those_that_the_tool_writes(tmp_path: Path) -> None:
    """A case that is added or changed is written anew, and nothing is changed by hand."""
    subprocess.run([sys.executable, ROOT / "tools" / "golden_vectors.py", tmp_path], check=True)
    for name in ("vectors.json", "outcomes.json"):
        assert (tmp_path / name).read_text(encoding="utf-8") == (TESTDATA / name).read_text(encoding="utf-8"), name


def test_the_page_has_what_they_do_not_agree_on(tmp_path: Path) -> None:
    """In its table, as the tool writes it."""
    page = ROOT / "docs" / "reference" / "compatibility.md"
    fresh = tmp_path / page.name
    fresh.write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    subprocess.run([sys.executable, ROOT / "tools" / "golden_page.py", fresh], check=True)
    assert fresh.read_text(encoding="utf-8") == page.read_text(encoding="utf-8")


def test_names_are_not_used_twice() -> None:
    """A name says which one is meant."""
    names = [one.name for one in VECTORS] + [one.name for one in OUTCOMES]
    assert sorted(set(names)) == sorted(names)


def test_the_vectors_have_every_type_of_the_contract() -> None:
    """Scalars, enums, messages, maps, lists, oneofs and optional fields: a type that is added needs vectors too."""
    wanted = {shape(field) for kind in KINDS.values() for field in kind.DESCRIPTOR.fields}
    found: set[tuple[int, bool, bool, bool]] = set()
    for vector in VECTORS:
        collect(vector.message, found)
    assert wanted - found == set()


def shape(field: Any) -> tuple[int, bool, bool, bool]:
    """Return what a field is like: its type, whether it is a list, whether in a oneof, whether it may be absent."""
    listed = field.is_repeated and not is_map(field)
    return field.type, listed, field.containing_oneof is not None, field.has_presence


def collect(message: Any, found: set[tuple[int, bool, bool, bool]]) -> None:
    """Add the shapes of the fields that are set."""
    for field, value in message.ListFields():
        found.add(shape(field))
        for part in parts(field, value):
            collect(part, found)
