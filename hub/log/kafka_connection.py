"""How the hub reaches Kafka: addresses, TLS 1.3 and credentials, the same for everything that talks to the brokers."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from aiokafka.errors import KafkaError

from hub.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from aiokafka import AIOKafkaProducer

_log = logging.getLogger(__name__)
# What the client library says of a broker that is away, many times a second; the hub says it once.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

_FIRST_PAUSE_SECONDS = 0.25
_MAX_PAUSE_SECONDS = 10.0
_FAREWELL_SECONDS = 1.0
# How long a fetch may wait at the broker for something new; a partition that was added is fetched after at most that.
_FETCH_WAIT_MS = 100


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Brokers as `host:port`; `ca` turns TLS on, `cert` and `key` are the hub's own, a user name turns SCRAM on."""

    brokers: tuple[str, ...]
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    username: str = ""
    password: str = ""
    mechanism: str = "SCRAM-SHA-512"
    timeout_seconds: float = 10.0

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments that every client of the library takes; ConfigError for unreadable files."""
        options: dict[str, Any] = {
            "bootstrap_servers": list(self.brokers),
            "client_id": "loghub",
            "request_timeout_ms": int(self.timeout_seconds * 1000),
            "security_protocol": ("SASL_" if self.username else "") + ("SSL" if self.ca else "PLAINTEXT"),
        }
        if not self.username and not self.ca:
            options["security_protocol"] = "PLAINTEXT"
        if self.ca:
            options["ssl_context"] = self._tls(self.ca)
        if self.username:
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return options

    def consumer_options(self, max_bytes: int) -> dict[str, Any]:
        """Return those of a consumer that is told which partitions to read, from where on."""
        return self.options() | {
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "fetch_max_wait_ms": _FETCH_WAIT_MS,
            "max_partition_fetch_bytes": max_bytes,
        }

    def _tls(self, ca: Path) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=str(ca))
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            if self.cert:
                context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            msg = f"the certificates for Kafka (kafka.ca, kafka.cert, kafka.key) cannot be read: {error}"
            raise ConfigError(msg) from error
        return context


def pauses() -> Iterator[float]:
    """Yield seconds to wait before each next try: doubling, with jitter, up to ten seconds."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311  no secret
        pause = min(pause * 2, _MAX_PAUSE_SECONDS)


async def persist(what: str, attempt: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401  whatever the attempt returns
    """Try until it succeeds; say once that it does not, and once that it does again."""
    said = False
    for pause in pauses():
        try:
            result = await attempt()
        except (KafkaError, OSError, TimeoutError) as error:
            if not said:
                fields = {"what": what, "reason": explained(error)}
                _log.warning("kafka_unreachable", extra={"fields": fields})
                said = True
            await asyncio.sleep(pause)
            continue
        if said:
            _log.info("kafka_reached", extra={"fields": {"what": what}})
        return result
    return None  # pauses never end


class Startable(Protocol):
    """A client of the library."""

    async def start(self) -> None:
        """Connect."""


async def begin(client: Startable) -> None:
    """Start a client of the library, which is to be stopped where that fails.

    Who is cancelled meanwhile waits for the start to be over, or for a second: the library leaves a connection open
    behind it where its start is cancelled between two steps.
    """
    starting = asyncio.ensure_future(client.start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait((starting,), timeout=_FAREWELL_SECONDS)
        if not starting.done():
            starting.cancel()
            await asyncio.wait((starting,))
        elif not starting.cancelled():
            starting.exception()  # it is over, however it went
        raise


async def let_go(client: AIOKafkaProducer) -> bool:
    """Stop a producer; return whether that was in order. Its connections are closed in any case.

    A producer that is stopped waits for the broker first. Where that takes too long, a connection would be left open
    behind it, which nobody closes any more.
    """
    try:
        async with asyncio.timeout(_FAREWELL_SECONDS):
            await client.stop()
    except (KafkaError, OSError, TimeoutError):
        with suppress(KafkaError, OSError, TimeoutError):
            async with asyncio.timeout(_FAREWELL_SECONDS):
                await client.client.close()
        return False
    return True


def explained(error: BaseException) -> str:
    """Return one line about an error of the client library."""
    return f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
