"""Says whether an audit folder's chains hold, and where they break first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hub.errors import ConfigError
from hub.observe.audit_chain import Place, Seal, parsed
from hub.observe.audit_files import chain_files, chain_names, read_head, read_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from hub.observe.audit_chain import Head

# The event by which a hub says that it found its chain broken when it started.
DAMAGED = "audit_damaged"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A place of a chain that was noted elsewhere: that line must be there, with that hash."""

    chain: str
    place: Place

    @classmethod
    def parse(cls, text: str) -> Anchor:
        """Read `chain:number:hash`; ConfigError where it is none."""
        chain, _, rest = text.partition(":")
        seq, _, digest = rest.partition(":")
        if not chain or not seq.isdecimal() or not digest:
            msg = f"{text!r} is no anchor: it is chain:number:hash, as 'loghub audit verify' prints it"
            raise ConfigError(msg)
        return cls(chain, Place(int(seq), digest))

    def __str__(self) -> str:
        """Return it as `parse` takes it."""
        return f"{self.chain}:{self.place.seq}:{self.place.hash}"


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What is known of a chain; `problem` is the first place where it breaks ("": it holds)."""

    chain: str
    lines: int
    last: Place
    problem: str
    keyed: bool


def verify(folder: Path, seals: Sequence[Seal] = (), anchors: Sequence[Anchor] = ()) -> list[ChainReport]:
    """Check every chain of a folder, those with a key by the key of their id; ConfigError where there is none."""
    if not folder.is_dir() or not (names := chain_names(folder)):
        msg = f"{folder} holds no audit log: give the folder that audit.path names, by default <data_dir>/audit"
        raise ConfigError(msg)
    by_id = {seal.key_id: seal for seal in (*seals, Seal())}
    names += [anchor.chain for anchor in anchors if anchor.chain not in names]
    return [_Check(folder, name, [one.place for one in anchors if one.chain == name]).run(by_id) for name in names]


def events(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (chain, event) of every line that can be read, chain after chain; whether they hold, `verify` says."""
    for chain in chain_names(folder):
        for path in chain_files(folder, chain).values():
            found = (parsed(line) for line in read_lines(path))
            yield from ((chain, fields) for fields in found if fields is not None)


class _Check:
    """Walks one chain."""

    def __init__(self, folder: Path, chain: str, anchors: Sequence[Place]) -> None:
        self._folder = folder
        self._chain = chain
        self._anchors = {place.seq: place.hash for place in anchors}
        self._place = Place()
        self._lines = 0
        self._hashes: dict[int, str] = {}

    def run(self, seals: dict[str, Seal]) -> ChainReport:
        key_id = self._chain.split("-", 2)[2] if self._chain.count("-") > 1 else ""
        seal = seals.get(key_id)
        problem = f"its key {key_id} was not given: use --key" if seal is None else self._problem(seal)
        return ChainReport(self._chain, self._lines, self._place, problem, keyed=bool(key_id))

    def _problem(self, seal: Seal) -> str:
        head = read_head(self._folder, self._chain, seal)
        problem = self._walk(seal, head)
        if problem:
            return problem
        if head is None:
            return "its head is gone or was changed, so that nothing says where the chain ends"
        if self._place.seq < head.last.seq:
            return f"lines {self._place.seq + 1} to {head.last.seq} were cut off at the end, says the head"
        if self._hashes.get(head.last.seq, head.last.hash) != head.last.hash:
            return f"line {head.last.seq} is another than the one that the head knows"
        for seq, digest in self._anchors.items():
            if self._hashes.get(seq) != digest:
                return f"line {seq} is gone or another than the one that the anchor knows"
        return ""

    def _walk(self, seal: Seal, head: Head | None) -> str:
        wanted = {*self._anchors, head.last.seq if head else 0}
        files = list(chain_files(self._folder, self._chain).values())
        for path in files:
            for number, raw in enumerate(read_lines(path), 1):
                if not raw.endswith(b"\n") and path is files[-1] and head and self._place.seq >= head.last.seq:
                    return ""  # what a running hub is writing just now, or a crash has cut off
                fault = self._take(raw, seal)
                if fault:
                    return f"{path.name} line {number}: {fault}"
                if self._place.seq in wanted:
                    self._hashes[self._place.seq] = self._place.hash
        return ""

    def _take(self, raw: bytes, seal: Seal) -> str:
        """Go on by a line; return what is wrong with it."""
        if not raw.endswith(b"\n"):
            return "it was cut off"
        fields = seal.opened(raw[:-1])
        if fields is None:
            return "it was changed: its hash does not hold"
        if not self._lines and (fault := self._begin(fields, seal)):
            return fault
        place, fault = self._place.after(fields)
        if fault:
            return fault
        self._place = place
        self._lines += 1
        if fields.get("event") == DAMAGED:
            return f"the hub found when it started that {fields.get('reason')}"
        return ""

    def _begin(self, fields: dict[str, Any], seal: Seal) -> str:
        """Begin with the oldest line that is kept; the head, read again since files may just go, says which must be."""
        head = read_head(self._folder, self._chain, seal)
        oldest = head.first if head else 1
        if fields["seq"] > oldest:
            return f"lines {oldest} to {fields['seq'] - 1} were removed before it"
        if fields["seq"] > 1:
            self._place = Place(fields["seq"] - 1, fields["prev"])
        return ""
