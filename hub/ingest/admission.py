"""The one way into the log: check, stamp, count, and make an entry of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from time import time_ns
from typing import TYPE_CHECKING

from hub.core.batch import admit
from hub.errors import BadRequestError
from hub.log.model import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.core.batch import BatchLimits, Offer, Rejected
    from hub.observe.metrics import Metrics

_PRODUCER_ID = re.compile(r"[A-Za-z0-9._:/-]{1,128}")


def check_producer_id(producer_id: str) -> str:
    """Return the id; BadRequestError where it is not 1 to 128 characters of [A-Za-z0-9._:/-]."""
    if not _PRODUCER_ID.fullmatch(producer_id):
        msg = f"producer_id {producer_id[:128]!r} is not 1 to 128 characters of [A-Za-z0-9._:/-]"
        raise BadRequestError(msg)
    return producer_id


@dataclass(frozen=True, slots=True)
class Source:
    """Where batches come from: the tenant of the principal, and the producer's id ("": none)."""

    tenant: str
    producer_id: str


class Admission:
    """Makes log entries of producers' batches; shared by every way in."""

    def __init__(self, limits: BatchLimits, metrics: Metrics, clock_ns: Callable[[], int] = time_ns) -> None:
        self.limits = limits
        self._metrics = metrics
        self._clock_ns = clock_ns

    def entry(
        self, source: Source, offer: Offer, *, after_seq: int = 0, in_parts: bool = False
    ) -> tuple[Entry, tuple[Rejected, ...]]:
        """Return what is to be stored, and the records that are refused for good.

        With `in_parts` the batch is kept taken apart and in columns beside it, which spares whoever watches to do so,
        and takes up to three times as much memory again: for what is stored at once.

        Raises BadRequestError and TooLargeError as `hub.core.batch.admit`.
        """
        received = self._clock_ns()
        seq = offer.batch.seq
        admitted = admit(
            offer, self.limits, producer_id=source.producer_id, received_time_unix_nano=received, in_parts=in_parts
        )
        if admitted.rejected:
            self._metrics.rejected(source.tenant, admitted.rejected)
        entry = Entry(
            source.tenant,
            admitted.data,
            admitted.records,
            received,
            source.producer_id,
            seq,
            after_seq,
            parts=admitted.parts,
        )
        return entry, admitted.rejected

    def repaired(self, tenant: str, strings: int) -> None:
        """Count strings that were not UTF-8."""
        if strings:
            self._metrics.repaired_utf8(tenant, strings)
