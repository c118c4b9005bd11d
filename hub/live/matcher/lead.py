"""Where records lead that pass a filter."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from hub.core.filter.batch_view import Pieces
    from hub.live.matcher.sought import Sought


class Lead:
    """What a filter leads to, with the matcher's notes of it.

    Of thousands hardly any is in the processor's cache when its turn comes, so the notes are kept here, and not in an
    object of their own that would have to come from memory too.

    indexes   those of the records that lead here, in order; None: none of the batch that is being looked at
    sought    what a pass makes sure of where it finds the word that leads here; None: no pass finds it
    apart     `Sought.apart` of that; 0: no word
    """

    __slots__ = ("apart", "indexes", "sought")

    def __init__(self) -> None:
        self.apart = 0
        self.indexes: list[int] | None = None
        self.sought: Sought | None = None

    def seek(self, sought: Sought) -> None:
        """Have a pass lead here where it finds something."""
        self.apart = sought.apart
        self.sought = sought

    def holds(self, data: bytes, end: int, piece: int, pieces: Pieces) -> bool:
        """Make sure where something was found; see `Sought.holds`."""
        return self.sought is not None and self.sought.holds(data, end, piece, pieces)


L = TypeVar("L", bound=Lead)


def forget(leads: list[L]) -> None:
    """Have leads forget the batch that was looked at, and leave them out of the list."""
    for lead in leads:
        lead.indexes = None
    leads.clear()
