"""The commands, as a user types them, against a running hub."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from hub.core.principal import Role
from hub.identity.tokens import Claims

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers import Site


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    status: int
    out: str
    err: str


async def loghub(
    *arguments: str | Path, stdin: str = "", seconds: float = 30, env: dict[str, str] | None = None
) -> Done:
    """Run a command to its end, or end it after some time."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub.cli.main", *map(str, arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200", **(env or {})},
    )
    talking = asyncio.create_task(process.communicate(stdin.encode()))
    await asyncio.wait({talking}, timeout=seconds)
    if not talking.done():
        process.terminate()
    out, err = await talking
    return Done(process.returncode or 0, out.decode(), err.decode())


def producer(site: Site, tenant: str) -> list[str | Path]:
    """Return the options of a producer of the tenant."""
    issued = site.deployment.client(tenant)
    return ["--endpoint", site.endpoint, "--ca", site.deployment.ca, "--cert", issued.cert, "--key", issued.key]


async def tail(site: Site, tenant: str, *arguments: str | Path) -> Done:
    """Run `loghub tail` with a token of the tenant, to the end of what is stored."""
    env = {"LOGHUB_TOKEN": site.deployment.token(tenant), "LOGHUB_CA": str(site.deployment.ca)}
    return await loghub("tail", "--url", site.url, "--no-follow", *arguments, env=env)


async def test_what_is_sent_can_be_tailed(site: Site, tenant: str) -> None:
    """Lines in, the same lines out, filtered, as text and as JSON."""
    sent = await loghub(
        "send", "--service", "app", *producer(site, tenant), stdin="one\nWARN two\n" + '{"msg":"three"}\n'
    )
    assert sent.status == 0, sent.err
    assert "acknowledged 3, refused 0" in sent.err
    text = await tail(site, tenant)
    assert [line.split()[-1] for line in text.out.splitlines()] == ["one", "two", "three"]
    warned = await tail(site, tenant, "--json", "--stats", "level>=warn")
    assert [json.loads(line)["body"] for line in warned.out.splitlines()] == ["WARN two"]
    assert "accepted 3, delivered 1, filtered 2, sampled 0, lost 0; printed 1, in gaps 0" in warned.err


async def test_a_tail_names_one_of_several_tenants(site: Site, tenant: str) -> None:
    """And is told which there are."""
    await site.push(tenant + "-b", "one")
    token = site.deployment.mint(Claims("", "me", "logs:read", 60.0, tenants=(tenant, tenant + "-b")))
    env = {"LOGHUB_TOKEN": token, "LOGHUB_CA": str(site.deployment.ca)}
    arguments = ("tail", "--url", site.url, "--no-follow")
    assert "one" in (await loghub(*arguments, "--tenant", tenant + "-b", env=env)).out
    for wrong, words in (([], "name the one to read"), (["--tenant", "acme"], "may not be read")):
        done = await loghub(*arguments, *wrong, env=env)
        assert (done.status, done.out) == (1, "")
        assert words in done.err


async def test_an_interrupted_tail_tells_its_account(site: Site, tenant: str) -> None:
    """The hub is asked for it before the connection ends."""
    env = {**os.environ, "LOGHUB_TOKEN": site.deployment.token(tenant), "LOGHUB_CA": str(site.deployment.ca)}
    command = [sys.executable, "-m", "hub.cli.main", "tail", "--url", site.url, "--oldest", "--stats", "--json", "red"]
    await site.push(tenant, "red", "blue")
    child = await asyncio.create_subprocess_exec(*command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout
    async with asyncio.timeout(20):
        assert json.loads(await child.stdout.readline())["body"] == "red"
        child.send_signal(signal.SIGINT)
        _, said = await child.communicate()
    assert "accepted 2, delivered 1, filtered 1, sampled 0, lost 0; printed 1, in gaps 0" in said.decode()
    assert child.returncode == 0


async def test_a_cursor_file_resumes(site: Site, tenant: str, tmp_path: Path) -> None:
    """Each record is printed once over two runs."""
    kept = tmp_path / "cursor"
    await site.push(tenant, "one")
    assert "one" in (await tail(site, tenant, "--cursor-file", kept)).out
    await site.push(tenant, "two")
    again = (await tail(site, tenant, "--cursor-file", kept)).out
    assert "two" in again
    assert "one" not in again


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["level>=loud"], "'loud' is no level"),
        (["--since", "soon"], "soon"),
        (["--token-file", "/does/not/exist"], "/does/not/exist: No such file"),
        (["--cert", "/does/not/exist"], "certificates cannot be used"),
    ],
)
async def test_what_a_user_can_mend_is_one_line(site: Site, tenant: str, arguments: list[str], words: str) -> None:
    """Exit status 1, the reason, and no stack trace."""
    done = await tail(site, tenant, *arguments)
    assert done.status == 1
    assert words in done.err
    assert "Traceback" not in done.err


async def test_a_bad_token_ends_the_tail(site: Site) -> None:
    """It is not tried again and again."""
    env = {"LOGHUB_TOKEN": "bad", "LOGHUB_CA": str(site.deployment.ca)}
    done = await loghub("tail", "--url", site.url, env=env)
    assert done.status == 1
    assert "the hub refused" in done.err


async def test_an_untrusted_hub_ends_the_tail_and_says_how_to_trust_it(site: Site) -> None:
    """No data is sent to it."""
    done = await loghub("tail", "--url", site.url, env={"LOGHUB_TOKEN": site.deployment.token("acme")})
    assert done.status == 1
    assert "--ca" in done.err


async def test_a_send_that_is_refused_ends(site: Site, tenant: str) -> None:
    """A subscriber's certificate cannot write, and no try will change that."""
    issued = site.deployment.client(tenant, Role.SUBSCRIBER, "reader")
    files: list[str | Path] = ["--ca", site.deployment.ca, "--cert", issued.cert, "--key", issued.key]
    done = await loghub("send", "--endpoint", site.endpoint, *files, stdin="x\n")
    assert done.status == 1
    assert "Traceback" not in done.err
    assert "logs:write" in done.err


async def test_a_send_without_a_hub_says_so_and_goes_on(site: Site, tenant: str) -> None:
    """The hub may come back."""
    options = producer(site, tenant)
    options[1] = "localhost:1"
    done = await loghub("send", *options, stdin="x\n", seconds=5)
    assert "the hub cannot be reached" in done.err
    assert "connecting again" in done.err


async def test_certificates_and_tokens_from_nothing(tmp_path: Path) -> None:
    """Each step prints what it made; a second init does not overwrite."""
    pki = tmp_path / "pki"
    assert (await loghub("certs", "init", "--dir", pki)).status == 0
    again = await loghub("certs", "init", "--dir", pki)
    assert again.status == 1
    assert "already" in again.err
    assert (await loghub("certs", "issue", "server", "--dns", "localhost", "--dir", pki)).status == 0
    issued = await loghub("certs", "issue", "producer", "--tenant", "acme", "--name", "orders", "--dir", pki)
    assert "spiffe://loghub.local/tenant/acme/producer/orders" in issued.out
    assert (pki / "acme" / "producer-orders.key").stat().st_mode & 0o777 == 0o600
    bad = await loghub("certs", "issue", "producer", "--tenant", "../x", "--dir", pki)
    assert bad.status == 1
    minted = await loghub("token", "mint", "--tenant", "acme", "--key", pki / "tokens" / "signing.key")
    assert minted.out.count(".") == 2
    long = await loghub("token", "mint", "--tenant", "acme", "--ttl", "2d", "--key", pki / "tokens" / "signing.key")
    assert long.status == 1


async def test_a_taken_port_is_named(site: Site, tmp_path: Path) -> None:
    """With the setting that changes it."""
    text = site.deployment.config.read_text().replace("port: 0", f"port: {site.listening.web_port}", 2)
    config = site.deployment.folder / "taken.yaml"
    ports = text.replace(f"port: {site.listening.web_port}", "port: 0", 1)
    config.write_text(ports.replace("data-dir:", f"data-dir: {tmp_path}\nignored:").replace("ignored:", "# "))
    done = await loghub("serve", "--config", config)
    assert done.status == 1
    assert "web.port" in done.err
