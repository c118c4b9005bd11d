"""Subscribers in Java: the client of the project, and a plain WebSocket by the library Java-WebSocket."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from hub.cli.hub_child import start_hub
from hub.core.principal import Role
from hub.pb.record_pb2 import Batch, LogRecord
from tests.e2e.test_crash import acked, start_load, stop_load, until
from tests.peers import JSON, PROTO, Site

if TYPE_CHECKING:
    from pathlib import Path

    from hub.cli.children import Child, Children
    from hub.cli.deployment import Deployment

TENANT, OTHER = "acme", "globex"
KILLS = 5
# Records a second, and how many must be acknowledged between two kills.
RATE = 500
PROGRESS = 200
TOKEN_SECONDS = 15.0


class Java:
    """A Java subscriber, and what it has said."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self._said: list[dict[str, Any]] = []
        self._numbers: dict[str, list[int]] = defaultdict(list)
        self._read = 0

    @property
    def said(self) -> list[dict[str, Any]]:
        """Its lines of JSON; what else it writes is left out."""
        with self.child.log.open("rb") as file:
            file.seek(self._read)
            whole = file.read().rpartition(b"\n")[0]
        self._read += len(whole) + 1 if whole else 0
        for line in whole.decode(errors="replace").splitlines():
            if line.startswith("{"):
                self._take(json.loads(line))
        return self._said

    def connections(self) -> int:
        """How many connections it has had so far."""
        return len(self.all("open")) + self.child.log.read_text(errors="replace").count("connected to hub")

    def _take(self, line: dict[str, Any]) -> None:
        self._said.append(line)
        if "n" in line:
            self._numbers[line["producer"]].extend(line["n"])

    def numbers(self) -> dict[str, list[int]]:
        """The numbers that have come, in their order, by producer."""
        assert self.said is self._said
        return self._numbers

    def count(self) -> int:
        """How many have come."""
        return sum(map(len, self.numbers().values()))

    def all(self, key: str) -> list[Any]:
        """What it has said of a kind."""
        return [line[key] for line in self.said if key in line]

    async def stop(self) -> dict[str, Any]:
        """Have it end in order; return its last words."""
        self.child.process.terminate()
        await asyncio.to_thread(self.child.process.wait, 30)
        return self.said[-1]

    async def ended(self) -> int:
        """Wait for it to end by itself; return its exit status."""
        return await asyncio.to_thread(self.child.process.wait, 30)


def start_tail(
    children: Children, site: Site, command: list[str], name: str, tenant: str = TENANT, **options: object
) -> Java:
    """Start a subscriber over gRPC, with a subscriber's certificate unless there is a token."""
    role = Role.PRODUCER if "token_file" in options else Role.SUBSCRIBER
    identity = site.deployment.client(tenant, role, "java")
    given = {"endpoint": site.endpoint, "ca": site.deployment.ca, "cert": identity.cert, "key": identity.key}
    return Java(children.start(name, [*command, "io.loghub.compat.Tail", *_words(given | options)]))


def start_websocket(
    children: Children, site: Site, command: list[str], name: str, token: str, **options: object
) -> Java:
    """Start a subscriber over a WebSocket."""
    given = {"url": site.tail_url, "ca": site.deployment.ca, "token": token}
    return Java(children.start(name, [*command, "io.loghub.compat.WebSocketTail", *_words(given | options)]))


def _words(options: dict[str, object]) -> list[str]:
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]


def numbered(*numbers: int) -> Batch:
    """Return a batch of records with these numbers."""
    records = []
    for number in numbers:
        record = LogRecord(body=f"number {number}", time_unix_nano=1)
        record.attributes["n"].int_value = number
        records.append(record)
    return Batch(records=records)


@pytest.mark.timeout(300)
async def test_each_record_comes_once_and_in_order_while_the_hub_is_killed(
    deployment: Deployment, children: Children, load_command: list[str], java_command: list[str]
) -> None:
    """Over gRPC, over a WebSocket in both encodings, and across a restart of the subscriber itself."""
    hub, listening = start_hub(children, deployment)
    site = Site(deployment, listening)
    load = start_load(children, site, load_command, "java-1", RATE)
    token = deployment.token(TENANT)
    first = start_tail(children, site, java_command, "tail-1")
    sockets = {
        name: start_websocket(children, site, java_command, name, token, subprotocol=name) for name in (JSON, PROTO)
    }

    tails = [first]
    lives: dict[Java, int] = defaultdict(int)
    for kill in range(KILLS + 1):
        goal = acked(load) + PROGRESS
        await until(lambda goal=goal: acked(load) >= goal, hub, load)  # type: ignore[misc]
        if kill == KILLS // 2:
            await until(lambda: first.connections() > lives[first], hub, first.child)  # or it would miss this hub
            cursor = (await first.stop())["cursor"]
            tails.append(start_tail(children, site, java_command, "tail-2", cursor=cursor))
        for one in (tails[-1], *sockets.values()):  # each finds every hub
            lives[one] += 1
            await until(lambda one=one: one.connections() >= lives[one], hub, one.child)  # type: ignore[misc]
        if kill == KILLS:
            break
        hub.kill()
        hub, _ = await asyncio.to_thread(start_hub, children, deployment, name=f"hub-{kill + 1}")

    result = await asyncio.to_thread(stop_load, load)
    expected = list(range(result["acked"]))
    await until(lambda: sum(tail.count() for tail in tails) >= len(expected), hub, tails[-1].child)
    for socket in sockets.values():
        await until(lambda socket=socket: socket.count() >= len(expected), hub, socket.child)  # type: ignore[misc]
    await asyncio.sleep(0.5)  # time in which a duplicate would come

    last = await tails[-1].stop()
    assert result["sent"] == result["acked"] > KILLS * PROGRESS
    assert [number for tail in tails for number in tail.numbers()["java-1"]] == expected
    totals = [tail.said[-1] for tail in tails]
    assert sum(total["records"] for total in totals) == len(expected)
    assert all((total["lost"], total["failures"], total["failed"]) == (0, 0, False) for total in totals)
    assert sum(total["reconnects"] for total in totals) >= KILLS
    assert len(last["cursor"]) == len(cursor)
    assert last["cursor"] != cursor
    for name, socket in sockets.items():
        assert socket.numbers()["java-1"] == expected
        assert set(socket.all("open")) == {name}
        assert len(socket.all("open")) > KILLS


@pytest.mark.timeout(120)
async def test_a_plain_websocket_keeps_its_heartbeat_and_is_refused_without_right(
    deployment: Deployment, children: Children, java_command: list[str]
) -> None:
    """PING in text and as a frame are answered; a wrong token gets 401; another tenant's token gets nothing."""
    hub, listening = start_hub(children, deployment)
    site = Site(deployment, listening)
    own = start_websocket(children, site, java_command, "own", deployment.token(TENANT), heartbeat_seconds=4)
    wrong = start_websocket(children, site, java_command, "wrong", deployment.token(TENANT)[:-4] + "AAAA")
    other = start_websocket(children, site, java_command, "other", deployment.token(OTHER))
    foreign = start_tail(children, site, java_command, "foreign", OTHER)

    await site.push_batch(TENANT, numbered(0, 1, 2))
    await site.push_batch(OTHER, numbered(7))
    await until(lambda: own.count() == 3, hub, own.child)
    await until(lambda: other.count() == foreign.count() == 1, hub, other.child, foreign.child)
    await until(lambda: {"text", "frame"} <= set(own.all("pong")), hub, own.child)

    assert await wrong.ended() == 3
    assert wrong.said[0]["refused"].startswith("401")
    assert wrong.count() == 0
    for mine, tenant, numbers in ((own, TENANT, [0, 1, 2]), (other, OTHER, [7])):
        assert mine.all("open") == [JSON]
        assert mine.all("welcome") == [tenant]
        assert list(mine.numbers().values()) == [numbers]
    assert list(foreign.numbers().values()) == [[7]]
    assert (await foreign.stop())["records"] == 1


@pytest.mark.timeout(120)
async def test_a_token_is_renewed_in_the_stream_and_a_dead_one_ends_it(
    deployment: Deployment, children: Children, java_command: list[str], tmp_path: Path
) -> None:
    """A fresh token keeps the call alive beyond the first one's end; without one the subscriber ends, and says why."""
    hub, listening = start_hub(children, deployment)
    site = Site(deployment, listening)
    kept, dead = tmp_path / "kept.jwt", tmp_path / "dead.jwt"
    renewing = start_tail(children, site, java_command, "renewing", token_file=kept)
    dying = start_tail(children, site, java_command, "dying", token_file=dead)
    await site.push_batch(TENANT, numbered(0))
    # The tokens are not there yet, and run from when both ask for them.
    for one, file in ((renewing, kept), (dying, dead)):
        await until(lambda one=one: "cannot connect" in one.child.log.read_text(), one.child)  # type: ignore[misc]
        file.write_text(deployment.token(TENANT, seconds=TOKEN_SECONDS) + "\n")
    await until(lambda: renewing.count() == dying.count() == 1, hub, renewing.child, dying.child)
    kept.write_text(deployment.token(TENANT))

    assert await dying.ended() == 1
    assert dying.said[-1]["failed"] is True
    assert "ended: UNAUTHENTICATED" in dying.child.log.read_text()
    await site.push_batch(TENANT, numbered(1))
    await until(lambda: renewing.count() == 2, hub, renewing.child)

    assert (await renewing.stop())["reconnects"] == 0
    assert list(renewing.numbers().values()) == [[0, 1]]
