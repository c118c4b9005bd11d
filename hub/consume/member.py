"""What a group's runner knows of a member that is connected to this process, and whom it tells what happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hub.consume.reader import Found
    from hub.consume.runner import GroupRunner
    from hub.core.consumer_group import Group, Seat
    from hub.errors import LoghubError


class Outlet(Protocol):
    """A member's way out; `hub.consume.session.ConsumerSession`."""

    @property
    def full(self) -> bool:
        """Whether too much waits for the peer already."""

    def sat(self, runner: GroupRunner, group: Group) -> None:
        """Take note that the member sits, and who serves it."""

    def deliver(self, frame: bytes) -> None:
        """Send a delivery; never waits."""

    def dismiss(self, error: LoghubError) -> None:
        """End the membership."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member that is connected here."""

    seat: Seat
    outlet: Outlet
    max_in_flight: int
    max_records: int
    ack_ns: int


class Observer(Protocol):
    """Hears what became of records; `hub.consume.engine.Engine`."""

    def changed(self, tenant: str, name: str, before: Group, after: Group) -> None:
        """Take a stored change of this process."""

    def handed(self, tenant: str, found: Found) -> None:
        """Take what was sent to a member."""

    def lag(self, tenant: str, name: str, records: int) -> None:
        """Take how far behind its log a group is."""
