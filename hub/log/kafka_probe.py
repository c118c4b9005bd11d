"""Looks at each broker step by step, to say which one fails: the name, the port, TLS, the user.

The client library says of all of them that it could not connect.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError

from hub.log.kafka_connection import explained

if TYPE_CHECKING:
    from hub.log.kafka_connection import KafkaConnection

# After the handshake of TLS 1.3 the other end may still refuse the certificate.
_SECOND_THOUGHT_SECONDS = 0.3


class Step(StrEnum):
    """Where it failed."""

    NAME = "name"
    PORT = "port"
    TLS = "tls"
    CERTIFICATE = "certificate"
    USER = "user"


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a broker's address; `step` None: nothing."""

    broker: str
    step: Step | None = None
    reason: str = ""


class _RefusedError(Exception):
    """The broker has ended a connection whose handshake was good."""


async def probe(connection: KafkaConnection) -> list[Trouble]:
    """Look at every broker that is set; ConfigError where certificates cannot be read."""
    options = connection.options()
    return list(await asyncio.gather(*(_probe(connection, options, broker) for broker in connection.brokers)))


async def _probe(connection: KafkaConnection, options: dict[str, Any], broker: str) -> Trouble:
    host, _, port = broker.rpartition(":")
    host = host.strip("[]")
    try:
        async with asyncio.timeout(connection.timeout_seconds):
            await _connect(host, int(port), options.get("ssl_context"))
            await _introduce(host, int(port), options)
    except (OSError, KafkaError, TimeoutError, _RefusedError) as error:
        return Trouble(broker, *_judged(error, connection))
    return Trouble(broker)


def _judged(error: Exception, connection: KafkaConnection) -> tuple[Step, str]:
    """Return where it failed and why; of the kinds of errors the first that fits."""
    found = (Step.PORT, f"nobody answers: {error}")
    match error:
        case socket.gaierror():
            found = (Step.NAME, f"the name cannot be resolved: {error.strerror}")
        case _RefusedError():
            found = (Step.CERTIFICATE, f"the broker refuses the hub's certificate: {error}")
        case ssl.SSLCertVerificationError():
            found = (Step.TLS, f"its certificate is not good: {error.verify_message}")
        case ssl.SSLError():
            found = (Step.TLS, f"no TLS 1.3 is spoken there: {error.reason or error}")
        case ConnectionResetError() | ConnectionAbortedError() if connection.ca:
            found = (Step.TLS, "it closes the connection: TLS is hardly spoken there")
        case KafkaError() | TimeoutError() if connection.username:
            found = (Step.USER, f"user {connection.username}: {explained(error)}")
        case KafkaError() | TimeoutError():
            found = (Step.TLS, f"no Kafka is spoken there as it is set: {explained(error)}")
    return found


async def _connect(host: str, port: int, context: ssl.SSLContext | None) -> None:
    """Connect, and make the TLS handshake."""
    reader, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host if context else None)
    try:
        if context:
            async with asyncio.timeout(_SECOND_THOUGHT_SECONDS):
                if not await reader.read(1):
                    msg = "it closed the connection"
                    raise _RefusedError(msg)
    except TimeoutError:
        pass  # silence is what a broker says that waits for a request
    except (ssl.SSLError, ConnectionError) as error:
        raise _RefusedError(str(error)) from error
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _introduce(host: str, port: int, options: dict[str, Any]) -> None:
    """Say who the hub is, and ask which requests the broker knows."""
    known = {name: value for name, value in options.items() if name != "bootstrap_servers"}
    opened = await create_conn(host, port, **known)
    await opened.close()
