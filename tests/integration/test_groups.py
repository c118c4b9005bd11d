"""Consumer groups over real gRPC, TLS and LMDB: who gets what, what comes again, and what a stranger sees of it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import grpc
import pytest

from hub.core.principal import Role
from hub.core.revocation import Kind, Revocation, serial_text
from hub.identity.peer import serial_of
from hub.identity.revoked_file import RevokedFile
from tests.members import admin, ask, bodies, member, reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from hub.app import Hub
    from hub.pb.consume_pb2 import Delivery
    from tests.members import MemberPeer
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]


async def test_a_member_gets_what_matches_and_the_group_keeps_its_place(site: Site, tenant: str) -> None:
    """From the oldest on, then live; what is acknowledged does not come again."""
    await site.push(tenant, "stored", "noise")
    async with member(site, reader(site, tenant), filter="-noise", oldest=True) as first:
        joined = await first.until("joined")
        assert (joined.created, joined.filter) == (True, "-noise")
        one = await first.delivery()
        assert (bodies(one), one.attempt) == (["stored"], 1)
        await site.push(tenant, "live")
        two = await first.delivery()
        assert bodies(two) == ["live"]
        settled = await first.ack(one, two)
        assert (list(settled.ids), list(settled.late)) == ([one.id, two.id], [])
        assert (await first.leave())[0] is grpc.StatusCode.OK
    await site.push(tenant, "later")
    async with member(site, reader(site, tenant)) as second:
        joined = await second.until("joined")
        assert (joined.created, joined.filter, joined.cursor) == (False, "-noise", settled.cursor)
        assert bodies(await second.delivery()) == ["later"]


async def test_two_members_share_and_one_that_dies_is_made_up_for(site: Site, tenant: str) -> None:
    """Each record goes to one of them; what the dead one held goes to the other, as a second attempt."""
    async with member(site, reader(site, tenant), max_in_flight=1, max_records=1) as living:
        await living.joined()
        async with member(site, reader(site, tenant), max_in_flight=1, max_records=1) as dying:
            await dying.joined()
            await site.push(tenant, "1", "2")
            mine, lost = await living.delivery(), await dying.delivery()
            assert {*bodies(mine), *bodies(lost)} == {"1", "2"}
        await living.ack(mine)
        again = await living.delivery()
        assert (bodies(again), again.attempt) == (bodies(lost), 2)
        assert again.id > lost.id
        assert not (await living.ack(again)).late


async def test_what_is_not_acknowledged_in_time_goes_to_another(site: Site, tenant: str) -> None:
    """And the late acknowledgement is told so, and changes nothing."""
    await site.push(tenant, "slow")
    async with member(site, reader(site, tenant), oldest=True, ack_timeout={"seconds": 1}) as slow:
        late = await slow.delivery()
        async with member(site, reader(site, tenant)) as other:
            await other.joined()
            again = await other.delivery()
            assert (bodies(again), again.attempt > late.attempt) == (["slow"], True)
            settled = await slow.ack(late)
            assert (list(settled.ids), list(settled.late)) == ([], [late.id])
            settled = await other.ack(again)
            assert list(settled.ids) == [again.id]
    group = (await ask(site, reader(site, tenant), "DescribeGroup", group="audit")).group
    assert (group.acked_records, group.redelivered, group.lag) == (1, again.attempt - 1, 0)


async def test_another_tenant_sees_nothing(site: Site, tenant: str) -> None:
    """The same name is another group there; nothing shows the one of the neighbour, and nothing changes it."""
    neighbour = tenant + "-b"
    await site.push(tenant, "secret")
    async with member(site, reader(site, tenant), oldest=True) as mine:
        assert bodies(await mine.delivery()) == ["secret"]
        async with member(site, reader(site, neighbour), oldest=True) as theirs:
            joined = await theirs.until("joined")
            assert joined.created
            await site.push(neighbour, "their own")
            assert bodies(await theirs.delivery()) == ["their own"]
        for method in ("DescribeGroup", "ResetGroup", "DeleteGroup"):
            await ask(site, admin(site, neighbour), method, group="audit")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await ask(site, reader(site, neighbour), "ListGroups", tenant=tenant)
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        assert not (await ask(site, reader(site, neighbour), "ListGroups")).groups
        group = (await ask(site, reader(site, tenant), "DescribeGroup", group="audit")).group
        assert (group.pending_count, group.cursor_offset) == (1, 0)
    async with member(site, reader(site, neighbour), tenant=tenant) as thief:
        assert (await thief.status())[0] is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("join", "code", "words"),
    [
        ({"group": "no/slash"}, grpc.StatusCode.INVALID_ARGUMENT, "group"),
        ({"group": ""}, grpc.StatusCode.INVALID_ARGUMENT, "group"),
        ({"member": "-"}, grpc.StatusCode.INVALID_ARGUMENT, "member"),
        ({"filter": "level>="}, grpc.StatusCode.INVALID_ARGUMENT, "column"),
        ({"cursor": "garbage"}, grpc.StatusCode.INVALID_ARGUMENT, "cursor"),
        ({"ack_timeout": {"seconds": -1}}, grpc.StatusCode.INVALID_ARGUMENT, "ack_timeout"),
    ],
)
async def test_a_bad_join_ends_the_call(
    site: Site, tenant: str, join: dict[str, object], code: grpc.StatusCode, words: str
) -> None:
    """With what is wrong; no group is made."""
    async with member(site, reader(site, tenant), **join) as peer:  # type: ignore[arg-type]
        status = await peer.status()
    assert status[0] is code
    assert words in status[1]
    assert not (await ask(site, reader(site, tenant), "ListGroups")).groups


async def test_the_filter_is_fixed(site: Site, tenant: str) -> None:
    """Another one is refused with the one that stands; the same, spelt differently, is not another."""
    async with member(site, reader(site, tenant), filter="service:a AND level>=warn") as first:
        await first.joined()
        async with member(site, reader(site, tenant), filter="level>=warn") as other:
            code, text = await other.status()
            assert (code, "service:a" in text) == (grpc.StatusCode.FAILED_PRECONDITION, True)
        async with member(site, reader(site, tenant), filter="(service:a level>=warn)") as same:
            await same.joined()


async def test_a_tokens_filter_is_always_added(site: Site, tenant: str) -> None:
    """Its bearer makes groups of what it may see, and does not get into those of more."""
    token = site.deployment.token(tenant, only="service:orders")
    await site.push(tenant, "seen")
    async with member(site, reader(site, tenant), token=token, filter="seen", oldest=True) as first:
        assert (await first.until("joined")).filter == "seen service:orders"
        assert bodies(await first.delivery()) == ["seen"]
    async with member(site, reader(site, tenant), "all") as everything:
        await everything.joined()
        async with member(site, reader(site, tenant), "all", token=token) as narrow:
            assert (await narrow.status())[0] is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_nack_comes_again_in_halves_and_is_given_up_in_the_end(site: Site, tenant: str) -> None:
    """What came along with it is acknowledged; what was given up is counted, shown, and never silent."""
    await site.push(tenant, "a", "b", "c", "poison")
    async with member(site, reader(site, tenant), oldest=True, max_attempts=3, max_in_flight=1) as peer:
        seen: list[tuple[int, list[str]]] = []
        for _ in range(20):
            one = await peer.delivery()
            seen.append((one.attempt, bodies(one)))
            if "poison" not in bodies(one):
                await peer.ack(one)
                continue
            await peer.nack(one)
            if one.attempt == 3:
                break
        assert seen[0] == (1, ["a", "b", "c", "poison"])
        assert seen[-1] == (3, ["poison"])
        group = (await ask(site, reader(site, tenant), "DescribeGroup", group="audit")).group
        assert (group.acked_records, group.dead_records, group.cursor_offset, group.lag) == (3, 1, 4, 0)
        assert [(one.from_offset, one.to_offset, one.attempts) for one in group.dead] == [(3, 4, 3)]


async def test_a_group_is_reset_and_deleted_by_an_admin_only(site: Site, tenant: str) -> None:
    """Members go on where it was set, what they held is late; with the group they are dismissed."""
    await site.push(tenant, "1", "2")
    async with member(site, reader(site, tenant), oldest=True) as peer:
        held = await peer.delivery()
        for method in ("ResetGroup", "DeleteGroup"):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await ask(site, reader(site, tenant), method, group="audit")
            assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
        await ask(site, admin(site, tenant), "ResetGroup", group="audit", oldest=True)
        again = await peer.delivery()
        assert (bodies(again), again.attempt) == (["1", "2"], 1)
        assert list((await peer.ack(held)).late) == [held.id]
        await ask(site, admin(site, tenant), "DeleteGroup", group="audit")
        goodbye = await peer.until("goodbye")
        assert not goodbye.reconnect
        assert (await peer.status())[0] is grpc.StatusCode.NOT_FOUND
    for method, client in (("DescribeGroup", reader(site, tenant)), ("DeleteGroup", admin(site, tenant))):
        with pytest.raises(grpc.aio.AioRpcError) as gone:
            await ask(site, client, method, group="audit")
        assert gone.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_member_that_comes_back_under_its_name_gets_what_it_held(site: Site, tenant: str) -> None:
    """At once, whatever its time was; the older connection is ended."""
    await site.push(tenant, "mine")
    async with member(site, reader(site, tenant), member="m1", oldest=True) as before:
        first = await before.delivery()
        async with member(site, reader(site, tenant), member="m1") as after:
            again = await after.delivery(2)
            assert (bodies(again), again.attempt) == (["mine"], first.attempt + 1)
            code, text = await before.status()
            assert (code, "name" in text) == (grpc.StatusCode.FAILED_PRECONDITION, True)
            assert not (await after.ack(again)).late


async def test_a_revoked_member_is_out_within_a_second(start: Start, tenant: str, tmp_path: Path) -> None:
    """And what it held goes to another, as if it had never been delivered."""
    async with start() as (site, _):
        own = site.deployment.client(tenant, Role.SUBSCRIBER, "leaver")
        await site.push(tenant, "x")
        async with member(site, own, oldest=True) as revoked:
            await revoked.delivery()
            async with member(site, reader(site, tenant)) as other:
                await other.joined()
                serial = serial_text(serial_of(own.cert.read_bytes()))
                began = time.monotonic()
                RevokedFile.of(tmp_path / "data").append(Revocation(Kind.CERTIFICATE, serial, time.time(), tenant))
                assert (await revoked.status())[0] is grpc.StatusCode.UNAUTHENTICATED
                assert time.monotonic() - began < 1
                again = await other.delivery()
                assert (bodies(again), again.attempt) == (["x"], 1)


async def test_quotas_of_groups_and_members(start: Start, tenant: str) -> None:
    """Both are said with their setting; other tenants have their own."""
    limits = {"max-groups-per-tenant": 1, "max-members-per-group": 1, "max-in-flight": 1, "max-in-flight-per-group": 1}
    async with start(consume=limits) as (site, _), member(site, reader(site, tenant)) as first:
        await first.joined()
        for group, setting in (("second", "max_groups_per_tenant"), ("audit", "max_members_per_group")):
            async with member(site, reader(site, tenant), group) as over:
                code, text = await over.status()
                assert (code, setting in text) == (grpc.StatusCode.RESOURCE_EXHAUSTED, True)
        async with member(site, reader(site, tenant + "-b")) as neighbour:
            await neighbour.joined()
        for body in "12":
            await site.push(tenant, body)
        one = await first.delivery()
        with pytest.raises(TimeoutError):
            await first.delivery(0.5)
        assert bodies(one) == ["1"]


async def test_what_retention_removed_is_told_to_one_member(start: Start, tenant: str) -> None:
    """As a gap with its count, in a delivery that is acknowledged like any other."""
    retention = {"retention-seconds": 1, "retention-interval-seconds": 0.2}
    async with start(log=retention) as (site, _):
        await site.push(tenant, "1", "2")
        async with member(site, reader(site, tenant), oldest=True, max_in_flight=1, filter="-nothing") as peer:
            first = await peer.delivery()
            await peer.nack(first)
            again = await peer.delivery()
            assert bodies(again) == ["1"]
            assert (await peer.leave())[0] is grpc.StatusCode.OK
        await asyncio.sleep(1.2)
        await site.push(tenant, "3")
        await asyncio.sleep(0.5)
        async with (
            member(site, reader(site, tenant), max_in_flight=2) as one,
            member(site, reader(site, tenant), max_in_flight=2) as two,
        ):
            await two.joined()
            seen: list[Delivery] = []
            working = [asyncio.create_task(work(peer, seen)) for peer in (one, two)]
            await until_done(site, tenant)
            for task in working:
                task.cancel()
        gaps = sorted((gap.from_offset, gap.to_offset, gap.count) for delivery in seen for gap in delivery.gaps)
        assert gaps == [(0, 1, 1), (1, 2, 1)]
        assert [body for delivery in seen for body in bodies(delivery)] == ["3"]


async def until_done(site: Site, tenant: str) -> None:
    """Wait until the group is done with all there is."""
    async with asyncio.timeout(10):
        while (await ask(site, reader(site, tenant), "DescribeGroup", group="audit")).group.lag:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def work(peer: MemberPeer, seen: list[Delivery]) -> None:
    """Take deliveries and acknowledge them until cancelled."""
    while True:
        seen.append(await peer.delivery())
        await peer.ack(seen[-1])


async def test_a_hub_that_stops_says_goodbye_and_gives_back(start: Start, tenant: str) -> None:
    """The member is told to come back; what it held is not counted, and comes to it from the next hub."""
    async with start() as (site, hub), member(site, reader(site, tenant), member="m1", oldest=True) as peer:
        await site.push(tenant, "held")
        assert bodies(await peer.delivery()) == ["held"]
        hub.stop()
        goodbye = await peer.until("goodbye")
        assert goodbye.reconnect
        assert (await peer.status())[0] is grpc.StatusCode.UNAVAILABLE
    async with start() as (site, _):
        group = (await ask(site, reader(site, tenant), "DescribeGroup", group="audit")).group
        assert (group.member_count, [one.attempt for one in group.pending]) == (0, [0])
        async with member(site, reader(site, tenant), member="m1") as again:
            one = await again.delivery()
            assert (bodies(one), one.attempt) == (["held"], 1)
