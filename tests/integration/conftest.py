"""A real hub in the tests' own process: gRPC and WebSocket over TLS, LMDB with fsync, on free ports."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
import uvloop

from hub.app import Hub, Listening
from hub.cli.broker import Broker
from hub.cli.deployment import Deployment
from hub.config import load
from tests.certificates import trust, wide_root
from tests.peers import Site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from tests.certificates import Signer

DOMAIN = "test.local"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run all on one loop: the hub of most tests lives as long as they do."""
    for item in items:
        if "tests/integration/" in item.nodeid:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on uvloop, as the hub does."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def operators_root() -> Signer:
    """An authority that the deployment trusts beside its own."""
    return wide_root()


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory, operators_root: Signer) -> Deployment:
    """Certificates and token keys for all tests."""
    made = Deployment.prepare(tmp_path_factory.mktemp("site"), DOMAIN)
    trust(made.ca, operators_root)
    return made


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A Kafka broker for all tests that do not end it."""
    with Broker(tmp_path_factory.mktemp("kafka")) as broker:
        yield broker


@asynccontextmanager
async def running(deployment: Deployment, settings: dict[str, Any]) -> AsyncIterator[tuple[Site, Hub]]:
    """Run a hub; it is stopped as SIGTERM would."""
    hub = Hub(load(deployment.configure(0, 0, settings), {}))
    ready: asyncio.Future[Listening] = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(hub.run(ready.set_result))
    await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        await task
    try:
        yield Site(deployment, await ready), hub
    finally:
        hub.stop()
        await task


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def own_site(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Site, Hub]]:
    """A hub with the default limits; tests keep apart by their tenants."""
    settings = {"data-dir": str(tmp_path_factory.mktemp("data")), "shutdown": {"grace-seconds": 2}}
    async with running(deployment, settings) as both:
        yield both


@pytest.fixture(scope="session")
def site(own_site: tuple[Site, Hub]) -> Site:
    """The hub with the default limits, as its peers see it."""
    return own_site[0]


@pytest.fixture(scope="session")
def hub(own_site: tuple[Site, Hub]) -> Hub:
    """The same hub from within."""
    return own_site[1]


@pytest.fixture
def start(deployment: Deployment, tmp_path: Path) -> Callable[..., AbstractAsyncContextManager[tuple[Site, Hub]]]:
    """Start a hub of the test's own, with settings by section."""

    def begin(**settings: Any) -> AbstractAsyncContextManager[tuple[Site, Hub]]:
        sections = {"data-dir": str(tmp_path / "data"), "shutdown": {"grace-seconds": 2}, **settings}
        return running(deployment, {name.replace("_", "-"): value for name, value in sections.items()})

    return begin


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> str:
    """A tenant of the test's own."""
    return "t" + format(abs(hash(request.node.nodeid)) % 16**10, "x")
