"""Every setting of the hub: its name, default, bounds and description; `hub.config` reads them.

The reference page is generated from these models, so a description here is what people read there. Bytes may be written
as numbers or like `4MiB`, seconds as numbers or like `7d`; the unit is in the name.
"""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

KIB, MIB, GIB = 2**10, 2**20, 2**30
MINUTE, HOUR, DAY = 60, 3600, 86_400

_BYTES = {"": 1, "b": 1, "kib": KIB, "mib": MIB, "gib": GIB, "tib": 2**40, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": MINUTE, "h": HOUR, "d": DAY}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]*)")
_STEP = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class AuthMode(StrEnum):
    """How subscribers prove who they are."""

    JWT = "JWT"
    MTLS = "mTLS"
    MTLS_JWT = "mTLS+JWT"


class LogFormat(StrEnum):
    """How log lines are written."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


def parse_bytes(value: object) -> object:
    """Return the bytes that a text like `4MiB` stands for; what is not text comes back as it is."""
    if isinstance(value, bool):
        msg = "is not a size: write bytes, or a number with KiB, MiB or GiB"
        raise ValueError(msg)  # noqa: TRY004  pydantic collects ValueError, not TypeError
    if not isinstance(value, str):
        return value
    match = _SIZE.fullmatch(value.strip().lower())
    if not match or match[2] not in _BYTES:
        msg = "is not a size: write bytes, or a number with KiB, MiB or GiB"
        raise ValueError(msg)
    return float(match[1]) * _BYTES[match[2]]


def parse_seconds(value: object) -> object:
    """Return the seconds that a text like `7d` or `1h30m` stands for; what is not text comes back as it is."""
    if isinstance(value, bool):
        msg = "is not a time: write seconds, or a number with ms, s, m, h or d"
        raise ValueError(msg)  # noqa: TRY004  as above
    if not isinstance(value, str):
        return value
    text = value.strip().lower().replace(" ", "")
    steps = _STEP.findall(text)
    if steps and _STEP.sub("", text) == "":
        return sum(float(number) * _SECONDS[unit] for number, unit in steps)
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    msg = "is not a time: write seconds, or a number with ms, s, m, h or d"
    raise ValueError(msg)


def parse_origin(value: str) -> str:
    """Return an origin as browsers write it: lower case, without the scheme's own port; ValueError where it is none."""
    parts = urlsplit(value.strip().lower())
    msg = f"{value!r} is not an origin: write scheme://host or scheme://host:port, nothing after it"
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or re.search(r"[*@\s]", parts.netloc):
        raise ValueError(msg)
    if parts.path or parts.query or parts.fragment or value.strip()[-1] in "/?#:":
        raise ValueError(msg)
    if parts.port == _DEFAULT_PORTS[parts.scheme]:
        return f"{parts.scheme}://{parts.netloc.rpartition(':')[0]}"
    return f"{parts.scheme}://{parts.netloc}"


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        msg = "is not a number"
        raise ValueError(msg)  # noqa: TRY004  as above
    return value


def _split(value: object) -> object:
    """Take `a,b` for a list, which is how an environment variable writes one."""
    return [part for part in re.split(r"[,\s]+", value) if part] if isinstance(value, str) else value


def _auth_mode(value: object) -> object:
    known = {mode.casefold(): mode for mode in AuthMode}
    return known.get(value.casefold(), value) if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Count = Annotated[int, BeforeValidator(_no_bool)]
Port = Annotated[int, BeforeValidator(_no_bool), Field(ge=0, le=65_535)]
Bytes = Annotated[int, BeforeValidator(parse_bytes)]
Seconds = Annotated[float, BeforeValidator(parse_seconds), Field(allow_inf_nan=False)]
Host = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9._:%\[\]-]+$")]
Origin = Annotated[str, BeforeValidator(lambda value: parse_origin(value) if isinstance(value, str) else value)]
Origins = Annotated[tuple[Origin, ...], BeforeValidator(_split)]
Cipher = Literal["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256"]
CIPHERS: tuple[Cipher, ...] = (
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
)


class Section(BaseModel):
    """Settings that belong together; unknown names are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class LoggingSettings(Section):
    """What the hub writes about itself to standard error."""

    level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_lower)] = Field(
        default="info", description="The least severe log line that is written."
    )
    format: Annotated[LogFormat, BeforeValidator(_lower)] = Field(
        default=LogFormat.AUTO,
        description="`json`: an object a line; `text`: for people; `auto`: text on a terminal, else json.",
    )


class TlsSettings(Section):
    """Certificates of both ports, as PEM files; `loghub certs init` makes them."""

    ca: Path = Field(
        description="Authorities that clients' certificates may come from. Also as `ca-cert` on top level."
    )
    cert: Path = Field(description="The server's certificate, its chain after it. Also as `server-cert` on top level.")
    key: Path = Field(description="The server's private key, no password. Also as `server-key` on top level.")
    min_version: Literal["TLSv1.3"] = Field(
        default="TLSv1.3", description="Nothing older is spoken, so nothing else is taken."
    )
    ciphers: Annotated[tuple[Cipher, ...], BeforeValidator(_split), Field(min_length=1)] = Field(
        default=CIPHERS,
        description="Checked, so that nobody asks for a suite of older TLS; all three of TLS 1.3 are always offered, "
        "since the TLS libraries fix them.",
    )


class GrpcSettings(Section):
    """The port that producers send to."""

    host: Host = Field(default="0.0.0.0", description="Address to listen on.")  # noqa: S104  a server for other machines
    port: Port = Field(default=4317, description="Port to listen on; 0: any free one.")
    max_concurrent_streams: Count = Field(
        default=100, ge=1, le=100_000, description="Most calls at once on one connection."
    )
    max_streams_per_tenant: Count = Field(
        default=1000, ge=1, le=1_000_000, description="Most open streams of a tenant."
    )
    max_metadata_bytes: Bytes = Field(default=16 * KIB, ge=1024, le=MIB, description="Largest headers of a call.")
    handshake_seconds: Seconds = Field(default=10, gt=0, le=300, description="How long a TLS handshake may take.")
    keepalive_seconds: Seconds = Field(
        default=30, ge=1, le=DAY, description="A silent connection is pinged after this long."
    )
    keepalive_min_seconds: Seconds = Field(
        default=10, ge=1, le=DAY, description="A client that pings more often than this is disconnected."
    )


class WebSettings(Section):
    """The port of the live page, the WebSocket and all other HTTP."""

    host: Host = Field(default="0.0.0.0", description="Address to listen on.")  # noqa: S104  a server for other machines
    port: Port = Field(default=8443, description="Port to listen on; 0: any free one.")
    auth_mode: Annotated[AuthMode, BeforeValidator(_auth_mode)] = Field(
        default=AuthMode.JWT,
        description="What a subscriber must show: a token (`JWT`), a client certificate (`mTLS`) or both (`mTLS+JWT`). "
        "Also as `auth-mode` on top level.",
    )
    allowed_origins: Origins = Field(
        default=(),
        description="Web pages that may connect, each as scheme://host[:port]; empty: only the hub's own page.",
    )
    heartbeat_seconds: Seconds = Field(default=25, ge=1, le=HOUR, description="How often a subscriber is pinged.")
    heartbeat_misses: Count = Field(
        default=3, ge=1, le=100, description="Pings without an answer that end a connection."
    )
    max_connections: Count = Field(default=20_000, ge=1, le=1_000_000, description="Most connections of one worker.")
    max_connections_per_tenant: Count = Field(
        default=5_000, ge=1, le=1_000_000, description="Most subscriber connections of a tenant on one worker."
    )
    max_header_bytes: Bytes = Field(default=16 * KIB, ge=1024, le=MIB, description="Largest headers of a request.")
    handshake_seconds: Seconds = Field(
        default=10, gt=0, le=300, description="How long the TLS handshake, and then the headers of a request, may take."
    )
    idle_seconds: Seconds = Field(
        default=75, gt=0, le=DAY, description="How long a connection may stay without a request."
    )


class TokenSettings(Section):
    """The tokens (JWT) of subscribers."""

    keys: Path | None = Field(
        default=None,
        description="File of the keys that tokens are checked with, PEM or JWKS; needed where `web.auth_mode` has JWT.",
    )
    issuer: str = Field(default="loghub", min_length=1, description="The `iss` that a token must have.")
    audience: str = Field(default="loghub", min_length=1, description="The `aud` that a token must have.")
    max_lifetime_seconds: Seconds = Field(
        default=DAY, ge=1, le=366 * DAY, description="Longest time from issue to expiry."
    )
    leeway_seconds: Seconds = Field(default=5, ge=0, le=300, description="How far the clocks may differ.")
    allow_hs256: bool = Field(
        default=False,
        description="Take tokens signed with a shared secret; for development, since who checks can forge.",
    )


class IngestSettings(Section):
    """What producers may send; they are told on connecting."""

    max_batch_bytes: Bytes = Field(default=4 * MIB, ge=KIB, le=GIB, description="Largest batch, as serialised.")
    max_batch_records: Count = Field(default=10_000, ge=1, le=10_000_000, description="Most records in a batch.")
    max_record_bytes: Bytes = Field(default=256 * KIB, ge=64, le=GIB, description="Largest record, as serialised.")
    max_attributes: Count = Field(
        default=128, ge=0, le=100_000, description="Most attributes of a record, and of a resource."
    )
    max_unacked_batches: Count = Field(
        default=64, ge=1, le=100_000, description="Most batches of a stream that wait for their acknowledgement."
    )
    max_unacked_bytes: Bytes = Field(
        default=16 * MIB, ge=KIB, le=4 * GIB, description="Most bytes of a stream that wait for their acknowledgement."
    )
    hello_seconds: Seconds = Field(default=10, gt=0, le=300, description="How long a new stream may take to say hello.")
    producer_memory_seconds: Seconds = Field(
        default=7 * DAY,
        ge=MINUTE,
        le=3660 * DAY,
        description="How long a silent producer's last sequence number is kept.",
    )


class LiveSettings(Section):
    """What subscribers may ask for."""

    max_subscriptions: Count = Field(default=100, ge=1, le=100_000, description="Most subscriptions on a connection.")
    max_message_bytes: Bytes = Field(
        default=64 * KIB, ge=KIB, le=64 * MIB, description="Largest message from a subscriber."
    )
    max_filter_bytes: Bytes = Field(default=4 * KIB, ge=16, le=MIB, description="Largest filter, in UTF-8.")
    max_last: Count = Field(default=10_000, ge=0, le=100_000_000, description="Most stored records by `last`.")
    max_ping_bytes: Bytes = Field(default=64, ge=0, le=64, description="Largest payload of a subscriber's ping.")
    queue_bytes: Bytes = Field(
        default=MIB,
        ge=KIB,
        le=GIB,
        description="Bytes that may wait for one subscriber; then it goes back to reading the log.",
    )
    replay_bytes: Bytes = Field(
        default=MIB, ge=KIB, le=GIB, description="Bytes that a replay reads from the log at a time."
    )
    write_timeout_seconds: Seconds = Field(
        default=30, gt=0, le=HOUR, description="A subscriber that reads nothing for this long is disconnected."
    )


class LogSettings(Section):
    """The durable log."""

    max_bytes: Bytes = Field(default=8 * GIB, ge=16 * MIB, le=2**46, description="Room for all tenants together.")
    min_free_bytes: Bytes = Field(default=256 * MIB, ge=0, le=2**46, description="What the file system must keep free.")
    retention_seconds: Seconds = Field(
        default=7 * DAY, ge=1, le=36_600 * DAY, description="Records older than this go."
    )
    retention_bytes_per_tenant: Bytes = Field(
        default=GIB, ge=MIB, le=2**46, description="A tenant that stores more loses its own oldest records."
    )
    retention_interval_seconds: Seconds = Field(default=10, gt=0, le=DAY, description="How often retention looks.")
    compression_level: Count = Field(
        default=1, ge=0, le=19, description="Level of zstd; 0: batches are stored as they are."
    )
    group_max_bytes: Bytes = Field(default=16 * MIB, ge=KIB, le=GIB, description="Most bytes that one fsync stores.")
    max_pending_bytes: Bytes = Field(
        default=64 * MIB, ge=KIB, le=16 * GIB, description="Most bytes that wait for the disk; then producers wait."
    )


class MetricsSettings(Section):
    """The port that Prometheus scrapes, without TLS: keep it on loopback."""

    host: Host = Field(default="127.0.0.1", description="Address to listen on.")
    port: Port = Field(default=9464, description="Port to listen on; 0: no metrics.")


class ShutdownSettings(Section):
    """How the hub ends on SIGTERM."""

    grace_seconds: Seconds = Field(default=20, ge=0, le=HOUR, description="How long work in flight may take to finish.")
    reconnect_spread_seconds: Seconds = Field(
        default=5, ge=0, le=HOUR, description="Clients are told to come back after a random part of this."
    )


class Settings(Section):
    """The settings on top level, and the sections."""

    data_dir: Path = Field(default=Path("data"), description="Folder of the log; made where it is missing.")
    trust_domain: str = Field(
        default="loghub.local",
        pattern=r"^[a-z0-9._-]{1,255}$",
        description="Trust domain of the SPIFFE ids in clients' certificates.",
    )
    workers: Count = Field(default=1, ge=1, le=64, description="Processes that share the ports and the log.")
    logging: LoggingSettings = LoggingSettings()
    tls: TlsSettings
    grpc: GrpcSettings = GrpcSettings()
    web: WebSettings = WebSettings()
    tokens: TokenSettings = TokenSettings()
    ingest: IngestSettings = IngestSettings()
    live: LiveSettings = LiveSettings()
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    shutdown: ShutdownSettings = ShutdownSettings()

    @model_validator(mode="after")
    def _agree(self) -> Settings:
        """Refuse settings that contradict each other: a line each."""
        problems = [*_disorders(self), *_clashes(self)]
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def limits(self) -> dict[str, float]:
        """Return every numeric setting but the ports, by its full name."""
        return {
            f"{section}.{name}" if section else name: float(value)
            for section, values in self._by_section()
            for name, value in values
            if isinstance(value, int | float) and not isinstance(value, bool) and name != "port"
        }

    def _by_section(self) -> list[tuple[str, list[tuple[str, object]]]]:
        sections = [(name, list(value)) for name, value in self if isinstance(value, Section)]
        return [("", list(self)), *sections]


# Each pair: the first may not be more than the second.
_ORDERED = (
    ("ingest.max_record_bytes", "ingest.max_batch_bytes"),
    ("ingest.max_batch_bytes", "ingest.max_unacked_bytes"),
    ("ingest.max_batch_bytes", "log.group_max_bytes"),
    ("log.group_max_bytes", "log.max_pending_bytes"),
    ("log.retention_bytes_per_tenant", "log.max_bytes"),
    ("live.max_filter_bytes", "live.max_message_bytes"),
    ("web.max_connections_per_tenant", "web.max_connections"),
    ("grpc.keepalive_min_seconds", "grpc.keepalive_seconds"),
    ("tokens.leeway_seconds", "tokens.max_lifetime_seconds"),
)


def _disorders(settings: Settings) -> list[str]:
    limits = settings.limits()
    return [
        f"{low} is {limits[low]:.15g}, more than {high}, which is {limits[high]:.15g}: lower the one or raise the other"
        for low, high in _ORDERED
        if limits[low] > limits[high]
    ]


def _clashes(settings: Settings) -> list[str]:
    problems = []
    if settings.tokens.keys is None and settings.web.auth_mode is not AuthMode.MTLS:
        problems.append(
            f"tokens.keys is missing, and web.auth_mode is {settings.web.auth_mode}: "
            "name the file of the keys ('loghub token keys' makes one), or set web.auth_mode to mTLS"
        )
    taken: dict[int, str] = {}
    for name in ("grpc", "web", "metrics"):
        port = getattr(settings, name).port
        if port and port in taken:
            problems.append(f"{name}.port is {port}, and so is {taken[port]}.port: give each its own")
        taken[port] = name
    return problems
