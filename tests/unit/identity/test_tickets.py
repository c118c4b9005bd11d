"""hub.identity.tickets: a ticket lets in once, whom it was given to, for a short time."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hub.core.principal import Principal, Scope
from hub.errors import QuotaError, StorageFullError, UnauthenticatedError
from hub.identity.tickets import TicketOptions, Tickets

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_700_000_000.0
ALICE = Principal(
    "acme",
    "alice",
    frozenset({Scope.READ, Scope.ADMIN}),
    expires_at=NOW + 3600,
    filter="level>=warn",
    token_id="42",
    tenants=frozenset({"acme", "globex"}),
)
CERTIFICATE = b"a certificate in DER"


class World:
    """Two worker processes that share a data folder, and their clock."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.folder = folder / "tickets"
        options = TicketOptions(self.folder, seconds=30.0, max_per_tenant=3)
        self.one, self.two = (Tickets(options, clock=lambda: self.now) for _ in range(2))


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return two workers."""
    return World(tmp_path)


async def refused(desk: Tickets, ticket: str, certificate: bytes | None = None) -> str:
    """Return why a ticket is refused."""
    with pytest.raises(UnauthenticatedError) as caught:
        await desk.redeem(ticket, certificate)
    assert len(ticket) < 2 or ticket not in caught.value.message
    return caught.value.message


async def test_a_ticket_stands_for_all_of_its_principal_once(world: World) -> None:
    """On any worker, then on none."""
    ticket = await world.one.issue(ALICE, None)
    assert ticket.expires_in == 30.0
    assert await world.two.redeem(ticket.text, None) == ALICE
    for desk in (world.one, world.two):
        assert "was used" in await refused(desk, ticket.text)


async def test_of_many_who_use_it_at_once_one_gets_in(world: World) -> None:
    """However the threads and processes fall."""
    for _ in range(20):
        ticket = await world.one.issue(ALICE, None)
        tries = [desk.redeem(ticket.text, None) for desk in (world.one, world.two) * 4]
        results = await asyncio.gather(*tries, return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["Principal"] + 7 * ["UnauthenticatedError"]
        world.now += 31


async def test_a_ticket_is_good_for_its_time(world: World) -> None:
    """And no longer than the token that it was given for."""
    first, second = await world.one.issue(ALICE, None), await world.one.issue(ALICE, None)
    world.now += 29.9
    assert await world.one.redeem(first.text, None) == ALICE
    world.now += 0.1
    assert "has expired" in await refused(world.one, second.text)
    short = await world.one.issue(replace(ALICE, expires_at=world.now + 5), None)
    assert short.expires_in == 5.0
    world.now += 5
    await refused(world.one, short.text)


@pytest.mark.parametrize(
    ("given", "shown"), [(CERTIFICATE, None), (CERTIFICATE, b"other"), (None, CERTIFICATE), (CERTIFICATE, b"")]
)
async def test_a_ticket_is_bound_to_the_certificate(world: World, given: bytes | None, shown: bytes | None) -> None:
    """Whoever tries it with another one has used it up."""
    ticket = await world.one.issue(ALICE, given)
    assert "another client certificate" in await refused(world.one, ticket.text, shown)
    assert "was used" in await refused(world.one, ticket.text, given)


async def test_the_right_certificate_is_let_in(world: World) -> None:
    """The proof that the test above refuses for the certificate."""
    ticket = await world.one.issue(ALICE, CERTIFICATE)
    assert await world.two.redeem(ticket.text, CERTIFICATE) == ALICE


@pytest.mark.parametrize(
    "ticket", ["", "x", "../../../etc/passwd", "A" * 42, "A" * 44, "A" * 42 + "\n", "A" * 42 + "/", "é" * 43, "A" * 43]
)
async def test_what_was_never_given_out_is_refused(world: World, ticket: str) -> None:
    """Whatever it looks like."""
    await world.one.issue(ALICE, None)
    assert "never given out" in await refused(world.one, ticket)


async def test_the_folder_tells_no_ticket(world: World) -> None:
    """Neither names nor contents; and it is for the hub's user alone."""
    ticket = await world.one.issue(ALICE, CERTIFICATE)
    assert len(ticket.text) == 43
    [path] = world.folder.iterdir()
    assert ticket.text not in path.name
    assert ticket.text.encode() not in path.read_bytes()
    assert (world.folder.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    await refused(world.one, path.name)


async def test_tickets_differ(world: World) -> None:
    """They are chance."""
    assert len({(await world.one.issue(ALICE, None)).text for _ in range(3)}) == 3


async def test_a_tenant_has_so_many(world: World) -> None:
    """Until one is used or has expired; another tenant has its own."""
    tickets = [await world.one.issue(ALICE, None) for _ in range(3)]
    with pytest.raises(QuotaError, match="max_tickets_per_tenant") as caught:
        await world.one.issue(ALICE, None)
    assert caught.value.retry_after_seconds == 30.0
    assert len(list(world.folder.iterdir())) == 3
    await world.one.issue(Principal("globex", "bob", ALICE.scopes), None)
    await world.one.redeem(tickets[0].text, None)
    await world.one.issue(ALICE, None)
    world.now += 30
    for _ in range(3):
        await world.one.issue(ALICE, None)


async def test_what_nobody_used_is_removed(world: World) -> None:
    """By the next that is given out, once it is stale."""
    await world.one.issue(ALICE, None)
    [path] = world.folder.iterdir()
    os.utime(path, (1, 1))
    await world.two.issue(ALICE, None)
    assert path not in set(world.folder.iterdir())
    assert len(list(world.folder.iterdir())) == 1


async def test_a_torn_file_lets_nobody_in(world: World) -> None:
    """The disk was full, say."""
    ticket = await world.one.issue(ALICE, None)
    [path] = world.folder.iterdir()
    whole = path.read_bytes()
    for size in (0, 10, len(whole) - 1):
        path.write_bytes(whole[:size])
        assert "is not good" in await refused(world.one, ticket.text)


async def test_a_folder_that_cannot_be_written_is_said(world: World) -> None:
    """The ticket does not count then."""
    world.folder.write_text("in the way")
    for _ in range(4):
        with pytest.raises(StorageFullError, match="data folder cannot be written"):
            await world.one.issue(ALICE, None)
