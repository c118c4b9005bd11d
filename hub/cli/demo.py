"""`loghub demo`: a hub, two tenants, and services that log; one command from clone to logs in the browser."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hub.cli.broker import Broker
from hub.cli.children import Children
from hub.cli.deployment import Deployment
from hub.cli.hub_child import start_hub
from hub.errors import ConfigError, LoghubError

if TYPE_CHECKING:
    from hub.cli.children import Child

_TENANTS = ("acme", "globex")
_TRUST_DOMAIN = "demo.local"
_SAMPLE = "hub.cli.sample"
_CHECK_SECONDS = 180.0
# As many a cluster is set up: a topic comes to be when a service first writes to it.
_BROKER = {"auto.create.topics.enable": "true"}
_JAR = Path("clients/java-compat/sample-service/target/sample-service.jar")


class DemoFailedError(LoghubError):
    """The demo did not do what it should."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where the demo lives: its folder and ports, and the broker that its services log through, if any."""

    deployment: Deployment
    web_port: int
    grpc_port: int
    broker: Broker | None

    @property
    def url(self) -> str:
        return f"https://localhost:{self.web_port}"


def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where certificates, keys and the log are kept.")] = Path(
        ".demo"
    ),
    port: Annotated[int, typer.Option(help="HTTPS port.")] = 8443,
    grpc_port: Annotated[int, typer.Option(help="gRPC port.")] = 4317,
    check: Annotated[bool, typer.Option("--check", help="Unattended: assert what a browser shows, then stop.")] = False,
    chromium: Annotated[str, typer.Option(help="The browser of --check.")] = "chromium",
    kafka: Annotated[bool, typer.Option("--kafka", help="Start a Kafka broker, and log through its topics.")] = False,
) -> None:
    """Start everything, and say where to look."""
    with ExitStack() as stack:
        if check:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loghub-demo-")))
            port, grpc_port = _free_port(), _free_port()
        for option, number in (("--port", port), ("--grpc-port", grpc_port)):
            _check_free(option, number)
        deployment = Deployment.prepare(folder.resolve(), _TRUST_DOMAIN)
        broker = stack.enter_context(Broker(deployment.folder / "kafka", settings=_BROKER)) if kafka else None
        plan = _Plan(deployment, port, grpc_port, broker)
        children = stack.enter_context(Children(plan.deployment.folder))
        hub = _start_hub(plan, children)
        _start_services(plan, children)
        tokens = {tenant: plan.deployment.token(tenant) for tenant in _TENANTS}
        _explain(plan, tokens)
        if check:
            _check(plan, tokens, chromium)
            children.check()
            return
        try:
            while True:
                hub.check()
                children.check()
                time.sleep(1.0)
        except KeyboardInterrupt:
            typer.echo("\nstopping")


def _start_hub(plan: _Plan, children: Children) -> Child:
    settings: dict[str, Any] = {
        "web": {"allowed-origins": [f"https://{host}:{plan.web_port}" for host in ("localhost", "127.0.0.1")]},
        "log": {"max-bytes": "2GiB", "retention-bytes-per-tenant": "256MiB", "min-free-bytes": "64MiB"},
    }
    if plan.broker:
        settings["kafka"] = {
            "brokers": [plan.broker.address],
            "sources": [{"topics": [_topic(tenant)], "tenant": tenant, "format": "ecs"} for tenant in _TENANTS],
            "source-discover-seconds": 1,
            "dead-letter-replication-factor": 1,
        }
    plan.deployment.configure(plan.grpc_port, plan.web_port, settings)
    return start_hub(children, plan.deployment)[0]


def _start_services(plan: _Plan, children: Children) -> None:
    java, why = _java()
    if java is None:
        typer.echo(f"The sample services run in Python: {why}.")
    else:
        appender = "an appender for Kafka, in ECS JSON" if plan.broker else "the loghub appender"
        typer.echo(f"The sample services are Java (Spring Boot with {appender}).")
    for tenant in _TENANTS:
        env = {"SERVICE_NAME": "orders", "SAMPLE_LABEL": tenant, **_way(plan, tenant)}
        command = [*java, f"--via={'kafka' if plan.broker else 'grpc'}"] if java else [sys.executable, "-m", _SAMPLE]
        children.start(f"orders-{tenant}", command, env)


def _way(plan: _Plan, tenant: str) -> dict[str, str]:
    """Return how a service's records reach the hub: through a topic it needs no certificate, nor the hub's address."""
    if plan.broker:
        return {"KAFKA_BROKERS": plan.broker.address, "KAFKA_TOPIC": _topic(tenant)}
    identity = plan.deployment.client(tenant)
    return {
        "LOGHUB_ENDPOINT": f"localhost:{plan.grpc_port}",
        "LOGHUB_CA": str(plan.deployment.ca),
        "LOGHUB_CERT": str(identity.cert),
        "LOGHUB_KEY": str(identity.key),
    }


def _topic(tenant: str) -> str:
    return f"app-logs.{tenant}"


def _java() -> tuple[list[str] | None, str]:
    """Return the command of the Java sample, or None and the reason why not."""
    java = shutil.which("java")
    if java is None:
        return None, "there is no java on the PATH"
    root = Path(__file__).resolve().parents[2]
    if not (root / _JAR).is_file():
        return None, f"{_JAR} is not built; 'make java' builds it"
    return [java, "-Xmx192m", "-jar", str(root / _JAR)], ""


def _explain(plan: _Plan, tokens: dict[str, str]) -> None:
    ca = plan.deployment.ca
    for tenant, token in tokens.items():
        typer.echo(f"\n{tenant}\n  page      {plan.url}/#token={token}\n  token     {token}")
        typer.echo(f"  terminal  LOGHUB_TOKEN={token} {_command()} tail --url {plan.url} --ca {ca}")
        if plan.broker:
            typer.echo(f"  Kafka     {_command()} send --kafka {plan.broker.address} --topic {_topic(tenant)}")
    typer.echo(
        "\nThe browser warns of the certificate, since the demo's authority is the demo's own. To trust it "
        "(Debian: package libnss3-tools, then restart the browser):\n"
        f"  certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n loghub-demo -i {ca}\n\nCtrl-C stops the demo."
    )


def _command() -> str:
    return str(Path(sys.executable).with_name("loghub"))


def _check(plan: _Plan, tokens: dict[str, str], chromium: str) -> None:
    """Look at each tenant's page in a headless browser."""
    browser = shutil.which(chromium)
    if browser is None:
        msg = f"--check needs a browser, and there is no {chromium!r}: apt-get install chromium"
        raise DemoFailedError(msg)
    command = [sys.executable, "-m", "hub.cli.demo_check", "--url", plan.url, "--browser", browser]
    for tenant, token in tokens.items():
        command += ["--tenant", f"{tenant}={token}"]
    try:
        checked = subprocess.run(command, check=False, timeout=_CHECK_SECONDS)  # noqa: S603  our own command line
    except subprocess.TimeoutExpired as error:
        msg = f"the check did not end within {_CHECK_SECONDS:g} s"
        raise DemoFailedError(msg) from error
    if checked.returncode:
        msg = "the check failed"
        raise DemoFailedError(msg)
    typer.echo("demo check passed")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _check_free(option: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            msg = f"port {port} is taken: choose another with {option}"
            raise ConfigError(msg) from error
