"""hub.cli.doctor: a set-up that is broken on purpose, one thing at a time, and what is said about it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

from hub.cli import doctor_machine
from hub.cli.deployment import Deployment
from hub.cli.doctor import doctor
from hub.observe.metrics import Metrics
from hub.pki.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOUR = 3600.0
# By itself: to put all commands together takes longer than to run this one.
COMMAND = typer.Typer()
COMMAND.command()(doctor)
# Public keys; to make them takes too long for a unit test.
RSA_KEYS = {
    1024: (
        b"-----BEGIN PUBLIC KEY-----\n"
        b"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCpNZAeGJhAnsV78AyyPya9ApLI\n"
        b"Sn+F+/jUOS2b5aH6tglJqG3dOwlVVyFKwwbVevt/u8fsKdWII/D7OYiRnHBN3XD3\n"
        b"lOHbz1xHwsYPeJ4eBhmX0YI46IajvIkTBszrIH26n14QDUTrPQuU4hus5Uvr0Bki\n"
        b"SoPmiwF0Ps6uYVRkvQIDAQAB\n"
        b"-----END PUBLIC KEY-----\n"
    ),
    2048: (
        b"-----BEGIN PUBLIC KEY-----\n"
        b"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwhFeLU2J4ehgTlEfJDVn\n"
        b"vusuQGisMUEimVmO3/YgqGEzaWlOMLPpz8xiykiON4KAg7p7BML3Oi17C1dC2jhL\n"
        b"3RB/rifwpdSn73JzhQtawbf5K66lUEbEKQJJ2kwUAk1ib6d6NMYFEiE1hBHMPATV\n"
        b"cPw+URNnnI9AXJEPdOH5EXFUpiB+VM9J1AFS54cmVkiAI2gmU3jvN5prGyhH29dR\n"
        b"wEiBZdZBHHIjZAtffepoaq+jmMiPGWF1ES/SJaz39MIOySlrb2s0GpGU1CVs5h4i\n"
        b"IqCazp7SxZ0J7f6qgSxUrCbaPxCnm2M4VNDKI7gX1rsXseeIiM89V9qZbKLzPsml\n"
        b"gwIDAQAB\n"
        b"-----END PUBLIC KEY-----\n"
    ),
}


@dataclass
class Site:
    """A set-up of a test's own; `ask` runs the doctor on it."""

    folder: Path
    status: int = 0

    def ask(self, *options: str, **sections: Any) -> dict[str, tuple[str, str]]:
        """Return the worst finding of each check: status and all that is said."""
        settings = {name.replace("_", "-"): value for name, value in sections.items()}
        deployment = Deployment(self.folder, Authority.open(self.folder / "pki"))
        config = deployment.configure(0, 0, settings)
        done = CliRunner().invoke(COMMAND, ["--config", str(config), "--json", "--fsync-ms", "5000", *options])
        self.status = done.exit_code
        worst: dict[str, tuple[str, str]] = {}
        rank = ["ok", "warning", "failed"]
        for one in json.loads(done.output):
            old = worst.get(one["check"], ("ok", ""))[0]
            if rank.index(one["status"]) >= rank.index(old):
                worst[one["check"]] = (one["status"], f"{one['text']} -> {one['advice']}")
        return worst


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good deployment, to be copied."""
    folder = tmp_path_factory.mktemp("doctor") / "site"
    Deployment.prepare(folder, "doctor.local")
    (folder / "audit.key").write_text("k" * 64)
    (folder / "audit.key").chmod(0o600)
    return folder


@pytest.fixture
def site(made: Path, tmp_path: Path) -> Site:
    """A copy of it."""
    return Site(shutil.copytree(made, tmp_path / "site"))


@pytest.fixture(autouse=True)
def synchronized(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine of a test may have no time service."""
    monkeypatch.setattr(doctor_machine, "_synchronized", lambda: True)


GOOD: dict[str, Any] = {
    "audit": {"key-file": "audit.key"},
    "web": {"max-connections": 100, "max-connections-per-tenant": 100},
}


def test_a_good_set_up_has_no_fault(site: Site) -> None:
    """Everything is ok, and said so."""
    found = site.ask("--strict", **GOOD)
    assert {check for check, (status, _) in found.items() if status != "ok"} == set()
    assert site.status == 0
    assert len(found) > 15


def test_a_missing_revocation_list_is_a_warning(site: Site) -> None:
    """Which fails only who asks for that."""
    found = site.ask(**GOOD, tls={"crl": None})
    assert {check for check, (status, _) in found.items() if status != "ok"} == {"crl"}
    assert site.status == 0
    site.ask("--strict", **GOOD, tls={"crl": None})
    assert site.status == 1


def test_for_people_each_finding_is_a_line_with_what_to_do(site: Site) -> None:
    """Below the ones that need something."""
    site.ask(tls={"crl": None})
    done = CliRunner().invoke(COMMAND, ["--config", str(site.folder / "loghub.yaml")])
    lines = done.output.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("warning  crl"))
    assert lines[at + 1].strip().startswith("-> set tls.crl")


def expect(found: dict[str, tuple[str, str]], check: str, status: str, *words: str) -> None:
    """Check what was said about one thing."""
    assert found[check][0] == status, found[check]
    for word in words:
        assert word in found[check][1]


def test_a_configuration_that_cannot_be_used(site: Site) -> None:
    """Each mistake is a finding, and nothing else is looked at."""
    found = site.ask(web={"prot": 8443})
    expect(found, "config", "failed", "web.prot")
    assert (list(found), site.status) == (["config"], 1)


def issue(site: Site, days: float, *hosts: str) -> None:
    """Give the hub another certificate."""
    stem = site.folder / "pki" / "server" / "hub"
    for suffix in (".pem", ".key"):
        stem.with_suffix(suffix).unlink()
    Authority.open(site.folder / "pki").issue_server("hub", hosts or ("localhost", "127.0.0.1"), days)


def test_a_certificate_that_ends_soon(site: Site) -> None:
    """Is warned of; how soon can be set."""
    issue(site, 5)
    expect(site.ask(**GOOD), "certificate-dates", "warning", "days", "loghub certs issue")
    expect(site.ask("--expiry-days", "3", **GOOD), "certificate-dates", "ok")


def test_a_certificate_that_has_ended(site: Site) -> None:
    """It cannot serve."""
    issue(site, 0.001 / 86_400)
    expect(site.ask(**GOOD), "certificate-dates", "failed", "ends on")
    assert site.status == 1


def test_a_certificate_for_another_host(site: Site) -> None:
    """By what is listened on, and by what clients are said to use; wildcards count for one label."""
    issue(site, 90, "logs.example", "*.hubs.example")
    expect(site.ask(**GOOD), "hosts", "failed", "127.0.0.1", "logs.example")
    public = {**GOOD, "grpc": {"host": "0.0.0.0"}, "web": {**GOOD["web"], "host": "0.0.0.0"}}  # noqa: S104
    expect(site.ask(**public), "hosts", "ok")
    expect(site.ask("--host", "a.hubs.example", "--host", "LOGS.example", **public), "hosts", "ok")
    for host in ("a.b.hubs.example", "hubs.example", "other.example"):
        expect(site.ask("--host", host, **public), "hosts", "failed", host)


def test_a_clients_certificate_cannot_serve(site: Site) -> None:
    """Neither its usage nor its names are for that."""
    pki = site.folder / "pki"
    client = Deployment(site.folder, Authority.open(pki)).client("acme")
    for name, path in (("hub.pem", client.cert), ("hub.key", client.key)):
        shutil.copy(path, pki / "server" / name)
    found = site.ask(**GOOD)
    expect(found, "certificate-usage", "failed")
    expect(found, "hosts", "failed", "names no host")


def test_a_chain_that_is_broken(site: Site, tmp_path: Path) -> None:
    """In its order, or because it is not that of the authority."""
    pem = site.folder / "pki" / "server" / "hub.pem"
    leaf, intermediate = pem.read_text().split("-----END CERTIFICATE-----\n")[:2]
    end = "-----END CERTIFICATE-----\n"
    other = Deployment.prepare(tmp_path / "other", "other.local")
    pem.write_text(leaf + end + other.ca.read_text())
    expect(site.ask(**GOOD), "chain", "failed", "was not issued by")
    pem.write_text(leaf + end)
    expect(site.ask(**GOOD), "chain", "warning", "does not lead")
    pem.write_text(leaf + end + intermediate + end)
    expect(site.ask(**GOOD), "chain", "ok")
    shutil.copy(other.ca, site.folder / "foreign.pem")
    expect(site.ask(**GOOD, tls={"ca": "foreign.pem"}), "chain", "warning", "does not lead")


@pytest.mark.parametrize("name", ["hub.pem", "hub.key"])
@pytest.mark.parametrize("content", [None, "nonsense"])
def test_a_certificate_or_key_that_is_not_there_or_none(site: Site, name: str, content: str | None) -> None:
    """Is named."""
    path = site.folder / "pki" / "server" / name
    path.unlink()
    if content:
        path.write_text(content)
    expect(site.ask(**GOOD), "certificate" if name == "hub.pem" else "key", "failed", str(path))


def test_a_key_of_another_certificate(site: Site) -> None:
    """Does not fit."""
    other = Authority.open(site.folder / "pki").issue_server("other", ["localhost"])
    shutil.copy(other.key, site.folder / "pki" / "server" / "hub.key")
    expect(site.ask(**GOOD), "key", "failed", "is not the key of")


@pytest.mark.parametrize("name", ["server/hub.key", "tokens/signing.key", "ca/root.key", "../audit.key"])
def test_a_key_that_others_can_read(site: Site, name: str) -> None:
    """Everybody is a fault, the group a warning; the command that mends it is said."""
    path = site.folder / "pki" / name
    path.chmod(0o644)
    expect(site.ask(**GOOD), "private-files", "failed", "chmod 600", path.name, "0644")
    path.chmod(0o640)
    expect(site.ask(**GOOD), "private-files", "warning", "group")


@pytest.mark.parametrize("name", ["data", "data/audit"])
def test_a_data_folder_that_others_can_read(site: Site, name: str) -> None:
    """It holds all tenants' records, or all who came."""
    folder = site.folder / name
    folder.mkdir(parents=True)
    (site.folder / "data").chmod(0o700)
    folder.chmod(0o755)
    expect(site.ask(**GOOD), "data-folder", "failed", "chmod 700", "0755")
    folder.chmod(0o750)
    expect(site.ask(**GOOD), "data-folder", "warning", "group")


def test_a_revocation_list_that_cannot_be_used(site: Site) -> None:
    """Is a fault: the hub would not start."""
    (site.folder / "crl.pem").write_text("nonsense")
    expect(site.ask(**GOOD, tls={"crl": "crl.pem"}), "crl", "failed", "crl.pem")


def test_token_keys_that_are_missing_or_weak(site: Site) -> None:
    """RSA below 3072 bits is warned of; below 2048 it is not taken at all. With mTLS alone there are none."""
    path = site.folder / "pki" / "tokens" / "verify.pem"
    for bits, status in ((1024, "failed"), (2048, "warning")):
        path.write_bytes(RSA_KEYS[bits])
        expect(site.ask(**GOOD), "token-keys", status, "bits")
    path.unlink()
    expect(site.ask(**GOOD), "token-keys", "failed", "cannot be read")
    expect(site.ask(**GOOD | {"web": {**GOOD["web"], "auth-mode": "mTLS"}}), "token-keys", "ok", "not taken")
    expect(site.ask(**GOOD, tokens={"jwks-url": "https://issuer.test/keys"}), "token-keys", "ok", "issuer.test")


def test_a_secret_that_signs_tokens(site: Site) -> None:
    """Whoever can check a token with it can make one."""
    secret = site.folder / "secret"
    secret.write_bytes(bytes(range(200, 256)))
    secret.chmod(0o640)
    local = {"grpc": {"host": "127.0.0.1"}, "web": {**GOOD["web"], "host": "127.0.0.1"}}
    expect(site.ask(**GOOD | local, tokens={"development-secret": "secret"}), "token-keys", "warning", "HS256")


def test_an_audit_key_that_is_too_short(site: Site) -> None:
    """Or not there."""
    (site.folder / "audit.key").write_text("short")
    expect(site.ask(**GOOD), "audit-key", "failed", "5 bytes")


# --- the machine -----------------------------------------------------------------------------------------------------


@contextmanager
def listening(site: Site | None = None, backlog: int = 5) -> Iterator[int]:
    """Listen on a port; with a site, serve one TLS handshake with its certificate."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as server:
        thread = threading.Thread(target=_serve_one, args=(server, site), daemon=True)
        if site:
            thread.start()
        yield server.getsockname()[1]
    if site:
        thread.join(5)


def _serve_one(server: socket.socket, site: Site) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pki = site.folder / "pki" / "server"
    context.load_cert_chain(pki / "hub.pem", pki / "hub.key")
    raw, _ = server.accept()
    with raw, context.wrap_socket(raw, server_side=True):
        pass


def test_a_port_that_another_program_uses(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it speaks; one that says nothing is not waited for."""
    monkeypatch.setattr(doctor_machine, "_CONNECT_SECONDS", 0.05)
    with listening() as port:
        for name in ("grpc", "web", "metrics"):
            section = {**GOOD.get(name, {}), "port": port}
            expect(site.ask(**GOOD | {name: section}), f"port-{name}", "failed", str(port), f"{name}.port")


def test_a_port_that_a_hub_of_ours_uses(site: Site) -> None:
    """It shows our certificate, or our metrics."""
    with listening(site) as port:
        expect(site.ask(**GOOD | {"grpc": {"port": port}}), "port-grpc", "ok", "served by a hub")
    metrics = Metrics()
    metrics.limits({"x": 1.0})
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    metrics.serve("127.0.0.1", port)
    expect(site.ask(**GOOD, metrics={"port": port}), "port-metrics", "ok", "served by a hub")


def test_an_address_that_is_not_this_machines(site: Site) -> None:
    """It cannot be listened on."""
    found = site.ask(**GOOD | {"grpc": {"host": "192.0.2.1", "port": 4317}})
    expect(found, "port-grpc", "failed", "grpc.host")


def test_a_disk_that_is_too_small(site: Site) -> None:
    """For the hub to take records at all, or for the log to grow to its limit."""
    expect(site.ask(**GOOD, log={"min-free-bytes": "1000TiB"}), "disk-space", "failed", "takes no records")
    expect(site.ask(**GOOD, log={"max-bytes": "1000TiB"}), "disk-space", "warning", "log.max_bytes")


def test_a_disk_that_is_slow(site: Site) -> None:
    """Every acknowledgement waits for it."""
    expect(site.ask("--fsync-ms", "0", **GOOD), "disk-fsync", "warning", "ms", "faster disk")


def test_a_folder_that_cannot_be_written(site: Site) -> None:
    """Here one that nobody can write, since the tests' user may be root."""
    expect(site.ask(**GOOD | {"data-dir": "/proc/loghub"}), "disk-write", "failed", "data_dir")


def test_more_connections_than_open_files(site: Site) -> None:
    """The system would refuse what the hub allows."""
    found = site.ask(**GOOD | {"web": {"max-connections": 2**31}})
    expect(found, "open-files", "warning", "LimitNOFILE", "web.max_connections")


def test_a_clock_that_is_behind_or_on_its_own(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files from the future tell the one, the kernel the other."""
    data = site.folder / "data"
    data.mkdir(mode=0o700)
    (data / "log.mdb").touch()
    os.utime(data / "log.mdb", (time.time() + HOUR, time.time() + HOUR))
    expect(site.ask(**GOOD), "clock", "failed", "behind")
    (data / "log.mdb").unlink()
    monkeypatch.setattr(doctor_machine, "_synchronized", lambda: False)
    expect(site.ask(**GOOD), "clock", "warning", "chrony")


# --- weak set-ups ----------------------------------------------------------------------------------------------------

PUBLIC = {**GOOD["web"], "host": "0.0.0.0"}  # noqa: S104


@pytest.mark.parametrize(
    ("sections", "check", "words"),
    [
        ({"metrics": {"host": "0.0.0.0", "port": 0}}, "metrics", "metrics.host"),  # noqa: S104
        ({"web": {"allowed-origins": ["http://logs.example"]}}, "origins", "http://logs.example"),
        ({"web": PUBLIC}, "auth-mode", "mTLS+JWT"),
        ({"audit": {"enabled": False}}, "audit", "audit.enabled"),
        ({"audit": {}}, "audit", "audit.key_file"),
        ({"logging": {"level": "DEBUG"}}, "logging", "INFO"),
        ({"web": PUBLIC}, "root-key", "offline"),
    ],
)
def test_a_weak_set_up_is_warned_of(site: Site, sections: dict[str, Any], check: str, words: str) -> None:
    """It works, so the status is 0 unless --strict is given."""
    found = site.ask(**GOOD | sections)
    expect(found, check, "warning", words)
    assert site.status == 0


@pytest.mark.parametrize(
    ("sections", "check"),
    [
        ({"metrics": {"host": "::1", "port": 0}}, "metrics"),
        ({"web": {"allowed-origins": ["https://logs.example", "http://localhost:3000", "http://[::1]"]}}, "origins"),
        ({"web": PUBLIC, "tokens": {"max-lifetime-seconds": "1h"}}, "auth-mode"),
        ({"web": {**PUBLIC, "auth-mode": "mTLS+JWT"}}, "auth-mode"),
    ],
)
def test_what_is_not_weak_is_not_warned_of(site: Site, sections: dict[str, Any], check: str) -> None:
    """The proof that the test above fails for the right reason."""
    expect(site.ask(**GOOD | sections), check, "ok")
