"""`loghub consume` and `loghub groups`, as a user types them, against a running hub."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.members import admin, ask, reader

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

    from hub.pki.authority import Issued
    from tests.peers import Site

SECONDS = 60


def access(site: Site, client: Issued) -> list[str | Path]:
    """Return the options of who asks."""
    return ["--endpoint", site.endpoint, "--ca", site.deployment.ca, "--cert", client.cert, "--key", client.key]


@asynccontextmanager
async def loghub(*arguments: str | Path) -> AsyncIterator[Process]:
    """Run a command; it is killed where the test leaves it running."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub.cli.main", *map(str, arguments)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200"},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def done(*arguments: str | Path) -> tuple[int, str, str]:
    """Run a command to its end; return its status, and what it printed."""
    async with loghub(*arguments) as process, asyncio.timeout(SECONDS):
        out, err = await process.communicate()
        return process.returncode or 0, out.decode(), err.decode()


async def lines(process: Process, count: int) -> list[str]:
    """Return the next lines that it prints."""
    assert process.stdout
    async with asyncio.timeout(SECONDS):
        return [(await process.stdout.readline()).decode().rstrip("\n") for _ in range(count)]


async def until_acked(site: Site, tenant: str, records: int) -> None:
    """Wait until so many records are acknowledged."""
    async with asyncio.timeout(SECONDS):
        while True:
            groups = (await ask(site, reader(site, tenant), "ListGroups")).groups
            if sum(group.acked_records for group in groups) >= records:
                return
            await asyncio.sleep(0.05)


async def test_what_is_printed_is_acknowledged_and_ctrl_c_leaves(site: Site, tenant: str) -> None:
    """The next one goes on behind it; the group is listed, shown, reset and deleted."""
    options = access(site, reader(site, tenant))
    await site.push(tenant, "one", "two")
    async with loghub("consume", "--group", "audit", "--oldest", "--json", "level>=info", *options) as process:
        printed = [json.loads(line) for line in await lines(process, 2)]
        assert [(record["offset"], record["body"]) for record in printed] == [(0, "one"), (1, "two")]
        await until_acked(site, tenant, 2)
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(SECONDS):
            _, said = await process.communicate()
        assert (process.returncode, said) == (0, b"")
    status, out, _ = await done("groups", "list", *options)
    assert (status, out) == (0, "audit  lag 0  pending 0  members 0  level>=info\n")
    status, out, _ = await done("groups", "reset", "audit", "--oldest", *access(site, admin(site, tenant)))
    assert (status, "lag            2 records" in out) == (0, True)
    status, _, err = await done("groups", "delete", "audit", *options)
    assert (status, "admin" in err) == (1, True)
    status, out, _ = await done("groups", "delete", "audit", *access(site, admin(site, tenant)))
    assert (status, out) == (0, "deleted        audit\n")
    status, _, err = await done("groups", "show", "audit", *options)
    assert (status, "no group" in err) == (1, True)


async def test_a_command_gets_each_delivery_and_says_whether_it_comes_again(
    site: Site, tenant: str, tmp_path: Path
) -> None:
    """Status 0 acknowledges; any other has the records come again."""
    script = tmp_path / "alert.py"
    script.write_text(
        "import pathlib, sys\n"
        f"seen = pathlib.Path({str(tmp_path / 'seen')!r})\n"
        "before = seen.read_text() if seen.exists() else ''\n"
        "seen.write_text(before + sys.stdin.read())\n"
        "sys.exit(0 if before else 3)\n"
    )
    await site.push(tenant, "ring")
    command = f"{sys.executable} {script}"
    options = ["--group", "audit", "--oldest", "--exec", command, *access(site, reader(site, tenant))]
    async with loghub("consume", *options) as process:
        await until_acked(site, tenant, 1)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(SECONDS):
            _, err = await process.communicate()
    assert process.returncode == 0
    assert "status 3 (attempt 1)" in err.decode()
    seen = [json.loads(line) for line in (tmp_path / "seen").read_text().splitlines()]
    assert [record["body"] for record in seen] == ["ring", "ring"]


async def test_what_the_hub_refuses_is_said_in_a_line(site: Site, tenant: str) -> None:
    """And ends with status 1."""
    status, _, err = await done("consume", "--group", "audit", "level>=", *access(site, reader(site, tenant)))
    assert (status, err.count("\n"), "column" in err) == (1, 1, True)
