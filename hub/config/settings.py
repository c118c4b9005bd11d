"""All settings together, and what must fit together among them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from hub.config.bounds import AuditSection, Consume, Ingest, Live, Logging, LogSection, MetricsSection, Quotas, Shutdown
from hub.config.doors import Grpc, Kafka, Tls, Tokens, Web
from hub.config.kinds import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOOPBACK = re.compile(r"localhost|127(?:\.[0-9]{1,3}){3}|::1")


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
    kafka: Kafka = Kafka()
    ingest: Ingest = Ingest()
    quotas: Quotas = Quotas()
    live: Live = Live()
    consume: Consume = Consume()
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
        pairs: tuple[tuple[str, str], ...] = (
            ("ingest.max_record_bytes", "ingest.max_batch_bytes"),
            ("ingest.max_batch_bytes", "ingest.max_unacked_bytes"),
            ("ingest.max_otlp_bytes", "ingest.max_otlp_pending_bytes_per_tenant"),
            ("ingest.max_otlp_pending_bytes_per_tenant", "ingest.max_otlp_pending_bytes"),
            ("log.retention_bytes_per_tenant", "log.max_bytes"),
            ("log.group_max_bytes", "log.max_pending_bytes"),
            ("live.max_filter_bytes", "live.max_message_bytes"),
            ("consume.max_in_flight", "consume.max_in_flight_per_group"),
            ("consume.ack_seconds", "consume.max_ack_seconds"),
            ("web.max_connections_per_tenant", "web.max_connections"),
            ("web.max_fragments", "web.max_frames_per_s"),
        )
        if self.log.backend == "kafka":
            pairs = (*pairs, ("ingest.max_batch_bytes", "log.kafka_max_message_bytes"))
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
        if self.log.backend == "kafka" and not self.kafka.brokers:
            problems.append("log.backend is kafka, but kafka.brokers names none: set host:port of your brokers")
        if self.log.backend == "kafka" and self.workers > 1:
            problems.append("log.backend is kafka, but workers is more than 1: run more hubs, each with a data_dir")
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
