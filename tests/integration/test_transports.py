"""The same session gives the same records on every transport."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from google.protobuf.json_format import MessageToDict

from hub.core.packed_batch import unpacked
from hub.core.principal import Role
from hub.pb.record_pb2 import Batch, Exception, LogRecord, Resource  # noqa: A004  the contract's name
from hub.pb.tail_pb2 import COMPRESSION_ZSTD
from tests.peers import JSON, PROTO

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.peers import Site

TRANSPORTS = ("websocket proto", "websocket json", "grpc", "events", "lines", "websocket zstd", "grpc zstd")
_ACCEPT = {"events": "text/event-stream", "lines": "application/x-ndjson"}


@asynccontextmanager
async def watching(transport: str, site: Site, tenant: str, **what: Any) -> AsyncIterator[Any]:
    """Subscribe over a transport, and wait until the subscription stands."""
    if transport.endswith("zstd"):
        what["compressions"] = [COMPRESSION_ZSTD]
    if transport in _ACCEPT:
        query = {name: str(value).lower() if isinstance(value, bool) else value for name, value in what.items()}
        async with site.stream(tenant, urlencode(query), Accept=_ACCEPT[transport]) as tail:
            await tail.until("subscribed")
            yield tail
    elif transport.startswith("grpc"):
        async with site.caller(site.deployment.client(tenant, Role.SUBSCRIBER, "console")) as call:
            yield await call.subscribe(**what)
    else:
        async with site.subscriber(tenant, JSON if transport.endswith("json") else PROTO) as tail:
            yield await tail.subscribe(**what)


async def take(tail: Any, count: int) -> tuple[list[tuple[int, dict[str, Any]]], str]:
    """Return offset and content of the next records, in canonical JSON, and the cursor behind them."""
    found: list[tuple[int, dict[str, Any]]] = []
    cursor = ""
    while len(found) < count:
        message = await tail.until("records")
        if not isinstance(message, dict):
            message.batches.extend(unpacked(message.packed))
        plain = message if isinstance(message, dict) else MessageToDict(message)
        cursor = plain["cursor"]
        for batch in plain["batches"]:
            first = int(batch.get("firstOffset", 0))
            places = batch.get("indexes", range(len(batch["records"])))
            found += [(first + place, record) for place, record in zip(places, batch["records"], strict=True)]
    assert len(found) == count, found
    return found, cursor


def batch(*bodies: str) -> Batch:
    """Return records with something in every kind of field."""
    made = [
        LogRecord(
            time_unix_nano=number + 1,
            severity=number % 24 + 1,  # type: ignore[arg-type]  # the enum's numbers
            body=body,
            logger="é",
            trace_id=bytes(16),
            exception=Exception(type="java.lang.Error", stacktrace="at x\n\tat y") if number % 2 else None,
        )
        for number, body in enumerate(bodies)
    ]
    for number, record in enumerate(made):
        record.attributes["n"].int_value = 2**60 + number
        record.attributes["f"].double_value = 0.1
        record.attributes["b"].bytes_value = b"\xff"
    return Batch(resource=Resource(service="orders"), records=made)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_same_session_gives_the_same_records(site: Site, tenant: str, transport: str) -> None:
    """Stored, filtered, live, resumed at a cursor, the last ones, and up to the end of what is stored."""
    sent = [batch("red 0", "blue 1", "red 2"), batch("blue 3"), batch("red 4", "red 5")]
    stored = [record for one in sent for record in one.records]
    await site.push_batch(tenant, sent[0])
    await site.push_batch(tenant + "-b", batch("red secret"))

    def expected(*offsets: int) -> list[tuple[int, dict[str, Any]]]:
        return [(offset, MessageToDict(stored[offset])) for offset in offsets]

    async with watching(transport, site, tenant, filter="red", oldest=True) as tail:
        found, cursor = await take(tail, 2)
        assert found == expected(0, 2)
        await site.push_batch(tenant, sent[1])
        await site.push_batch(tenant, sent[2])
        assert (await take(tail, 2))[0] == expected(4, 5)
    async with watching(transport, site, tenant, cursor=cursor) as tail:
        assert (await take(tail, 3))[0] == expected(3, 4, 5)
    async with watching(transport, site, tenant, filter="level>=trace3 red", last=2) as tail:
        assert (await take(tail, 1))[0] == expected(2)
    if transport.endswith("zstd"):
        async with watching(transport, site, tenant, oldest=True) as tail:
            assert (await tail.until("records")).packed
    async with watching(transport, site, tenant, oldest=True, follow=False) as tail:
        assert (await take(tail, 6))[0] == expected(*range(6))
        ledger = (await tail.until("unsubscribed"))["ledger"] if transport in _ACCEPT else None
        assert ledger is None or (ledger["accepted"], ledger["delivered"]) == ("6", "6")
