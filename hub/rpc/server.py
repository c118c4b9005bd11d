"""The gRPC server: TLS 1.3, client certificates required, health and reflection beside the services."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import hub.grpc_tls  # isort: skip  # must come before grpc
import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from hub.errors import ConfigError
from hub.rpc.guard import Guard
from hub.rpc.metered import MeteredHandler, PlainHandlers
from hub.rpc.sockets import GrpcSockets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.core.line_account import LineLimits
    from hub.identity.server_tls import TlsMaterial

assert hub.grpc_tls.TLS13_ONLY  # noqa: S101  keeps the import, which has an effect, from looking unused

# gRPC's own limit ends a call without a word that names the batch, so it lies above ours, which nacks it by number.
_SLACK = 4
_LOOKAHEAD_BYTES = 2 * 2**20
# A batch comes in one HTTP/2 frame instead of eight: 3 % less CPU a record, 8 % more records (`loghub bench ingest`).
_MAX_FRAME_BYTES = 2**20
_PLAIN_OR_GZIP = 1 << grpc.Compression.NoCompression.value | 1 << grpc.Compression.Gzip.value


@dataclass(frozen=True, slots=True)
class GrpcOptions:
    """Where to listen and what to allow."""

    host: str
    port: int
    max_batch_bytes: int
    max_otlp_bytes: int
    max_concurrent_streams: int
    keepalive_seconds: float
    max_metadata_bytes: int
    handshake_seconds: float
    lines: LineLimits
    reuse_port: bool = False


class Service(Protocol):
    """A service of ours."""

    name: str

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return what handles its calls."""


class GrpcServer:
    """The server; `port` is known once it has started."""

    def __init__(
        self,
        services: Sequence[Service],
        options: GrpcOptions,
        tls: Callable[[], TlsMaterial],
        flooded: Callable[[str], None],
    ) -> None:
        """Open the port; `tls` is asked at each handshake for what holds now, in a thread of gRPC's.

        `flooded` is told of a connection that is `held` or `cut`.
        """
        self._names = [service.name for service in services]
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(options=_channel_options(options))
        self._guard = Guard(options.lines, flooded)
        metered = partial(
            MeteredHandler,
            guard=self._guard,
            most_bytes=_most(options),
            under_way_bytes=_most(options) + _LOOKAHEAD_BYTES,
            max_metadata_bytes=options.max_metadata_bytes,
        )
        self._server.add_generic_rpc_handlers(tuple(metered(service.handlers()) for service in services))
        plain = PlainHandlers(self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, plain)
        names = (*self._names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(names, plain)
        certificates = _Certificates(tls, self._guard.arrived)
        credentials = grpc.dynamic_ssl_server_credentials(
            certificates.current(), certificates.changed, require_client_authentication=True
        )
        address = f"{options.host}:{options.port}"
        try:
            self.port = self._server.add_secure_port(address, credentials)
        except RuntimeError as error:
            msg = f"gRPC cannot listen on {address}: stop what uses the port, or set grpc.port"
            raise ConfigError(msg) from error

    async def start(self) -> None:
        """Begin to serve."""
        await self._server.start()
        if sys.platform == "linux":  # elsewhere nothing is held, and nothing cut
            self._guard.begin(GrpcSockets(self.port))
        for name in ("", *self._names):
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def drain(self) -> None:
        """Tell load balancers and health checks that no new calls are wanted."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace_seconds: float) -> None:
        """Refuse new calls, wait for those that run, then end them."""
        await self._server.stop(grace_seconds)
        self._guard.end()


class _Certificates:
    """What gRPC asks before each handshake; `arrived` is told of it."""

    def __init__(self, tls: Callable[[], TlsMaterial], arrived: Callable[[], None]) -> None:
        self._tls = tls
        self._arrived = arrived
        self._served = tls()

    def current(self) -> grpc.ServerCertificateConfiguration:
        """Return the configuration to serve with."""
        served = self._served
        return grpc.ssl_server_certificate_configuration([(served.key, served.cert)], root_certificates=served.ca)

    def changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return the configuration where it is another than the last."""
        self._arrived()
        if self._tls() is self._served:
            return None
        self._served = self._tls()
        return self.current()


def _channel_options(options: GrpcOptions) -> list[tuple[str, int | str]]:
    most = _most(options)
    return [
        ("grpc.so_reuseport", int(options.reuse_port)),
        ("grpc.max_receive_message_length", most),
        ("grpc.max_send_message_length", most),
        ("grpc.max_concurrent_streams", options.max_concurrent_streams),
        ("grpc.max_metadata_size", options.max_metadata_bytes),
        # Messages are inflated in hub.rpc.metered, where there are bounds; deflate cannot be told from no compression.
        ("grpc.per_message_decompression", 0),
        ("grpc.compression_enabled_algorithms_bitset", _PLAIN_OR_GZIP),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", _LOOKAHEAD_BYTES),
        ("grpc.http2.max_frame_size", _MAX_FRAME_BYTES),
        ("grpc.keepalive_time_ms", int(options.keepalive_seconds * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        # However often a client pings: the core's way to send it away takes 7 us for each ping that has been read, and
        # held everybody up for a second. The guard bounds pings as it does all that is no message.
        ("grpc.http2.max_ping_strikes", 0),
        ("grpc.server_handshake_timeout_ms", int(options.handshake_seconds * 1000)),
    ]


def _most(options: GrpcOptions) -> int:
    """Return the size of the largest message that gRPC takes."""
    return max(options.max_batch_bytes, options.max_otlp_bytes // _SLACK + 1) * _SLACK
