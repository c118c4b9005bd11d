"""Who comes in, by which ports: certificates, addresses, tokens."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from hub.config.kinds import Bytes, Count, Names, Port, Seconds, Section
from hub.core.principal import check_tenant

# As browsers send it: lower case, and nothing after the port.
_ORIGIN = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_HTTPS_URL = re.compile(r"https://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:/[!$-~]*)?")
_BROKER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
# A topic's name, and the room that a dead-letter topic's template leaves for it.
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
_TOPIC_PART = re.compile(r"[A-Za-z0-9._-]{0,100}")
_GROUP = re.compile(r"[A-Za-z0-9._-]{1,100}")
_MEMBER = re.compile(r"[A-Za-z0-9._-]{0,100}")
_TLS13_SUITES = ("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256")


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
    max_metadata_bytes: Bytes = Field(default=16_384, description="size of a call's headers")
    handshake_seconds: Seconds = Field(default=10.0, description="time that a TLS handshake may take")
    max_stray_bytes: Bytes = Field(
        default=32 * 2**10,
        ge=16 * 2**10,
        description="bytes of a connection that are of no call and no message, beyond what calls may have under way; "
        "one that sends more is held",
    )
    client_stray_bytes: Bytes = Field(
        default=2 * 2**20,
        ge=64 * 2**10,
        description="what the calls of a client may have under way at first, beyond twice its largest message; again "
        "for each 0.2 s that it is held",
    )
    stray_bytes_per_s: Bytes = Field(default=64 * 2**10, ge=1024, description="how fast they are forgiven")
    max_held_seconds: Seconds = Field(
        default=10.0, gt=0, description="how long a connection is held before it is cut, unless its calls catch up"
    )


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
    max_body_bytes: Bytes = Field(default=65_536, description="size of a request's body, but for OTLP's")
    max_fragments: Count = Field(default=1024, description="frames of one fragmented WebSocket message")
    max_frames_per_s: Count = Field(
        default=1024, description="WebSocket frames of a client, pings and fragments too; one that sends more is cut"
    )
    max_pipelined: Count = Field(
        default=8, description="requests sent behind one that is not answered yet; a client that sends more is cut"
    )
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


class KafkaSource(Section):
    """Topics whose messages are one tenant's records. The first source that a topic fits has it, and no other."""

    topics: Names = Field(default=(), description="names of topics; or `pattern`")
    pattern: str = Field(default="", description="regular expression that a topic's whole name fits; or `topics`")
    tenant: str = Field(description="the tenant whose records they are, whatever a message says")
    format: Literal[
        "protobuf", "ecs", "logstash", "log4j2", "filebeat", "fluent-bit", "otlp-protobuf", "otlp-json", "text"
    ] = Field(description="what a message holds; see docs/reference/formats.md")
    start: Literal["earliest", "latest"] = Field(
        default="earliest", description="where a partition is begun that neither the log nor the group knows"
    )
    key_attribute: str = Field(default="", description="attribute that the message's key becomes; unset: none")
    headers: Names = Field(default=(), description="headers of a message that become attributes of the same name")

    @model_validator(mode="after")
    def _whole(self) -> KafkaSource:
        check_tenant(self.tenant)
        if bool(self.topics) == bool(self.pattern):
            msg = "topics or pattern: set one of them"
            raise ValueError(msg)
        for topic in self.topics:
            if not _TOPIC.fullmatch(topic):
                msg = f"topics has {topic!r}: a topic is 1 to 249 letters, digits and ._-"
                raise ValueError(msg)
        try:
            re.compile(self.pattern)
        except re.error as error:
            msg = f"pattern is {self.pattern!r}, which is no regular expression: {error}"
            raise ValueError(msg) from error
        return self


class Kafka(Section):
    """The Kafka brokers, and the topics there that records are read from."""

    brokers: Names = Field(default=(), description="addresses of brokers, host:port, from which the others are found")
    ca: Path | None = Field(default=None, description="PEM file of the brokers' authorities; set: TLS 1.3 only")
    cert: Path | None = Field(default=None, description="PEM file of the hub's certificate for them")
    key: Path | None = Field(default=None, description="PEM file of its private key")
    username: str = Field(default="", description="user name for SASL SCRAM; unset: none")
    password_file: Path | None = Field(default=None, description="file with the user's password")
    sasl_mechanism: Literal["SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="how the password is shown"
    )
    timeout_seconds: Seconds = Field(default=10.0, gt=0, description="time after which a broker does not answer")
    sources: tuple[KafkaSource, ...] = Field(
        default=(), description="what is read, each `{topics: [app-logs], tenant: acme, format: ecs}`"
    )
    source_group: str = Field(
        default="loghub", description="consumer group; hubs of the same group share the partitions"
    )
    source_member: str = Field(
        default="",
        description="this hub's lasting name in the group: one that comes back in time keeps its partitions",
    )
    source_session_seconds: Seconds = Field(
        default=10.0, ge=0.5, description="silence after which the group gives a hub's partitions to others"
    )
    source_fetch_bytes: Bytes = Field(
        default=2**20, ge=1024, description="bytes fetched of a partition at once; a larger message comes alone"
    )
    source_fetch_wait_seconds: Seconds = Field(
        default=0.1, gt=0, description="how long a broker waits for something new before it answers with nothing"
    )
    source_queue_bytes: Bytes = Field(
        default=2 * 2**20, ge=1024, description="bytes of a partition that wait to be read before it is fetched no more"
    )
    source_pending_bytes: Bytes = Field(
        default=32 * 2**20, ge=2**16, description="bytes of all partitions on their way into the log before all wait"
    )
    source_retry_seconds: Seconds = Field(
        default=5.0, gt=0, description="longest pause before a partition that could not be stored is tried again"
    )
    source_discover_seconds: Seconds = Field(default=5.0, gt=0, description="how often new topics are looked for")
    source_commit_seconds: Seconds = Field(default=1.0, gt=0, description="how often the group is told what is stored")
    source_max_message_bytes: Bytes = Field(
        default=16 * 2**20, ge=1024, description="size of a message that is read; larger ones are dead letters"
    )
    dead_letter_topic: str = Field(
        default="{topic}.dead-letters", description="topic for messages that cannot be read; may hold {topic}"
    )
    dead_letter_replication_factor: Count = Field(
        default=3, description="copies of a dead-letter topic, where the hub makes it"
    )
    dead_letter_max_bytes: Bytes = Field(
        default=900 * 2**10, ge=1024, description="size of a dead letter's value; longer ones are cut, and say so"
    )

    @model_validator(mode="after")
    def _whole(self) -> Kafka:
        for one in self.brokers:
            if not _BROKER.fullmatch(one):
                msg = f"brokers has {one!r}: it must be host:port"
                raise ValueError(msg)
        if (self.cert is None) != (self.key is None):
            msg = "cert and key belong together: set both or none"
            raise ValueError(msg)
        if self.cert and not self.ca:
            msg = "cert is set, but ca is not: without it there is no TLS"
            raise ValueError(msg)
        if bool(self.username) != bool(self.password_file):
            msg = "username and password_file belong together: set both or none"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _sources(self) -> Kafka:
        named = [topic for source in self.sources for topic in source.topics]
        twice = next((topic for topic in named if named.count(topic) > 1), None)
        if twice:
            msg = f"sources name the topic {twice} twice: it has one tenant and one format"
            raise ValueError(msg)
        if self.sources and not self.brokers:
            msg = "sources are set, but brokers names none: set host:port of your brokers"
            raise ValueError(msg)
        if not _GROUP.fullmatch(self.source_group):
            msg = f"source_group is {self.source_group!r}: it must be 1 to 100 letters, digits and ._-"
            raise ValueError(msg)
        if not _MEMBER.fullmatch(self.source_member):
            msg = f"source_member is {self.source_member!r}: it must be at most 100 letters, digits and ._-"
            raise ValueError(msg)
        before, _, after = self.dead_letter_topic.partition("{topic}")
        if not _TOPIC_PART.fullmatch(before + after) or not before + after:
            msg = f"dead_letter_topic is {self.dead_letter_topic!r}: it must be letters, digits and ._- by {{topic}}"
            raise ValueError(msg)
        letters = {topic: self.dead_letter_topic.replace("{topic}", topic) for topic in named}
        for topic, letter in letters.items():
            if letter in named:
                msg = f"sources name the topic {letter}, which is for the dead letters of {topic}"
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
