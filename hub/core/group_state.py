"""A consumer group as bytes, as the log keeps it: `loghub.v1.GroupState`."""

from __future__ import annotations

from hub.core.consumer_group import Dead, Group, Held, Seat
from hub.pb.group_pb2 import GroupDead, GroupHeld, GroupSeat, GroupState


def write_group(group: Group) -> bytes:
    """Return the bytes; equal groups have equal ones."""
    return GroupState(
        filter=group.filter,
        created_unix_nano=group.created,
        position=group.position,
        max_attempts=group.max_attempts,
        last_id=group.last_id,
        held=[_held(one) for one in group.held],
        members=[
            GroupSeat(id=one.id, name=one.name, subject=one.subject, node=one.node, seen_unix_nano=one.seen)
            for one in group.seats.values()
        ],
        acked_records=group.acked_records,
        redelivered=group.redelivered,
        dead_records=group.dead_records,
        dead=[
            GroupDead(
                first_offset=one.first,
                next_offset=one.next,
                records=one.records,
                attempts=one.attempts,
                at_unix_nano=one.at,
            )
            for one in group.dead
        ],
    ).SerializeToString(deterministic=True)


def read_group(data: bytes) -> Group:
    """Return the group; DecodeError where the bytes are none."""
    state = GroupState.FromString(data)
    return Group(
        filter=state.filter,
        created=state.created_unix_nano,
        position=state.position,
        max_attempts=state.max_attempts,
        last_id=state.last_id,
        held=[
            Held(one.first_offset, one.next_offset, one.records, one.attempt, one.id, one.seat, one.until_unix_nano)
            for one in state.held
        ],
        seats={one.id: Seat(one.id, one.name, one.subject, one.node, one.seen_unix_nano) for one in state.members},
        acked_records=state.acked_records,
        redelivered=state.redelivered,
        dead_records=state.dead_records,
        dead=[
            Dead(one.first_offset, one.next_offset, one.records, one.attempts, one.at_unix_nano) for one in state.dead
        ],
    )


def _held(one: Held) -> GroupHeld:
    return GroupHeld(
        first_offset=one.first,
        next_offset=one.next,
        records=one.records,
        attempt=one.attempt,
        id=one.id,
        seat=one.seat,
        until_unix_nano=one.until,
    )
