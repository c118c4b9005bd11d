"""hub.log.kafka_connection: a client that cannot stop leaves no connection behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from hub.log import kafka_connection
from hub.log.kafka_connection import begin, let_go


class Client:
    """A producer of the library: its stop waits for a broker, and its own client has the connections."""

    def __init__(self, fault: Exception | None = None, *, answers: bool = False) -> None:
        self.client = self
        self.closed = 0
        self._fault = fault
        self._answers = answers

    async def stop(self) -> None:
        """Wait for the broker."""
        if self._fault:
            raise self._fault
        if not self._answers:
            await asyncio.Event().wait()

    async def close(self) -> None:
        """Close the connections."""
        self.closed += 1


@pytest.mark.parametrize("fault", [None, KafkaConnectionError(), OSError()])
async def test_connections_are_closed_though_the_broker_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, fault: Exception | None
) -> None:
    """Or answers that it cannot."""
    monkeypatch.setattr(kafka_connection, "_FAREWELL_SECONDS", 0.01)
    client: Any = Client(fault)
    assert not await let_go(client)
    assert client.closed == 1


async def test_who_stops_in_order_closes_by_itself() -> None:
    """Nothing is done twice."""
    client: Any = Client(answers=True)
    assert await let_go(client)
    assert client.closed == 0


class Starting:
    """A client whose start has two steps, and leaves a connection open where it is cancelled between them."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.reached = asyncio.Event()
        self.answer = asyncio.Event()
        self.left_open = False
        self.over = False
        self._fault = fault

    async def start(self) -> None:
        """Connect, and ask for the cluster."""
        self.left_open = True
        self.reached.set()
        await self.answer.wait()
        self.left_open = False
        self.over = True
        if self._fault:
            raise self._fault


@pytest.mark.parametrize("fault", [None, OSError()])
async def test_who_is_cancelled_lets_a_start_end_first(fault: Exception | None) -> None:
    """Then it is cancelled all the same, however the start went."""
    client = Starting(fault)
    beginning = asyncio.create_task(begin(client))
    await client.reached.wait()
    beginning.cancel()
    await asyncio.sleep(0)
    assert not beginning.done()
    client.answer.set()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    assert (client.over, client.left_open) == (True, False)


async def test_a_start_that_does_not_end_is_waited_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that is silent holds nobody up."""
    monkeypatch.setattr(kafka_connection, "_FAREWELL_SECONDS", 0.01)
    client = Starting()
    beginning = asyncio.create_task(begin(client))
    await client.reached.wait()
    beginning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(beginning, 5)
    assert not client.over


async def test_a_start_that_fails_says_so() -> None:
    """To whoever waits for it."""
    client = Starting(OSError("refused"))
    client.answer.set()
    with pytest.raises(OSError, match="refused"):
        await begin(client)
