"""Fields of a batch's records as columns: what filters look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Columns:
    """A batch's resource, and of each field the values that its records have, in their order.

    A column of as many values as there are records has that of each; an empty one says that no record has the field.
    Of attributes and exceptions it is only known whether any record has one.
    """

    resource: Any
    severity: Sequence[int]
    body: Sequence[str]
    service: Sequence[str]
    host: Sequence[str]
    logger: Sequence[str]
    thread: Sequence[str]
    trace_id: Sequence[bytes]
    span_id: Sequence[bytes]
    attributes: bool
    exception: bool

    @classmethod
    def of_fields(cls, batch: Any) -> Self:  # noqa: ANN401  a class made at run time
        """Take a batch of the view `fields`."""
        return cls._of(batch, attributes=bool(batch.records.attributes), exception=bool(batch.records.exception))

    @classmethod
    def of_merged(cls, batch: Any) -> Self:  # noqa: ANN401  as above
        """Take a batch of the view `columns`; what is cleared in it later stays here."""
        records = batch.records
        return cls._of(batch, attributes=records.HasField("attributes"), exception=records.HasField("exception"))

    @classmethod
    def _of(cls, batch: Any, *, attributes: bool, exception: bool) -> Self:  # noqa: ANN401  as above
        records = batch.records
        return cls(
            batch.resource,
            records.severity,
            records.body,
            records.service,
            records.host,
            records.logger,
            records.thread,
            records.trace_id,
            records.span_id,
            attributes=attributes,
            exception=exception,
        )
