"""What a record costs in JSON, Protobuf and Avro, in Python and in Java; and that all three say the same."""

from __future__ import annotations

import gzip
import json
import subprocess
from dataclasses import dataclass
from time import thread_time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import zstandard
from google.protobuf import json_format

from bench.data import batches
from hub.pb.record_pb2 import Batch
from hub.web.canonical import batch_json
from tests.compat import avro_batch
from tests.compat.comparison import same
from tests.compat.contract import is_map
from tests.compat.figures import Cost
from tests.compat.random_messages import RandomMessages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.compat.figures import Figures

RECORDS = 500
SECONDS = 0.4  # for each measurement; three times as long in Java, whose compiler must see the work first
slow = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def batch() -> Batch:
    """Records as services write them: what the benchmarks send."""
    return batches(1, RECORDS)[0]


@dataclass(frozen=True, slots=True)
class Forms:
    """One batch in each format."""

    json: bytes
    protobuf: bytes
    avro: bytes

    @classmethod
    def of(cls, batch: Batch) -> Forms:
        """Write it."""
        return cls(
            orjson.dumps(json_format.MessageToDict(batch)),
            batch.SerializeToString(),
            avro_batch.encode(avro_batch.of_batch(batch)),
        )


def best_us(work: Callable[[], object]) -> float:
    """Return the best CPU time of a record in microseconds: what others do on the machine is not counted."""
    best = float("inf")
    end = thread_time() + SECONDS
    while thread_time() < end:
        start = thread_time()
        work()
        best = min(best, thread_time() - start)
    return best * 1e6 / RECORDS


def cost(language: str, form: str, content: bytes, encode_us: float | None, decode_us: float | None) -> Cost:
    """Return a line of the table."""
    sizes = (content, gzip.compress(content), zstandard.compress(content))
    plain, zipped, packed = (len(one) / RECORDS for one in sizes)
    return Cost(language, form, plain, zipped, packed, encode_us, decode_us)


@slow
def test_what_a_record_costs_in_python(batch: Batch, figures: Figures) -> None:
    """The library's JSON, the hub's own writer of it, Protobuf, Avro; sizes are in the order that they should be."""
    forms = Forms.of(batch)
    record = avro_batch.of_batch(batch)
    read = Batch.FromString
    figures.costs += [
        cost(
            "Python",
            "JSON",
            forms.json,
            best_us(lambda: orjson.dumps(json_format.MessageToDict(batch))),
            best_us(lambda: json_format.Parse(forms.json, Batch())),
        ),
        cost("Python", "JSON, the hub's writer", batch_json(batch), best_us(lambda: batch_json(batch)), None),
        cost(
            "Python",
            "Protobuf",
            forms.protobuf,
            best_us(batch.SerializeToString),
            best_us(lambda: read(forms.protobuf)),
        ),
        cost(
            "Python",
            "Avro",
            forms.avro,
            best_us(lambda: avro_batch.encode(record)),
            best_us(lambda: avro_batch.decode(forms.avro)),
        ),
    ]
    assert len(forms.avro) < len(forms.protobuf) < len(forms.json) == len(batch_json(batch))


@slow
def test_what_a_record_costs_in_java(batch: Batch, java: list[str], tmp_path: Path, figures: Figures) -> None:
    """The same batch; its sizes are Python's, and its Avro is Python's to the byte."""
    forms = Forms.of(batch)
    (tmp_path / "batch.binpb").write_bytes(forms.protobuf)
    names = (tmp_path / "batch.binpb", avro_batch.SCHEMA_FILE, tmp_path / "batch.avro")
    command = [*java, "io.loghub.compat.Formats", *map(str, names), str(round(SECONDS * 3000))]
    done = subprocess.run(command, capture_output=True, check=True, timeout=200)
    found = json.loads(done.stdout)
    for form, content in (("JSON", forms.json), ("Protobuf", forms.protobuf), ("Avro", forms.avro)):
        row = found[form.lower()]
        figures.costs.append(cost("Java", form, content, row["encode_us"], row["decode_us"]))
        assert row["bytes"] == len(content)
    assert (tmp_path / "batch.avro").read_bytes() == forms.avro


def test_avro_says_what_protobuf_says(figures: Figures) -> None:
    """Any batch, but for what Avro has no form for: fields that nobody knows."""
    drawn = RandomMessages(1, [Batch], unknown=False)
    count = 2000
    for _ in range(count):
        batch: Any = drawn.draw()
        record = avro_batch.decode(avro_batch.encode(avro_batch.of_batch(batch)))
        assert same(avro_batch.to_batch(record), batch)
    figures.count("Avro: batches that come back as they were, Python", count)


def test_the_schemas_have_the_same_fields() -> None:
    """Batch, its records, what they share, and exceptions, in the order of the contract."""
    schema = json.loads(avro_batch.SCHEMA_FILE.read_text(encoding="utf-8"))
    assert described(schema) == contract_of(Batch.DESCRIPTOR)


def described(schema: Any) -> Any:
    """Return the names of an Avro record's fields, those of records in it below them."""
    if isinstance(schema, list):
        return described(schema[-1])
    if isinstance(schema, dict) and schema["type"] == "array":
        return described(schema["items"])
    if isinstance(schema, dict) and schema["type"] == "record":
        return {field["name"]: described(field["type"]) for field in schema["fields"]}
    return None


def contract_of(message: Any) -> Any:
    """Return the same of a message."""
    fields = {field.name: field for field in message.fields}
    nested = {
        name: contract_of(one.message_type) for name, one in fields.items() if one.message_type and not is_map(one)
    }
    return dict.fromkeys(fields) | nested
