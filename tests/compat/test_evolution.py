"""Versions of the contract meet: an older program passes on what a newer one says, and misreads nothing."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.compat.comparison import known, same
from tests.compat.contract import KINDS, ROOT, TESTDATA, parts
from tests.compat.echo import Peer, request
from tests.compat.evolution import ADDED, grown, stubs
from tests.compat.random_messages import RandomMessages

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from tests.compat.figures import Figures

BUF = Path(sys.executable).parent / "buf"
PUBLISHED = sorted(TESTDATA.glob("contract-*.binpb"))
MESSAGES = 3000
CHUNK = 500
pytestmark = pytest.mark.timeout(180)


def image(path: Path) -> FileDescriptorSet:
    """Return a contract."""
    return FileDescriptorSet.FromString(path.read_bytes())


@pytest.fixture(scope="module")
def later(contract: Path) -> dict[str, type[Message]]:
    """Stubs of the next version of today's contract."""
    return stubs(grown(image(contract)))


def draw(kinds: dict[str, type[Message]], seed: int) -> list[Any]:
    """Return messages of a version."""
    drawn = RandomMessages(seed, list(kinds.values()), unknown=False)
    return [drawn.draw() for _ in range(MESSAGES)]


def through(message: Any, kinds: dict[str, type[Message]]) -> Any:
    """Return the message as it is after another version has read it and written it again."""
    between = kinds[message.DESCRIPTOR.full_name].FromString(message.SerializeToString())
    return type(message).FromString(between.SerializeToString())


# --- the published contract ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_a_published_contract_and_todays_read_each_other(path: Path, figures: Figures) -> None:
    """Whatever one writes is the same after the other had it in its hands."""
    published = stubs(image(path))
    today = {name: KINDS[name] for name in published}
    for writer, reader in ((today, published), (published, today)):
        for message in draw(writer, 1):
            assert same(through(message, reader), message)
    figures.count(f"schema evolution: {path.stem} ↔ today, Python", 2 * MESSAGES)


def test_there_is_a_published_contract() -> None:
    """Or nothing is compared."""
    assert PUBLISHED


# --- a contract that nobody has written yet --------------------------------------------------------------------------


def test_todays_python_passes_on_what_the_next_version_adds(later: dict[str, type[Message]], figures: Figures) -> None:
    """Fields, kinds of a oneof, numbers of an enum."""
    for message in draw(later, 2):
        assert same(through(message, KINDS), message)
    figures.count("schema evolution: next → today → next, Python", MESSAGES)


def test_todays_python_reads_what_it_knows_of_the_next_version(later: dict[str, type[Message]]) -> None:
    """What is added takes nothing away: the rest is what the next version itself would say without it."""
    for message in draw(later, 3):
        today = KINDS[message.DESCRIPTOR.full_name].FromString(message.SerializeToString())
        assert same(known(today), without_added(message))


def test_the_next_version_reads_todays(later: dict[str, type[Message]], figures: Figures) -> None:
    """And passes it on, and what is added is empty."""
    for message in draw(KINDS, 4):
        seen = later[message.DESCRIPTOR.full_name].FromString(message.SerializeToString())
        assert same(without_added(seen), message)
    figures.count("schema evolution: today → next, Python", MESSAGES)


@pytest.mark.parametrize("language", ["Java", "Node"])
def test_other_languages_pass_on_what_the_next_version_adds(
    language: str, later: dict[str, type[Message]], request_of: dict[str, Peer], figures: Figures
) -> None:
    """With today's stubs, as Python does."""
    peer = request_of[language]
    messages = draw(later, 5)
    for start in range(0, MESSAGES, CHUNK):
        sent = messages[start : start + CHUNK]
        peer.send(request("B", message.DESCRIPTOR.full_name, message.SerializeToString()) for message in sent)
        for message, answer in zip(sent, peer.answers(len(sent)), strict=True):
            assert answer.taken, answer.content
            assert same(type(message).FromString(answer.content), message)
    figures.count(f"schema evolution: next → today → next, {language}", MESSAGES)


@pytest.fixture
def request_of(java_echo: Peer, node_echo: Peer) -> dict[str, Peer]:
    """The other languages."""
    return {"Java": java_echo, "Node": node_echo}


def without_added(message: Any) -> Any:
    """Return the message as it would be without what the next version adds."""
    for field, value in message.ListFields():
        if field.name.startswith(ADDED):
            message.ClearField(field.name)
        else:
            for part in parts(field, value):
                without_added(part)
    return message


def test_the_next_version_does_add(later: dict[str, type[Message]]) -> None:
    """To every message, in several places of most of what is drawn."""
    for name, kind in KINDS.items():
        assert len(later[name].DESCRIPTOR.fields) >= len(kind.DESCRIPTOR.fields) + 10
    assert sum(b"added" in str(message).encode() for message in draw(later, 6)) > MESSAGES * 9 // 10


# --- what may not be changed -----------------------------------------------------------------------------------------

BREAKING = {
    "a field is gone": ("record.proto", "  string logger = 7;\n", ""),
    "a field has another number": ("record.proto", "string logger = 7;", "string logger = 70;"),
    "a field has another type": ("record.proto", "fixed64 time_unix_nano = 1;", "uint64 time_unix_nano = 1;"),
    "a field has another name": ("record.proto", "string logger = 7;", "string logger_name = 7;"),
    "a field has become a list": ("record.proto", "string logger = 7;", "repeated string logger = 7;"),
    "a constant is gone": ("tail.proto", "  GAP_REASON_CORRUPT = 2;\n", ""),
    "a constant has another name": ("tail.proto", "GAP_REASON_CORRUPT = 2;", "GAP_REASON_BROKEN = 2;"),
    "a number is used again": ("tail.proto", "uint64 sampled_out = 4;", "string why = 4;"),
    "a call takes something else": ("ingest.proto", "rpc Push(PushRequest)", "rpc Push(Batch)"),
}
HARMLESS = {
    "a field is new": (
        "record.proto",
        "  string logger = 7;\n",
        "  string logger = 7;\n  // New.\n  string more = 70;\n",
    ),
    "a constant is new": (
        "tail.proto",
        "  GAP_REASON_CORRUPT = 2;\n",
        "  GAP_REASON_CORRUPT = 2;\n  // New.\n  GAP_REASON_MORE = 20;\n",
    ),
    "a message is new": ("record.proto", "// One typed", "// New.\nmessage More {}\n\n// One typed"),
    "a comment is another": ("record.proto", "// Name of the thread.", "// The thread's name."),
}


def breaking(proto: Path, against: Path) -> subprocess.CompletedProcess[str]:
    """Run buf as `make lint` does."""
    command = [str(BUF), "breaking", str(proto), "--against", str(against)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def edited(folder: Path, file: str, old: str, new: str) -> Path:
    """Return a copy of the contract with one change."""
    copy = folder / "proto"
    shutil.copytree(ROOT / "proto", copy)
    path = copy / "loghub" / "v1" / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    return copy


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_todays_contract_breaks_nobody(path: Path) -> None:
    """Of those who use a published one."""
    done = breaking(ROOT / "proto", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("change", BREAKING)
def test_a_change_that_breaks_is_found(change: str, tmp_path: Path, figures: Figures) -> None:
    """On the wire or in JSON."""
    done = breaking(edited(tmp_path, *BREAKING[change]), PUBLISHED[-1])
    assert (done.returncode, done.stderr) == (100, "")
    assert done.stdout
    figures.count("buf breaking: changes that break, found", 1)


@pytest.mark.parametrize("change", HARMLESS)
def test_a_change_that_breaks_nobody_is_let_pass(change: str, tmp_path: Path) -> None:
    """What may be done to the contract."""
    done = breaking(edited(tmp_path, *HARMLESS[change]), PUBLISHED[-1])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
