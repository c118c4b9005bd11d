"""The audit log of a running hub: who came and went on every plane, who was refused, what was revoked and read anew."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from websockets.exceptions import InvalidStatus

from hub.core.principal import Role
from hub.core.revocation import Kind, Revocation
from hub.identity.revoked_file import RevokedFile
from hub.identity.tokens import Claims
from hub.observe.audit_verify import events, verify
from hub.pb.tail_pb2 import Auth
from tests.integration.test_commands import loghub

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from hub.app import Hub
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]


def lines(folder: Path, **wanted: object) -> list[dict[str, Any]]:
    """Return the events that have these fields."""
    return [line for _, line in events(folder) if all(line.get(name) == value for name, value in wanted.items())]


async def until(folder: Path, **wanted: object) -> dict[str, Any]:
    """Wait for an event; return it."""
    async with asyncio.timeout(10):
        while not (found := lines(folder, **wanted)):  # noqa: ASYNC110  the log is a file, which tells nobody
            await asyncio.sleep(0.02)
    return found[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the audit log of the test's own hub is."""
    return tmp_path / "data" / "audit"


async def test_every_plane_tells_who_came_and_went(start: Start, folder: Path, tenant: str) -> None:
    """With tenant, subject, address, and what can be revoked; and the chain holds when the hub has stopped."""
    async with start() as (site, _):
        assert site.deployment.client(tenant)
        await site.push(tenant, "x")
        async with site.producer(tenant) as producer:
            await producer.goodbye()
            await producer.receive("welcome")
            await producer.receive("goodbye")
        async with site.subscriber(tenant) as tail:
            await tail.subscribe()
            fresh = site.deployment.mint(Claims(tenant, "demo", "logs:read", 60.0, token_id="fresh"))
            await tail.send(auth=Auth(token=fresh))
            await tail.send(auth=Auth(token="nonsense"))
            await tail.until("error")
        async with site.stream(tenant, "oldest=true&follow=false") as stream:
            await stream.body()
        async with site.caller(site.deployment.client(tenant, Role.SUBSCRIBER, "reader")) as call:
            await call.subscribe()
        await until(folder, event="session_ended", plane="tail")
        while len(lines(folder, event="session_ended", plane="web")) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    producer_id = f"spiffe://test.local/tenant/{tenant}/producer/orders"
    (push,) = lines(folder, event="request", plane="ingest")
    assert (push["tenant"], push["subject"], len(push["serial"]) > 8) == (tenant, producer_id, True)
    assert push["peer"].startswith(("127.0.0.1:", "[::1]:"))
    opened, ended = lines(folder, event="session_opened"), lines(folder, event="session_ended")
    assert [line["plane"] for line in opened] == ["ingest", "web", "web", "tail"]
    assert {line["session"] for line in opened} == {line["session"] for line in ended}
    assert {line["tenant"] for line in (*opened, *ended)} == {tenant}
    (renewed,), (refused,) = lines(folder, event="token_renewed"), lines(folder, event="refused")
    assert (renewed["subject"], refused["code"], refused["plane"]) == ("demo", "UnauthenticatedError", "web")
    everything = [line["event"] for _, line in events(folder)]
    assert (everything[0], everything[-1]) == ("hub_started", "hub_stopped")
    assert [report.problem for report in verify(folder)] == [""]


async def test_a_flood_of_refusals_is_a_few_lines_and_stops_nobody(start: Start, folder: Path, tenant: str) -> None:
    """The rest of them is counted, and the hub serves on."""
    async with start(audit={"limited-per-minute": 3}) as (site, hub):
        port = site.listening.web_port
        reader, writer = await asyncio.open_connection("localhost", port, ssl=site.tls())
        one = f"GET /v1/whoami HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode()
        for _ in range(200):
            writer.write(one)
            async with asyncio.timeout(10):
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]))
            assert head.startswith(b"HTTP/1.1 401")
        writer.transport.abort()
        assert (await site.push(tenant, "x")).accepted == 1
        value = hub.metrics.registry.get_sample_value("loghub_audit_suppressed_events_total", {"event": "refused"})
        assert value == 197
    assert len(lines(folder, event="refused")) == 3
    (summary,) = lines(folder, event="suppressed")
    assert (summary["count"], summary["code"]) == (197, "UnauthenticatedError")


async def test_refusals_of_every_kind_are_recorded(start: Start, folder: Path, tenant: str) -> None:
    """For who they are, where they come from, what they may do, and how much they use."""
    deployment_web = {"max-connections": 10, "max-connections-per-tenant": 1}
    async with start(web=deployment_web, grpc={"max-streams-per-tenant": 1}) as (site, _):

        async def refused(**headers: str) -> None:
            with pytest.raises(InvalidStatus):
                async with site.subscriber(tenant, headers=headers):
                    pass

        await refused(Authorization="")
        await refused(Authorization=f"Bearer {site.deployment.mint(Claims(tenant, 'w', 'logs:write', 60.0))}")
        await refused(Origin="https://evil.example")
        async with site.subscriber(tenant):
            await refused()
        async with site.producer(tenant, "a") as first:
            await first.receive("welcome")
            with suppress(grpc.aio.AioRpcError):  # refused before its hello was read, or behind it
                async with site.producer(tenant, "b") as second:
                    await second.status()
        async with site.caller(site.deployment.client(tenant)) as call:
            await call.status()
    found = {(line["plane"], line["code"]) for line in lines(folder, event="refused", outcome="refused")}
    assert found == {
        ("web", "UnauthenticatedError"),
        ("web", "ForbiddenError"),
        ("web", "QuotaError"),
        ("ingest", "QuotaError"),
        ("tail", "ForbiddenError"),
    }
    reasons = " ".join(line["reason"] for line in lines(folder, event="refused"))
    assert "evil.example" in reasons
    assert "lacks the scope logs:read" in reasons


async def test_revocations_admins_and_reloads_are_recorded(start: Start, folder: Path, tenant: str) -> None:
    """By whatever way they come; and that a session ended for it."""
    async with start() as (site, _):
        entry = Revocation(Kind.SUBJECT, "demo", time.time() + 1, tenant, reason="left")
        async with site.subscriber(tenant) as tail:
            await tail.subscribe()
            RevokedFile.of(folder.parent).append(entry)
            with suppress(TimeoutError):
                await tail.closed()
        revoked = await until(folder, event="revoked")
        assert (revoked["target"], revoked["tenant"], revoked["reason"]) == ("subject:demo", tenant, "left")
        ended = await until(folder, event="session_ended", plane="web")
        assert "revoked" in ended["reason"]
        site.deployment.authority.bundle.touch()
        await until(folder, event="certificates_reloaded", outcome="ok")
        admin = site.deployment.mint(Claims(tenant, "boss", "admin", 60.0))
        command = ("revoke", "token", "stolen", "--url", site.url, "--reason", "found")
        env = {"LOGHUB_TOKEN": admin, "LOGHUB_CA": str(site.deployment.ca)}
        assert (await loghub(*command, env=env)).status == 0
        act = await until(folder, event="admin_act")
        assert (act["subject"], act["target"], act["reason"]) == ("boss", "token:stolen", "revoke")
        await until(folder, event="revoked", target="token:stolen")


async def test_the_chain_goes_on_when_the_hub_comes_back_and_a_change_is_found(
    start: Start, folder: Path, tenant: str
) -> None:
    """`loghub audit verify` says so, by its status too."""
    for _ in range(2):
        async with start() as (site, _):
            await site.push(tenant, "x")
    good = await loghub("audit", "verify", folder)
    assert good.status == 0, good.out
    assert "worker-0: 6 lines hold" in good.out
    path = folder / "worker-0.00000001.jsonl"
    path.write_text(path.read_text().replace(tenant, "other", 1))
    bad = await loghub("audit", "verify", folder)
    assert bad.status == 1
    assert f"worker-0: BROKEN: {path.name} line 2: it was changed" in bad.out


async def test_a_hub_without_an_audit_log_writes_none(start: Start, folder: Path, tenant: str) -> None:
    """When that is what is set."""
    async with start(audit={"enabled": False}) as (site, _):
        await site.push(tenant, "x")
    assert not os.path.exists(folder)  # noqa: ASYNC240, PTH110
