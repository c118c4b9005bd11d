"""Messages of a tenant's topic on the Kafka backbone: `loghub.v1.BackboneMessage`, read and written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from hub.log.model import Entry, Note
from hub.pb.backbone_pb2 import (
    BackboneCheckpoint,
    BackboneEntry,
    BackboneForget,
    BackboneMessage,
    BackboneNote,
    BackboneProducer,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Stamp:
    """Names an entry: the hub that wrote it, and that hub's count of its entries."""

    node: int
    number: int


@dataclass(frozen=True, slots=True)
class Producer:
    """A producer's count, and when it was last heard of, in nanoseconds since the Unix epoch."""

    producer_id: str
    last_seq: int
    last_seen_unix_nano: int


@dataclass(frozen=True, slots=True)
class Stamped:
    """A message that holds a batch or note to be stored."""

    entry: Entry
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the topic came to up to `position`: the offset of the tenant's next record, producers, notes."""

    position: int
    next_offset: int
    producers: tuple[Producer, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class Forget:
    """Producers that were last heard of before are to be forgotten."""

    before_unix_nano: int


Message = Stamped | Checkpoint | Forget


def entry_message(entry: Entry, stamp: Stamp) -> bytes:
    """Return the message that has a batch or note stored."""
    body = BackboneEntry(
        batch=entry.data,
        records=entry.records,
        received_time_unix_nano=entry.received_unix_nano,
        producer_id=entry.producer_id,
        seq=entry.seq,
        after_seq=entry.after_seq,
        node=stamp.node,
        number=stamp.number,
        note=entry.note,
    )
    return BackboneMessage(entry=body).SerializeToString()


def checkpoint_message(
    position: int, next_offset: int, producers: Sequence[Producer], notes: Sequence[Note] = ()
) -> bytes:
    """Return the message that another hub may begin with."""
    rows = [
        BackboneProducer(
            producer_id=one.producer_id, last_seq=one.last_seq, last_seen_unix_nano=one.last_seen_unix_nano
        )
        for one in producers
    ]
    kept = [BackboneNote(name=note.name, version=note.version, data=note.data) for note in notes]
    body = BackboneCheckpoint(position=position, next_offset=next_offset, producers=rows, notes=kept)
    return BackboneMessage(checkpoint=body).SerializeToString()


def forget_message(before_unix_nano: int) -> bytes:
    """Return the message that has silent producers forgotten by all hubs at the same place."""
    return BackboneMessage(forget=BackboneForget(before_unix_nano=before_unix_nano)).SerializeToString()


def read_message(tenant: str, value: bytes | None) -> Message | None:
    """Read a message of the tenant's topic; None for what no hub wrote, which every hub passes over alike."""
    try:
        message = BackboneMessage.FromString(value or b"")
    except DecodeError:
        return None
    match message.WhichOneof("kind"):
        case "entry":
            return _stamped(tenant, message.entry)
        case "checkpoint":
            body = message.checkpoint
            rows = tuple(Producer(one.producer_id, one.last_seq, one.last_seen_unix_nano) for one in body.producers)
            notes = tuple(Note(note.name, note.version, note.data) for note in body.notes)
            return Checkpoint(body.position, body.next_offset, rows, notes)
        case "forget":
            return Forget(message.forget.before_unix_nano)
    return None


def _stamped(tenant: str, body: BackboneEntry) -> Stamped:
    entry = Entry(
        tenant,
        body.batch,
        body.records,
        body.received_time_unix_nano,
        body.producer_id,
        body.seq,
        body.after_seq,
        body.note,
    )
    return Stamped(entry, Stamp(body.node, body.number))
