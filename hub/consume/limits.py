"""What groups and their members may have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.core.filter import FilterLimits


@dataclass(frozen=True, slots=True)
class ConsumeLimits:
    """Bounds of groups; each is a setting of section `consume`.

    max_in_flight      deliveries that a member may hold; `max_in_flight_per_group`: pieces that all of them hold, or
                       that wait to be delivered again
    member_seconds     after so long without a word a hub process counts as gone, and its members with it
    sweep_seconds      how often a group is looked at whatever the other processes said
    """

    max_groups_per_tenant: int
    max_members_per_group: int
    max_in_flight: int
    max_in_flight_per_group: int
    max_delivery_records: int
    max_delivery_bytes: int
    ack_seconds: float
    max_ack_seconds: float
    member_seconds: float
    join_seconds: float
    max_messages_per_s: int
    filters: FilterLimits
    read_bytes: int
    sweep_seconds: float = 0.5
    position_seconds: float = 5.0
