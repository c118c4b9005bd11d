"""The configuration: one YAML file, overridden by the environment, every key known and every limit a setting.

Keys may be spelled with `-` or `_`. The seed's keys `auth-mode`, `ca-cert`, `server-cert`, `server-key` and
`tls: {min-version, ciphers}` are taken too. `LOGHUB_WEB__PORT=9443` sets `web.port`; lists are written `a,b`. The
environment is read here, since the environment source of pydantic-settings passes over names that it does not know.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from hub.core.principal import check_tenant
from hub.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic_core import ErrorDetails

_SIZES = {"": 1, "b": 1, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_TIMES = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")
# As browsers send it: lower case, and nothing after the port.
_ORIGIN = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_HTTPS_URL = re.compile(r"https://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[!$-~]*)?")
_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|::1")
_TLS13_SUITES = ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256")
_SEED = {
    "ca_cert": ("tls", "ca"),
    "server_cert": ("tls", "cert"),
    "server_key": ("tls", "key"),
    "auth_mode": ("web", "auth_mode"),
}
_PREFIX = "LOGHUB_"
# Variables of loghub's clients: whoever has them set may start a hub all the same.
_CLIENT_VARIABLES = frozenset({"LOGHUB_TOKEN", "LOGHUB_ENDPOINT", "LOGHUB_CA", "LOGHUB_CERT", "LOGHUB_KEY"})


def _number(value: object) -> object:
    if isinstance(value, bool):  # pydantic would take it for 0 or 1
        msg = f"{value!r} is not a number"
        raise ValueError(msg)  # noqa: TRY004  pydantic collects no TypeError
    return value


def _quantity(value: object, units: Mapping[str, float]) -> object:
    if not isinstance(value, str):
        return _number(value)
    match = _QUANTITY.fullmatch(value)
    if not match or match[2].lower() not in units:
        msg = f"{value!r} is not a number with one of the units {', '.join(filter(None, units))}"
        raise ValueError(msg)
    return float(match[1]) * units[match[2].lower()]


def _bytes(value: object) -> object:
    return _quantity(value, _SIZES)


def seconds(value: object) -> object:
    """Return a duration such as `90s`, `15m`, `12h` or `30d` in seconds; numbers are seconds already."""
    return _quantity(value, _TIMES)


def _split(value: object) -> object:
    """Take `a,b` for a list."""
    return [part for part in re.split(r"[,\s]+", value) if part] if isinstance(value, str) else value


Bytes = Annotated[int, BeforeValidator(_bytes), Field(ge=0)]
Seconds = Annotated[float, BeforeValidator(seconds), Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_number), Field(ge=1)]
Amount = Annotated[int, BeforeValidator(_number), Field(ge=0)]
Port = Annotated[int, BeforeValidator(_number), Field(ge=0, le=65535)]
Names = Annotated[tuple[str, ...], BeforeValidator(_split)]


class Section(BaseModel):
    """A part of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Tls(Section):
    """The server's certificate, and the authority of its peers."""

    ca: Path = Field(
        default=Path("certs/pki/ca.pem"),
        description="PEM file of the authorities that peers' certificates may come from",
    )
    cert: Path = Field(
        default=Path("certs/pki/server/hub.pem"), description="PEM file of the server's certificate and its chain"
    )
    key: Path = Field(default=Path("certs/pki/server/hub.key"), description="PEM file of the server's private key")
    crl: Path | None = Field(
        default=None, description="PEM file of the authorities' certificate revocation lists; unset: there are none"
    )
    reload_seconds: Seconds = Field(
        default=0.25, gt=0, le=0.5, description="how often changed certificates, keys and revocations are looked for"
    )
    min_version: str = Field(default="TLSv1.3", description="only TLSv1.3 is served")
    ciphers: Names = Field(default=_TLS13_SUITES, description="TLS 1.3 suites; all of them are always offered")

    @model_validator(mode="after")
    def _only_13(self) -> Tls:
        if self.min_version not in ("TLSv1.3", "1.3"):
            msg = f"min_version is {self.min_version!r}: loghub serves TLSv1.3 only"
            raise ValueError(msg)
        for suite in self.ciphers:
            if suite not in _TLS13_SUITES:
                msg = f"ciphers has {suite!r}: the suites of TLS 1.3 are {', '.join(_TLS13_SUITES)}"
                raise ValueError(msg)
        return self


class Grpc(Section):
    """The port that producers connect to."""

    host: str = Field(default="0.0.0.0", description="address to listen on")  # noqa: S104  a server is there to be reached
    port: Port = Field(default=4317, description="port to listen on; 0: any free one")
    max_concurrent_streams: Count = Field(default=100, description="calls at once on a connection")
    max_streams_per_tenant: Count = Field(default=1000, description="open streams of a tenant, a worker")
    keepalive_seconds: Seconds = Field(
        default=30.0, description="how often a silent connection is asked whether it lives"
    )
    keepalive_min_seconds: Seconds = Field(default=10.0, description="how often a client may ask the same")
    max_metadata_bytes: Bytes = Field(default=16_384, description="size of a call's headers")
    handshake_seconds: Seconds = Field(default=10.0, description="time that a TLS handshake may take")


class Web(Section):
    """The port that browsers and subscribers connect to."""

    host: str = Field(default="0.0.0.0", description="address to listen on")  # noqa: S104  a server is there to be reached
    port: Port = Field(default=8443, description="port to listen on; 0: any free one")
    auth_mode: str = Field(
        default="JWT", pattern=r"^(JWT|mTLS|mTLS\+JWT)$", description="what subscribers show: JWT, mTLS or mTLS+JWT"
    )
    allowed_origins: Names = Field(
        default=(), description="pages that may connect, as scheme://host[:port]; empty: the hub's own"
    )
    heartbeat_seconds: Seconds = Field(default=25.0, gt=0, description="how often a WebSocket is pinged")
    heartbeat_misses: Count = Field(
        default=3, ge=2, description="heartbeats without an answer after which a peer is dead"
    )
    max_connections: Count = Field(default=20_000, description="open WebSockets, a worker")
    max_connections_per_tenant: Count = Field(default=5_000, description="open WebSockets of a tenant, a worker")
    max_header_bytes: Bytes = Field(default=32_768, description="size of a request's head")
    max_body_bytes: Bytes = Field(default=65_536, description="size of a request's body, of which none is needed")
    max_fragments: Count = Field(default=1024, description="frames of one fragmented WebSocket message")
    handshake_seconds: Seconds = Field(
        default=10.0, description="time that a request, or a TCP connection's first, may take"
    )

    @model_validator(mode="after")
    def _origins(self) -> Web:
        for origin in self.allowed_origins:
            if not _ORIGIN.fullmatch(origin):
                msg = f"allowed_origins has {origin!r}: an origin is scheme://host[:port] in lower case, without a path"
                raise ValueError(msg)
        return self


class Tokens(Section):
    """Which bearer tokens are good."""

    keys: Path = Field(
        default=Path("certs/pki/tokens/verify.pem"),
        description="PEM public key, or a JWKS file; read again when it changes",
    )
    keys_poll_seconds: Seconds = Field(default=0.5, gt=0, description="how often the file of keys is looked at")
    jwks_url: str = Field(default="", description="https address of the issuer's keys (JWKS), in place of `keys`")
    jwks_ca: Path | None = Field(
        default=None, description="PEM file of the authorities to trust there; none: those of the system"
    )
    jwks_refresh_seconds: Seconds = Field(default=300.0, ge=1, description="how often they are fetched")
    jwks_cooldown_seconds: Seconds = Field(
        default=10.0, ge=1, description="pause between fetches for key ids that are not known, and after a failure"
    )
    jwks_max_age_seconds: Seconds = Field(
        default=86_400.0, ge=1, description="how long the last good keys are used while the issuer does not answer"
    )
    jwks_timeout_seconds: Seconds = Field(default=5.0, gt=0, description="time that a fetch may take")
    jwks_max_bytes: Bytes = Field(default=256 * 2**10, ge=1024, description="size of a fetched set")
    development_secret: Path | None = Field(
        default=None,
        description="file of 32 random bytes or more for HS256, in place of `keys`; not for production",
    )
    development_secret_public: bool = Field(
        default=False, description="take `development_secret` although other machines can connect"
    )
    issuer: str = Field(default="loghub", description="what iss must say")
    audience: str = Field(default="loghub", description="what aud must say")
    max_lifetime_seconds: Seconds = Field(default=86_400.0, description="longest time from iat to exp")
    leeway_seconds: Seconds = Field(default=5.0, description="how far an issuer's clock may be ahead")
    ticket_seconds: Seconds = Field(default=30.0, gt=0, le=30, description="how long a ticket of /v1/tickets is good")
    max_tickets_per_tenant: Count = Field(default=1000, description="unused tickets of a tenant, a worker")

    @model_validator(mode="after")
    def _one_source(self) -> Tokens:
        if self.jwks_url and self.development_secret:
            msg = "jwks_url and development_secret are both set: set one"
            raise ValueError(msg)
        if self.jwks_url and not _HTTPS_URL.fullmatch(self.jwks_url):
            msg = f"jwks_url is {self.jwks_url!r}: it must be https://host[:port]/path, without a user or a fragment"
            raise ValueError(msg)
        return self


class Ingest(Section):
    """What producers may send."""

    max_batch_bytes: Bytes = Field(default=4 * 2**20, ge=1024, description="size of a batch")
    max_batch_records: Count = Field(default=10_000, description="records of a batch")
    max_record_bytes: Bytes = Field(default=256 * 2**10, ge=256, description="size of a record")
    max_attributes: Count = Field(default=128, description="attributes of a record, and of a resource")
    max_unacked_batches: Count = Field(default=64, description="batches on a stream that are not acknowledged yet")
    max_unacked_bytes: Bytes = Field(default=16 * 2**20, ge=1024, description="their size")
    hello_seconds: Seconds = Field(default=10.0, description="time that a stream's hello may take")
    producer_memory_seconds: Seconds = Field(
        default=7 * 86_400.0, description="how long a silent producer's count is remembered"
    )


class TenantQuota(Section):
    """What one tenant may do instead of what is set for all."""

    tenant: str = Field(description="the tenant")
    records_per_s: Amount | None = Field(default=None, description="as `quotas.records_per_s`")
    bytes_per_s: Bytes | None = Field(default=None, description="as `quotas.bytes_per_s`")
    max_streams: Count | None = Field(default=None, description="as `grpc.max_streams_per_tenant`")
    max_connections: Count | None = Field(default=None, description="as `web.max_connections_per_tenant`")
    max_subscriptions: Count | None = Field(default=None, description="as `quotas.max_subscriptions_per_tenant`")
    retention_bytes: Bytes | None = Field(default=None, description="as `log.retention_bytes_per_tenant`")


class Quotas(Section):
    """What tenants and their principals may use, on each worker."""

    records_per_s: Amount = Field(default=0, description="records that a tenant may send a second; 0: no bound")
    bytes_per_s: Bytes = Field(default=0, description="bytes that a tenant may send a second; 0: no bound")
    principal_records_per_s: Amount = Field(default=0, description="the same of one producer; 0: no bound")
    principal_bytes_per_s: Bytes = Field(default=0, description="the same of one producer; 0: no bound")
    burst_seconds: Seconds = Field(default=2.0, gt=0, description="how much of a rate may come at once")
    delay_seconds: Seconds = Field(
        default=1.0, description="how long a stream over its rate is left unread before its batches are refused"
    )
    max_streams_per_principal: Count = Field(default=100, description="open streams of one producer")
    max_connections_per_principal: Count = Field(default=1000, description="open connections of one subscriber")
    max_subscriptions_per_tenant: Count = Field(default=50_000, description="open subscriptions of a tenant")
    max_subscriptions_per_principal: Count = Field(default=20_000, description="open subscriptions of one subscriber")
    tenants: tuple[TenantQuota, ...] = Field(
        default=(), description="tenants with quotas of their own, each `{tenant: acme, records-per-s: 1000}`"
    )

    @model_validator(mode="after")
    def _tenants(self) -> Quotas:
        names = [one.tenant for one in self.tenants]
        for name in names:
            check_tenant(name)
        if len(set(names)) < len(names):
            msg = "tenants names a tenant twice"
            raise ValueError(msg)
        return self

    def own(self, name: str) -> dict[str, Any]:
        """Return what tenants have of a quota for themselves, by tenant."""
        found = {one.tenant: getattr(one, name) for one in self.tenants}
        return {tenant: value for tenant, value in found.items() if value is not None}


class Live(Section):
    """What subscribers may do."""

    max_subscriptions: Count = Field(default=100, description="subscriptions of a connection")
    max_message_bytes: Bytes = Field(default=64 * 2**10, ge=1024, description="size of a client's message")
    max_messages_per_s: Count = Field(
        default=200, description="messages of a client; one that sends more is disconnected"
    )
    max_filter_bytes: Bytes = Field(default=4096, description="size of a filter")
    max_filter_cost: Count = Field(
        default=200, description="cost of a filter: 1 a field, 2 a number or word, 4 a part of a word, 10 a pattern"
    )
    max_last: Count = Field(default=10_000, description="records that subscribe.last may ask for")
    queue_bytes: Bytes = Field(
        default=2**20, ge=4096, description="bytes that may wait for a subscriber before it reads on from the log"
    )
    replay_bytes: Bytes = Field(default=2**20, ge=4096, description="bytes read from the log at once")
    gather_seconds: Seconds = Field(
        default=0.02,
        description="how long small messages to a connection are gathered for one write while there is much to write",
    )
    position_seconds: Seconds = Field(
        default=5, description="how often a subscription is told where it stands while nothing matches"
    )
    write_timeout_seconds: Seconds = Field(
        default=30.0, description="time in which a subscriber must read what waits for it"
    )


class LogSection(Section):
    """The durable log."""

    max_bytes: Bytes = Field(default=8 * 2**30, ge=2**20, description="room for all tenants together")
    retention_seconds: Seconds = Field(default=7 * 86_400.0, description="how long records are kept")
    retention_bytes_per_tenant: Bytes = Field(
        default=2**30, ge=2**16, description="how much of a tenant is kept, compressed"
    )
    retention_interval_seconds: Seconds = Field(default=10.0, gt=0, description="how often old records are looked for")
    compression_level: int = Field(
        default=1, ge=-50, le=19, description="zstd level; below 0: faster and larger; 0: none"
    )
    busy_compression_level: int = Field(
        default=-10, ge=-50, le=19, description="zstd level while more than `busy_bytes` wait for the disk"
    )
    busy_bytes: Bytes = Field(default=2**19, ge=0, description="bytes at the disk that count as busy")
    busy_group_bytes: Bytes = Field(
        default=2 * 2**20, ge=0, description="what a busy log gathers for a group commit, while more keeps coming"
    )
    group_max_bytes: Bytes = Field(default=16 * 2**20, ge=2**16, description="size of a group commit")
    max_pending_bytes: Bytes = Field(default=64 * 2**20, ge=2**16, description="bytes that may wait for the disk")
    min_free_bytes: Bytes = Field(
        default=256 * 2**20, description="what the file system keeps free: below it, ingest is refused"
    )


class MetricsSection(Section):
    """The metrics page."""

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=9464, ge=-1, le=65535, description="port; worker N adds N; -1: off")


class AuditSection(Section):
    """The audit log: who came, who was refused, what was revoked and changed; see docs/explanation/audit-log.md."""

    enabled: bool = Field(default=True, description="whether there is one")
    path: Path | None = Field(default=None, description="its folder; none: `audit` in `data_dir`")
    key_file: Path | None = Field(
        default=None, description="secret of at least 32 bytes, so that who can write the files cannot forge them"
    )
    max_file_bytes: Bytes = Field(default=16 * 2**20, ge=2**14, description="size of a file; the next one follows it")
    keep_files: Count = Field(default=100, ge=2, description="files that are kept, a worker")
    keep_seconds: Seconds = Field(default=400 * 86_400.0, description="how long a file is kept at most")
    fsync_seconds: Seconds = Field(default=1.0, description="how often it is made sure to be on disk; 0: at each write")
    queue_events: Count = Field(
        default=10_000, description="events that may wait for the disk; more are lost, and counted"
    )
    limited_per_minute: Count = Field(
        default=10,
        description="refusals, unary calls and renewals written of one peer for one cause; the rest is counted",
    )
    limited_per_s: Count = Field(default=20, description="the same for all peers together")

    def folder(self, data_dir: Path) -> Path:
        """Return where the log is."""
        return self.path or data_dir / "audit"


class Shutdown(Section):
    """How the hub stops."""

    grace_seconds: Seconds = Field(default=20.0, description="time for streams to settle")
    reconnect_spread_seconds: Seconds = Field(
        default=5.0, description="clients are told to come back spread over this time"
    )


class Logging(Section):
    """The hub's own log lines, on standard error."""

    level: str = Field(
        default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="DEBUG, INFO, WARNING or ERROR"
    )
    format: str = Field(default="json", pattern="^(json|text)$", description="json or text")


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    data_dir: Path = Field(default=Path("data"), description="folder of the log")
    trust_domain: str = Field(default="loghub.local", description="trust domain of the SPIFFE ids that are taken")
    workers: int = Field(default=1, ge=1, le=64, description="processes that share the ports and the log")
    tls: Tls = Tls()
    grpc: Grpc = Grpc()
    web: Web = Web()
    tokens: Tokens = Tokens()
    ingest: Ingest = Ingest()
    quotas: Quotas = Quotas()
    live: Live = Live()
    log: LogSection = LogSection()
    metrics: MetricsSection = MetricsSection()
    audit: AuditSection = AuditSection()
    shutdown: Shutdown = Shutdown()
    logging: Logging = Logging()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take nothing but what `load` has read."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @model_validator(mode="after")
    def _fit_together(self) -> Settings:
        pairs = (
            ("ingest.max_record_bytes", "ingest.max_batch_bytes"),
            ("ingest.max_batch_bytes", "ingest.max_unacked_bytes"),
            ("log.retention_bytes_per_tenant", "log.max_bytes"),
            ("log.group_max_bytes", "log.max_pending_bytes"),
            ("live.max_filter_bytes", "live.max_message_bytes"),
            ("web.max_connections_per_tenant", "web.max_connections"),
        )
        values = dict(self.flat())
        problems = [
            f"{small} ({values[small]}) is larger than {large} ({values[large]}): lower the one or raise the other"
            for small, large in pairs
            if values[small] > values[large]
        ]
        public = [host for host in (self.grpc.host, self.web.host) if not _LOOPBACK.fullmatch(host)]
        if self.tokens.development_secret and public and not self.tokens.development_secret_public:
            problems.append(
                f"tokens.development_secret is for development, but the hub listens on {public[0]}: set grpc.host and "
                "web.host to 127.0.0.1, use tokens.keys, or set tokens.development_secret_public"
            )
        if self.grpc.port == self.web.port != 0:
            problems.append(f"grpc.port and web.port are both {self.web.port}: give each its own")
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def flat(self) -> Iterator[tuple[str, Any]]:
        """Yield every setting as (`section.name`, value)."""
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Section):
                yield from ((f"{name}.{inner}", getattr(value, inner)) for inner in type(value).model_fields)
            else:
                yield name, value

    def limits(self) -> dict[str, float]:
        """Return every setting that is a number, for the metrics."""
        return {
            name: float(value)
            for name, value in self.flat()
            if isinstance(value, int | float) and not name.endswith(".port")
        }


def load(path: Path | None, env: Mapping[str, str] = os.environ) -> Settings:
    """Read the file, if any, and the environment; ConfigError has a line for each thing that is wrong.

    Relative paths start at the file's folder; without a file, at the working folder.
    """
    raw = _normal(_read(path)) if path else {}
    problems = [*_unknown(raw), *_unknown_env(env)]
    if problems:
        raise ConfigError("\n".join(problems))
    given = _seed_keys(raw)
    for section, values in _seed_keys(_from_env(env)).items():
        given[section] = {**given.get(section, {}), **values} if isinstance(values, dict) else values
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise ConfigError("\n".join(map(_explained, error.errors()))) from error
    return _anchored(settings, path.resolve().parent) if path else settings


def _explained(problem: ErrorDetails) -> str:
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] == "value_error":  # one of ours, which names the value
        reason = str(problem["ctx"]["error"])
        return f"{name}: {reason}" if name else reason
    return f"{name}: {problem['msg'].replace('Input should', 'must', 1)}, not {problem['input']!r}"


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which the library would take the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value).replace("-", "_")
            if name in seen:
                problem = f"the key {key.value!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  a SafeLoader
    except OSError as error:
        msg = f"the configuration {path} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
    except yaml.MarkedYAMLError as error:
        line = f"{path}, line {error.problem_mark.line + 1}" if error.problem_mark else str(path)
        msg = f"{line}: {error.problem}"
        raise ConfigError(msg) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        msg = f"{path} is not YAML: {' '.join(str(error).split())}"
        raise ConfigError(msg) from error
    if not isinstance(data, dict | None):
        msg = f"{path} must hold keys and values, like 'web: {{port: 8443}}'"
        raise ConfigError(msg)
    return data or {}


def _normal(data: Any) -> Any:  # noqa: ANN401  YAML is of any type
    """Return the data with `_` for `-` in keys."""
    if isinstance(data, dict):
        return {str(key).replace("-", "_"): _normal(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_normal(value) for value in data]
    return data


def _seed_keys(raw: dict[str, Any]) -> dict[str, Any]:
    out = {key: value for key, value in raw.items() if key not in _SEED}
    for key, (section, name) in _SEED.items():
        if key in raw:
            out[section] = {**(out.get(section) or {}), name: raw[key]}
    return out


def _from_env(env: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _own_variables(env):
        section, _, key = name.removeprefix(_PREFIX).lower().rpartition("__")
        (found.setdefault(section, {}) if section else found)[key] = env[name]
    return found


def _own_variables(env: Mapping[str, str]) -> list[str]:
    """Return the variables that set something, or mean to."""
    return [name for name in sorted(env) if name.startswith(_PREFIX) and name not in _CLIENT_VARIABLES]


def _known() -> dict[str, tuple[str, ...]]:
    """Return the keys of each section; "" is the top."""
    known = {"": (*Settings.model_fields, *_SEED)}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            known[name] = tuple(field.annotation.model_fields)
    return known


def _unknown(raw: Mapping[str, Any]) -> Iterator[str]:
    known = _known()
    for key, value in raw.items():
        if key not in known[""]:
            yield _nearest(key, [*known[""], *(f"{s}.{n}" for s, names in known.items() if s for n in names)])
        elif key in known:
            if not isinstance(value, dict):
                yield f"{key}: must hold keys and values"
                continue
            for inner in value:
                if inner not in known[key]:
                    yield _nearest(f"{key}.{inner}", [f"{key}.{name}" for name in known[key]])


def _unknown_env(env: Mapping[str, str]) -> Iterator[str]:
    known = _known()
    names = [f"{s}__{n}" if s else n for s, ns in known.items() for n in ns if s or n not in known]
    names = [_PREFIX + name.upper() for name in names]
    return (_nearest(name, names) for name in _own_variables(env) if name not in names)


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1, 0.0)
    return f"{key}: there is no such setting; the nearest is {near[0]}"


def _anchored(settings: Settings, folder: Path) -> Settings:
    tls, tokens, audit = settings.tls, settings.tokens, settings.audit
    paths = {name: folder / path for name in ("path", "key_file") if (path := getattr(audit, name)) is not None}
    return settings.model_copy(
        update={
            "data_dir": folder / settings.data_dir,
            "tls": tls.model_copy(
                update={
                    "ca": folder / tls.ca,
                    "cert": folder / tls.cert,
                    "key": folder / tls.key,
                    "crl": None if tls.crl is None else folder / tls.crl,
                }
            ),
            "tokens": tokens.model_copy(
                update={
                    name: folder / path
                    for name in ("keys", "jwks_ca", "development_secret")
                    if (path := getattr(tokens, name)) is not None
                }
            ),
            "audit": audit.model_copy(update=paths),
        }
    )
