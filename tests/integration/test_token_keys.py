"""Where a running hub has its token keys from: a file that changes, or for development a secret."""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from hub.errors import ConfigError
from hub.identity.tokens import set_of_keys, strong
from tests.forge import Forge

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from hub.app import Hub
    from tests.peers import Site

    Start = Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]


async def status(site: Site, tenant: str, token: str) -> int:
    """Return how a stream with a token is answered."""
    async with site.stream(tenant, Authorization=f"Bearer {token}") as tail:
        return tail.status


async def test_keys_change_while_the_hub_runs(start: Start, tenant: str, tmp_path: Path) -> None:
    """A new one is taken, a withdrawn one is refused, a damaged file changes nothing, and no stream is cut."""
    now = int(time.time())
    keys = {kid: ec.generate_private_key(ec.SECP256R1()) for kid in ("a", "b")}
    tokens = {kid: Forge(key, now, tenant=tenant).headed(kid=kid) for kid, key in keys.items()}
    path = tmp_path / "jwks.json"

    def write(*kids: str) -> None:
        scratch = path.with_suffix(".new")
        scratch.write_bytes(set_of_keys([strong(keys[kid].public_key(), kid) for kid in kids]))
        scratch.replace(path)

    async def until(kid: str, wanted: int) -> None:
        async with asyncio.timeout(10):
            while await status(site, tenant, tokens[kid]) != wanted:  # noqa: ASYNC110  as below
                await asyncio.sleep(0.02)

    write("a")
    async with start(tokens={"keys": str(path), "keys_poll_seconds": 0.05}) as (site, hub):  # noqa: SIM117  parted for its length
        async with site.stream(tenant, Authorization=f"Bearer {tokens['a']}") as open_one:
            await open_one.until("subscribed")
            assert await status(site, tenant, tokens["b"]) == 401
            write("a", "b")
            await until("b", 200)
            write("b")
            await until("a", 401)
            path.write_text("{")
            value = hub.metrics.registry.get_sample_value
            async with asyncio.timeout(10):
                while not value("loghub_token_keys_failures_total"):  # noqa: ASYNC110  a file has no event
                    await asyncio.sleep(0.02)
            assert await status(site, tenant, tokens["b"]) == 200
            assert value("loghub_token_keys") == 1.0
            await site.push(tenant, "still there")
            assert await open_one.bodies(1) == ["still there"]


async def test_a_hub_by_a_development_secret(
    start: Start, tenant: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """HS256 with it is good and nothing else, the hub's own keys' tokens included; the hub warns."""
    secret = tmp_path / "secret"
    secret.write_bytes(os.urandom(32))
    secret.chmod(0o600)
    forge = Forge(ec.generate_private_key(ec.SECP256R1()), int(time.time()), tenant=tenant)
    async with start(tokens={"development_secret": str(secret)}) as (site, _):
        assert await status(site, tenant, forge.shared(secret.read_bytes())) == 200
        assert await status(site, tenant, forge.shared(secret.read_bytes()[:-1])) == 401
        assert await status(site, tenant, forge.shared(b"")) == 401
        assert await status(site, tenant, site.deployment.token(tenant)) == 401
    assert "development_secret" in [record.getMessage() for record in caplog.records]
    with pytest.raises(ConfigError, match="for development"):
        async with start(tokens={"development_secret": str(secret)}, web={"host": "0.0.0.0"}):  # noqa: S104  to be refused
            pass
