"""What many subscribers got, judged against what was sent: every record of every batch, once and in order.

Frames are recognised rather than read again: subscribers of the same filter get the same bytes, so the records in a
frame are compared with those that were sent only the first time, and its digest stands for them afterwards.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import xxhash

from bench.data import serialised
from bench.packed import batches_of
from hub.core.views import opaque
from hub.pb.record_pb2 import Batch
from hub.pb.tail_pb2 import ServerMessage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MESSAGES: Any = opaque(ServerMessage)
_BATCHES: Any = opaque(Batch)
# The batches of a message: the number of each, and how many records it holds.
Parcel = list[tuple[int, int]]
# A subscriber, its subscription, the number of a batch, and the indexes of the records that came.
Got = tuple[int, str, int, list[int]]


class Tally:
    """Counts messages.

    `delivered` are records as they were sent. A batch that is doubled, out of order, of other records than those sent,
    or a part where all is watched, is `wrong`, and not delivered. With `detail`, subscriptions get parts of batches;
    which records is kept in `got` for whoever knows what they should be.
    """

    def __init__(self, templates: Sequence[Batch], *, detail: bool = False) -> None:
        """Take the batches that are sent: number `seq` is `templates[seq % len(templates)]`."""
        self._templates = [list(_BATCHES.FromString(serialised(one)).records) for one in templates]
        self._detail = detail
        self._known: dict[int, Parcel] = {}
        self._seq: defaultdict[tuple[int, str], int] = defaultdict(int)
        self.subscribed = 0
        self.delivered = 0
        self.wrong = 0
        self.refused: list[str] = []
        self.got: list[Got] = []
        self.arrivals: dict[int, array[float]] = defaultdict(lambda: array("d"))
        self.receivers: set[int] = set()

    def take(self, peer: int, payload: memoryview, now: float) -> None:
        """Count a message that a subscriber got."""
        if self._detail:
            self._read(peer, payload, now)
            return
        digest = xxhash.xxh3_64_intdigest(payload)
        parcel = self._known.get(digest)
        if parcel is None:
            parcel = self._read(peer, payload, now)
            if parcel is None:
                return
            self._known[digest] = parcel
        self._count(peer, parcel, now)

    def _read(self, peer: int, payload: memoryview, now: float) -> Parcel | None:
        """Return the batches of a message whose records are those that were sent; None: it has none, or is wrong."""
        message = _MESSAGES.FromString(bytes(payload))
        kind = message.WhichOneof("kind")
        if kind == "records" and self._detail:
            self._read_parts(peer, message.records, now)
        elif kind == "records":
            batches = batches_of(message.records, _BATCHES)
            if all(not batch.indexes and self._sent(batch.seq) == batch.records for batch in batches):
                return [(batch.seq, len(batch.records)) for batch in batches]
            self.wrong += len(batches)
        elif kind == "error":
            self.refused.append(message.error.message)
        elif kind == "subscribed":
            self.subscribed += 1
        return None

    def _read_parts(self, peer: int, records: Any, now: float) -> None:  # noqa: ANN401  a class made at run time
        for batch in records.batches:
            sent = self._sent(batch.seq)
            indexes = list(batch.indexes) or list(range(len(sent)))
            good = indexes[-1] < len(sent) and [sent[index] for index in indexes] == batch.records
            if good and self._is_next(peer, records.id, batch.seq):
                self.got.append((peer, records.id, batch.seq, indexes))
                self._arrived(peer, batch.seq, len(indexes), now)
            else:
                self.wrong += 1

    def _count(self, peer: int, parcel: Parcel, now: float) -> None:
        for seq, records in parcel:
            if self._is_next(peer, "", seq):
                self._arrived(peer, seq, records, now)
            else:
                self.wrong += 1

    def _is_next(self, peer: int, subscription: str, seq: int) -> bool:
        """Return whether a batch comes after all that came before it; where all is watched, right after them."""
        last = self._seq[peer, subscription]
        if seq <= last:
            return False
        self._seq[peer, subscription] = seq
        return self._detail or seq == last + 1

    def _arrived(self, peer: int, seq: int, records: int, now: float) -> None:
        self.delivered += records
        self.arrivals[seq].append(now)
        self.receivers.add(peer)

    def _sent(self, seq: int) -> list[bytes]:
        return self._templates[seq % len(self._templates)]


def latencies(arrivals: Mapping[int, Sequence[float]], sent: Mapping[int, float]) -> dict[str, float | None]:
    """Return how long batches took in milliseconds: the median, the 99th percentile and the last; None: none came."""
    late = sorted((at - sent[seq]) * 1000 for seq, times in arrivals.items() if seq in sent for at in times)
    if not late:
        return {"p50_ms": None, "p99_ms": None, "last_ms": None}
    places = {"p50_ms": len(late) // 2, "p99_ms": int(len(late) * 0.99), "last_ms": -1}
    return {name: round(late[place], 2) for name, place in places.items()}
