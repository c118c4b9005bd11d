"""A Kafka broker on this machine, of one node (KRaft): for the demo, benchmarks and tests.

`make kafka` fetches its jars; Java 17 runs it. It listens on loopback only, keeps its data and its ports from one start
to the next, and is ended by its process id.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from hub.errors import ConfigError, LoghubError

LIB = Path(__file__).parents[2] / "tools" / "kafka" / "target" / "lib"
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_LAST_LINES = 15
# The quick compiler alone: a start takes 4.6 s of CPU instead of 6.6, and most brokers here live for seconds.
_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN", "-Djava.awt.headless=true")


class BrokerError(LoghubError):
    """The Kafka broker did not start."""


@dataclass(frozen=True, slots=True)
class BrokerTls:
    """PEM files of the TLS listener: key (PKCS #8) and chain in one file, and who may connect."""

    keystore: Path
    truststore: Path


@dataclass(frozen=True, slots=True)
class BrokerUser:
    """Whom the SASL listener lets in, by SCRAM-SHA-512."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class _Ports:
    plain: int
    controller: int
    tls: int
    sasl: int


@dataclass(slots=True)
class Broker:
    """A broker in a folder; a context manager. `settings` are laid over its server.properties."""

    folder: Path
    tls: BrokerTls | None = None
    settings: dict[str, str] = field(default_factory=dict)
    user: BrokerUser | None = None
    _ports: _Ports | None = None
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """End it."""
        self.kill()

    @property
    def address(self) -> str:
        """Where clients connect without TLS: host:port."""
        return f"127.0.0.1:{self._known.plain}"

    @property
    def tls_address(self) -> str:
        """Where clients connect by TLS 1.3 with a certificate: host:port."""
        return f"127.0.0.1:{self._known.tls}"

    @property
    def sasl_address(self) -> str:
        """Where clients connect as the user, without TLS: host:port."""
        return f"127.0.0.1:{self._known.sasl}"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "broker.log"

    @property
    def _known(self) -> _Ports:
        if self._ports is None:
            msg = "the broker was never started"
            raise BrokerError(msg)
        return self._ports

    def start(self) -> None:
        """Start it, with the data of the last time, and wait until it answers; BrokerError where it does not."""
        java = shutil.which("java")
        if java is None or not any(LIB.glob("kafka_*.jar")):
            msg = "no Kafka broker is at hand: `make kafka` fetches one (it needs Java 17 and Maven)"
            raise ConfigError(msg)
        command = (java, *_JVM, "-cp", f"{LIB}/*")
        properties = self.folder / "server.properties"
        if self._ports is None:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._ports = _Ports(*_free_ports(4))
            properties.write_text("".join(f"{key}={value}\n" for key, value in self._properties().items()))
        if not (self.folder / "data" / "meta.properties").exists():
            first, *rest = uuid.uuid4().bytes
            # One in 64 would begin with a dash, and be taken for an option.
            cluster = urlsafe_b64encode(bytes((first & 0x7F, *rest))).rstrip(b"=").decode()
            tool = [*command, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
            if self.user:
                tool += ["--add-scram", f"SCRAM-SHA-512=[name={self.user.name},password={self.user.password}]"]
            done = subprocess.run(tool, capture_output=True, text=True, timeout=_START_SECONDS, check=False)  # noqa: S603
            if done.returncode:
                msg = f"kafka.tools.StorageTool failed: {done.stdout[-2000:]}{done.stderr[-2000:]}"
                raise BrokerError(msg)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  our own command line
                (*command, "kafka.Kafka", str(properties)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait()

    def stop(self) -> None:
        """Have it end in order."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def kill(self) -> None:
        """End it with SIGKILL, and wait for that."""
        if self._process and self._process.poll() is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            with socket.socket() as probe:
                probe.settimeout(1.0)
                if probe.connect_ex(("127.0.0.1", self._known.plain)) == 0:
                    return
            time.sleep(0.05)
        lines = "\n".join(self.log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
        self.kill()
        msg = f"the broker does not answer; its last lines ({self.log}):\n{lines}"
        raise BrokerError(msg)

    def _properties(self) -> dict[str, str]:
        ports = self._known
        listeners = {"PLAINTEXT": ports.plain, "CONTROLLER": ports.controller}
        if self.tls:
            listeners["SSL"] = ports.tls
        if self.user:
            listeners["SASL"] = ports.sasl
        addresses = {name: f"{name}://127.0.0.1:{port}" for name, port in listeners.items()}
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{ports.controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": ",".join(addresses.values()),
            "advertised.listeners": ",".join(at for name, at in addresses.items() if name != "CONTROLLER"),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL:SASL_PLAINTEXT",
            "inter.broker.listener.name": "PLAINTEXT",
            "log.dirs": str(self.folder / "data"),
            "num.partitions": "1",
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "broker.session.timeout.ms": "1000",  # a broker that was killed may come back at once
            "broker.heartbeat.interval.ms": "200",
            "message.max.bytes": str(64 * 2**20),
            "replica.fetch.max.bytes": str(64 * 2**20),
        }
        if self.tls:
            properties |= {
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(self.tls.keystore),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(self.tls.truststore),
                "ssl.client.auth": "required",
                "ssl.enabled.protocols": "TLSv1.3",
            }
        if self.user:
            properties |= {
                "sasl.enabled.mechanisms": "SCRAM-SHA-512",
                "listener.name.sasl.scram-sha-512.sasl.jaas.config": (
                    "org.apache.kafka.common.security.scram.ScramLoginModule required;"
                ),
            }
        return properties | self.settings


def _free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
