"""OTLP logs, by whichever port: a request is read, made batches of, stored, and only then answered.

A request has no sequence number, so what is sent again is stored again. One that is refused as a whole has stored
nothing, with the log in one file; of one that is taken in part, what is refused is refused for good.

Protocol: https://opentelemetry.io/docs/specs/otlp/
"""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import TYPE_CHECKING

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from hub.errors import LoghubError
from hub.ingest.admission import Source
from hub.ingest.formats import otlp_json, otlp_protobuf
from hub.ingest.otlp_batches import Batches, Piece, Refusal
from hub.rpc.status import status_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.protobuf.message import Message

    from hub.core.principal import Principal
    from hub.core.room import Room, Take
    from hub.ingest.formats.otlp import Group
    from hub.ingest.stream import Ingest
    from hub.log.model import Entry

# A request of more is read while no other such is: as objects it may take twenty times its size.
_LARGE_BYTES = 2**18
# What a request of nothing takes of the room: a task, a call, headers.
_REQUEST_BYTES = 4096
# When to come back, where the error does not say.
RETRY_SECONDS = 1.0
_NO_REQUEST = (b"", b"{}")


class Kind(StrEnum):
    """How a request is written, and its answer too: the types of content of OTLP/HTTP."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of a request: records that were stored, and refused for good, and why the first of these were."""

    stored: int
    rejected: int = 0
    reason: str = ""


class OtlpReceiver:
    """Takes requests.

    room        for what is at hand of all requests
    max_bytes   of a request, as inflated
    """

    def __init__(self, ingest: Ingest, room: Room, max_bytes: int) -> None:
        self._ingest = ingest
        self._room = room
        self._large = asyncio.Lock()
        self.max_bytes = max_bytes

    @property
    def pending_bytes(self) -> int:
        """What is at hand of all requests."""
        return self._room.held

    @contextmanager
    def holding(self, principal: Principal) -> Iterator[Take]:
        """Give what a request takes room with, byte by byte as it comes; raises QuotaError, also over the rate."""
        self._ingest.quotas.of(principal, monotonic()).check(monotonic(), 0.0)
        with self._room.holding(principal.tenant) as take:
            take(_REQUEST_BYTES)
            yield take

    async def export(self, principal: Principal, raw: bytes, kind: str) -> bytes:
        """Store a request's records; return the answer, written as the request is.

        Raises FormatError where it cannot be read, QuotaError over the rate, and what `Log.append` raises.
        """
        try:
            exported = await self._export(principal, raw, Kind(kind))
        except LoghubError as error:
            self._ingest.metrics.tenant(principal.tenant).refused(error.grpc_code.name)
            raise
        return _written(_answer(exported), Kind(kind))

    def refusal(self, error: LoghubError, kind: str) -> bytes:
        """Return what says an error in an encoding: a google.rpc.Status."""
        return _written(status_of(error, retry_seconds=RETRY_SECONDS), Kind(kind))

    async def _export(self, principal: Principal, raw: bytes, kind: Kind) -> Exported:
        allowance = self._ingest.quotas.of(principal, monotonic())
        allowance.check(monotonic(), 0.0)
        async with self._large if len(raw) > _LARGE_BYTES else nullcontext():
            entries, refusals = await self._entries(principal.tenant, raw, kind)
        records = sum(entry.records for entry in entries)
        allowance.spend(records, len(raw))
        if entries:
            await self._ingest.log.append(entries)
            counts = self._ingest.metrics.tenant(principal.tenant)
            counts.records.inc(records)
            counts.batches.inc(len(entries))
            counts.bytes.inc(len(raw))
        if not refusals:
            return Exported(records)
        first = min(refusals, key=lambda one: one.first)
        rejected = sum(one.count for one in refusals)
        reason = f"{rejected} of {records + rejected} log records are refused for good, the first of them number "
        return Exported(records, rejected, f"{reason}{first.first} (from 0): {first.field} {first.reason}")

    async def _entries(self, tenant: str, raw: bytes, kind: Kind) -> tuple[list[Entry], list[Refusal]]:
        batches = Batches(self._ingest.admission.limits)
        entries: list[Entry] = []
        refusals: list[Refusal] = []

        def admit(pieces: Iterator[Piece]) -> None:
            for piece in pieces:
                entry, rejected = self._ingest.admission.entry(Source(tenant, ""), piece.offer)
                refusals.extend(Refusal(piece.first + one.index, 1, one.field, one.reason) for one in rejected)
                if entry.records:
                    entries.append(entry)

        for group in self._parts(raw, kind):
            admit(batches.add(group))
            await asyncio.sleep(0)  # a part of a long request has taken milliseconds: others have their turn
        admit(batches.rest())
        for name, count in _by_field(batches.refusals).items():
            self._ingest.metrics.ingest_rejected.labels(tenant, name).inc(count)
        return entries, refusals + batches.refusals

    def _parts(self, raw: bytes, kind: Kind) -> Iterator[Group]:
        if kind is Kind.PROTOBUF:
            return otlp_protobuf.parts(raw, self._ingest.admission.limits.max_record_bytes)
        return iter(()) if raw in _NO_REQUEST else otlp_json.parts(raw)


def _by_field(refusals: list[Refusal]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for one in refusals:
        counts[one.field] += one.count
    return counts


def _answer(exported: Exported) -> ExportLogsServiceResponse:
    answer = ExportLogsServiceResponse()
    if exported.rejected:
        answer.partial_success.rejected_log_records = exported.rejected
        answer.partial_success.error_message = exported.reason
    return answer


def _written(message: Message, kind: Kind) -> bytes:
    if kind is Kind.PROTOBUF:
        return message.SerializeToString()
    return json_format.MessageToJson(message, indent=None).encode()
