"""hub.log.kafka_connection: a client that cannot stop leaves no connection behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from hub.log import kafka_connection
from hub.log.kafka_connection import let_go


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
